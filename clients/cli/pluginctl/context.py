"""What every command gets: where the daemon is, how to print, and a way to connect."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import click
import msgspec

from plugind_client import Client
from plugind_protocol import __version__
from plugind_protocol.methods import Namespace

CLIENT_NAME: Final = "pluginctl"
PROVIDES: Final[tuple[Namespace, ...]] = ()
"""A command line is no editor: it provides no host namespaces."""


class Invocation:
    """The options before the command.

    Args:
        socket: The daemon's socket; None for the default.
        as_json: Print machine-readable JSON.
    """

    def __init__(self, *, socket: str | None = None, as_json: bool = False) -> None:
        self.socket = socket
        self.as_json = as_json

    @contextmanager
    def connect(self) -> Iterator[Client]:
        """Open a session with the daemon.

        Raises:
            NoDaemon: There is none.
        """
        with Client.connect(self.socket, name=CLIENT_NAME, version=__version__, provides=PROVIDES) as client:
            yield client

    def show(self, value: Any, words: str | None = None) -> None:
        """Print a result.

        Args:
            value: Anything msgspec can encode: what ``--json`` prints, in one line.
            words: What a person reads instead; None for the JSON, indented.
        """
        text = value if isinstance(value, msgspec.Raw) else msgspec.json.encode(value)
        if self.as_json:
            click.echo(bytes(text))
        elif words is None:
            click.echo(bytes(msgspec.json.format(text, indent=2)))
        elif words:
            click.echo(words)


pass_invocation = click.make_pass_decorator(Invocation)
