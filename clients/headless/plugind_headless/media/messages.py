"""What the host and its decoder say to each other: a JSON text per line; a file comes with its request, open."""

from typing import Any, Final, Literal

import msgspec

MAX_REQUEST: Final = 16 * 1024
MAX_ANSWER: Final = 16 * 1024 * 1024


class Request(msgspec.Struct, frozen=True, omit_defaults=True):
    """Look at a file."""

    what: Literal["info", "extent", "picture"]
    seconds: int
    """Processor time for it."""
    suffix: str = ""
    time: float | None = None
    width: int | None = None
    height: int | None = None
    format: Literal["png", "jpeg"] = "png"


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was found; the first answer says how the decoder is confined."""

    result: dict[str, Any] | None = None
    data: str = ""
    """Of a picture, in base64."""
    unreadable: str = ""
    """Why there is no result."""
    too_much: str = ""
    """The same."""
    missing: list[str] = []
    """Layers that do not hold."""
