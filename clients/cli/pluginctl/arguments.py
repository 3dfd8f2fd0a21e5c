"""Types of arguments: plugin and effect ids that complete from the daemon, and JSON."""

import os
import sys
from collections.abc import Callable
from typing import Any, Final, TypeVar

import click
import msgspec
from click.shell_completion import CompletionItem

from plugind_client import Client, Disconnected, UnexpectedAnswer
from plugind_protocol.errors import PlugindError

F = TypeVar("F", bound=Callable[..., Any])

STDIN: Final = "-"


class PluginId(click.types.StringParamType):
    """A plugin's id."""

    name = "plugin"

    def shell_complete(
        self,
        ctx: click.Context,
        param: click.Parameter,  # noqa: ARG002 - click's signature
        incomplete: str,
    ) -> list[CompletionItem]:
        """Offer the ids of the installed plugins."""
        return _complete(ctx, incomplete, lambda client: [(p.plugin_id, p.state) for p in client.list_plugins()])


class EffectId(click.types.StringParamType):
    """An effect's id; its plugin comes before it on the line."""

    name = "effect"

    def shell_complete(
        self,
        ctx: click.Context,
        param: click.Parameter,  # noqa: ARG002 - click's signature
        incomplete: str,
    ) -> list[CompletionItem]:
        """Offer the effects of the plugin named before, which this may activate."""
        plugin = ctx.params.get("plugin")
        return _complete(ctx, incomplete, lambda client: [(e.effect_id, e.name) for e in client.effects_list(plugin)])


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
    decorate: Callable[[F], F] = click.argument("plugin", type=PluginId())
    return decorate(function)


def _complete(
    ctx: click.Context, incomplete: str, read: Callable[[Client], list[tuple[str, str]]]
) -> list[CompletionItem]:
    try:
        with Client.connect(ctx.find_root().params.get("socket"), name="pluginctl-completion") as client:
            found = read(client)
    except (Disconnected, PlugindError, UnexpectedAnswer):
        return []  # a shell that completes has no place for errors
    return [CompletionItem(value, help=words) for value, words in found if value.startswith(incomplete)]
