"""Who requires what of whom in a conflict: the facts that an explanation puts into words."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from plugind.registry.resolving.problem import Element, Host, Offer, Problem, Want, bits
from plugind_protocol.conflicts import Requirement


class Case(NamedTuple):
    """A minimal conflict, and what it is about."""

    wants: Sequence[Want]
    offers: Mapping[str, Sequence[Offer]]
    """By name, in the order of the problem's bits."""
    host: Host
    problem: Problem
    """Of the elements alone."""
    elements: Sequence[Element]


class Claim(NamedTuple):
    """All that one plugin, or whoever asked, requires of another."""

    target: str
    by: str | None
    requirements: list[Requirement]
    """One for each range."""
    holds: str | None = None
    """Of a want: why it must stay as it is."""


def claims(case: Case) -> list[Claim]:
    """List what is required, by the versions that come into question."""
    question = allowed(case)
    made = []
    for element in case.elements:
        if element.kind == "want":
            want = case.wants[element.number]
            made.append(Claim(want.name, None, [Requirement(name=want.name, range=want.range)], want.holds))
        elif element.kind == "needs":
            versions = question.get(element.name) or case.problem.domains[element.name]
            made.append(Claim(element.target, element.name, _requirements(case, element, versions)))
    return made


def _requirements(case: Case, element: Element, versions: int) -> list[Requirement]:
    by_range: dict[str, list[str]] = {}
    for index in bits(versions):
        offer = case.offers[element.name][index]
        if element.target in offer.dependencies:
            by_range.setdefault(offer.dependencies[element.target], []).append(offer.version)
    return [
        Requirement(name=element.target, range=wanted, by=element.name, by_versions=by_versions)
        for wanted, by_versions in by_range.items()
    ]


def allowed(case: Case, *, suitable: bool = True) -> dict[str, int]:
    """Find which versions of each plugin come into question, by what is wanted and what that needs.

    Args:
        case: The conflict.
        suitable: Whether versions that the host is too old for are left out.
    """
    problem = case.problem
    unsuitable = problem.unsuitable if suitable else {}
    wanted: dict[str, int] = {}
    for _, name, mask in problem.wants:
        wanted[name] = wanted.get(name, problem.domains[name]) & mask
    found = {name: mask & ~unsuitable.get(name, 0) for name, mask in wanted.items()}
    waiting = list(found)
    while waiting:
        name = waiting.pop()
        for index in bits(found[name]):
            for target, mask in problem.needs[name][index].items():
                more = mask & wanted.get(target, -1) & ~unsuitable.get(target, 0) & ~found.get(target, 0)
                if more or target not in found:
                    found[target] = found.get(target, 0) | more
                    waiting.append(target)
    return found
