"""``pluginctl build``: plugins are built, and their modules put where their manifests say. Needs no daemon."""

import os
from pathlib import Path
from typing import Any, Final

import anyio
import click
import msgspec

from pluginctl.building.plan import plan
from pluginctl.building.run import build_and_place
from pluginctl.context import Invocation, pass_invocation
from pluginctl.failure import CommandFailed
from pluginctl.interrupts import sigterm_as_ctrl_c
from pluginctl.project import Project, read
from pluginctl.terminal import one_line, size


class Made(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What is said of a plugin that was built."""

    plugin: str
    version: str
    main: str
    """Its module, script or text."""
    size: int
    """Of `main`, in bytes."""
    seconds: float
    commands: list[str]
    """What was run; nothing where `main` is what its author has written."""


@click.command()
@click.argument(
    "directories", metavar="[DIR]…", type=click.Path(path_type=Path, exists=True, file_okay=False), nargs=-1
)
@pass_invocation
def build(invocation: Invocation, /, directories: tuple[Path, ...]) -> None:
    """Build the plugin in each DIR, by default here, and put its module where its manifest says.

    Cargo's target folder is that of CARGO_TARGET_DIR, if it is set. It ends with the first plugin that does not build.
    """
    with sigterm_as_ctrl_c():
        for directory in directories or (Path(),):
            made = anyio.run(_build, read(directory), invocation.as_json)
            invocation.show(made, _words(made))


async def _build(project: Project, quiet: bool) -> Made:  # noqa: FBT001 - by anyio.run
    found = plan(project)
    seconds, commands = 0.0, []
    if found is not None:
        built = await build_and_place(project, found, quiet=quiet)
        seconds, commands = built.seconds, [step.shown for step in found.steps]
    try:
        if found is not None:
            os.utime(project.main)  # as new as the build, for who goes by that, though it may be the very same
        length = project.main.stat().st_size
    except OSError as exc:
        raise CommandFailed(f"{exc.filename}: {exc.strerror}") from exc
    return Made(
        plugin=project.manifest.name,
        version=project.manifest.version,
        main=str(project.main),
        size=length,
        seconds=round(seconds, 3),
        commands=commands,
    )


def _words(made: Made) -> str:
    what = f"{one_line(made.plugin)} {made.version}"
    if not made.commands:
        return f"{what} has nothing to build: it is {made.main} ({size(made.size)})"
    return f"built {what} in {made.seconds:.1f} s: {made.main} ({size(made.size)})"


COMMANDS: Final[dict[str, Any]] = {"build": build}
