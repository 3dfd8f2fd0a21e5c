"""``pluginctl test``: a plugin's own tests, in a daemon of their own. Needs none that runs."""

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import anyio
import click
import msgspec

from pluginctl.building.plan import plan
from pluginctl.building.run import build_and_place
from pluginctl.context import Invocation, pass_invocation
from pluginctl.failure import CommandFailed, Exit
from pluginctl.interrupts import sigterm_as_ctrl_c
from pluginctl.project import read
from pluginctl.terminal import printable
from pluginctl.testing import cases
from pluginctl.testing.runner import DIFFERENCES, Outcome, Settings, run
from plugind_protocol import manifest as manifests
from plugind_protocol.package import SUFFIX
from plugind_protocol.package.unpack import unpack


class Tested(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What came of all."""

    plugin: str
    version: str
    passed: int
    failed: int
    seconds: float
    cases: list[Outcome]


@click.command()
@click.argument("source", metavar="[DIR|PACKAGE]", type=click.Path(path_type=Path, exists=True), default=Path())
@click.option("-k", "pattern", metavar="WORDS", default="", help="Only cases with this in their name, or their file's.")
@click.option("--update", is_flag=True, help="Write what is found as what is expected: answers and golden frames.")
@click.option("--no-build", is_flag=True, help="Do not build before.")
@click.option(
    "--engine", type=click.Choice(["wasmtime", "wasmer"]), help="Run it on this engine.  [default: the plugin's]"
)
@click.option(
    "--pictures",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help=f"Where pictures of differences go.  [default: DIR/{DIFFERENCES}]",
)
@pass_invocation
@click.pass_context
def test(
    ctx: click.Context,
    invocation: Invocation,
    /,
    source: Path,
    *,
    pattern: str,
    update: bool,
    no_build: bool,
    engine: str | None,
    pictures: Path | None,
) -> None:
    """Run the tests of the plugin in DIR, by default here, or in a PACKAGE: cases and golden frames in its tests.

    A folder is built before. They run in the sandbox that plugins run in, in a daemon of their own, with a host that
    answers what they say. Exit status: 0 all passed, 1 some did not.
    """
    began = time.monotonic()
    with sigterm_as_ctrl_c(), _folder(source, update=update) as folder:
        if folder == source and not no_build:
            anyio.run(_build, folder, invocation.as_json)
        manifest = manifests.parse((folder / manifests.MANIFEST_NAME).read_bytes())
        settings = Settings(
            folder=folder.absolute(),
            pictures=pictures or (folder if folder == source else Path()) / DIFFERENCES,
            update=update,
            pattern=pattern,
            engine=engine,
        )
        outcomes: list[Outcome] = []

        def tell(outcome: Outcome) -> None:
            outcomes.append(outcome)
            if not invocation.as_json:
                click.echo(_line(outcome))

        anyio.run(run, settings, cases.read(folder), tell)
    failed = sum(not one.ok for one in outcomes)
    tested = Tested(
        plugin=manifest.name,
        version=manifest.version,
        passed=len(outcomes) - failed,
        failed=failed,
        seconds=round(time.monotonic() - began, 3),
        cases=outcomes,
    )
    if not outcomes:
        raise CommandFailed(f"No case has {pattern!r} in its name")
    invocation.show(tested, _summary(tested))
    ctx.exit(Exit.FAILED if failed else Exit.OK)


@contextmanager
def _folder(source: Path, *, update: bool) -> Iterator[Path]:
    """Return the plugin's folder: the source, or what is in the package."""
    if source.is_dir():
        yield source
        return
    if source.suffix != SUFFIX:
        raise CommandFailed(f"{source} is neither a folder nor a package ({SUFFIX})")
    if update:
        raise click.UsageError("--update needs the plugin's folder: a package is not changed.")
    with tempfile.TemporaryDirectory(prefix="pluginctl-test-") as scratch, source.open("rb") as stream:
        folder = Path(scratch) / "plugin"
        unpack(stream, folder)
        yield folder


async def _build(folder: Path, quiet: bool) -> None:  # noqa: FBT001 - by anyio.run
    project = read(folder)
    found = plan(project)
    if found is None:
        return
    await build_and_place(project, found, quiet=quiet, hint="--no-build tests what is there.")


def _line(outcome: Outcome) -> str:
    word, colour = ("passed", "green") if outcome.ok else ("failed", "red")
    if outcome.updated:
        word, colour = "updated", "yellow"
    case = printable(f"{outcome.file}: {outcome.name}")
    lines = [f"{click.style(f'{word:7}', fg=colour)} {case} ({outcome.ms:.0f} ms)"]
    lines += [f"        {problem}" for problem in outcome.problems]
    lines += [f"        picture: {picture}" for picture in outcome.pictures]
    return "\n".join([lines[0], *map(printable, lines[1:])])


def _summary(tested: Tested) -> str:
    words = f"{tested.passed} passed, {tested.failed} failed in {tested.seconds:.1f} s"
    return click.style(words, fg="red" if tested.failed else "green", bold=True)


COMMANDS: Final[dict[str, Any]] = {"test": test}
