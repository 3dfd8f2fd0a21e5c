"""Finds a solution, or proves that there is none and by what.

It chooses, draws the consequences, and at a dead end goes back to the last choice that had a part in it.
"""

from typing import Final

import msgspec

from plugind.registry.resolving.problem import Element, Problem, bits
from plugind.registry.resolving.propagation import Propagation

MAX_WORK: Final = 150_000
"""Bound of a decision, in plugins looked at: some seconds."""


class Refuted(msgspec.Struct, frozen=True):
    """There is no solution."""

    elements: frozenset[Element]
    """These requirements are enough for that; not all of them need be necessary."""


class GivenUp(msgspec.Struct, frozen=True):
    """It would take too long."""


def decide(problem: Problem, *, max_work: int = MAX_WORK) -> dict[str, int] | Refuted | GivenUp:
    """Decide a problem.

    Args:
        problem: What is required.
        max_work: Bound of its work, in plugins looked at.

    Returns:
        The number of the version chosen for each plugin that is needed, the best first; or that there is no solution;
        or that it is not known.
    """
    propagation = Propagation(problem)
    clash = propagation.start()
    path: list[tuple[int, str, int]] = []
    """For each choice: the mark before it, the plugin, and the version as a bit."""
    while propagation.work < max_work:
        while clash is not None:
            number = max((element.number for element in clash if element.kind == "choice"), default=None)
            if number is None:
                return Refuted(clash)
            mark, name, version = path[number]
            del path[number:]
            propagation.undo(mark)
            clash = propagation.narrow(name, version, clash - {Element("choice", name, number=number)})
        open_one = _next(propagation)
        if open_one is None:
            return {name: next(bits(propagation.domains[name])) for name in propagation.required}
        domain = propagation.domains[open_one]
        path.append((propagation.mark(), open_one, domain & -domain))
        chosen = Element("choice", open_one, number=len(path) - 1)
        clash = propagation.narrow(open_one, domain & (domain - 1), {chosen})
    return GivenUp()


def _next(propagation: Propagation) -> str | None:
    """Choose for the plugin with the fewest versions left; None where there is nothing to choose."""
    best, fewest = None, 0
    for name in propagation.required:
        left = propagation.domains[name].bit_count()
        if left > 1 and (best is None or left < fewest):
            best, fewest = name, left
    return best
