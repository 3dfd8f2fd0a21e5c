"""What commands show in tables; the one place that knows rich for them."""

from collections.abc import Iterable, Sequence
from typing import Final, Literal

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pluginctl.terminal import one_line
from plugind_protocol.methods import Rest, State

UNLIMITED: Final = 1000
"""Columns of a line that no terminal shows."""

STATE_STYLES: Final = {
    State.ACTIVE: "green",
    State.LOADED: "cyan",
    State.ERROR: "bold red",
    State.LOADING: "yellow",
    State.INSTALLING: "yellow",
    State.UPDATING: "yellow",
}


def table(headings: Sequence[str], rows: Iterable[Sequence[str | Text]], *, right: Iterable[str] = ()) -> Table:
    """Build a table.

    Args:
        headings: One per column.
        rows: Cells; strings are taken as they are, without markup, control characters escaped.
        right: Headings of columns that are set flush right.
    """
    built = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
    flush_right = set(right)
    for index, heading in enumerate(headings):
        # where a terminal is too narrow, the first column gives way: ids stay recognisable by their beginning
        justify: Literal["left", "right"] = "right" if heading in flush_right else "left"
        built.add_column(heading, justify=justify, no_wrap=True, min_width=None if index == 0 else len(heading))
    for row in rows:
        built.add_row(*(_cell(cell) for cell in row))
    return built


def fields(pairs: Sequence[tuple[str, str]]) -> str:
    """Lay out names and values, one pair a line; control characters escaped."""
    width = max(len(name) for name, _ in pairs)
    return "\n".join(f"{click.style(f'{name:{width}}', bold=True)}  {one_line(value)}" for name, value in pairs)


def state(value: State, rest: Rest | None = None) -> Text:
    """Return a state in its colour, and what was done to a worker that has nothing to do."""
    text = Text(value, style=STATE_STYLES.get(value, ""))
    return text.append(f" {rest}", style="dim") if rest is not None else text


def console() -> Console:
    """Return rich's stdout; where that is no terminal, nothing is cut to a width."""
    plain = Console(highlight=False)
    return plain if plain.is_terminal else Console(highlight=False, width=UNLIMITED)


def show(built: Table) -> None:
    """Print a table to stdout."""
    console().print(built)


def _cell(value: str | Text) -> Text:
    return value if isinstance(value, Text) else Text(one_line(value))
