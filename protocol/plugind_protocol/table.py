"""What the method tables are made of: the bases of params and results, and a row."""

import enum
from typing import Any, Literal

import msgspec


class Struct(msgspec.Struct, rename="camel", omit_defaults=True, frozen=True, kw_only=True):
    """Base of params and results: camelCase on the wire."""


class Params(Struct, frozen=True, forbid_unknown_fields=True):
    """Base of params: a misspelt name is an error, not a default."""


class Open(Struct, frozen=True):
    """Base of results whose provider may say more than the fields listed here: the further ones are passed on."""


class Empty(Params, frozen=True):
    """No params."""


class Path(enum.Enum):
    """How the daemon dispatches a method."""

    CONTROL = "control"
    """Through the control dispatcher, params validated whole."""
    HOT = "hot"
    """Decoded directly; payloads stay bytes."""


class Method(msgspec.Struct, frozen=True):
    """One row of a table."""

    name: str
    params: type
    result: Any
    """A type; ``Any`` where the result is the plugin's own."""
    summary: str
    path: Path = Path.CONTROL


class Example(msgspec.Struct, frozen=True):
    """One use of a method, as JSON values; for documents, and checked against the row's types."""

    params: dict[str, Any]
    result: Any = None


class HostMethod(Method, frozen=True, kw_only=True):
    """One row of what guests may ask for."""

    example: Example
    permission: str | None = None
    """What a plugin must have been granted; None where anybody may, or the provider decides."""
    scope: str | None = None
    """Wire name of the param that the permission's scope is matched with."""
    provider: Literal["daemon", "editor"] = "editor"
    """Who answers: the daemon itself, or the client that provides the namespace."""
    edits: bool = False
    """Whether it changes the timeline, and so is part of a transaction."""
    sends: type | None = None
    """What the editor is sent, where that is not what the guest has sent; ``pluginId`` and the like are added."""
    errors: tuple[str, ...] = ()
    """Kinds of errors that are its own, besides those that every host method may answer."""

    @property
    def namespace(self) -> str:
        """The part before the dot."""
        return self.name.partition(".")[0]


def table(*rows: Method) -> dict[str, Method]:
    """Return rows by name."""
    return {row.name: row for row in rows}
