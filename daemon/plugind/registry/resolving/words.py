"""A conflict in words: one sentence that says who wants what, and what there is."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from plugind.registry.resolving.claims import Case, Claim, allowed, claims
from plugind.registry.resolving.problem import bits
from plugind_protocol import ranges
from plugind_protocol.conflicts import Conflict, Kind, Requirement, Unsuitable
from plugind_protocol.manifest import SDK_NAME

_LISTED: Final = 5
"""How many versions, plugins or requirements a sentence lists."""
_HELD: Final = 100
"""How many requirements, and plugins with their versions, the structured explanation holds."""
_LONGEST: Final = 60
"""Characters of a range that a sentence shows."""

_LACKING: Final = {
    "apiVersion": "{name} {version} is written for plugin API {wanted}, and this host implements {present}",
    "timelineVersion": "{name} {version} needs Timeline Studio {wanted} or newer, and this is {present}",
}


def given_up(plugins: int) -> Conflict:
    """Explain a search that was given up."""
    return Conflict(
        kind="limit",
        explanation=f"it took too long to find versions of {plugins} plugins that fit together",
    )


def conflict(case: Case, suggestions: Mapping[str, list[str]]) -> Conflict:
    """Explain a conflict.

    Args:
        case: The conflict.
        suggestions: Missing plugin → names that are nearly its name.
    """
    story = _Story(case, suggestions)
    outcomes = list(story.outcomes())
    about = sorted(story.claims)
    return Conflict(
        kind=_kind([kind for kind, _ in outcomes]),
        explanation="; and ".join(words for _, words in outcomes[:_LISTED]),
        requirements=[one for name in about for claim in story.claims[name] for one in claim.requirements][:_HELD],
        available={name: story.versions[name] for name in about[:_HELD]},
        unsuitable=[one for name in about for one in story.unsuitable[name]][:_HELD],
        suggestions=dict(suggestions),
    )


def _kind(kinds: Sequence[Kind]) -> Kind:
    for kind in ("missing", "conflict", "host"):
        if kind in kinds:
            return kind
    return "version"


class _Story:
    """A conflict, sorted by the plugins that it is about.

    Args:
        case: The conflict.
        suggestions: Missing plugin → names that are nearly its name.
    """

    def __init__(self, case: Case, suggestions: Mapping[str, list[str]]) -> None:
        self._case = case
        self._suggestions = suggestions
        self.claims: dict[str, list[Claim]] = {}
        """By the plugin that is claimed."""
        for claim in claims(case):
            self.claims.setdefault(claim.target, []).append(claim)
        self.versions = {name: self._versions(name) for name in self.claims}
        """Those that there are of a plugin, newest first."""
        question = allowed(case, suitable=False)
        self.unsuitable = {name: self._unsuitable(name, question.get(name, 0)) for name in self.claims}
        """What the host lacks for versions of a plugin, where that plays a part."""

    def outcomes(self) -> Iterator[tuple[Kind, str]]:
        """Say what is claimed that cannot be: first of plugins that need nothing which matters here."""
        needing = {claim.by for about in self.claims.values() for claim in about}
        for target in sorted(self.claims, key=lambda name: name in needing):
            about = []
            for claim in self.claims[target]:
                if hopeless := [one for one in claim.requirements if not self._fitting(one)]:
                    kind, why = self._hopeless(target)
                    yield kind, f"{self._clause(claim._replace(requirements=hopeless))}{why}"
                else:
                    about.append(claim)
            if len(about) > 1:
                yield "conflict", self._excluding(target, about)

    def _excluding(self, target: str, about: Sequence[Claim]) -> str:
        fitting = set(self.versions[target])
        for claim in about:
            fitting &= {version for one in claim.requirements for version in self._fitting(one)}
        few = f"only {_listed([one for one in self.versions[target] if one in fitting])}" if fitting else "no version"
        there = "; ".join([_are(self.versions[target]), *map(_lacking, self.unsuitable[target][:1])])
        clauses = _joined([self._clause(claim) for claim in about])
        return f"{clauses}; {few} satisfies {'both' if len(about) == 2 else 'all of them'} (there {there})"

    def _hopeless(self, target: str) -> tuple[Kind, str]:
        """Say why a requirement cannot be met by anything that there is."""
        if target not in self._case.offers:
            near = self._suggestions.get(target, [])
            asked = f"; did you mean {_listed(near, word='or')}?" if near else ""
            return "missing", f", which is nowhere to be found{asked}"
        if target == SDK_NAME:
            return "host", f", but this host provides {self.versions[target][0]}"
        if lacking := self.unsuitable[target]:
            return "host", f", but {' and '.join(map(_lacking, lacking[:_LISTED]))}"
        return "version", f", but there {_are(self.versions[target])}"

    def _clause(self, claim: Claim) -> str:
        if claim.by is None:
            return _wanted(claim)
        path = self._path(claim.by)
        if len(claim.requirements) == 1:
            (only,) = claim.requirements
            needs = "needs" if len(only.by_versions) == 1 else "need"
            return f"{claim.by} {_listed(only.by_versions)}{path} {needs} {claim.target}{_range(only.range)}"
        kinds = [f"{_range(one.range).strip()} (in {_listed(one.by_versions)})" for one in claim.requirements]
        return f"{claim.by}{path} needs {claim.target} {_listed(kinds, word='or')}"

    def _path(self, name: str) -> str:
        """Say over whom a plugin came in, if nobody asked for it."""
        above: dict[str, None] = {}
        while len(by := self.claims.get(name, [])) == 1 and by[0].by is not None and by[0].by not in above:
            name = by[0].by
            above[name] = None
        if not above:
            return ""
        over, top = list(above)[:-1], list(above)[-1]
        if not over:
            return f" (needed by {top})"
        return f" (needed by {top} over {_listed(over) if len(over) <= _LISTED else f'{len(over)} others'})"

    def _fitting(self, requirement: Requirement) -> list[str]:
        """The versions in a range that the host is not too old for."""
        wanted = ranges.parse(requirement.range)
        lacking = {one.version for one in self.unsuitable[requirement.name]}
        versions = self.versions[requirement.name]
        return [one for one in versions if one not in lacking and wanted.admits(_key(one))]

    def _versions(self, name: str) -> list[str]:
        return sorted((offer.version for offer in self._case.offers.get(name, ())), key=_key, reverse=True)

    def _unsuitable(self, name: str, question: int) -> list[Unsuitable]:
        mask = self._case.problem.unsuitable.get(name, 0) & question
        found = (self._case.host.lacking(self._case.offers[name][index]) for index in bits(mask))
        return [one for one in found if one is not None]


def _wanted(claim: Claim) -> str:
    (wanted,) = claim.requirements
    if claim.holds is not None:
        return f"{claim.target} {wanted.range.split()[0].removeprefix('=')} {claim.holds}"
    return f"you asked for {claim.target}{_range(wanted.range, any_version='')}"


def _are(versions: Sequence[str]) -> str:
    if all(ranges.parse_version(version).prerelease is not None for version in versions):
        return f"are only pre-releases: {_listed(versions)}"
    return f"is only {versions[0]}" if len(versions) == 1 else f"are {_listed(versions)}"


def _lacking(one: Unsuitable) -> str:
    return _LACKING[one.lacking].format(name=one.name, version=one.version, wanted=one.wanted, present=one.present)


def _range(wanted: str, *, any_version: str = " in any version") -> str:
    shown = " ".join(wanted.split())
    if shown in ("", "*", "x"):
        return any_version
    return f" {shown if len(shown) <= _LONGEST else f'{shown[:_LONGEST]}…'}"


def _listed(words: Sequence[str], *, word: str = "and") -> str:
    if len(words) > _LISTED:
        return f"{', '.join(words[: _LISTED - 1])} … {words[-1]}"
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {word} {words[-1]}"


def _joined(clauses: Sequence[str]) -> str:
    shown = [*clauses[: _LISTED - 1], clauses[-1]] if len(clauses) > _LISTED else clauses
    return f"{', '.join(shown[:-1])}, but {shown[-1]}"


def _key(version: str) -> ranges.Key:
    return ranges.key(ranges.parse_version(version))
