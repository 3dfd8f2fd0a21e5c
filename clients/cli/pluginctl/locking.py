"""``lock`` and ``restore``: exactly which plugins are installed, as a file beside a project."""

from pathlib import Path
from typing import Any, Final

import click

from pluginctl import tables
from pluginctl.context import Invocation, pass_invocation
from pluginctl.terminal import one_line
from plugind_protocol.dependencies import RestoredPlugin, RestoreResult

_DONE: Final = {"none": "as it is", "install": "installed", "update": "changed"}
_TO_DO: Final = {"none": "as it is", "install": "to install", "update": "to change"}


@click.command()
@click.argument("path", type=click.Path(path_type=Path), default=Path("plugins.lock"))
@pass_invocation
def lock(invocation: Invocation, /, path: Path) -> None:
    """Write down in PATH exactly which plugins are installed; a folder gets a plugins.lock.

    [default: plugins.lock]
    """
    with invocation.connect() as client:
        found = client.lock(str(path.absolute()))
    count = len(found.plugins)
    words = f"locked {count} {'plugin' if count == 1 else 'plugins'} in {one_line(found.path or '')}"
    if found.left_out:
        words += f"\nleft out, since they are in development: {one_line(', '.join(found.left_out))}"
    invocation.show(found, words)


@click.command()
@click.argument("path", type=click.Path(exists=True, path_type=Path), default=Path("plugins.lock"))
@click.option("--dry-run", is_flag=True, help="Find and check everything, and change nothing.")
@pass_invocation
def restore(invocation: Invocation, /, path: Path, *, dry_run: bool) -> None:
    """Bring back exactly the plugins that PATH has, or change nothing.

    [default: plugins.lock]
    """
    with invocation.connect() as client:
        found = client.restore(str(path.absolute()), dry_run=dry_run)
    if invocation.as_json:
        return invocation.show(found)
    tables.show(tables.table(["PLUGIN", "VERSION", "", "FROM"], (_row(one, found) for one in found.plugins)))
    if found.others:
        click.echo(f"not in the lock file, and left as they are: {one_line(', '.join(found.others))}")
    return None


def _row(one: RestoredPlugin, found: RestoreResult) -> list[str]:
    words = (_DONE if found.restored else _TO_DO)[one.change]
    was = f" (was {one.previous})" if one.previous not in (None, one.version) else ""
    return [one.plugin_id, one.version, words + was, one.source]


COMMANDS: Final[dict[str, Any]] = {"lock": lock, "restore": restore}
