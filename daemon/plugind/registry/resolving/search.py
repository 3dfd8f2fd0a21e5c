"""Chooses versions: the best of each where that fits together, else by resolvelib, with backtracking and a bound."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

from resolvelib import AbstractProvider, BaseReporter
from resolvelib.resolvers import Resolution, ResolutionImpossible, ResolutionTooDeep
from resolvelib.structs import RequirementInformation

from plugind.registry.resolving.problem import Problem, bits

_MAX_WORK: Final = 200_000
"""Bound of a search, in rounds times plugins: resolvelib looks at all of them in each round. Half a second."""

Pair: TypeAlias = tuple[str, int]
"""A requirement is a plugin and the versions that will do; a candidate is a plugin and the number of a version."""


def search(problem: Problem, domains: Mapping[str, int]) -> dict[str, int] | None:
    """Choose a version of each plugin that is needed.

    Args:
        problem: What is required.
        domains: Which versions are in question: at least those of all solutions.

    Returns:
        The number of the version chosen for each plugin, also for some that are not needed. None where there is no
        solution, or none was found soon enough.
    """
    return _best(problem, domains) or _backtrack(problem, domains)


def _best(problem: Problem, domains: Mapping[str, int]) -> dict[str, int] | None:
    """Choose the best version of everything; None where that does not fit together."""
    chosen: dict[str, int] = {}
    waiting = [(name, mask) for _, name, mask in problem.wants]
    while waiting:
        name, mask = waiting.pop()
        best = domains[name] & -domains[name]
        if not best & mask:
            return None
        if name not in chosen:
            chosen[name] = best.bit_length() - 1
            waiting.extend(problem.needs[name][chosen[name]].items())
    return chosen


def _backtrack(problem: Problem, domains: Mapping[str, int]) -> dict[str, int] | None:
    plugins = max(1, len(domains))
    if _MAX_WORK // plugins < plugins:  # it needs a round for each
        return None
    resolution: Resolution[Pair, Pair, str] = Resolution(_Provider(problem, domains), BaseReporter())
    try:
        state = resolution.resolve([(name, mask) for _, name, mask in problem.wants], max_rounds=_MAX_WORK // plugins)
    except (ResolutionImpossible, ResolutionTooDeep):
        return None
    return {name: index for name, (_, index) in state.mapping.items()}


class _Provider(AbstractProvider[Pair, Pair, str]):
    """Answers resolvelib's questions."""

    def __init__(self, problem: Problem, domains: Mapping[str, int]) -> None:
        self._problem = problem
        self._domains = domains

    def identify(self, requirement_or_candidate: Pair) -> str:
        return requirement_or_candidate[0]

    def narrow_requirement_selection(  # type: ignore[override]  # we look at two of its arguments
        self,
        identifiers: Iterable[str],
        *,
        backtrack_causes: Sequence[RequirementInformation[Pair, Pair]],
        **_: Any,
    ) -> Iterable[str]:
        """What caused the last step back comes first, then what there is no choice about."""
        waiting = list(identifiers)
        causes = {cause.requirement[0] for cause in backtrack_causes}
        if urgent := [name for name in waiting if name in causes]:
            return urgent
        forced = next((name for name in waiting if self._domains[name].bit_count() == 1), None)
        return waiting if forced is None else [forced]

    def get_preference(self, identifier: str, **_: Any) -> tuple[int, str]:  # type: ignore[override]  # as above
        """What has the fewest versions to choose from comes first."""
        return self._domains[identifier].bit_count(), identifier

    def find_matches(
        self,
        identifier: str,
        requirements: Mapping[str, Iterator[Pair]],
        incompatibilities: Mapping[str, Iterator[Pair]],
    ) -> Sequence[Pair]:
        mask = self._domains[identifier]
        for _, wanted in requirements[identifier]:
            mask &= wanted
        for _, index in incompatibilities[identifier]:
            mask &= ~(1 << index)
        return [(identifier, index) for index in bits(mask)]

    def is_satisfied_by(self, requirement: Pair, candidate: Pair) -> bool:
        return bool(requirement[1] >> candidate[1] & 1)

    def get_dependencies(self, candidate: Pair) -> Iterable[Pair]:
        name, index = candidate
        return self._problem.needs[name][index].items()
