from itertools import pairwise

import hypothesis.strategies as st
from hypothesis import given

from plugind.services.frameorder import Turns, carrier

SLOTS = st.integers(0, 3)


def test_frames_in_other_slots_do_not_wait() -> None:
    turns: Turns[str] = Turns()
    first = turns.take(0, 1)
    assert turns.before(turns.take(2, 3)) == []
    assert turns.before(turns.take(0, 2)) == [turns._turns[1]]
    assert turns.before(first) == []


def test_two_that_only_read_a_slot_do_not_mind_each_other() -> None:
    turns: Turns[str] = Turns()
    turns.take(0, 1)
    assert turns.before(turns.take(0, 2)) == []


def test_a_chain_waits_link_by_link() -> None:
    turns: Turns[str] = Turns()
    chain = [turns.take(0, 1), turns.take(1, 2), turns.take(2, 0)]
    for earlier, later in pairwise(chain):
        assert earlier in turns.before(later)
    told: list[int] = []
    chain[0].waiting.append(lambda: told.append(1))
    turns.end(chain[0])
    assert told == [1]
    assert chain[0].over
    assert turns.before(chain[1]) == []


@given(st.lists(st.tuples(SLOTS, SLOTS), max_size=12), st.data())
def test_who_does_not_wait_shares_no_written_slot(frames: list[tuple[int, int]], data: st.DataObject) -> None:
    turns: Turns[str] = Turns()
    taken = [turns.take(source, target) for source, target in frames]
    for turn in taken[:]:
        if data.draw(st.booleans()):
            turns.end(turn)
            taken.remove(turn)
    for index, turn in enumerate(taken):
        waits = turns.before(turn)
        for other in taken[:index]:
            written = {turn.target} & {other.source, other.target} | {other.target} & {turn.source, turn.target}
            assert (other in waits) == bool(written)


def test_one_worker_keeps_the_order_of_what_it_has() -> None:
    turns: Turns[str] = Turns()
    one, two, three = (turns.take(0, 0) for _ in range(3))
    one.worker = two.worker = "a"
    assert carrier([one, two]) == "a"
    assert carrier([one, three]) is None
    assert carrier([three]) is None
    three.worker = "b"
    assert carrier([one, two, three]) is None
