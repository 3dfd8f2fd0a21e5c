"""``pluginctl rpc``: any method, params and result as they are on the wire."""

from typing import Final

import click
import msgspec
from click.shell_completion import CompletionItem

from pluginctl.arguments import Json
from pluginctl.context import Invocation, pass_invocation
from plugind_protocol.methods import METHODS


def _methods(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(row.name, help=row.summary) for row in METHODS.values() if row.name.startswith(incomplete)]


@click.command()
@click.argument("method", shell_complete=_methods)
@click.argument("params", type=Json(), default="{}")
@pass_invocation
def rpc(invocation: Invocation, /, method: str, params: msgspec.Raw) -> None:
    """Call METHOD of the daemon and print its result as JSON.

    PARAMS is a JSON text, or - to read it from stdin.
    """
    with invocation.connect() as client:
        invocation.show(client.call_raw(method, params))


COMMANDS: Final = {"rpc": rpc}
