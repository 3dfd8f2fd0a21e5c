"""``resolve``: what a plugin would bring with it, as a tree."""

from typing import Any, Final

import click
from rich.text import Text
from rich.tree import Tree

from pluginctl import tables
from pluginctl.arguments import Completed, plugin_ids
from pluginctl.context import Invocation, pass_invocation
from pluginctl.install import as_the_daemon_sees
from pluginctl.terminal import one_line
from plugind_protocol.dependencies import Dependency, Resolution, ResolvedPlugin

_CHANGES: Final = {"install": "green", "update": "yellow"}
_SHOWN: Final = 200
"""Lines of a tree; a plugin's own needs are drawn once."""


@click.command()
@click.argument("source", type=Completed("source", plugin_ids))  # a path or a URL too
@click.option("--update", multiple=True, metavar="PLUGIN", help="Prefer its newest version; may be repeated.")
@pass_invocation
def resolve(invocation: Invocation, /, source: str, *, update: tuple[str, ...]) -> None:
    """Show what installing SOURCE would bring with it, or why it cannot be."""
    with invocation.connect() as client:
        found = client.resolve(as_the_daemon_sees(source), update=update)
    if invocation.as_json:
        return invocation.show(found)
    tables.console().print(_Drawing(found).tree())
    for line in [*_cycles(found), *found.notes, *_unusable(found)]:
        click.echo(one_line(line))
    return click.echo(_summary(found))


class _Drawing:
    """A graph as a tree: what is needed by several is drawn in full once."""

    def __init__(self, found: Resolution) -> None:
        self._found = found
        self._plugins = {plugin.plugin_id: plugin for plugin in found.plugins}
        self._drawn: set[str] = set()
        self._left = _SHOWN

    def tree(self) -> Tree:
        root = self._plugins[self._found.plugin_id]
        tree = Tree(_label(root), guide_style="dim")
        waiting = [(tree, root)]
        while waiting:
            branch, plugin = waiting.pop(0)
            if plugin.plugin_id in self._drawn:
                continue
            self._drawn.add(plugin.plugin_id)
            for need in plugin.dependencies:
                self._left -= 1
                if self._left == 0:
                    branch.add(Text("…", style="dim"))
                if self._left <= 0:
                    break
                target = self._plugins[need.plugin_id]
                again = target.plugin_id in self._drawn and bool(target.dependencies)
                waiting.append((branch.add(_label(target, need, again=again)), target))
        return tree


def _label(plugin: ResolvedPlugin, need: Dependency | None = None, *, again: bool = False) -> Text:
    text = Text(f"{one_line(plugin.plugin_id)} {one_line(plugin.version)}", style=_CHANGES.get(plugin.change, ""))
    if need is not None and need.range.strip() not in ("", "*"):
        text.append(f"  {one_line(need.range)}", style="dim")
    text.append(f"  {_why(plugin)}{', see above' if again else ''}", style="dim")
    return text


def _why(plugin: ResolvedPlugin) -> str:
    if plugin.reason == "host":
        return "the host"
    if plugin.change == "update":
        return f"updates {one_line(plugin.installed_version or '')}, from {one_line(plugin.source)}"
    if plugin.change == "install":
        return f"from {one_line(plugin.source)}"
    return "installed"


def _cycles(found: Resolution) -> list[str]:
    return [f"need each other: {', '.join(cycle)}" for cycle in found.cycles]


def _unusable(found: Resolution) -> list[str]:
    return [f"not usable: {one.path}: {one.reason}" for one in found.unusable]


def _summary(found: Resolution) -> str:
    counts = [
        f"{count} {words}"
        for change, words in (("install", "to install"), ("update", "to update"))
        if (count := sum(plugin.change == change for plugin in found.plugins))
    ]
    return ", ".join(counts) or "nothing to do"


COMMANDS: Final[dict[str, Any]] = {"resolve": resolve}
