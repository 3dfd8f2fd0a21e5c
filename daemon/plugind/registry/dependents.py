"""Who needs whom among what is installed: in which order plugins come up and go down, and what is amiss. Pure."""

from collections.abc import Mapping
from typing import NamedTuple

from plugind.registry.resolving.order import components
from plugind.registry.resolving.problem import Host
from plugind_protocol import ranges
from plugind_protocol.manifest import SDK_NAME


class Present(NamedTuple):
    """An installed plugin."""

    version: str
    dependencies: Mapping[str, str]
    """Name → range."""


class Unmet(NamedTuple):
    """A dependency that is not there, or not in a version that will do."""

    name: str
    range: str
    version: str | None
    """The version that is there."""


def before(plugin_id: str, installed: Mapping[str, Present]) -> list[str]:
    """Return what a plugin needs, directly or over others, in the order in which it has to come up.

    Of a cycle that the plugin is in, the others come by name. What is not installed is left out.
    """
    reached: dict[str, list[str]] = {}
    waiting = [plugin_id]
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached[name] = [target for target in installed[name].dependencies if target in installed]
            waiting.extend(reached[name])
    return [name for group in components(reached) for name in group if name != plugin_id]


def after(plugin_id: str, installed: Mapping[str, Present]) -> list[str]:
    """Return what needs a plugin, directly or over others, in the order in which it has to go down before it."""
    users: dict[str, list[str]] = {name: [] for name in installed}
    for name, present in installed.items():
        for target in present.dependencies:
            if target in users:
                users[target].append(name)
    turned = {name: Present("", dict.fromkeys(names, "*")) for name, names in users.items()}
    return before(plugin_id, turned)


def needing(plugin_id: str, installed: Mapping[str, Present]) -> list[str]:
    """Return the plugins that need a plugin directly and have it, by id."""
    return sorted(
        name
        for name, present in installed.items()
        if name != plugin_id
        and plugin_id in present.dependencies
        and not any(one.name == plugin_id for one in unmet(name, installed, Host()))
    )


def unmet(plugin_id: str, installed: Mapping[str, Present], host: Host) -> list[Unmet]:
    """Return the dependencies of a plugin that are not there."""
    versions = {name: present.version for name, present in installed.items()} | {SDK_NAME: host.sdk().version}
    return [
        Unmet(name, wanted, versions.get(name))
        for name, wanted in sorted(installed[plugin_id].dependencies.items())
        if name not in versions or not ranges.parse(wanted).matches(ranges.parse_version(versions[name]))
    ]
