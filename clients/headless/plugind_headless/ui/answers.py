"""Who answers dialogs: nobody, always the default, or a script; `ui.prompt` has the person at the terminal."""

import fnmatch
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Literal, Protocol

import msgspec

from plugind_headless.errors import ProjectError
from plugind_protocol.errors import InvalidState
from plugind_protocol.host import ui as wire

_BUTTONS: Final = {"question": ["Yes", "No"], "input": ["OK", "Cancel"]}


class Answers(Protocol):
    """Answers what plugins ask the user."""

    async def dialog(self, plugin_id: str, asked: wire.ShowDialog) -> wire.DialogResult:
        """Answer a dialog; a button of None dismisses it."""

    async def file(self, plugin_id: str, asked: wire.PickFile) -> wire.PickedFiles:
        """Pick files; none dismisses it."""

    async def directory(self, plugin_id: str, asked: wire.PickDirectory) -> wire.PickedDirectory:
        """Pick a folder; None dismisses it."""


class Cancel:
    """Dismisses everything."""

    async def dialog(self, _plugin_id: str, _asked: wire.ShowDialog) -> wire.DialogResult:
        """Dismiss it."""
        return wire.DialogResult(button=None)

    async def file(self, _plugin_id: str, _asked: wire.PickFile) -> wire.PickedFiles:
        """Dismiss it."""
        return wire.PickedFiles(files=[])

    async def directory(self, _plugin_id: str, _asked: wire.PickDirectory) -> wire.PickedDirectory:
        """Dismiss it."""
        return wire.PickedDirectory(directory=None)


class Accept(Cancel):
    """Presses the default button, else the first, with the fields as they are; there is no default for a file."""

    async def dialog(self, _plugin_id: str, asked: wire.ShowDialog) -> wire.DialogResult:
        """Accept it."""
        labels = buttons(asked)
        button = asked.default if asked.default in labels else labels[0]
        return wire.DialogResult(button=button, values=defaults(asked))


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One answer of a script; the first that fits is used, once."""

    method: Literal["ui.showDialog", "ui.pickFile", "ui.pickDirectory"] = "ui.showDialog"
    title: str = "*"
    """Of the dialog, as a shell pattern."""
    kind: str | None = None
    """Of the dialog."""
    plugin: str | None = None
    """Who asks."""
    button: str | None = None
    """Null dismisses it."""
    values: dict[str, Any] = {}
    """Of the fields; the others have their defaults."""
    files: list[str] = []
    """Absolute paths."""
    directory: str | None = None
    """Absolute path."""

    def fits(self, method: str, plugin_id: str, title: str, kind: str | None) -> bool:
        """Whether it answers this."""
        return (
            self.method == method
            and fnmatch.fnmatchcase(title, self.title)
            and self.plugin in {None, plugin_id}
            and self.kind in {None, kind}
        )


class Script(Cancel):
    """Answers from a list; dismisses what is not in it.

    Args:
        steps: The answers.
    """

    def __init__(self, steps: Sequence[Step]) -> None:
        self._left = list(steps)

    async def dialog(self, plugin_id: str, asked: wire.ShowDialog) -> wire.DialogResult:
        """Answer a dialog.

        Raises:
            InvalidState: The script presses a button that it does not have.
        """
        step = self._next("ui.showDialog", plugin_id, asked.title, asked.kind)
        if step is None or step.button is None:
            return wire.DialogResult(button=None)
        if step.button not in buttons(asked):
            raise InvalidState(
                f"the script of --dialogs presses {step.button!r}, which the dialog {asked.title!r} does not have",
                hint=f"It has: {', '.join(buttons(asked))}.",
                plugin_id=plugin_id,
            )
        return wire.DialogResult(button=step.button, values={**(defaults(asked) or {}), **step.values} or None)

    async def file(self, plugin_id: str, asked: wire.PickFile) -> wire.PickedFiles:
        """Pick files."""
        step = self._next("ui.pickFile", plugin_id, asked.title or "", None)
        files = step.files if step is not None else []
        return wire.PickedFiles(files=files if asked.multiple else files[:1])

    async def directory(self, plugin_id: str, asked: wire.PickDirectory) -> wire.PickedDirectory:
        """Pick a folder."""
        step = self._next("ui.pickDirectory", plugin_id, asked.title or "", None)
        return wire.PickedDirectory(directory=step.directory if step is not None else None)

    def _next(self, method: str, plugin_id: str, title: str, kind: str | None) -> Step | None:
        for index, step in enumerate(self._left):
            if step.fits(method, plugin_id, title, kind):
                return self._left.pop(index)
        return None


def read_script(path: Path) -> Script:
    """Read the answers of a file.

    Args:
        path: A JSON array of `Step`.

    Raises:
        ProjectError: It cannot be read, or does not fit.
    """
    try:
        return Script(msgspec.json.decode(path.read_bytes(), type=list[Step]))
    except OSError as exc:
        raise ProjectError(f"--dialogs {path}: {exc.strerror}") from exc
    except msgspec.DecodeError as exc:
        raise ProjectError(f"--dialogs {path}: {exc}") from exc


def buttons(asked: wire.ShowDialog) -> list[str]:
    """Return the labels of a dialog's buttons; there is at least one."""
    return asked.buttons or _BUTTONS.get(asked.kind, ["OK"])


def defaults(asked: wire.ShowDialog) -> dict[str, Any] | None:
    """Return what the fields hold before anybody changes them; None without fields."""
    return {field.name: field.default for field in asked.fields} or None
