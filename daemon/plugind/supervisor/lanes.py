"""A queue in which nobody waits for the many things of somebody else: one lane for each, taken in turns. Pure."""

from collections import deque
from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")

Lanes = dict[int, deque[T]]
"""By whose they are; the first lane is the next."""


class Queue(Generic[T]):
    """Things that wait. Those of one lane come in their order, those without a lane in order with all others."""

    def __init__(self) -> None:
        self._stretches: deque[T | Lanes[T]] = deque()  # lanes, or one thing that nothing overtakes
        self.length = 0
        """How many things wait."""

    def __iter__(self) -> Iterator[T]:
        for stretch in self._stretches:
            if isinstance(stretch, dict):
                for lane in stretch.values():
                    yield from lane
            else:
                yield stretch

    def push(self, thing: T, lane: int | None) -> None:
        """Let one thing wait.

        Args:
            thing: The thing; not a dict.
            lane: Whose it is; None if it is nobody's: it overtakes nothing, and nothing overtakes it.
        """
        self.length += 1
        if lane is None:
            self._stretches.append(thing)
            return
        last = self._stretches[-1] if self._stretches else None
        if not isinstance(last, dict):
            last = {}
            self._stretches.append(last)
        last.setdefault(lane, deque()).append(thing)

    def first(self) -> T:
        """Return what comes next.

        Raises:
            IndexError: Nothing waits.
        """
        stretch = self._stretches[0]
        return next(iter(stretch.values()))[0] if isinstance(stretch, dict) else stretch

    def pop(self) -> T:
        """Take what comes next; its lane's next thing comes after one of each other lane.

        Raises:
            IndexError: Nothing waits.
        """
        stretch = self._stretches[0]
        self.length -= 1
        if not isinstance(stretch, dict):
            self._stretches.popleft()
            return stretch
        number, lane = next(iter(stretch.items()))
        thing = lane.popleft()
        del stretch[number]
        if lane:
            stretch[number] = lane
        elif not stretch:
            self._stretches.popleft()
        return thing

    def remove(self, thing: T) -> bool:
        """Take one thing out, wherever it is; return whether it was there."""
        for at, stretch in enumerate(self._stretches):
            if not isinstance(stretch, dict):
                if stretch is thing:
                    del self._stretches[at]
                    break
                continue
            number = next((number for number, lane in stretch.items() if lane[-1] is thing or thing in lane), None)
            if number is None:
                continue
            lane = stretch[number]
            if lane[-1] is thing:  # who leaves takes his things out from the last
                lane.pop()
            else:
                lane.remove(thing)
            if not lane:
                del stretch[number]
                if not stretch:
                    del self._stretches[at]
            break
        else:
            return False
        self.length -= 1
        return True

    def longest(self) -> tuple[int, T] | None:
        """Return the longest lane's length and its last thing; None where no lane is."""
        lengths: dict[int, int] = {}
        last: dict[int, T] = {}
        for stretch in self._stretches:
            if isinstance(stretch, dict):
                for number, lane in stretch.items():
                    lengths[number] = lengths.get(number, 0) + len(lane)
                    last[number] = lane[-1]
        if not lengths:
            return None
        number = max(lengths, key=lengths.__getitem__)
        return lengths[number], last[number]

    def waiting(self, lane: int) -> int:
        """Return how many things of a lane wait."""
        return sum(len(one.get(lane, ())) for one in self._stretches if isinstance(one, dict))

    def clear(self) -> None:
        """Forget everything."""
        self._stretches.clear()
        self.length = 0
