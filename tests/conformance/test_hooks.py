"""Lifecycle hooks: a fresh instance is brought back to where the broken one was."""

import pytest
from tests.conformance.guests import LOG, text, timeline
from tests.conformance.running import Running, Start

from plugind_protocol.errors import Trap

pytestmark = [pytest.mark.anyio, pytest.mark.process]

HOOKS = ("lifecycle.load", "lifecycle.activate", "main", "lifecycle.deactivate", "event")
NAMES = {name: 64 + 32 * place for place, name in enumerate(HOOKS)}
GUEST = timeline(
    {
        **{
            name: f"(call $log (i32.const 2) (i32.const {at}) (i32.const {len(name)})) (i64.const 0)"
            for name, at in NAMES.items()
        },
        "trap": "(unreachable)",
        "f": "(i64.const 0)",
    },
    imports=LOG,
    more="".join(text(at, name) for name, at in NAMES.items()),
)


async def hooks(guest: Running, *names: str) -> None:
    for name in names:
        assert await guest.worker.hook(name, timeout=5) == b"null"


def heard(guest: Running) -> list[str]:
    """Return what was run since it was last asked."""
    names = [text for _, text in guest.logs]
    guest.logs.clear()
    return names


async def test_hooks_that_hold_are_run_again(start: Start) -> None:
    guest = await start(GUEST)
    await hooks(guest, "lifecycle.load", "lifecycle.activate", "main", "event", "lifecycle.suspend")
    assert heard(guest) == ["lifecycle.load", "lifecycle.activate", "main", "event"]
    with pytest.raises(Trap):
        await guest.call("trap")
    assert await guest.call("f") is None
    assert heard(guest) == ["lifecycle.load", "lifecycle.activate", "main"]


async def test_what_was_taken_back_is_not(start: Start) -> None:
    guest = await start(GUEST)
    await hooks(guest, "lifecycle.load", "lifecycle.activate", "main", "lifecycle.deactivate")
    heard(guest)
    with pytest.raises(Trap):
        await guest.call("trap")
    assert await guest.call("f") is None
    assert heard(guest) == ["lifecycle.load"]


async def test_an_idle_worker_answers_a_probe(start: Start) -> None:
    guest = await start(GUEST)
    assert await guest.worker.ping(timeout=5) == b"null"
