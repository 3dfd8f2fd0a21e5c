"""The queue of a worker: callers take turns, and what belongs to nobody keeps its place."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugind.supervisor.lanes import Queue


def queue(*things: tuple[int | None, str]) -> Queue[str]:
    made: Queue[str] = Queue()
    for lane, thing in things:
        made.push(thing, lane)
    return made


def drained(one: Queue[str]) -> str:
    return "".join(one.pop() for _ in range(one.length))


def test_lanes_take_turns() -> None:
    assert drained(queue((1, "a"), (1, "b"), (1, "c"), (2, "x"), (3, "p"), (3, "q"))) == "axpbqc"


def test_what_has_no_lane_overtakes_nothing_and_is_not_overtaken() -> None:
    assert drained(queue((1, "a"), (1, "b"), (None, "!"), (2, "x"), (1, "c"))) == "ab!xc"


def test_what_comes_next_can_be_looked_at() -> None:
    one = queue((None, "!"), (1, "a"), (2, "x"))
    for expected in "!ax":
        assert one.first() == expected
        assert one.pop() == expected
    with pytest.raises(IndexError):
        one.first()
    with pytest.raises(IndexError):
        one.pop()
    assert one.length == 0


@pytest.mark.parametrize("gone", ["a", "b", "!", "x"])
def test_anything_can_be_taken_out(gone: str) -> None:
    one = queue((1, "a"), (1, "b"), (None, "!"), (2, "x"))
    assert one.remove(gone)
    assert not one.remove(gone)
    assert drained(one) == "ab!x".replace(gone, "")


def test_the_longest_lane_is_found_over_all_stretches() -> None:
    assert queue((None, "!")).longest() is None
    one = queue((1, "a"), (2, "x"), (2, "y"), (None, "!"), (1, "b"), (1, "c"))
    assert one.longest() == (3, "c")
    assert (one.waiting(1), one.waiting(2), one.waiting(3)) == (3, 2, 0)


def test_it_can_be_emptied() -> None:
    one = queue((1, "a"), (None, "!"))
    one.clear()
    assert (one.length, list(one)) == (0, [])


@given(st.lists(st.tuples(st.sampled_from([None, 1, 2, 3]), st.integers()).map(lambda pair: (pair[0], object()))))
def test_everything_comes_once_and_each_lane_in_order(things: list[tuple[int | None, object]]) -> None:
    one: Queue[object] = Queue()
    for lane, thing in things:
        one.push(thing, lane)
    assert one.length == len(things)
    assert set(one) == {thing for _, thing in things}
    came = [one.pop() for _ in range(one.length)]
    for lane in (None, 1, 2, 3):
        mine = [thing for number, thing in things if number == lane]
        assert [thing for thing in came if thing in mine] == mine
    for at, (lane, thing) in enumerate(things):
        if lane is None:
            assert came[at] is thing
