"""Commands about what plugins may do: ``permissions``, ``grant``, ``revoke``."""

from typing import Any, Final

import click

from pluginctl import tables
from pluginctl.arguments import plugin_argument
from pluginctl.context import Invocation, pass_invocation
from pluginctl.terminal import one_line
from plugind_protocol.methods import PermissionLedger, Permissions
from plugind_protocol.presets import PRESETS, PresetName

PRESET: Final = click.Choice(list(PRESETS))


@click.command()
@plugin_argument
@pass_invocation
def permissions(invocation: Invocation, /, plugin: str) -> None:
    """Show what PLUGIN asks for and was granted, and what it did with each permission."""
    with invocation.connect() as client:
        found = client.get_permissions(plugin)
    if invocation.as_json:
        return invocation.show(found)
    if not found.requested:
        return click.echo(f"{one_line(plugin)} asks for no permissions")
    click.echo(f"preset: {found.preset or 'none, granted one by one'}")
    tables.show(tables.table(["PERMISSION", "GRANTED", "USED", "DENIED", "LAST", "FOR"], _rows(found)))
    for change in found.changes:
        click.echo(one_line(f"{change.at}  {change.action} {', '.join(change.permissions)}, by {change.by}"))
    return None


def _rows(found: PermissionLedger) -> list[list[str]]:
    rows = []
    for text in found.requested:
        name = text.partition(":")[0]
        uses = [use for use in found.used if use.permission == name]
        rows.append(
            [
                text,
                "yes" if text in found.granted else "in part" if _in_part(name, found) else "no",
                str(sum(use.allowed for use in uses)),
                str(sum(use.denied for use in uses)),
                max((use.last for use in uses), default="never"),
                ", ".join([detail for use in uses for detail in use.details][-3:])
                or ", ".join(use.method for use in uses),
            ]
        )
    return rows


def _in_part(name: str, found: PermissionLedger) -> bool:
    """Whether a narrower scope than the requested one was granted."""
    return any(text.partition(":")[0] == name for text in found.granted)


@click.command()
@plugin_argument
@click.argument("permissions", nargs=-1, metavar="[PERMISSION]...")
@click.option("--preset", type=PRESET, help="Instead: grant exactly what this preset covers of what it asks for.")
@pass_invocation
def grant(invocation: Invocation, /, plugin: str, permissions: tuple[str, ...], *, preset: PresetName | None) -> None:
    """Grant permissions to PLUGIN that it asks for."""
    if bool(permissions) == bool(preset):
        raise click.UsageError("Give either PERMISSION or --preset.")
    with invocation.connect() as client:
        held = client.grant(plugin, permissions) if preset is None else client.apply_preset(plugin, preset)
    _show_held(invocation, plugin, held)


@click.command()
@plugin_argument
@click.argument("permissions", nargs=-1, required=True, metavar="PERMISSION...")
@pass_invocation
def revoke(invocation: Invocation, /, plugin: str, permissions: tuple[str, ...]) -> None:
    """Revoke permissions of PLUGIN, at once."""
    with invocation.connect() as client:
        _show_held(invocation, plugin, client.revoke(plugin, permissions))


@click.command()
@plugin_argument
@click.option("--grant", multiple=True, metavar="PERMISSION", help="Grant this permission with it; may be repeated.")
@click.option("--grant-requested", is_flag=True, help="Grant all that it asks for.")
@pass_invocation
def accept(invocation: Invocation, /, plugin: str, *, grant: tuple[str, ...], grant_requested: bool) -> None:
    """Take the update of PLUGIN that is held since it asks for more."""
    if grant and grant_requested:
        raise click.UsageError("--grant and --grant-requested exclude each other.")
    with invocation.connect() as client:
        info = client.accept_update(plugin, grant="requested" if grant_requested else grant)
    words = f"updated {one_line(info.plugin_id)} to {info.version}; it holds: {', '.join(info.permissions.granted)}"
    invocation.show(info, words if info.permissions.granted else words.partition(";")[0])


@click.command()
@plugin_argument
@pass_invocation
def reject(invocation: Invocation, /, plugin: str) -> None:
    """Drop the update of PLUGIN that is held; it stays as it is."""
    with invocation.connect() as client:
        info = client.reject_update(plugin)
    invocation.show(info, f"{one_line(info.plugin_id)} stays at {info.version}")


def _show_held(invocation: Invocation, plugin: str, held: Permissions) -> None:
    invocation.show(held, f"{one_line(plugin)} holds: {', '.join(held.granted) or 'no permissions'}")


COMMANDS: Final[dict[str, Any]] = {
    "permissions": permissions,
    "grant": grant,
    "revoke": revoke,
    "accept": accept,
    "reject": reject,
}
