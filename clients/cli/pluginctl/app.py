"""The command tree: global options, and the table of commands, each loaded only when it is used."""

import importlib
import os
import sys
from typing import Any, Final

import click

from pluginctl.context import Invocation
from pluginctl.failure import EXPECTED, Exit, report
from plugind_client import default_path
from plugind_protocol import __version__

COMMANDS: Final[dict[str, str]] = {
    "rpc": "rpc",
    "status": "overview",
    "list": "overview",
    "info": "overview",
    "install": "install",
    "uninstall": "plugins",
    "resolve": "dependencies",
    "lock": "locking",
    "restore": "locking",
    "load": "plugins",
    "unload": "plugins",
    "activate": "plugins",
    "deactivate": "plugins",
    "enable": "plugins",
    "disable": "plugins",
    "reload": "plugins",
    "release": "plugins",
    "update": "versions",
    "versions": "versions",
    "rollback": "versions",
    "limits": "plugins",
    "call": "call",
    "permissions": "permissions",
    "grant": "permissions",
    "revoke": "permissions",
    "accept": "permissions",
    "reject": "permissions",
    "effects": "overview",
    "logs": "logs",
    "top": "top",
    "timeline": "timeline",
    "render": "render",
    "capsules": "capsules",
    "capsule": "capsules",
    "replay": "replay",
    "new": "new",
    "dev": "dev",
    "build": "build",
    "test": "test",
    "pack": "pack",
    "toolchain": "toolchain",
    "docs": "docs",
    "completion": "completion",
}
"""Command → the module of `pluginctl` whose ``COMMANDS`` has it: ``rpc`` must not wait for what ``render`` imports."""


class App(click.Group):
    """The group of all commands; ends each expected failure in words and its exit status."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names of all commands, in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - as above
        """Load a command; None if there is no such."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"pluginctl.{COMMANDS[cmd_name]}")
        command: click.Command = module.COMMANDS[cmd_name]
        if JSON not in command.params:
            command.params.append(JSON)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except EXPECTED as failure:
            ctx.exit(report(failure, as_json=ctx.ensure_object(Invocation).as_json))
        except KeyboardInterrupt:
            ctx.exit(Exit.INTERRUPTED)
        except BrokenPipeError:
            # Whoever read us has gone: nothing more can be said, not even by the interpreter's last flush.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            ctx.exit(Exit.PIPE_CLOSED)


def _print_json(ctx: click.Context, _param: click.Parameter, value: bool) -> None:  # noqa: FBT001 - click's signature
    if value:
        ctx.ensure_object(Invocation).as_json = True


JSON: Final = click.Option(["--json"], is_flag=True, expose_value=False, callback=_print_json, help="Print JSON.")
"""Every command also takes ``--json`` after its name."""


@click.group(cls=App, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--socket", metavar="PATH", help=f"The daemon's socket.  [default: {default_path()}]")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, errors included.")
@click.version_option(__version__, prog_name="pluginctl")
@click.pass_context
def app(ctx: click.Context, /, socket: str | None, as_json: bool) -> None:  # noqa: FBT001 - click calls by name
    """Look inside plugind and steer its plugins.

    Exit status: 0 fine, 1 the call failed, 2 usage, 3 no daemon.
    """
    ctx.obj = Invocation(socket=socket, as_json=as_json)
