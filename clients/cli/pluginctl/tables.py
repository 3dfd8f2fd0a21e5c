"""What commands show in tables; the one place that knows rich for them."""

from collections.abc import Iterable, Sequence
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pluginctl.terminal import one_line
from plugind_protocol.methods import State

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
    built = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold")
    flush_right = set(right)
    for heading in headings:
        built.add_column(heading, justify="right" if heading in flush_right else "left", overflow="fold")
    for row in rows:
        built.add_row(*(_cell(cell) for cell in row))
    return built


def fields(pairs: Iterable[tuple[str, str | Text]]) -> Table:
    """Build a list of names and values."""
    built = Table.grid(padding=(0, 2))
    built.add_column(style="bold")
    built.add_column(overflow="fold")
    for name, value in pairs:
        built.add_row(name, _cell(value))
    return built


def state(value: State) -> Text:
    """Return a state in its colour."""
    return Text(value, style=STATE_STYLES.get(value, ""))


def show(*tables: Table) -> None:
    """Print tables to stdout."""
    console = Console(highlight=False)
    for each in tables:
        console.print(each)


def _cell(value: str | Text) -> Text:
    return value if isinstance(value, Text) else Text(one_line(value))
