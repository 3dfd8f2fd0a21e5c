import pytest
from opentimelineio.core import serialize_json_to_string
from opentimelineio.schema import Timeline
from tests.unit.plugind_headless.timeline.timelines import RATE, clip, laid, timeline

from plugind_headless.timeline.edits import AddClip, RemoveClip, UpdateClip
from plugind_headless.timeline.journal import MAX_OPEN, Journal
from plugind_protocol.errors import InvalidParams, InvalidState, Overloaded


class Saved:
    """What was saved, each time; fails when it is told to."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.fails = False

    def __call__(self, timeline: Timeline) -> None:
        if self.fails:
            raise InvalidState("the disk is full")
        self.texts.append(serialize_json_to_string(timeline))


@pytest.fixture
def saved() -> Saved:
    return Saved()


@pytest.fixture
def journal(saved: Saved) -> Journal:
    return Journal(timeline([clip("a", 30)]), rate=RATE, save=saved)


def add(name: str, start: float) -> AddClip:
    return AddClip(clip_id=name, name=name, url="x", track=0, start=start, duration=1.0)


def names(timeline: Timeline) -> list[str]:
    return [name for name, _, _ in laid(timeline.tracks[0])]


def test_edits_count_at_the_commit_and_are_saved_once(journal: Journal, saved: Saved) -> None:
    journal.begin("p", "t1")
    journal.edit("p", "t1", add("b", 1.0))
    journal.edit("p", "t1", add("c", 2.0))
    assert (names(journal.committed), names(journal.seen_by("p")), names(journal.seen_by("q"))) == (
        ["a"],
        ["a", "b", "c"],
        ["a"],
    )
    assert saved.texts == []
    assert journal.commit("p", "t1") == 2
    assert names(journal.committed) == ["a", "b", "c"]
    assert saved.texts == [serialize_json_to_string(journal.committed)]
    assert journal.open == 0


def test_a_rollback_leaves_everything_as_it_was(journal: Journal, saved: Saved) -> None:
    before = serialize_json_to_string(journal.committed)
    journal.begin("p", "t1")
    journal.edit("p", "t1", UpdateClip(clip_id="a", name="renamed", metadata={"x": 1}))
    journal.edit("p", "t1", RemoveClip("a"))
    assert journal.rollback("p", "t1") == 2
    assert serialize_json_to_string(journal.committed) == serialize_json_to_string(journal.seen_by("p")) == before
    assert saved.texts == []


def test_a_transaction_without_edits_saves_nothing(journal: Journal, saved: Saved) -> None:
    journal.begin("p", "t1")
    assert journal.commit("p", "t1") == 0
    assert saved.texts == []


def test_a_refused_edit_does_not_end_the_transaction(journal: Journal) -> None:
    journal.begin("p", "t1")
    with pytest.raises(InvalidParams):
        journal.edit("p", "t1", add("b", 0.5))
    journal.edit("p", "t1", add("c", 1.0))
    journal.commit("p", "t1")
    assert names(journal.committed) == ["a", "c"]


def test_two_transactions_at_once_are_brought_together(journal: Journal, saved: Saved) -> None:
    journal.begin("p", "t1")
    journal.begin("q", "t2")
    journal.edit("p", "t1", add("b", 1.0))
    journal.edit("q", "t2", add("c", 2.0))
    journal.edit("q", "t2", UpdateClip(clip_id="a", name="renamed"))
    assert names(journal.seen_by("q")) == ["renamed", "-", "c"]
    journal.commit("q", "t2")
    journal.commit("p", "t1")
    assert names(journal.committed) == ["renamed", "b", "c"]
    assert len(saved.texts) == 2


def test_of_two_that_do_not_fit_the_later_is_refused_whole(journal: Journal, saved: Saved) -> None:
    journal.begin("p", "t1")
    journal.begin("q", "t2")
    journal.edit("p", "t1", add("b", 5.0))
    journal.edit("p", "t1", add("c", 1.0))
    journal.edit("q", "t2", add("d", 1.5))
    journal.commit("q", "t2")
    with pytest.raises(InvalidState, match="the edits of p do not fit what others have changed meanwhile: clip 'd' is"):
        journal.commit("p", "t1")
    assert names(journal.committed) == ["a", "-", "d"]
    assert journal.open == 0
    assert len(saved.texts) == 1


def test_a_rollback_does_not_touch_what_another_has_committed_meanwhile(journal: Journal) -> None:
    journal.begin("p", "t1")
    journal.edit("p", "t1", RemoveClip("a"))
    journal.begin("q", "t2")
    journal.edit("q", "t2", add("b", 1.0))
    journal.commit("q", "t2")
    journal.rollback("p", "t1")
    assert names(journal.committed) == ["a", "b"]


def test_what_cannot_be_saved_does_not_count(journal: Journal, saved: Saved) -> None:
    journal.begin("p", "t1")
    journal.edit("p", "t1", add("b", 1.0))
    saved.fails = True
    with pytest.raises(InvalidState, match="disk is full"):
        journal.commit("p", "t1")
    assert (names(journal.committed), journal.open) == (["a"], 0)
    with pytest.raises(InvalidState):
        journal.edit("p", None, add("c", 1.0))
    assert names(journal.committed) == ["a"]


def test_an_edit_outside_a_transaction_is_one_by_itself(journal: Journal, saved: Saved) -> None:
    assert names(journal.edit("p", None, add("b", 1.0))) == ["a", "b"]
    assert (names(journal.committed), len(saved.texts)) == (["a", "b"], 1)


def test_a_transaction_is_its_plugins_own(journal: Journal) -> None:
    journal.begin("p", "t1")
    for refused in (
        lambda: journal.edit("q", "t1", add("b", 1.0)),
        lambda: journal.commit("q", "t1"),
        lambda: journal.rollback("q", "t1"),
        lambda: journal.commit("p", "t2"),
        lambda: journal.begin("q", "t1"),
    ):
        with pytest.raises(InvalidParams):
            refused()
    assert journal.open == 1


def test_their_number_is_bounded(journal: Journal) -> None:
    for number in range(MAX_OPEN):
        journal.begin("p", str(number))
    with pytest.raises(Overloaded):
        journal.begin("p", "one more")
