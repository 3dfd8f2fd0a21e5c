"""Wires the host together and serves the daemon over the socket that it was started with."""

import contextlib
import json
import signal
import socket
import sys
from pathlib import Path
from typing import Any, Final

import anyio
import anyio.abc
import msgspec

from plugind_client import AsyncClient, Disconnected
from plugind_headless import confine
from plugind_headless.errors import ProjectError
from plugind_headless.host import Host
from plugind_headless.media.decoder import Decoder
from plugind_headless.timeline import project
from plugind_headless.ui.answers import Accept, Answers, Cancel, read_script
from plugind_headless.ui.desk import Desk
from plugind_headless.ui.prompt import at_terminal
from plugind_headless.words import one_line
from plugind_protocol import __version__
from plugind_protocol.errors import PlugindError
from plugind_protocol.methods import State

NAME: Final = "plugind-headless"
_NOT_LOADED: Final = {State.NOT_INSTALLED, State.INSTALLED, State.ERROR}


class Options(msgspec.Struct, frozen=True):
    """What the daemon asks for."""

    descriptor: int
    """Of the socket to the daemon."""
    project: str | None = None
    dialogs: str = "cancel"
    """``cancel``, ``accept``, ``prompt``, or the path of a script."""


def run(options: Options) -> int:
    """Serve until the daemon closes the socket.

    Args:
        options: What the daemon asks for.

    Returns:
        The exit status: 0, or 1 where it could not start; what it says on stdout then has the reason.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # sent to the whole group of a terminal; the daemon says when to end
    unconfined = confine.host()
    with socket.socket(fileno=options.descriptor) as sock:
        try:
            answers = _answers(options.dialogs)
            file, timeline = project.open_project(Path(options.project)) if options.project else (None, project.empty())
        except ProjectError as exc:
            _tell_daemon(event="failed", reason=str(exc))
            return 1
        anyio.run(_serve, sock.dup(), file, timeline, answers, unconfined)
    return 0


async def _serve(
    sock: socket.socket, file: project.ProjectFile | None, timeline: Any, answers: Answers, unconfined: list[str]
) -> None:
    stream = await anyio.abc.UNIXSocketStream.from_socket(sock)
    clients: list[AsyncClient] = []

    async def publish(name: str, payload: Any, plugin_id: str | None) -> None:
        try:
            await clients[0].events_publish(name, payload, plugin_id=plugin_id)
        except PlugindError as exc:
            _say(f"{name} was not published: {exc.message}")

    decoder = Decoder()
    host = Host(
        file,
        timeline,
        desk=Desk(answers, _say),
        decoder=decoder,
        say=_say,
        publish=publish,
        unconfined=unconfined,
    )
    try:
        with contextlib.suppress(Disconnected):
            async with AsyncClient.connect(
                name=NAME,
                version=__version__,
                handlers=dict.fromkeys(host.methods, host.answer),
                stream=stream,
                project=file.folder if file is not None else None,
            ) as client:
                clients.append(client)
                changes = client.notifications("plugins.stateChanged")
                _tell_daemon(event="ready")
                async for changed in changes:  # until the daemon is gone
                    if changed.to in _NOT_LOADED:
                        host.forget(changed.plugin_id)
    finally:
        decoder.close()


def _answers(dialogs: str) -> Answers:
    known: dict[str, Any] = {"cancel": Cancel, "accept": Accept, "prompt": at_terminal}
    made: Answers = known[dialogs]() if dialogs in known else read_script(Path(dialogs))
    return made


def _tell_daemon(**what: str) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def _say(text: str) -> None:
    sys.stderr.write(one_line(text) + "\n")
    sys.stderr.flush()
