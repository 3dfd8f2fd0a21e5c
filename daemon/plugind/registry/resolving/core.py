"""Why there is no solution: the smallest set of requirements that excludes one."""

from collections.abc import Collection
from typing import Final

from plugind.registry.resolving.problem import Element, Problem
from plugind.registry.resolving.refutation import Refuted, decide

_MAX_WORK: Final = 30_000
"""Bound of making it small: needs of single versions looked at, in all; some tenths of a second."""
_MAX_DECISION: Final = 10_000
"""Bound of each attempt, in plugins looked at."""


def minimal(problem: Problem, elements: Collection[Element]) -> list[Element]:
    """Leave out what can be left out, large parts first: what stays excludes a solution, and each of it is necessary.

    Args:
        problem: What is required, without a solution.
        elements: What of it excludes one. Where they are hundreds, more may stay than is necessary.
    """
    left = sorted(elements)
    work = 0
    size = max(1, len(left) // 2)
    while True:
        start = 0
        while start < len(left):
            part = problem.only([*left[:start], *left[start + size :]])
            work += 1 + sum(len(version) for versions in part.needs.values() for version in versions)
            if work > _MAX_WORK:
                return left
            decided = decide(part, max_work=_MAX_DECISION)
            if isinstance(decided, Refuted):
                before = set(left[:start])
                left = sorted(decided.elements)
                start = sum(1 for element in left if element in before)
            else:
                start += size
        if size == 1:
            return left
        size = max(1, min(size // 2, len(left) // 2))
