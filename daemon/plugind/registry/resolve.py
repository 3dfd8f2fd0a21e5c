"""Which versions of which plugins go together: requirements and what there is in, a graph or an explanation out. Pure.

What is installed stays where it will do; else the newest version in range is chosen. A pre-release is in range only
where the range names one, as npm has it.
"""

import difflib
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final, Literal

import msgspec

from plugind.registry.resolving import core, order, words
from plugind.registry.resolving.claims import Case
from plugind.registry.resolving.problem import Compiler, Element, Host, Offer, Problem, Want
from plugind.registry.resolving.propagation import Propagation
from plugind.registry.resolving.refutation import GivenUp, Refuted, decide
from plugind.registry.resolving.search import search
from plugind_protocol import ranges
from plugind_protocol.conflicts import Conflict
from plugind_protocol.manifest import SDK_NAME

__all__ = ["Edge", "Graph", "Host", "Node", "Offer", "Want", "resolve"]

_SUGGESTIONS: Final = 3
_ALIKE: Final = 0.6
"""How near a name must be to be suggested, 0 … 1."""


Reason = Literal["host", "installed", "newest", "compatible"]
"""It is the host's, it is installed, it is the newest there is, or the best that fits."""


class Edge(msgspec.Struct, frozen=True, kw_only=True):
    """One plugin needs another."""

    name: str
    range: str
    version: str
    """What was chosen."""


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """One version that was chosen."""

    offer: Offer
    reason: Reason
    """Why this one."""
    edges: tuple[Edge, ...]
    """What it needs, by name."""


class Graph(msgspec.Struct, frozen=True, kw_only=True):
    """What goes together."""

    nodes: tuple[Node, ...]
    """What is needed comes before what needs it: the order of installation and of activation."""
    cycles: tuple[tuple[str, ...], ...]
    """Plugins that need each other. They come together in `nodes`, by name."""


def resolve(
    wants: Sequence[Want], offers: Iterable[Offer], host: Host, *, update: Collection[str] = ()
) -> Graph | Conflict:
    """Find versions that fit together.

    Args:
        wants: What must be there.
        offers: Everything that there is, in any order; of the same version twice, what is installed counts, else the
            first.
        host: What plugins run in.
        update: Plugins of which the newest version is preferred to the installed one.

    Returns:
        The graph of all that the wants need, or why there is none.

    Raises:
        ValueError: A range or a version is none.
    """
    known = _sorted(offers, host, update)
    problem = Compiler(known, host).compile(wants)
    propagation = Propagation(problem)
    clash = propagation.start()
    chosen = search(problem, propagation.domains) if clash is None else None
    if chosen is not None:
        return _graph(known, problem, chosen)
    decided = decide(problem)  # a dead end, or a hard case: now the reasons are worth their time
    if isinstance(decided, GivenUp):
        return words.given_up(len(problem.domains))
    if isinstance(decided, Refuted):
        return _conflict(wants, known, host, problem=problem, elements=core.minimal(problem, decided.elements))
    return _graph(known, problem, decided)


def _sorted(offers: Iterable[Offer], host: Host, update: Collection[str]) -> dict[str, list[Offer]]:
    """Sort what there is by preference."""
    known: dict[str, dict[str, Offer]] = {}
    for offer in offers:
        versions = known.setdefault(offer.name, {})
        present = versions.get(offer.version)
        if present is None or (offer.installed and not present.installed):
            versions[offer.version] = offer
    known[SDK_NAME] = {"": host.sdk()}
    return {
        name: sorted(
            versions.values(),
            key=lambda offer: (offer.installed and offer.name not in update, _key(offer)),
            reverse=True,
        )
        for name, versions in known.items()
    }


def _key(offer: Offer) -> ranges.Key:
    return ranges.key(ranges.parse_version(offer.version))


def _graph(known: Mapping[str, Sequence[Offer]], problem: Problem, chosen: Mapping[str, int]) -> Graph:
    needed = _needed(problem, chosen)
    groups = order.components({name: problem.needs[name][chosen[name]].keys() for name in needed})
    nodes = []
    for name in (member for group in groups for member in group):
        offer = known[name][chosen[name]]
        edges = tuple(
            Edge(name=target, range=wanted, version=known[target][chosen[target]].version)
            for target, wanted in sorted(offer.dependencies.items())
        )
        nodes.append(Node(offer=offer, reason=_reason(offer, known[name]), edges=edges))
    return Graph(nodes=tuple(nodes), cycles=tuple(tuple(group) for group in groups if len(group) > 1))


def _needed(problem: Problem, chosen: Mapping[str, int]) -> set[str]:
    """What the wants need, directly or over others; a search leaves more than that."""
    needed: set[str] = set()
    waiting = [name for _, name, _ in problem.wants]
    while waiting:
        name = waiting.pop()
        if name not in needed:
            needed.add(name)
            waiting.extend(problem.needs[name][chosen[name]])
    return needed


def _reason(offer: Offer, versions: Sequence[Offer]) -> Reason:
    if offer.name == SDK_NAME:
        return "host"
    if offer.installed:
        return "installed"
    newest = max(versions, key=_key)
    return "newest" if newest is offer else "compatible"


def _conflict(
    wants: Sequence[Want],
    known: Mapping[str, Sequence[Offer]],
    host: Host,
    *,
    problem: Problem,
    elements: Sequence[Element],
) -> Conflict:
    missing = {element.target or element.name for element in elements} - known.keys()
    suggestions = {
        name: near
        for name in sorted(missing)
        if (near := difflib.get_close_matches(name, known.keys(), n=_SUGGESTIONS, cutoff=_ALIKE))
    }
    part = problem.only(elements)
    return words.conflict(Case(wants, known, host, part, elements), suggestions)
