"""``plugins.resolve``: what plugins need, found among what is at hand, or the conflict explained."""

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Final

import anyio

from plugind.registry import folder
from plugind.registry.available import offer
from plugind.registry.planning import Plan, Step, plan
from plugind.registry.resolve import Host, Offer, Want
from plugind.registry.sources import Sources, Wanted, classify
from plugind.rpc.session import Session
from plugind.services.library import Library
from plugind_protocol import ranges
from plugind_protocol.conflicts import Conflict
from plugind_protocol.dependencies import Dependency, Resolution, Resolve, ResolvedPlugin, UnusablePackage
from plugind_protocol.errors import DependencyConflict, InvalidParams, ManifestInvalid, PlugindError, PluginNotFound
from plugind_protocol.manifest import SDK_NAME, Manifest

_HINTS: Final = {
    "missing": "Correct the name, install it by hand first, or put it into a package folder ([packages] folders).",
    "version": "Ask for another range, or put a version in that range into a package folder ([packages] folders).",
    "host": "Update Timeline Studio, or ask for an older version.",
    "conflict": "Ask for other versions, or update or uninstall one of those that exclude each other.",
    "limit": "Ask for narrower ranges, or offer fewer versions.",
    "needed": "Uninstall what needs it first, or use force.",
}


class Dependencies:
    """Resolves what plugins need.

    Args:
        library: What is at hand.
        sources: Opens what was given by path or URL.
        host: Says what plugins run in now.
    """

    def __init__(self, library: Library, sources: Sources, host: Callable[[], Host]) -> None:
        self._library = library
        self._sources = sources
        self._host = host

    async def resolve(self, _session: Session, params: Resolve) -> Resolution:
        """Say what installing a source would bring."""
        wanted = classify(params.source)
        target: Want | Offer
        if isinstance(wanted, Wanted):
            target = want(wanted)
        else:
            async with self._sources.open(params.source) as found:
                target = await given(found, source=params.source)
        planned, unusable = await self.plan(target, update=params.update)
        return _resolution(planned, self._host(), unusable)

    async def plan(self, target: Want | Offer, *, update: Collection[str] = ()) -> tuple[Plan, list[UnusablePackage]]:
        """Plan an installation with all that is at hand.

        Args:
            target: What is asked for.
            update: Plugins of which the newest version is preferred to the installed one.

        Returns:
            The plan, and what could not be used for it.

        Raises:
            PluginNotFound: Nobody has heard of what is asked for.
            DependencyConflict: Why there is no plan.
        """
        library = await self._library.look()
        host = self._host()
        planned = await anyio.to_thread.run_sync(lambda: plan(target, library.offers, host, update=update))
        if isinstance(planned, Conflict):
            raise refused(planned, target.name)
        return planned, library.unusable

    async def find(self, plugin_id: str, wanted: str) -> Path:
        """Return where the best version of a plugin is, the newest first: what `Sources` asks."""
        planned, _ = await self.plan(want(Wanted(plugin_id, wanted)), update=[plugin_id])
        return self._library.path(planned.target)


def want(wanted: Wanted) -> Want:
    """Turn ``id@range`` into a requirement.

    Raises:
        InvalidParams: The range is none.
    """
    try:
        ranges.parse(wanted.range)
    except ValueError as exc:
        raise InvalidParams(
            f"Invalid params: {exc}", hint="A range is written as in npm: id@^1.2.0", path="$.source"
        ) from exc
    return Want(name=wanted.plugin_id, range=wanted.range)


async def given(found: Path, *, source: str) -> Offer:
    """Read what a folder offers.

    Raises:
        ManifestInvalid: The manifest is missing or wrong, or its name is the host's.
        PackageInvalid: Something that it names is missing or not acceptable.
    """
    contents = await anyio.to_thread.run_sync(folder.read, found)
    check_name(contents.manifest)
    return offer(contents.manifest, source=source)


def check_name(manifest: Manifest) -> None:
    """Check that a plugin does not call itself what the host provides.

    Raises:
        ManifestInvalid: It does.
    """
    if manifest.name == SDK_NAME:
        raise ManifestInvalid(
            f"manifest.json: $.name {SDK_NAME} is what the host itself provides",
            hint="Give the plugin another name.",
            path="$.name",
        )


def refused(conflict: Conflict, asked: str) -> PlugindError:
    """Turn a conflict into the contract's error.

    Args:
        conflict: The conflict.
        asked: What was asked for; where that itself is missing, it is not found.
    """
    known = {one.name for one in conflict.requirements if one.by is not None}
    unknown = conflict.kind == "missing" and asked not in known and not conflict.available.get(asked)
    return (PluginNotFound if unknown else DependencyConflict)(
        conflict.explanation,
        hint=_HINTS[conflict.kind],
        plugin_id=asked,
        cause="limit" if conflict.kind == "limit" else None,
        conflict=conflict,
    )


def _resolution(planned: Plan, host: Host, unusable: list[UnusablePackage]) -> Resolution:
    return Resolution(
        plugin_id=planned.target.name,
        version=planned.target.version,
        plugins=[_plugin(step) for step in planned.steps],
        cycles=[list(cycle) for cycle in planned.cycles],
        notes=_notes(planned, host),
        unusable=unusable,
    )


def _plugin(step: Step) -> ResolvedPlugin:
    return ResolvedPlugin(
        plugin_id=step.node.offer.name,
        version=step.node.offer.version,
        source=step.node.offer.source,
        reason=step.node.reason,
        change=step.change,
        installed_version=step.previous,
        dependencies=[
            Dependency(plugin_id=edge.name, range=edge.range, version=edge.version) for edge in step.node.edges
        ],
    )


def _notes(planned: Plan, host: Host) -> list[str]:
    asking = [step.node.offer for step in planned.steps if step.node.offer.min_timeline_version is not None]
    if host.timeline_version is not None or not asking:
        return []
    return [
        f"{one.name} {one.version} asks for Timeline Studio {one.min_timeline_version} or newer. That was not checked: "
        "no editor has said its version, and timeline_version is not set"
        for one in asking
    ]
