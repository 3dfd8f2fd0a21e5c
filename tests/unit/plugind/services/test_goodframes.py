from pathlib import Path

import pytest

from plugind.services.fallbacks import fall_back
from plugind.services.goodframes import GoodFrames
from plugind_protocol.errors import PlugindError, Timeout, Trap
from plugind_protocol.frames import PixelFormat, layout
from plugind_protocol.methods import FrameRef, Process

pytestmark = pytest.mark.anyio
SHAPE = layout(width=16, height=16, pixel_format=PixelFormat.RGBA8, slots=3)


class Slots:
    """A window's file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.write_bytes(bytes(SHAPE.window_bytes))
        self.good = GoodFrames(path, SHAPE)

    def __getitem__(self, slot: int) -> int:
        content = self.path.read_bytes()[SHAPE.offsets[slot] :][: SHAPE.slot_bytes]
        assert len(set(content)) == 1
        return content[0]

    def __setitem__(self, slot: int, level: int) -> None:
        with self.path.open("r+b") as file:
            file.seek(SHAPE.offsets[slot])
            file.write(bytes([level]) * SHAPE.slot_bytes)

    async def made(self, slot: int, level: int, *, ordinal: int | None = None, in_place: bool = False) -> None:
        """An effect has written a slot."""
        if ordinal is None:
            await self.good.rescue(slot)
        self[slot] = level
        await self.good.made("e", self.good.ask() if ordinal is None else ordinal, slot, in_place=in_place)

    async def late(self, fallback: str, *, source: int, target: int) -> str:
        """An effect did not write a slot, or half of it."""
        await self.good.rescue(target)
        self[target] = 99
        frame = FrameRef(window_id=1, input=source, output=target)
        params = Process(plugin_id="p", effect_id="e", frame=frame, fallback=fallback)  # type: ignore[arg-type]
        error = Timeout("p 1.0.0: too slow", cause="timeout")
        degraded = await fall_back(params, error, good=self.good, source=source, target=target)
        assert (degraded.kind, degraded.cause, degraded.message) == ("Timeout", "timeout", "p 1.0.0: too slow")
        return degraded.fallback


@pytest.fixture
def slots(tmp_path: Path) -> Slots:
    return Slots(tmp_path / "window")


async def test_bypass_puts_the_input_through(slots: Slots) -> None:
    slots[0] = 5
    assert await slots.late("bypass", source=0, target=2) == "bypass"
    assert (slots[0], slots[2]) == (5, 5)


async def test_the_last_good_frame_from_another_slot(slots: Slots) -> None:
    await slots.made(1, 7)
    assert await slots.late("lastGood", source=0, target=2) == "lastGood"
    assert (slots[1], slots[2]) == (7, 7)
    assert slots.good._saved == {}  # nothing had to be copied meanwhile


async def test_the_last_good_frame_from_the_same_slot(slots: Slots) -> None:
    for level in (7, 8):
        await slots.made(1, level)
    for _ in range(2):
        assert await slots.late("lastGood", source=0, target=1) == "lastGood"
        assert slots[1] == 8


async def test_the_last_good_frame_in_place(slots: Slots) -> None:
    await slots.made(0, 7, in_place=True)
    slots[0] = 1  # the client's next input
    assert await slots.late("lastGood", source=0, target=0) == "lastGood"
    assert slots[0] == 7


async def test_without_a_good_frame_the_input_goes_through(slots: Slots) -> None:
    slots[0] = 3
    assert await slots.late("lastGood", source=0, target=1) == "bypass"
    assert slots[1] == 3
    with pytest.raises(Timeout):  # in place there is no input left
        await slots.late("lastGood", source=0, target=0)


async def test_a_frame_asked_for_earlier_does_not_become_the_last(slots: Slots) -> None:
    early, later = slots.good.ask(), slots.good.ask()
    await slots.made(1, 8, ordinal=later)
    await slots.made(2, 7, ordinal=early)
    assert await slots.late("lastGood", source=0, target=0) == "lastGood"
    assert slots[0] == 8


async def test_fail_fails_as_before(slots: Slots) -> None:
    await slots.made(1, 7)
    with pytest.raises(Timeout):
        await slots.late("fail", source=0, target=2)


async def test_a_window_that_is_gone_is_the_effects_error(slots: Slots) -> None:
    slots.path.unlink()
    params = Process(plugin_id="p", effect_id="e", frame=FrameRef(window_id=1), fallback="bypass")
    with pytest.raises(PlugindError) as caught:
        await fall_back(params, Trap("it trapped"), good=slots.good, source=0, target=1)
    assert isinstance(caught.value, Trap)


async def test_no_more_is_kept_than_the_window_has_slots(slots: Slots) -> None:
    for number in range(5):
        await slots.good.made(f"e{number}", slots.good.ask(), 0, in_place=True)
    assert len(slots.good._saved) == SHAPE.slots
    assert not slots.good.has("e4")
