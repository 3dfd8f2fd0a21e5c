"""Events on their way to one plugin: in order, bounded, and what was lost is said."""

import msgspec
import pytest

from plugind.host.events.queue import MAX_BYTES, MAX_EVENTS, EventQueue, Waiting


def event(number: int, size: int = 1, source: str | None = None) -> Waiting:
    return Waiting(f"e{number}", msgspec.Raw(b"1" + b" " * (size - 1)), source, 0)


def test_events_come_in_order_with_the_name_that_others_see() -> None:
    queue = EventQueue()
    queue.add(event(1))
    queue.add(event(2, source="@s/p"))
    assert [msgspec.json.decode(queue.take()[0]) for _ in range(2)] == [
        {"name": "e1", "payload": 1},
        {"name": "@s/p/e2", "payload": 1, "source": "@s/p"},
    ]
    assert not queue


@pytest.mark.threat("Events", "event flood")
def test_the_oldest_go_and_the_next_one_says_so() -> None:
    queue = EventQueue()
    assert sum(queue.add(event(number)) for number in range(MAX_EVENTS + 5)) == 5
    assert len(queue) == MAX_EVENTS
    assert msgspec.json.decode(queue.take()[0]) == {"name": "e5", "payload": 1, "dropped": 5}
    assert "dropped" not in msgspec.json.decode(queue.take()[0])


def test_payloads_are_bounded_together() -> None:
    queue = EventQueue()
    third = MAX_BYTES // 3 + 1
    assert [queue.add(event(number, third)) for number in range(5)] == [0, 0, 1, 1, 1]
    assert msgspec.json.decode(queue.take()[0])["dropped"] == 3
    assert queue.add(event(9, third)) == 0
    assert queue.clear() == 2
    assert queue.add(event(10, MAX_BYTES + 1)) == 0  # one is always told
