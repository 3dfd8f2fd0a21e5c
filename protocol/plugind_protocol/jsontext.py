"""Checks on JSON text that decoders leave out: nesting, lone surrogates, endless numbers, UTF-8 in undecoded parts.

Whoever sends the text may be hostile, so each check is linear in its length and runs at the speed of ``bytes`` methods
and of patterns that cannot backtrack. That the text is JSON at all is the decoder's to find out: for text that is not,
these checks may say either.
"""

import re
from typing import Final

from plugind_protocol.errors import ParseError

MAX_NESTING: Final = 128
"""Deepest nesting of arrays and objects."""
MAX_DIGITS: Final = 1000
"""Most digits in a row in a number; a double never needs more than 309 before its point."""

_DIGITS: Final = bytes.maketrans(b"123456789", b"000000000")
_ENDLESS: Final = b"0" * (MAX_DIGITS + 1)
_ONE_KIND: Final = bytes.maketrans(b"{}", b"[]")
_NOT_STRUCTURE: Final = bytes(set(range(256)) - set(b'[]{}"'))
_QUOTED: Final = re.compile(rb'"[^"]*"?')
_RUN: Final = re.compile(rb"(\[+)\]*")
_LONE_SURROGATE: Final = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F]"
)
_STILL_SHRINKING: Final = 0.9
_BACKSLASH: Final = ord("\\")  # a number is found without a detour over an exception, see `framing.LF`


def check(text: bytes, *, max_nesting: int = MAX_NESTING) -> None:
    """Check a whole text.

    Args:
        text: The bytes of one message or file.
        max_nesting: Deepest nesting of arrays and objects.

    Raises:
        ParseError: Not UTF-8, nested too deep, a surrogate escape without its pair, or a number of more than
            `MAX_DIGITS` digits in a row.
    """
    if not text.isascii():
        try:
            text.decode()
        except UnicodeDecodeError as exc:
            raise ParseError(f"Invalid JSON: not UTF-8 at byte {exc.start}") from exc
    if _opened(text, max_nesting) > max_nesting and _deeper_than(_brackets(text), max_nesting):
        raise ParseError(f"Invalid JSON: nested deeper than {max_nesting}")
    if _BACKSLASH in text and b"\\u" in text and _LONE_SURROGATE.search(text.replace(b"\\\\", b"  ")):
        raise ParseError("Invalid JSON: surrogate escape without its pair")
    if len(text) > MAX_DIGITS and _has_endless_number(text):
        raise ParseError(f"Invalid JSON: a number of more than {MAX_DIGITS} digits")


def _opened(text: bytes, limit: int) -> int:
    """Count what opens, inside strings too, up to a little more than a limit.

    Deleting is what finds single bytes at the speed of ``memchr``, and stops; ``count`` takes ten times as long.
    """
    at_most, size = limit + 1, len(text)
    return 2 * size - len(text.replace(b"[", b"", at_most)) - len(text.replace(b"{", b"", at_most))


def _brackets(text: bytes) -> bytes:
    """Return what opens and closes in a text, as ``[`` and ``]``, without what only looks so inside strings."""
    bare = _without_escapes(text).translate(_ONE_KIND, _NOT_STRUCTURE)
    bare = bare.replace(b'""', b"")  # two quotes side by side change nobody else's being inside or outside
    return _QUOTED.sub(b"", bare)


def _deeper_than(brackets: bytes, limit: int) -> bool:
    # Wide and flat text vanishes by peeling off its leaves; what is left then has long runs, so that there are few.
    while limit and len(peeled := brackets.replace(b"[]", b"")) < _STILL_SHRINKING * len(brackets):
        brackets, limit = peeled, limit - 1
    depth = 0
    for run in _RUN.finditer(brackets):
        depth += run.end(1) - run.start()
        if depth > limit:
            return True
        depth -= run.end() - run.end(1)
    return False


def _has_endless_number(text: bytes) -> bool:
    samples = text[:: MAX_DIGITS // 2].translate(_DIGITS)
    if b"00" not in samples or _ENDLESS not in text.translate(_DIGITS):  # so many digits meet two samples in a row
        return False
    bare = _without_escapes(text).translate(_DIGITS)
    quotes = at = 0
    while (found := bare.find(_ENDLESS, at)) >= 0:
        quotes += bare.count(b'"', at, found)
        if quotes % 2 == 0:
            return True
        at = bare.find(b'"', found)
        if at < 0:
            return False
    return False


def _without_escapes(text: bytes) -> bytes:
    """Drop escaped backslashes and quotes: each quote that is left begins or ends a string."""
    return text.replace(b"\\\\", b"").replace(b'\\"', b"") if _BACKSLASH in text else text
