"""The last good frame of each effect in one window, for when the next one fails.

As long as it lies in a slot that nobody writes it is only remembered where it is, which costs nothing: so it is with a
ring of slots. Where the next frame goes into the same slot it is copied first.
"""

import contextlib
from pathlib import Path

import anyio.to_thread

from plugind_protocol.frames import Layout


class GoodFrames:
    """What the effects of one window have made last.

    Args:
        path: The window's file.
        layout: Where its slots are.
    """

    def __init__(self, path: Path, layout: Layout) -> None:
        self._path = path
        self._layout = layout
        self._slots: dict[str, int] = {}
        self._saved: dict[str, bytearray] = {}
        self._ordinals: dict[str, int] = {}  # of the frame that each effect's last good one was
        self._asked = 0

    def ask(self) -> int:
        """Return the ordinal of a frame: a frame asked for later has a greater one."""
        self._asked += 1
        return self._asked

    def endangered(self, target: int) -> list[str]:
        """Return the effects whose last good frame is only in a slot that is about to be written."""
        return [effect_id for effect_id, slot in self._slots.items() if slot == target]

    async def rescue(self, target: int) -> None:
        """Copy what is only in a slot that is about to be written."""
        await self._save(self.endangered(target), target)

    async def made(self, effect_id: str, ordinal: int, slot: int, *, in_place: bool) -> None:
        """Note a good frame, unless a later one is there already.

        Args:
            effect_id: Who made it.
            ordinal: As `ask` gave it.
            slot: Where it is.
            in_place: The client will write its next input there, so that it is copied at once.
        """
        if self._ordinals.get(effect_id, 0) > ordinal:
            return
        self._ordinals[effect_id] = ordinal
        self._slots[effect_id] = slot
        if in_place:
            await self._save([effect_id], slot)

    async def _save(self, effect_ids: list[str], slot: int) -> None:
        for effect_id in effect_ids:
            del self._slots[effect_id]
            if effect_id not in self._saved and len(self._saved) >= self._layout.slots:
                continue  # no more memory than the window itself has
            copy = self._saved.pop(effect_id, None) or bytearray(self._layout.slot_bytes)
            with contextlib.suppress(OSError):  # the window was closed meanwhile
                await anyio.to_thread.run_sync(self._read, slot, copy)
                self._saved[effect_id] = copy

    def has(self, effect_id: str) -> bool:
        """Whether an effect has a last good frame."""
        return effect_id in self._slots or effect_id in self._saved

    def restore(self, effect_id: str, target: int) -> None:
        """Write an effect's last good frame into a slot; for a thread: 8 MB take about a millisecond."""
        slot = self._slots.get(effect_id)
        if slot is None:
            self._write(target, self._saved[effect_id])
        elif slot != target:
            self.copy(slot, target)

    def copy(self, source: int, target: int) -> None:
        """Copy a slot into another; for a thread."""
        frame = bytearray(self._layout.slot_bytes)
        self._read(source, frame)
        self._write(target, frame)

    def _read(self, slot: int, into: bytearray) -> None:
        with self._path.open("rb", buffering=0) as file:  # a place of its own, and other threads go on meanwhile
            file.seek(self._layout.offsets[slot])
            file.readinto(into)

    def _write(self, slot: int, frame: bytearray) -> None:
        with self._path.open("r+b", buffering=0) as file:
            file.seek(self._layout.offsets[slot])
            file.write(frame)
