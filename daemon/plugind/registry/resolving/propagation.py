"""What follows from the requirements, and from choices: finds nearly all real conflicts without any, and says why.

A version goes when something it needs has no version left that will do. What every version left of a required plugin
needs is required too, in any of the versions that one of them will do with. Until nothing changes. Each change is kept
with its reason: so it can be undone, and a dead end be traced to what led there.
"""

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from plugind.registry.resolving.problem import Element, Problem, bits

_STEPS: Final = 8
"""Steps of tracing that take as long as looking at a plugin."""
_NOT_AT_ALL: Final = -1
"""Of a plugin that is not needed: any of its versions would do."""


class _Reason(NamedTuple):
    """Why something changed: requirements, and that another plugin had lost versions before, or was required."""

    elements: Iterable[Element]
    other: str | None = None
    lost: int = 0
    """Versions of the other plugin."""
    required: bool = False


class _Event(NamedTuple):
    """A change of one plugin."""

    time: int
    name: str
    removed: int
    """The versions that went; 0 where it became required."""
    reason: _Reason


class Propagation:
    """Draws conclusions, forwards and back.

    Args:
        problem: What is required.
    """

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self.domains = dict(problem.domains)
        """Which versions may still be chosen."""
        self.required: dict[str, None] = {}
        """Plugins that each solution has; an ordered set."""
        self.work = 0
        """Plugins looked at so far, and steps of tracing dead ends, by the time they take."""
        self._trail: list[_Event] = []
        self._events: dict[str, list[_Event]] = {name: [] for name in problem.domains}
        self._users: dict[str, dict[str, None]] = {name: {} for name in problem.domains}
        for name, versions in problem.needs.items():
            for version in versions:
                for target in version:
                    self._users[target][name] = None
        self._waiting = dict.fromkeys(problem.domains)
        """Plugins to look at; an ordered set."""

    def start(self) -> frozenset[Element] | None:
        """Draw all conclusions from the problem alone; returns as `narrow`."""
        for name, lacking in self._problem.unsuitable.items():
            self._remove(name, lacking, _Reason((Element("host", name),)))
        for element, name, mask in self._problem.wants:
            self._require(name, mask, _Reason((element,)))
        return self._run()

    def narrow(self, name: str, removed: int, elements: Iterable[Element]) -> frozenset[Element] | None:
        """Remove versions of a plugin, for given reasons, and draw all conclusions.

        Returns:
            None where this leads to no dead end; else reasons that are enough for one, not all of them necessary.
        """
        self._remove(name, removed, _Reason(elements))
        return self._run()

    def mark(self) -> int:
        """Return where `undo` can go back to."""
        return len(self._trail)

    def undo(self, mark: int) -> None:
        """Take back every change since the mark."""
        while len(self._trail) > mark:
            event = self._trail.pop()
            self._events[event.name].pop()
            if event.removed:
                self.domains[event.name] |= event.removed
            else:
                del self.required[event.name]
        self._waiting.clear()

    def _run(self) -> frozenset[Element] | None:
        while self._waiting:
            name = next(iter(self._waiting))
            del self._waiting[name]
            self.work += 1
            self._examine(name)
            if name in self.required and not self.domains[name]:
                self._waiting.clear()
                return self._trace(_Reason((), name, self._problem.domains[name], required=True))
        return None

    def _examine(self, name: str) -> None:
        versions = self._problem.needs[name]
        for index in bits(self.domains[name]):
            for target, mask in versions[index].items():
                if not self.domains[target] & mask:
                    self._remove(name, 1 << index, _Reason((Element("needs", name, target),), target, mask))
                    break
        if name in self.required and self.domains[name]:
            self._examine_required(name)

    def _examine_required(self, name: str) -> None:
        """Require what all versions that are left need."""
        versions = self._problem.needs[name]
        left = [versions[index] for index in bits(self.domains[name])]
        for target in left[0]:
            mask = 0
            for version in left:
                if target not in version:
                    break
                mask |= version[target]
            else:
                if target not in self.required or self.domains[target] & ~mask:
                    # what would have left other versions, or not needed it at all, must have gone
                    others = sum(
                        1 << index for index, version in enumerate(versions) if version.get(target, _NOT_AT_ALL) & ~mask
                    )
                    reason = _Reason((Element("needs", name, target),), name, others, required=True)
                    self._require(target, mask, reason)

    def _require(self, name: str, mask: int, reason: _Reason) -> None:
        if name not in self.required:
            self.required[name] = None
            self._note(name, 0, reason)
        self._remove(name, self._problem.domains[name] & ~mask, reason)

    def _remove(self, name: str, removed: int, reason: _Reason) -> None:
        removed &= self.domains[name]
        if removed:
            self.domains[name] &= ~removed
            self._note(name, removed, reason)
            self._waiting.update(self._users[name])

    def _note(self, name: str, removed: int, reason: _Reason) -> None:
        event = _Event(len(self._trail), name, removed, reason)
        self._trail.append(event)
        self._events[name].append(event)
        self._waiting[name] = None

    def _trace(self, end: _Reason) -> frozenset[Element]:
        """Collect what led to a dead end, and what led to that."""
        elements: set[Element] = set()
        seen: set[int] = set()
        waiting = [(end, len(self._trail))]
        while waiting:
            reason, before = waiting.pop()
            elements.update(reason.elements)
            for event in self._behind(reason, before):
                if event.time not in seen:
                    seen.add(event.time)
                    waiting.append((event.reason, event.time))
        self.work += len(seen) // _STEPS
        return frozenset(elements)

    def _behind(self, reason: _Reason, before: int) -> Iterator[_Event]:
        """The changes of the other plugin that a reason rests on."""
        if reason.other is not None:
            for event in self._events[reason.other]:
                if event.time >= before:
                    break
                if event.removed & reason.lost or (reason.required and not event.removed):
                    yield event
