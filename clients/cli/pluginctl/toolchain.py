"""``pluginctl toolchain``: what is there to build plugins with, and what can be made ready ahead. Needs no daemon."""

import enum
import subprocess
from collections.abc import Callable, Sequence
from typing import Any, Final

import anyio
import click
import msgspec

from pluginctl import tables
from pluginctl.building import plan, toolchain
from pluginctl.building.run import prepare as run_preparation
from pluginctl.context import Invocation, pass_invocation
from pluginctl.failure import CommandFailed, Exit
from pluginctl.interrupts import sigterm_as_ctrl_c


class State(enum.StrEnum):
    """Whether plugins can be built with it."""

    READY = "ready"
    UNPREPARED = "unprepared"
    """They can, and the first of them takes longer."""
    MISSING = "missing"


class Tool(msgspec.Struct, frozen=True, kw_only=True):
    """What is said of a toolchain."""

    name: str
    state: State
    version: str | None = None
    where: list[str] = []
    """Its programs, and what else it is made of."""
    missing: str | None = None
    hint: str = ""
    """What to install, or to run."""


def _rust() -> Tool:
    found = toolchain.rust()
    where = [found.cargo, found.compiler]
    preparations = plan.preparations(found)
    version = _version(found.compiler)
    if preparations:
        return Tool(
            name="rust",
            state=State.UNPREPARED,
            version=version,
            where=where,
            missing="the standard library for WebAssembly is built first",
            hint="pluginctl toolchain --prepare rust",
        )
    own = [str(found.sysroot.folder)] if found.sysroot is not None else []
    return Tool(name="rust", state=State.READY, version=version, where=[*where, *own])


def _node() -> Tool:
    found = toolchain.node()
    return Tool(name="node", state=State.READY, version=_version(found.node), where=[found.node, found.npm])


_TOOLS: Final[dict[str, tuple[str, Callable[[], Tool]]]] = {"rust": ("Rust", _rust), "node": ("Node.js", _node)}
"""Name → for people, and how it is found."""


def _version(program: str) -> str | None:
    try:
        done = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    except OSError:
        return None
    words = done.stdout.split()
    return next((word.removeprefix("v") for word in words if word.removeprefix("v")[:1].isdigit()), None)


@click.command(name="toolchain")
@click.argument("names", metavar="[NAME]…", type=click.Choice(list(_TOOLS)), nargs=-1)
@click.option("--prepare", is_flag=True, help="Build now what the first plugin would have to wait for.")
@pass_invocation
@click.pass_context
def command(ctx: click.Context, invocation: Invocation, /, names: tuple[str, ...], *, prepare: bool) -> None:
    """Show what there is to build plugins with, and what to install where it is missing.

    NAME is rust or node; by default both. Exit status: 1 where one that is named is missing.
    """
    wanted = names or tuple(_TOOLS)
    if prepare and "rust" in wanted:
        with sigterm_as_ctrl_c():
            anyio.run(_prepare, invocation.as_json, bool(names))
    found = [_find(name) for name in dict.fromkeys(wanted)]
    if invocation.as_json:
        invocation.show(found)
    else:
        _show(found)
    missing = any(tool.state is State.MISSING for tool in found)
    ctx.exit(Exit.FAILED if names and missing else Exit.OK)


async def _prepare(quiet: bool, named: bool) -> None:  # noqa: FBT001 - by anyio.run
    try:
        preparations = plan.preparations(toolchain.rust())
    except CommandFailed:
        if named:
            raise
        return  # the table says what is missing
    for one in preparations:
        if not quiet:
            click.echo(f"building {one.shown}", err=True)
        failed = await run_preparation(one, quiet=quiet)
        if failed is not None:
            said = f": {failed.output.strip()}" if failed.output else ""
            raise CommandFailed(f"Could not build {failed.failed}{said}", hint=failed.hint)


def _find(name: str) -> Tool:
    _, find = _TOOLS[name]
    try:
        return find()
    except CommandFailed as exc:
        return Tool(name=name, state=State.MISSING, missing=str(exc), hint=exc.hint)


def _show(found: Sequence[Tool]) -> None:
    rows = ([_TOOLS[one.name][0], one.version or "-", one.state, ", ".join(one.where) or "-"] for one in found)
    tables.show(tables.table(["TOOLCHAIN", "VERSION", "", "WHERE"], rows))
    for one in found:
        if one.missing is not None:
            click.echo(f"{click.style(f'{_TOOLS[one.name][0]}: ', bold=True)}{one.missing}")
            click.echo(click.style("hint: ", fg="yellow") + one.hint)


COMMANDS: Final[dict[str, Any]] = {"toolchain": command}
