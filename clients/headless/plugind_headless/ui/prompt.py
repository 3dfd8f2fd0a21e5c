"""Answers dialogs by asking the person at the terminal, one question after the other."""

from pathlib import Path
from typing import Any, Final, TextIO

import anyio
import anyio.to_thread
from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.prompt import Confirm, FloatPrompt, IntPrompt, Prompt

from plugind_headless.errors import ProjectError
from plugind_headless.ui.answers import buttons
from plugind_headless.words import one_line, printable
from plugind_protocol.host import ui as wire

_STYLES: Final = {"warning": "yellow", "error": "red", "question": "cyan", "input": "cyan"}


class _Lines:
    """A terminal as rich reads it: a line at a time, without its end; an end of file is not an empty answer."""

    def __init__(self, terminal: TextIO) -> None:
        self._terminal = terminal

    def readline(self) -> str:
        line = self._terminal.readline()
        if not line:
            raise EOFError
        return line.rstrip("\n")


class Ask:
    """Asks at a terminal.

    Args:
        read: Where answers are typed.
        write: Where questions are written.
    """

    def __init__(self, read: TextIO, write: TextIO) -> None:
        self._read: Any = _Lines(read)
        self._console = Console(file=write, highlight=False, markup=True)
        self._turn = anyio.Lock()

    async def dialog(self, plugin_id: str, asked: wire.ShowDialog) -> wire.DialogResult:
        """Answer a dialog; 0 dismisses it."""
        async with self._turn:
            return await anyio.to_thread.run_sync(self._dialog, plugin_id, asked, abandon_on_cancel=True)

    async def file(self, plugin_id: str, asked: wire.PickFile) -> wire.PickedFiles:
        """Pick files by their paths; nothing dismisses it."""
        async with self._turn:
            return await anyio.to_thread.run_sync(self._file, plugin_id, asked, abandon_on_cancel=True)

    async def directory(self, plugin_id: str, asked: wire.PickDirectory) -> wire.PickedDirectory:
        """Pick a folder by its path; nothing dismisses it."""
        async with self._turn:
            return await anyio.to_thread.run_sync(self._directory, plugin_id, asked, abandon_on_cancel=True)

    def _dialog(self, plugin_id: str, asked: wire.ShowDialog) -> wire.DialogResult:
        try:
            self._show(plugin_id, asked.title, asked.message, asked.kind)
            values = {field.name: self._field(field) for field in asked.fields}
            labels = buttons(asked)
            for number, label in enumerate(labels, 1):
                self._console.print(f"  {number}  {_safe(label)}")
            default = labels.index(asked.default) + 1 if asked.default in labels else 1
            chosen = IntPrompt.ask(
                "button, 0 to dismiss",
                console=self._console,
                stream=self._read,
                default=default,
                choices=[str(number) for number in range(len(labels) + 1)],
                show_choices=False,
            )
        except EOFError:  # the terminal has gone
            return wire.DialogResult(button=None)
        if chosen == 0:
            return wire.DialogResult(button=None)
        return wire.DialogResult(button=labels[chosen - 1], values=values or None)

    def _field(self, field: wire.Field) -> Any:
        common: dict[str, Any] = {"console": self._console, "stream": self._read}
        label = _safe(field.label or field.name)
        if field.kind == "checkbox":
            return Confirm.ask(label, default=bool(field.default), **common)
        if field.kind == "number":
            given = field.default if isinstance(field.default, int | float) else 0.0
            return FloatPrompt.ask(label, default=float(given), **common)
        text = field.default if isinstance(field.default, str) else ""
        if field.kind == "choice" and field.choices:
            first = text if text in field.choices else field.choices[0]
            return Prompt.ask(label, default=first, choices=field.choices, **common)
        return Prompt.ask(label, default=text, **common)

    def _file(self, plugin_id: str, asked: wire.PickFile) -> wire.PickedFiles:
        self._show(plugin_id, asked.title or ("Save as" if asked.save else "Pick a file"), "", "input")
        files: list[str] = []
        while path := self._path("path, nothing to end" if asked.multiple else "path, nothing to dismiss"):
            if asked.save or path.is_file():
                files.append(str(path))
            else:
                self._console.print(f"  {_safe(str(path))} is not a file", soft_wrap=True)
            if files and not asked.multiple:
                break
        return wire.PickedFiles(files=files)

    def _directory(self, plugin_id: str, asked: wire.PickDirectory) -> wire.PickedDirectory:
        self._show(plugin_id, asked.title or "Pick a folder", "", "input")
        while path := self._path("path, nothing to dismiss"):
            if path.is_dir():
                return wire.PickedDirectory(directory=str(path))
            self._console.print(f"  {_safe(str(path))} is not a folder", soft_wrap=True)
        return wire.PickedDirectory(directory=None)

    def _path(self, words: str) -> Path | None:
        try:
            text = Prompt.ask(words, console=self._console, stream=self._read, default="", show_default=False)
        except EOFError:
            return None
        return Path(text).expanduser().absolute() if text else None

    def _show(self, plugin_id: str, title: str, message: str, kind: str) -> None:
        heading = f"{_safe(title)} [dim]({_safe(plugin_id)})[/]"
        self._console.print(Panel(escape(printable(message)), title=heading, border_style=_STYLES.get(kind, "blue")))


def at_terminal() -> Ask:
    """Ask at the terminal that this process was started from.

    Raises:
        ProjectError: There is none.
    """
    terminal = Path("/dev/tty")
    try:
        return Ask(terminal.open(encoding="utf-8", errors="replace"), terminal.open("w", encoding="utf-8"))
    except OSError as exc:
        raise ProjectError(f"--dialogs prompt needs a terminal to ask at: {exc.strerror}") from exc


def _safe(text: str) -> str:
    return escape(one_line(text))
