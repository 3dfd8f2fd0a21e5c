"""``pluginctl completion``: the script that makes a shell complete our commands and plugin ids."""

from typing import Final

import click
from click.shell_completion import get_completion_class

PROGRAM: Final = "pluginctl"
VARIABLE: Final = "_PLUGINCTL_COMPLETE"


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, /, shell: str) -> None:
    """Print the completion script for SHELL.

    For bash: eval "$(pluginctl completion bash)"
    """
    cls = get_completion_class(shell)
    assert cls is not None
    click.echo(cls(ctx.find_root().command, {}, PROGRAM, VARIABLE).source())


COMMANDS: Final = {"completion": completion}
