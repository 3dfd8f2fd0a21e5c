"""``pluginctl call``: one function of one plugin."""

from typing import Final

import click
import msgspec

from pluginctl.arguments import Json, plugin_argument
from pluginctl.context import Invocation, pass_invocation


@click.command()
@plugin_argument
@click.argument("function")
@click.argument("args", type=Json(), default="null")
@click.option("--timeout", "timeout_ms", type=click.IntRange(1, 3_600_000), metavar="MS", help="Deadline in ms.")
@pass_invocation
def call(invocation: Invocation, /, plugin: str, function: str, args: msgspec.Raw, timeout_ms: int | None) -> None:
    """Call FUNCTION of PLUGIN and print its result as JSON.

    ARGS is a JSON text, or - to read it from stdin. The plugin is loaded on demand.
    """
    with invocation.connect() as client:
        invocation.show(client.call_plugin(plugin, function, args=args, timeout_ms=timeout_ms))


COMMANDS: Final = {"call": call}
