"""Small registries of plugins, made by chance, and the plainest way to tell whether one has a solution."""

import itertools
import random
from collections.abc import Sequence

from plugind.registry.resolve import Host, Offer, Want
from plugind_protocol import ranges
from plugind_protocol.manifest import SDK_NAME

VERSIONS = ("1.0.0", "1.1.0", "2.0.0", "2.0.0-rc.1", "2.1.0", "3.0.0")
RANGES = ("^1", "^2", "*", "<2", ">=1.1", "~1.0", "1 || 3", "^2.0.0-rc.1", "=1.0.0", "^9", ">=2.1")
HOST = Host(timeline_version="1.5.0")


def made(seed: int) -> tuple[list[Want], list[Offer]]:
    """Make a registry of up to five plugins, with cycles, gaps and versions that the host is too old for."""
    chance = random.Random(seed)
    names = [f"p{number}" for number in range(chance.randint(2, 5))]
    offers = [_offer(chance, name, version, names) for name in names for version in _some(chance, VERSIONS, 3)]
    wanted = chance.sample(names, chance.randint(1, min(3, len(names))))
    return [Want(name=name, range=chance.choice(RANGES)) for name in wanted], offers


def _offer(chance: random.Random, name: str, version: str, names: Sequence[str]) -> Offer:
    targets = _some(chance, [*names, SDK_NAME, "nowhere"], 3) if chance.random() < 0.8 else []
    dependencies = {target: chance.choice(RANGES) for target in targets if target not in {name, "nowhere"}}
    if "nowhere" in targets and chance.random() < 0.2:
        dependencies["nowhere"] = "*"
    return Offer(
        name=name,
        version=version,
        dependencies=dependencies,
        api_version=chance.choice(["1.0"] * 9 + ["1.7"]),
        min_timeline_version=chance.choice([None] * 7 + ["1.0.0", "1.6.0"]),
        installed=chance.random() < 0.2,
    )


def _some(chance: random.Random, things: Sequence[str], most: int) -> list[str]:
    return chance.sample(list(things), chance.randint(0, min(most, len(things))))


def solvable(wants: Sequence[Want], offers: Sequence[Offer], host: Host = HOST) -> bool:
    """Try all there is."""
    usable = [host.sdk(), *(offer for offer in offers if host.lacking(offer) is None)]
    names = sorted({offer.name for offer in usable})
    choices = [[None, *(offer for offer in usable if offer.name == name)] for name in names]
    return any(fits(wants, [one for one in chosen if one is not None]) for chosen in itertools.product(*choices))


def fits(wants: Sequence[Want], chosen: Sequence[Offer]) -> bool:
    """Whether all that is wanted and needed is among the chosen."""
    versions = {offer.name: ranges.parse_version(offer.version) for offer in chosen}
    needed = [(want.name, want.range) for want in wants]
    needed += [need for offer in chosen for need in offer.dependencies.items()]
    return all(name in versions and ranges.parse(wanted).matches(versions[name]) for name, wanted in needed)
