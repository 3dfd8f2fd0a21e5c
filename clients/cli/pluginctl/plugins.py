"""Commands that change plugins: their lifecycle, their permissions and limits."""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import click
import msgspec

from pluginctl.arguments import plugin_argument
from pluginctl.context import Invocation, pass_invocation
from pluginctl.terminal import one_line
from plugind_client import Client
from plugind_protocol.methods import LimitChanges, PluginInfo


class Step(NamedTuple):
    """A command that names a plugin and changes its state."""

    call: Callable[[Client, str], PluginInfo]
    done: str
    """What is said when it is done."""
    help: str


STEPS: Final[dict[str, Step]] = {
    "load": Step(Client.load, "loaded", "Start the worker of PLUGIN and load its module."),
    "unload": Step(Client.unload, "unloaded", "Stop the worker of PLUGIN."),
    "activate": Step(Client.activate, "activated", "Activate PLUGIN."),
    "deactivate": Step(Client.deactivate, "deactivated", "Deactivate PLUGIN; it stays loaded."),
    "enable": Step(Client.enable, "enabled", "Allow PLUGIN to be loaded."),
    "disable": Step(Client.disable, "disabled", "Unload PLUGIN and do not load it on demand."),
    "reload": Step(Client.reload, "reloaded", "Replace the worker of PLUGIN by a fresh one."),
}


def _step_command(name: str, step: Step) -> click.Command:
    @click.command(name, help=step.help)
    @plugin_argument
    @pass_invocation
    def command(invocation: Invocation, /, plugin: str) -> None:
        with invocation.connect() as client:
            info = step.call(client, plugin)
        _show_done(invocation, step.done, info)

    return command


def _show_done(invocation: Invocation, done: str, info: PluginInfo) -> None:
    worker = f", pid {info.pid}" if info.pid is not None else ""
    invocation.show(info, f"{done} {one_line(info.plugin_id)} {info.version} ({info.state}{worker})")


@click.command()
@plugin_argument
@click.option("--force", is_flag=True, help="Even if other installed plugins need it.")
@pass_invocation
def uninstall(invocation: Invocation, /, plugin: str, *, force: bool) -> None:
    """Stop PLUGIN and remove it."""
    with invocation.connect() as client:
        _show_done(invocation, "uninstalled", client.uninstall(plugin, force=force))


@click.command()
@plugin_argument
@click.option("--fallback", is_flag=True, help="Switch to the earlier version instead, and leave this one be.")
@pass_invocation
def release(invocation: Invocation, /, plugin: str, *, fallback: bool) -> None:
    """End the quarantine of PLUGIN, whose version crashed too often."""
    with invocation.connect() as client:
        _show_done(invocation, "released", client.release(plugin, fallback=fallback))


_UNITS: Final = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


class LimitChange(click.ParamType[tuple[str, int]]):
    """``memoryBytes=64M``: a limit's name as it is shown, and a whole number with an optional K, M or G."""

    name = "change"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, int]:
        """Split one argument."""
        name, _, number = str(value).partition("=")
        if name not in LIMITS:
            self.fail(f"there is no limit {name!r}; there are {', '.join(LIMITS)}", param, ctx)
        unit = _UNITS.get(number[-1:].upper(), 1)
        digits = number if unit == 1 else number[:-1]
        if not digits.isdecimal():
            self.fail(f"{value!r} is not NAME=NUMBER", param, ctx)
        return LIMITS[name], int(digits) * unit


LIMITS: Final = {field.encode_name: field.name for field in msgspec.structs.fields(LimitChanges)}
"""Name on the wire → name of the field."""


@click.command()
@plugin_argument
@click.argument("changes", nargs=-1, type=LimitChange(), metavar="[NAME=NUMBER]...")
@pass_invocation
def limits(invocation: Invocation, /, plugin: str, changes: tuple[tuple[str, int], ...]) -> None:
    """Show the limits of PLUGIN, or change them at once: memoryBytes=64M callTimeoutMs=500."""
    with invocation.connect() as client:
        if changes:
            found = client.set_resource_limits(plugin, LimitChanges(**dict(changes)))
        else:
            found = client.get_resource_limits(plugin)
    shown = msgspec.to_builtins(found)
    invocation.show(found, "\n".join(f"{name}={value}" for name, value in shown.items()))


COMMANDS: Final[dict[str, Any]] = {
    "uninstall": uninstall,
    "release": release,
    "limits": limits,
    **{name: _step_command(name, step) for name, step in STEPS.items()},
}
