"""``pluginctl install``: any source, and on the way how far it is."""

import secrets
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, Final

import click
import msgspec
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from pluginctl.context import Invocation, pass_invocation
from pluginctl.terminal import one_line, size
from plugind_client import Client
from plugind_client.calls import Granting
from plugind_protocol.methods import HeldUpdate, InstallProgress, InstallResult
from plugind_protocol.presets import PRESETS, PresetName

LINE_SECONDS: Final = 2.0
"""How often a line about a download is printed where there is no terminal."""

Show = Callable[[InstallProgress], None]


@click.command()
@click.argument("source")
@click.option("--grant", multiple=True, metavar="PERMISSION", help="Grant this permission; may be repeated.")
@click.option("--grant-requested", is_flag=True, help="Grant all that the plugin asks for.")
@click.option("--preset", type=click.Choice(list(PRESETS)), help="Grant what this preset covers of what it asks for.")
@click.option("--sha256", metavar="HEX", help="Install the package only if it is the one with this SHA-256.")
@click.option("--grant-dependencies", is_flag=True, help="Grant all that the plugins ask for that come with it.")
@click.option("--allow-unsigned", is_flag=True, help="Accept a package without a signature.")
@pass_invocation
def install(
    invocation: Invocation,
    /,
    source: str,
    *,
    grant: tuple[str, ...],
    grant_requested: bool,
    preset: PresetName | None,
    sha256: str | None,
    grant_dependencies: bool,
    allow_unsigned: bool,
) -> None:
    """Install the plugin at SOURCE, or another version of an installed one.

    SOURCE is a folder with manifest.json, a package (.tsplugin), a file:// or https:// URL of one, or id@range.
    """
    if bool(grant) + grant_requested + bool(preset) > 1:
        raise click.UsageError("--grant, --grant-requested and --preset exclude each other.")
    granting: Granting = "requested" if grant_requested else preset or grant
    token = secrets.token_hex(8)
    with invocation.connect() as client:
        with nullcontext() if invocation.as_json else watching(client, token):
            result = client.install(
                as_the_daemon_sees(source),
                grant=granting,
                allow_unsigned=allow_unsigned,
                sha256=sha256,
                grant_dependencies="requested" if grant_dependencies else None,
                progress_token=None if invocation.as_json else token,
            )
        held = client.get_permissions(result.plugin_id).granted
    if result.held_update is not msgspec.UNSET:
        return invocation.show(result, held_words(result, result.held_update))
    words = "".join(
        f"{'updated' if one.previous else 'installed'} {one_line(one.plugin_id)} {one.version}, which it needs\n"
        for one in result.dependencies
    )
    words += f"installed {one_line(result.plugin_id)} {result.version} ({result.state})"
    if lacking := [name for name in result.requested_permissions if name not in held]:
        words += f"\nit asks for what it was not granted: {', '.join(lacking)}"
        words += f"\ngrant it with: pluginctl grant {result.plugin_id} {' '.join(lacking)}"
    return invocation.show(result, words)


def held_words(result: InstallResult, update: HeldUpdate) -> str:
    """Say that an update waits, and what to do."""
    plugin = one_line(result.plugin_id)
    return (
        f"{plugin} stays at {result.version}: {update.version} asks for more, {', '.join(update.permissions)}\n"
        f"take it with: pluginctl accept {plugin} --grant-requested (or without, to grant nothing)\n"
        f"drop it with: pluginctl reject {plugin}"
    )


def as_the_daemon_sees(source: str) -> str:
    """Make a path absolute: the daemon runs in another folder. What is no path here may be an id or a URL."""
    path = Path(source).expanduser()
    return str(path.resolve()) if path.exists() else source


@contextmanager
def watching(client: Client, token: str) -> Iterator[None]:
    """Show the progress that comes with a token for as long as the block lasts."""
    with _bar() if sys.stderr.isatty() else nullcontext(lines(time.monotonic)) as show:
        told = client.portal.call(client.asynchronous.notifications, "$/progress")

        async def follow() -> None:
            async for progress in told:
                if progress.token == token:
                    show(progress.value)

        following = client.portal.start_task_soon(follow)
        try:
            yield
        finally:
            following.cancel()


@contextmanager
def _bar() -> Iterator[Show]:
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(binary_units=True), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)

        def show(progress: InstallProgress) -> None:
            bar.update(task, description=progress.stage, completed=progress.done or 0, total=progress.total)

        yield show


def lines(clock: Callable[[], float]) -> Show:
    """Show a download by a line now and then, and nothing of what does not take long.

    Args:
        clock: Monotonic time in s.
    """
    last = clock()

    def show(progress: InstallProgress) -> None:
        nonlocal last
        if progress.done is None or (now := clock()) - last < LINE_SECONDS:
            return
        last = now
        total = f" of {size(progress.total)}" if progress.total is not None else ""
        click.echo(f"{progress.stage} {size(progress.done)}{total}", err=True)

    return show


COMMANDS: Final[dict[str, Any]] = {"install": install}
