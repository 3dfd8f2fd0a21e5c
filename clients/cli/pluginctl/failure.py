"""Failures that a user may expect: what is printed for each, and the exit status it ends with."""

import enum
from typing import Any

import click
import msgspec

from pluginctl.terminal import printable
from plugind_client import Disconnected, NoDaemon, UnexpectedAnswer, default_path
from plugind_protocol.errors import ErrorObject, PlugindError


class Exit(enum.IntEnum):
    """Exit statuses; 2 (usage) is click's own."""

    OK = 0
    FAILED = 1
    NO_DAEMON = 3
    INTERRUPTED = 130
    """128 + SIGINT, as shells have it."""
    PIPE_CLOSED = 141
    """128 + SIGPIPE."""


class CommandFailed(Exception):  # noqa: N818 - says what happened, as the contract's errors do
    """A command could not do its work, for a reason outside the daemon.

    Args:
        message: What happened; one sentence.
        hint: What the user can do about it.
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


EXPECTED = (PlugindError, Disconnected, UnexpectedAnswer, CommandFailed)
"""What `report` knows; anything else is a bug and deserves its traceback."""


def report(failure: Exception, *, as_json: bool) -> Exit:
    """Print an expected failure to stderr and return the exit status it means.

    Args:
        failure: One of `EXPECTED`.
        as_json: Print one error object, as on the wire, instead of words.
    """
    if as_json:
        click.echo(msgspec.json.encode(_error_object(failure)), err=True)
    else:
        click.echo(click.style("error: ", fg="red", bold=True) + printable(_message(failure)), err=True)
        if hint := _hint(failure):
            click.echo(click.style("hint: ", fg="yellow") + printable(hint), err=True)
        if isinstance(failure, PlugindError) and (capsule := failure.data.capsule) is not None:
            click.echo(click.style("capsule: ", fg="yellow") + printable(f"pluginctl capsule {capsule}"), err=True)
    return Exit.NO_DAEMON if isinstance(failure, NoDaemon) else Exit.FAILED


def _message(failure: Exception) -> str:
    if not isinstance(failure, PlugindError):
        return str(failure)
    inner = failure.data.error
    own = f": {inner.message} ({inner.code})" if inner is not None and inner.message not in failure.message else ""
    return f"{failure.message}{own} [{failure.data.kind} {failure.code}]"


def _hint(failure: Exception) -> str:
    if isinstance(failure, NoDaemon):
        option = "" if failure.path == default_path() else f" --socket {failure.path}"
        return f"Start it with: plugind{option}"
    if isinstance(failure, Disconnected):
        return "See the daemon's log for why it went away."
    if isinstance(failure, UnexpectedAnswer):
        return "pluginctl and plugind are of versions that do not fit; update both."
    return str(getattr(failure, "hint", ""))


def _error_object(failure: Exception) -> ErrorObject | dict[str, Any]:
    if isinstance(failure, PlugindError):
        return failure.to_object()
    kind = type(failure).__name__
    return {"code": None, "message": str(failure), "data": {"kind": kind, "hint": _hint(failure)}}
