"""Progress of a rendering on stderr: a bar on a terminal, a line now and then elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from pluginctl.rendering.job import FrameDone

LINE_SECONDS: Final = 2.0
"""How often a line is printed where there is no terminal."""

Show = Callable[[FrameDone], None]


@contextmanager
def progress() -> Iterator[Show]:
    """Show progress for as long as the block lasts; yields what is to be called for each frame."""
    if sys.stderr.isatty():
        with _bar() as show:
            yield show
    else:
        yield _lines(time.monotonic)


class _Rate(ProgressColumn):
    """Frames per second."""

    def render(self, task: Task) -> Text:
        return Text("" if task.speed is None else f"{task.speed:.1f} fps")


@contextmanager
def _bar() -> Iterator[Show]:
    columns = (BarColumn(), MofNCompleteColumn(), _Rate(), TimeRemainingColumn(), TextColumn("{task.fields[lost]}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None, lost="")

        def show(done: FrameDone) -> None:
            trouble = ", ".join(_trouble(done))
            lost = f"[red]{trouble}[/red]" if trouble else ""
            bar.update(task, completed=done.index + 1, total=done.expected or None, lost=lost)

        yield show


def _lines(clock: Callable[[], float]) -> Show:
    started = last = clock()

    def show(done: FrameDone) -> None:
        nonlocal last
        now = clock()
        if now - last < LINE_SECONDS:
            return
        last = now
        count = done.index + 1
        total = f" of {done.expected}" if done.expected else ""
        lost = "".join(f", {words}" for words in _trouble(done))
        click.echo(f"frame {count}{total}, {count / (now - started):.1f} fps{lost}", err=True)

    return show


def _trouble(done: FrameDone) -> list[str]:
    lost = [f"{done.crashes} workers lost"] if done.crashes else []
    return [*lost, f"{done.degraded} frames degraded"] if done.degraded else lost
