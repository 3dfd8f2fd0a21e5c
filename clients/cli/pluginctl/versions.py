"""Commands about the versions of a plugin: which are kept, going back to one, and taking a newer one."""

from typing import Final

import click
import msgspec

from pluginctl import tables
from pluginctl.arguments import plugin_argument
from pluginctl.context import Invocation, pass_invocation
from pluginctl.install import as_the_daemon_sees
from pluginctl.terminal import one_line
from plugind_client.calls import Granting
from plugind_protocol.presets import PRESETS, PresetName


@click.command()
@plugin_argument
@pass_invocation
def versions(invocation: Invocation, /, plugin: str) -> None:
    """List the versions of PLUGIN that are kept, the current one first."""
    with invocation.connect() as client:
        found = client.versions(plugin)
    if invocation.as_json:
        return invocation.show(found)
    rows = [
        (
            one.version,
            "current" if one.current else "in quarantine" if one.quarantine else "",
            (one.installed_at or "-")[:19].replace("T", " "),
            one.package[:12],
            one.source or "-",
        )
        for one in found.versions
    ]
    return tables.show(tables.table(("VERSION", "", "SINCE (UTC)", "PACKAGE", "FROM"), rows))


@click.command()
@plugin_argument
@click.argument("version", required=False)
@pass_invocation
def rollback(invocation: Invocation, /, plugin: str, version: str | None) -> None:
    """Go back to VERSION of PLUGIN, or to the one before; if it does not run, nothing changes."""
    with invocation.connect() as client:
        info = client.rollback(plugin, version)
    invocation.show(info, f"went back to {one_line(info.plugin_id)} {info.version} ({info.state})")


@click.command()
@plugin_argument
@click.argument("source", required=False)
@click.option("--grant", multiple=True, metavar="PERMISSION", help="Grant this permission; may be repeated.")
@click.option("--grant-requested", is_flag=True, help="Grant all that the new version asks for.")
@click.option("--preset", type=click.Choice(list(PRESETS)), help="Grant what this preset covers of what it asks for.")
@pass_invocation
def update(
    invocation: Invocation,
    /,
    plugin: str,
    source: str | None,
    *,
    grant: tuple[str, ...],
    grant_requested: bool,
    preset: PresetName | None,
) -> None:
    """Update PLUGIN to SOURCE, or to the newest version where it came from or in the package folders."""
    if bool(grant) + grant_requested + bool(preset) > 1:
        raise click.UsageError("--grant, --grant-requested and --preset exclude each other.")
    granting: Granting = "requested" if grant_requested else preset or grant
    with invocation.connect() as client:
        where = as_the_daemon_sees(source) if source is not None else None
        result = client.update(plugin, where, grant=granting)
    done = "updated" if result.updated else "left as it is:"
    words = f"{done} {one_line(result.plugin_id)} {one_line(result.message)} ({result.state})"
    if result.held_update is not msgspec.UNSET:
        words += f"\ntake it with: pluginctl accept {one_line(result.plugin_id)} --grant-requested"
    invocation.show(result, words)


COMMANDS: Final = {"update": update, "versions": versions, "rollback": rollback}
