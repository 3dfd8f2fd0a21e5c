"""``pluginctl replay``: the command around `pluginctl.replaying`."""

from pathlib import Path
from typing import Final

import anyio
import click

from pluginctl.context import Invocation, pass_invocation
from pluginctl.failure import Exit
from pluginctl.replaying.player import replay as play
from pluginctl.replaying.source import find, folder_of
from pluginctl.replaying.verdict import Outcome, Verdict
from pluginctl.terminal import printable


@click.command()
@click.argument("capsule", metavar="CAPSULE")
@click.option(
    "--plugin",
    "folder",
    metavar="FOLDER",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="The plugin's folder, with the module that failed.  [default: the daemon's copy, if it is still there]",
)
@click.option(
    "--sandbox",
    type=click.Choice(["require", "degrade"]),
    help="Without an essential layer of the sandbox: do not replay, or replay all the same.  [default: as plugind]",
)
@pass_invocation
@click.pass_context
def replay(
    ctx: click.Context, invocation: Invocation, /, capsule: str, *, folder: Path | None, sandbox: str | None
) -> None:
    """Run the failure in CAPSULE, a file or an id, again: in a daemon of its own, without an editor.

    Exit status: 0 it was reproduced, 1 it was not.
    """
    found = find(invocation, capsule)
    source = folder_of(found, folder)
    verdict = anyio.run(lambda: play(found, source, sandbox=sandbox))
    invocation.show(verdict, _words(verdict))
    ctx.exit(Exit.OK if verdict.reproduced else Exit.FAILED)


def _words(verdict: Verdict) -> str:
    colour = "green" if verdict.reproduced else "yellow"
    lines = [click.style(printable(verdict.summary), fg=colour, bold=True)]
    lines.append(printable(f"recorded: {_outcome(verdict.expected)}"))
    lines.append(printable(f"replayed: {_outcome(verdict.seen)}"))
    lines += [printable(f"differs: {text}") for text in verdict.differences]
    lines += [printable(f"note: {text}") for text in verdict.notes]
    return "\n".join(lines)


def _outcome(outcome: Outcome | None) -> str:
    if outcome is None:
        return "nothing failed"
    words = f"{outcome.kind}, cause {outcome.cause}"
    if outcome.signal is not None:
        words += f", by {outcome.signal}"
    return words + (f", in {outcome.top}" if outcome.top is not None else "")


COMMANDS: Final = {"replay": replay}
