"""``pluginctl dev``: the command around `pluginctl.developing`, the daemon that it works with, and its end."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import anyio
import anyio.lowlevel
import click
import msgspec
from anyio.streams.memory import MemoryObjectReceiveStream

from pluginctl import cache
from pluginctl.arguments import Json
from pluginctl.context import CLIENT_NAME, PROVIDES, Invocation, pass_invocation
from pluginctl.developing import showing
from pluginctl.developing.rounds import Options, Rounds
from pluginctl.developing.showing import Show
from pluginctl.developing.sources import places
from pluginctl.developing.watching import feed
from pluginctl.failure import CommandFailed
from pluginctl.interrupts import sigterm_as_ctrl_c
from pluginctl.private import private_daemon
from pluginctl.project import Call
from plugind_client import AsyncClient, Disconnected, NoDaemon, default_path
from plugind_protocol import __version__
from plugind_protocol.errors import PlugindError

_LEAVE_SECONDS: Final = 10.0


@click.command()
@click.argument("directory", type=click.Path(path_type=Path, exists=True, file_okay=False), default=Path())
@click.option("--call", "function", metavar="FUNCTION", help="Call this after each change, and print what it answers.")
@click.option("--args", type=Json(), default="null", metavar="JSON", help="What it is called with.")
@click.option(
    "--grant", multiple=True, metavar="PERMISSION", help="Grant only this; may be repeated.  [default: all it asks for]"
)
@click.option("--no-activate", is_flag=True, help="Load it, and do not run its main.")
@click.option("--optimize", is_flag=True, help="Compile it as an installed plugin: takes longer, and runs faster.")
@click.option(
    "--project",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="OpenTimelineIO file that its timeline is, where dev starts a daemon of its own.",
)
@click.option("--keep", is_flag=True, help="Leave it loaded and watched by the daemon at the end.")
@pass_invocation
def dev(
    invocation: Invocation,
    /,
    directory: Path,
    *,
    function: str | None,
    args: msgspec.Raw,
    grant: tuple[str, ...],
    no_activate: bool,
    optimize: bool,
    project: Path | None,
    keep: bool,
) -> None:
    """Build the plugin in DIRECTORY, by default here, run it, and do so again whenever something changes.

    It runs in the daemon, or in one of its own where there is none. What fails leaves the version before it serving.
    Ctrl-C ends.
    """
    options = Options(
        folder=directory.absolute(),
        grant=grant or "requested",
        activate=not no_activate,
        optimize=optimize,
        call=Call(function, msgspec.json.decode(args)) if function is not None else None,
        quiet=invocation.as_json,
    )
    show = showing.as_json if invocation.as_json else showing.as_words
    with sigterm_as_ctrl_c(), suppress(KeyboardInterrupt):  # the usual way to end it
        anyio.run(_develop, _Session(invocation, show, project=project, keep=keep), options)


class _Session(msgspec.Struct, frozen=True):
    """What the loop works with."""

    invocation: Invocation
    show: Show
    project: Path | None
    """Timeline of a daemon of our own."""
    keep: bool


async def _develop(session: _Session, options: Options) -> None:
    show = session.show
    failure: Exception | None = None
    rounds = Rounds(options, show)
    rounds.begin()
    async with _connected(session) as client, anyio.create_task_group() as tasks:
        rounds.client = client
        try:
            tasks.start_soon(_listen, client, rounds, options, show)
            changed, changes_of = anyio.create_memory_object_stream[list[Path]]()
            tasks.start_soon(feed, options.folder, rounds.counts, changed)
            await anyio.lowlevel.checkpoint()  # it watches from here on: nothing falls between
            await _go_round(rounds, options, show, changes_of)
        except Exception as exc:  # raised again below, outside: a task group would wrap it
            failure = exc
        finally:
            await _leave(client, rounds, keep=session.keep)
        tasks.cancel_scope.cancel()
    if failure is not None:
        raise failure


async def _go_round(
    rounds: Rounds, options: Options, show: Show, changed: MemoryObjectReceiveStream[list[Path]]
) -> None:
    await rounds.first()
    show(showing.Watching(folder=str(options.folder)))
    async for paths in changed:
        await rounds.changed(paths)


async def _listen(client: AsyncClient, rounds: Rounds, options: Options, show: Show) -> None:
    """Tell what the plugin writes to its console."""
    with suppress(Disconnected):  # the loop says so
        async for line in client.notifications("plugins.console"):
            if line.plugin_id == rounds.expected:
                found = places(line.message, options.folder)
                show(showing.Said(level=line.level, message=line.message, places=found))


async def _leave(client: AsyncClient, rounds: Rounds, *, keep: bool) -> None:
    """Let the daemon have what it had before."""
    if keep or rounds.plugin_id is None:
        return
    with anyio.CancelScope(shield=True), anyio.move_on_after(_LEAVE_SECONDS), suppress(Disconnected, PlugindError):
        await client.uninstall(rounds.plugin_id)


@asynccontextmanager
async def _connected(session: _Session) -> AsyncIterator[AsyncClient]:
    """Connect to the daemon; where there is none, start one there.

    Raises:
        CommandFailed: A project was named, and it cannot be had.
    """
    invocation = session.invocation
    async with AsyncExitStack() as stack:

        async def connect() -> AsyncClient:
            opened = AsyncClient.connect(invocation.socket, name=CLIENT_NAME, version=__version__, provides=PROVIDES)
            return await stack.enter_async_context(opened)

        try:
            client = await connect()
        except NoDaemon:
            where = invocation.socket or default_path()
            await stack.enter_async_context(
                private_daemon(*_host(session.project), purpose="development", socket=where, compiled=cache.compiled())
            )
            session.show(showing.Started(socket=where))
            client = await connect()
        else:
            if session.project is not None:
                raise CommandFailed(
                    f"a daemon runs already, with a timeline of its own: it does not open {session.project}",
                    hint=f"Stop it, or start it so: plugind --host headless --project {session.project}",
                )
        yield client


def _host(project: Path | None) -> tuple[str, ...]:
    """Return what has a daemon provide a timeline, if it can.

    Raises:
        CommandFailed: It cannot, and a project was named.
    """
    if find_spec("opentimelineio") is None:
        if project is not None:
            raise CommandFailed("OpenTimelineIO is missing to open a project", hint="pip install 'plugind[headless]'")
        return ()
    return ("--host", "headless", *(() if project is None else ("--project", str(project.absolute()))))


COMMANDS: Final[dict[str, Any]] = {"dev": dev}
