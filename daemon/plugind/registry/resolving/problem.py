"""What is to be resolved, compiled for speed: versions of a plugin are the bits of a number, best first.

A range becomes the number whose bits are the versions in it, so that asking what two requirements have in common is
one operation. Only what can be reached from the requirements is compiled.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final, Literal, NamedTuple

import msgspec

from plugind_protocol import ranges
from plugind_protocol.conflicts import Unsuitable
from plugind_protocol.manifest import API_VERSION, SDK_NAME

HOST_SOURCE: Final = "host"
"""Source of what the daemon itself provides."""


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a plugin that there is."""

    name: str
    version: str
    dependencies: Mapping[str, str] = {}
    """Name → range."""
    api_version: str = API_VERSION
    min_timeline_version: str | None = None
    source: str = ""
    """Where it is: ``installed``, ``kept``, ``host``, or a path."""
    package: str | None = None
    """Hash of its package, where it is in the store."""
    installed: bool = False
    """Whether it is a plugin's current version."""


class Want(msgspec.Struct, frozen=True, kw_only=True):
    """A requirement that does not come from a candidate."""

    name: str
    range: str
    holds: str | None = None
    """None where somebody asks for it; else why it must stay as it is, such as ``is installed``."""


class Host(msgspec.Struct, frozen=True, kw_only=True):
    """What plugins run in."""

    api_version: str = API_VERSION
    timeline_version: str | None = None
    """The editor's version; None where nobody has said it, and nothing is checked against it."""

    def sdk(self) -> Offer:
        """The host API as plugins depend on it: a version that is there and cannot be changed."""
        parts = [*self.api_version.split("."), "0", "0"][:3]
        return Offer(name=SDK_NAME, version=".".join(str(int(part)) for part in parts), source=HOST_SOURCE)

    def lacking(self, offer: Offer) -> Unsuitable | None:
        """Say what this host lacks for a version, if it lacks something."""
        if _numbers(offer.api_version) > _numbers(self.api_version):
            lacking: Literal["apiVersion", "timelineVersion"] = "apiVersion"
            wanted, present = offer.api_version, self.api_version
        elif self.timeline_version is not None and _is_older(self.timeline_version, offer.min_timeline_version):
            lacking = "timelineVersion"
            wanted, present = offer.min_timeline_version or "", self.timeline_version
        else:
            return None
        return Unsuitable(name=offer.name, version=offer.version, lacking=lacking, wanted=wanted, present=present)


class Element(NamedTuple):
    """One fact that can take part in a conflict: a want, that a plugin needs another, or what the host lacks."""

    kind: Literal["want", "needs", "host", "choice"]
    name: str
    """The plugin that is wanted, that needs another, that the host is too old for, or that a version was chosen of."""
    target: str = ""
    """The plugin that is needed."""
    number: int = 0
    """Which want, or which choice."""


class Problem(msgspec.Struct, frozen=True):
    """Requirements and everything that can be reached from them.

    Sets of versions are numbers: bit ``i`` is ``offers[name][i]``.
    """

    wants: Sequence[tuple[Element, str, int]]
    """What must be there: plugin, and which versions will do."""
    needs: Mapping[str, Sequence[Mapping[str, int]]]
    """Plugin → for each version, what it needs: plugin → which versions will do."""
    domains: Mapping[str, int]
    """Plugin → all its versions."""
    unsuitable: Mapping[str, int]
    """Plugin → versions that the host is too old for."""

    def elements(self) -> list[Element]:
        """Everything that can take part in a conflict."""
        needs = {
            Element("needs", name, target)
            for name, versions in self.needs.items()
            for version in versions
            for target in version
        }
        hosts = [Element("host", name) for name, lacking in self.unsuitable.items() if lacking]
        return [*(element for element, _, _ in self.wants), *sorted(needs), *hosts]

    def only(self, elements: Collection[Element]) -> "Problem":
        """Return the problem that is left when everything else is no requirement any more."""
        kept = frozenset(elements)
        targets: dict[str, set[str]] = {}
        for element in kept:
            if element.kind == "needs":
                targets.setdefault(element.name, set()).add(element.target)
        wants = [want for want in self.wants if want[0] in kept]
        names = {name for _, name, _ in wants} | set(targets) | set().union(*targets.values())
        return Problem(
            wants=wants,
            needs={
                name: [
                    {target: mask for target, mask in version.items() if target in targets.get(name, ())}
                    for version in self.needs[name]
                ]
                for name in names
            },
            domains={name: self.domains[name] for name in names},
            unsuitable={name: self.unsuitable.get(name, 0) for name in names if Element("host", name) in kept},
        )


class Compiler:
    """Compiles requirements.

    Args:
        offers: By name, best first; what is missing has none.
        host: What plugins run in.
    """

    def __init__(self, offers: Mapping[str, Sequence[Offer]], host: Host) -> None:
        self._offers = offers
        self._host = host
        self._masks: dict[tuple[str, str], int] = {}
        self._keys: dict[str, list[ranges.Key]] = {}

    def compile(self, wants: Sequence[Want]) -> Problem:
        """Compile what is wanted and all that it may need.

        Raises:
            ValueError: A range or a version is none.
        """
        compiled = [
            (Element("want", want.name, number=number), want.name, self.mask(want.name, want.range))
            for number, want in enumerate(wants)
        ]
        needs: dict[str, list[dict[str, int]]] = {}
        unsuitable: dict[str, int] = {}
        waiting = [want.name for want in wants]
        while waiting:
            name = waiting.pop()
            if name in needs:
                continue
            offers = self._offers.get(name, ())
            needs[name] = [
                {target: self.mask(target, wanted) for target, wanted in offer.dependencies.items()} for offer in offers
            ]
            if lacking := sum(1 << index for index, offer in enumerate(offers) if self._host.lacking(offer)):
                unsuitable[name] = lacking
            waiting.extend(target for version in needs[name] for target in version)
        domains = {name: (1 << len(versions)) - 1 for name, versions in needs.items()}
        return Problem(wants=compiled, needs=needs, domains=domains, unsuitable=unsuitable)

    def mask(self, name: str, wanted: str) -> int:
        """Return which versions of a plugin are in a range."""
        found = self._masks.get((name, wanted))
        if found is None:
            parsed = ranges.parse(wanted)
            found = sum(1 << index for index, key in enumerate(self._keys_of(name)) if parsed.admits(key))
            self._masks[name, wanted] = found
        return found

    def _keys_of(self, name: str) -> list[ranges.Key]:
        keys = self._keys.get(name)
        if keys is None:
            keys = [ranges.key(ranges.parse_version(offer.version)) for offer in self._offers.get(name, ())]
            self._keys[name] = keys
        return keys


def bits(mask: int) -> Iterator[int]:
    """The numbers of the versions in a set, best first."""
    while mask:
        lowest = mask & -mask
        yield lowest.bit_length() - 1
        mask ^= lowest


def _numbers(api_version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in [*api_version.split("."), "0", "0"][:3])


def _is_older(version: str, wanted: str | None) -> bool:
    if wanted is None:
        return False
    return ranges.key(ranges.parse_version(version)) < ranges.key(ranges.parse_version(wanted))
