"""``pluginctl new``: a plugin that builds, runs and passes its test, from a template. Needs no daemon."""

import sys
from pathlib import Path
from typing import Any, Final

import click
import msgspec

from pluginctl import tables
from pluginctl.arguments import Completed
from pluginctl.building.plan import plan
from pluginctl.context import Invocation, pass_invocation
from pluginctl.failure import CommandFailed
from pluginctl.project import read
from pluginctl.scaffolding.making import check_empty, make
from pluginctl.scaffolding.naming import names
from pluginctl.scaffolding.templates import Template, find
from pluginctl.terminal import one_line


class Made(msgspec.Struct, rename="camel", kw_only=True):
    """What is said of a new plugin."""

    name: str
    template: str
    folder: str
    files: list[str]
    missing: str | None
    """What its toolchain lacks on this machine, and what to install."""


def _templates(ctx: click.Context) -> list[tuple[str, str]]:
    """Offer the templates: ours, and those of the folders named before on the line."""
    return [(one.name, one.description) for one in find(ctx.params.get("template_dir") or ()).values()]


@click.command()
@click.argument("name", required=False)
@click.option(
    "-t",
    "--template",
    type=Completed("template", _templates),
    metavar="TEMPLATE",
    help="What to make; asked for if it is left out.",
)
@click.option(
    "--template-dir",
    type=click.Path(path_type=Path),
    multiple=True,
    metavar="DIR",
    help="A folder with further templates; may be repeated.",
)
@click.option("--folder", type=click.Path(path_type=Path), metavar="DIR", help="Where to.  [default: ./NAME]")
@click.option(
    "--sdk",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Use the SDK that lies there.  [default: a copy of ours, in the plugin's folder]",
)
@click.option("--list", "listing", is_flag=True, help="List the templates and end.")
@pass_invocation
def new(
    invocation: Invocation,
    /,
    name: str | None,
    *,
    template: str | None,
    template_dir: tuple[Path, ...],
    folder: Path | None,
    sdk: Path | None,
    listing: bool,
) -> None:
    """Make a new plugin NAME, with manifest, test, read-me and CI file, in a folder of its name."""
    known = find(template_dir)
    if listing:
        return _list(invocation, known)
    if name is None:
        raise click.UsageError("Missing argument 'NAME'.")
    called = names(name)
    target = folder or Path(called.folder)
    check_empty(target)
    chosen = _chosen(known, template, ask=not invocation.as_json)
    files = make(chosen, called, target, sdk=sdk)
    made = Made(name=name, template=chosen.name, folder=str(target), files=files, missing=_missing(target))
    return invocation.show(made, _words(made))


def _chosen(known: dict[str, Template], wanted: str | None, *, ask: bool) -> Template:
    if wanted is None:
        if not (ask and sys.stdin.isatty()):
            raise click.UsageError(f"Which template? --template {'|'.join(known)}")
        for one in known.values():
            click.echo(f"  {one.name:<12}  {one_line(one.description)}")
        wanted = click.prompt("Template", type=click.Choice(list(known)), show_choices=False)
    if wanted not in known:
        raise CommandFailed(f"There is no template {wanted!r}", hint=f"There are: {', '.join(known)}")
    return known[wanted]


def _list(invocation: Invocation, known: dict[str, Template]) -> None:
    if invocation.as_json:
        return invocation.show(list(known.values()))
    rows = ([one.name, one.language, one.description] for one in known.values())
    return tables.show(tables.table(["TEMPLATE", "LANGUAGE", ""], rows))


def _missing(target: Path) -> str | None:
    """Say what is missing to build it, which is no failure here."""
    try:
        found = plan(read(target))
    except CommandFailed as exc:
        return f"{exc}. {exc.hint}"
    if found is None or found.prepared:
        return None
    return "its first build makes what all plugins need; to have that ready before: pluginctl toolchain --prepare rust"


def _words(made: Made) -> str:
    lines = [
        f"made {one_line(made.name)} of {made.template} in {made.folder}: {', '.join(made.files)}",
        "",
        f"  cd {made.folder}",
        "  pluginctl dev      builds it, runs it, and does so again with every change",
        "  pluginctl test     builds it, and runs its tests in the sandbox that it will run in",
        "  pluginctl pack     makes the package that others install",
    ]
    if made.missing is not None:
        lines += ["", click.style("note: ", fg="yellow") + made.missing]
    return "\n".join(lines)


COMMANDS: Final[dict[str, Any]] = {"new": new}
