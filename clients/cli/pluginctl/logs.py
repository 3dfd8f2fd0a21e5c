"""``pluginctl logs``: what plugins have logged, and go on logging."""

from typing import Final

import click

from pluginctl.arguments import PLUGIN_ID
from pluginctl.context import Invocation, pass_invocation
from pluginctl.terminal import one_line
from plugind_protocol.methods import ConsoleMessage

COLOURS: Final = {"trace": "bright_black", "debug": "bright_black", "info": None, "warn": "yellow", "error": "red"}


@click.command()
@click.argument("plugin", type=PLUGIN_ID, required=False)
@click.option("-f", "--follow", is_flag=True, help="Go on as more is logged, until Ctrl-C.")
@pass_invocation
def logs(invocation: Invocation, /, plugin: str | None, *, follow: bool) -> None:
    """Print what plugins have logged; of PLUGIN only, if one is named."""
    with invocation.connect() as client:
        coming = client.notifications("plugins.console")  # before the past is read: nothing falls between
        past = client.console_get(plugin)
        if past.dropped:
            click.echo(f"({past.dropped} messages were dropped)", err=True)
        for message in past.messages:
            _print(invocation, message)
        last = past.messages[-1].seq if past.messages else 0
        try:
            for message in coming if follow else ():
                if message.seq > last and plugin in (None, message.plugin_id):
                    _print(invocation, message)
        except KeyboardInterrupt:  # the usual way to end -f
            return


def _print(invocation: Invocation, message: ConsoleMessage) -> None:
    level = click.style(f"{message.level:5}", fg=COLOURS[message.level])
    invocation.show(message, f"{message.at} {one_line(message.plugin_id)} {level} {one_line(message.message)}")


COMMANDS: Final = {"logs": logs}
