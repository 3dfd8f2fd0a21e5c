"""What is remembered of a worker's calls, and what is too much."""

import sys

from plugind.supervisor.trail import KEPT_BYTES, Asked, Ran, Trail
from plugind_protocol.worker import Kind, encode


def add(trail: Trail, name: str, *, kind: Kind = Kind.CALL, body: bytes = b"", outcome: str = "ok") -> bytes:
    message = encode(kind, 1, body)
    trail.add(kind, name, message, 0.1, 30.0, outcome=outcome)
    return message


def names(trail: Trail) -> list[str]:
    return [one.name for one in trail.evidence(None).calls]


def test_the_last_calls_are_kept_oldest_first() -> None:
    trail = Trail(3)
    for number in range(10):
        add(trail, str(number))
    assert names(trail) == ["7", "8", "9"]
    assert names(Trail(0)) == []


def test_a_body_is_not_copied_unless_it_is_large() -> None:
    trail = Trail(3)
    small, large = bytes(KEPT_BYTES), bytes(KEPT_BYTES + 1)
    message = add(trail, "small", body=small)
    assert sys.getrefcount(message) == 3  # ours, the trail's, and that of the argument
    message = add(trail, "large", body=large)
    assert sys.getrefcount(message) == 2
    last = Ran(Kind.CALL, "fatal", large, len(large), 0.1, 30.0, "lost", None)
    calls = trail.evidence(last).calls
    assert calls[0].body == small
    assert (len(calls[1].body), calls[1].size) == (KEPT_BYTES, len(large))
    assert trail.evidence(last).fatal is last


def test_hooks_that_hold() -> None:
    trail = Trail(1)
    for name in ("lifecycle.load", "lifecycle.activate", "main"):
        add(trail, name, kind=Kind.HOOK)
    assert trail.evidence(None).hooks == ("lifecycle.load", "lifecycle.activate", "main")
    add(trail, "lifecycle.deactivate", kind=Kind.HOOK, outcome="Trap")
    assert trail.evidence(None).hooks == ("lifecycle.load",)
    add(trail, "lifecycle.activate", kind=Kind.HOOK, outcome="Trap")
    assert trail.evidence(None).hooks == ("lifecycle.load",)
    add(trail, "lifecycle.unload", kind=Kind.HOOK)
    assert trail.evidence(None).hooks == ()


def test_host_calls_and_their_answers() -> None:
    asked = Asked()
    asked.add(b"a", b"1")
    asked.answered(b"2", failed=False)
    asked.add(b"b", b"3")
    assert [(one.method, one.params, one.answer) for one in asked.calls] == [(b"a", b"1", b"2"), (b"b", b"3", None)]
    asked.answered(b"{}", failed=True)
    assert asked.calls[-1].failed
    assert asked.lost == 0


def test_too_many_host_calls_are_counted() -> None:
    asked = Asked()
    for _ in range(1000):
        asked.add(b"a", b"1")
        asked.answered(b"2", failed=False)
    assert (len(asked.calls), asked.lost) == (64, 936)


def test_too_large_host_calls_are_counted_and_what_follows_them() -> None:
    asked = Asked()
    asked.add(b"a", b"1")
    asked.answered(bytes(100_000), failed=False)
    asked.add(b"b", b"1")
    asked.answered(b"2", failed=False)
    assert (asked.calls, asked.lost) == ([], 2)  # never an answer at the wrong place
