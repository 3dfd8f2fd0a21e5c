"""Types of arguments: texts that shells complete, such as plugin and effect ids of the daemon, and JSON."""

import os
import sys
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import Any, Final, TypeVar

import click
import msgspec
from click.shell_completion import CompletionItem

from pluginctl.failure import EXPECTED
from plugind_client import Client

F = TypeVar("F", bound=Callable[..., Any])

STDIN: Final = "-"


class Completed(click.types.StringParamType):
    """A text that shells complete.

    Args:
        name: What it is.
        offers: Returns what there is, each with a few words; may fail as commands do.
    """

    def __init__(self, name: str, offers: Callable[[click.Context], Iterable[tuple[str, str]]]) -> None:
        self.name = name
        self._offers = offers

    def shell_complete(
        self,
        ctx: click.Context,
        param: click.Parameter,  # noqa: ARG002 - click's signature
        incomplete: str,
    ) -> list[CompletionItem]:
        """Offer what begins with what is there."""
        try:
            found = self._offers(ctx)
        except EXPECTED:
            return []  # a shell that completes has no place for errors
        return [CompletionItem(value, help=words) for value, words in found if value.startswith(incomplete)]


def _connected(ctx: click.Context) -> AbstractContextManager[Client]:
    return Client.connect(ctx.find_root().params.get("socket"), name="pluginctl-completion")


def plugin_ids(ctx: click.Context) -> list[tuple[str, str]]:
    """Return the ids of the installed plugins, with their states."""
    with _connected(ctx) as client:
        return [(plugin.plugin_id, plugin.state) for plugin in client.list_plugins()]


def _effects(ctx: click.Context) -> list[tuple[str, str]]:
    with _connected(ctx) as client:
        return [(effect.effect_id, effect.name) for effect in client.effects_list(ctx.params.get("plugin"))]


PLUGIN_ID: Final = Completed("plugin", plugin_ids)
"""An installed plugin's id."""
EFFECT_ID: Final = Completed("effect", _effects)
"""An effect's id; its plugin comes before it on the line. Completing it may activate the plugin."""


class Json(click.ParamType):  # type: ignore[type-arg]  # generic in newer releases of click only
    """A JSON text, kept as it is; ``-`` reads it from stdin."""

    name = "json"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> msgspec.Raw:
        """Check the text.

        Raises:
            click.BadParameter: It is not JSON.
        """
        if isinstance(value, msgspec.Raw):
            return value
        text = sys.stdin.buffer.read() if value == STDIN else os.fsencode(str(value))
        try:
            msgspec.json.decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError) as exc:
            self.fail(f"not valid JSON: {exc}", param, ctx)
        return msgspec.Raw(text)


def plugin_argument(function: F) -> F:
    """Give a command a required PLUGIN argument."""
    decorate: Callable[[F], F] = click.argument("plugin", type=PLUGIN_ID)
    return decorate(function)
