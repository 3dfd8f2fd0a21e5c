"""What installing a plugin takes, with all that is installed already: pure, steps out or a conflict.

What the plugin may need may be brought to another version; what it cannot need stays as it is. Dependencies of
installed plugins that are broken already, and hosts too old for them, are no reason to refuse another plugin.
"""

from collections.abc import Collection, Mapping, Sequence

import msgspec

from plugind.registry.dependents import Present, unmet
from plugind.registry.resolve import Graph, Host, Node, Offer, Want, resolve
from plugind_protocol.conflicts import Conflict
from plugind_protocol.dependencies import Change
from plugind_protocol.manifest import API_VERSION, SDK_NAME


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One plugin of a plan."""

    node: Node
    change: Change
    previous: str | None
    """The version that is installed."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be done."""

    target: Offer
    """What was asked for."""
    steps: tuple[Step, ...]
    """All that the target needs, itself included, what is needed first; also what changes for the sake of others."""
    cycles: tuple[tuple[str, ...], ...]

    @property
    def changes(self) -> list[Step]:
        """The steps that change something."""
        return [step for step in self.steps if step.change != "none"]


def plan(target: Want | Offer, offers: Sequence[Offer], host: Host, *, update: Collection[str] = ()) -> Plan | Conflict:
    """Plan an installation.

    Args:
        target: What is asked for: a plugin that was given, or any version of one in a range.
        offers: Everything that there is; what is installed is marked so.
        host: What plugins run in.
        update: Plugins of which the newest version is preferred to the installed one.

    Raises:
        ValueError: A range is none.
    """
    installed = {offer.name: offer for offer in offers if offer.installed}
    known = list(offers)
    if isinstance(target, Offer):
        known = [target, *(offer for offer in offers if offer.name != target.name)]
        want = Want(name=target.name, range=f"={target.version}")
    else:
        want = target
    movable = _reachable(want.name, known)
    known = [_bystander(offer, installed, host) if _stays(offer, want, movable) else offer for offer in known]
    wants = [want]
    for name, offer in installed.items():
        if name != want.name:
            anything = " || >=0.0.0-0" if name in movable else ""  # not *, which would let no pre-release in
            wants.append(Want(name=name, range=f"={offer.version}{anything}", holds="is installed"))
    found = resolve(wants, known, host, update=update)
    if isinstance(found, Conflict):
        return found
    return _plan(want.name, found, installed)


def _plan(target: str, graph: Graph, installed: Mapping[str, Offer]) -> Plan:
    nodes = {node.offer.name: node for node in graph.nodes}
    needed = _closure(target, {name: [edge.name for edge in node.edges] for name, node in nodes.items()})
    steps = []
    for name, node in nodes.items():
        now = installed.get(name)
        change: Change = "none"
        if name != SDK_NAME and not node.offer.installed:
            change = "install" if now is None else "update"
        if name in needed or change != "none":
            steps.append(Step(node=node, change=change, previous=now.version if now is not None else None))
    shown = {step.node.offer.name for step in steps}
    cycles = tuple(cycle for cycle in graph.cycles if shown.issuperset(cycle))
    return Plan(target=nodes[target].offer, steps=tuple(steps), cycles=cycles)


def _stays(offer: Offer, want: Want, movable: Collection[str]) -> bool:
    return offer.installed and offer.name != want.name and offer.name not in movable


def _bystander(offer: Offer, installed: Mapping[str, Offer], host: Host) -> Offer:
    """An installed plugin that stays as it is, with those of its needs that are met."""
    present = {name: Present(one.version, one.dependencies) for name, one in installed.items()}
    broken = {one.name for one in unmet(offer.name, present, host)}
    met = {name: wanted for name, wanted in offer.dependencies.items() if name not in broken}
    return msgspec.structs.replace(offer, dependencies=met, api_version=API_VERSION, min_timeline_version=None)


def _reachable(name: str, offers: Sequence[Offer]) -> set[str]:
    """All that any version of a plugin may need, directly or over others."""
    needs: dict[str, set[str]] = {}
    for offer in offers:
        needs.setdefault(offer.name, set()).update(offer.dependencies)
    return _closure(name, needs) - {name}


def _closure(name: str, needs: Mapping[str, Collection[str]]) -> set[str]:
    reached: set[str] = set()
    waiting = [name]
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting.extend(needs.get(name, ()))
    return reached
