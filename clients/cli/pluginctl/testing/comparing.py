"""Whether something is what was expected, and if not, where it begins to differ. Pure."""

import json
from typing import Any, Final

from pluginctl.testing.cases import Failure
from plugind_protocol.errors import PlugindError
from plugind_protocol.manifest import member

_LONGEST: Final = 200


def difference(expected: Any, found: Any, *, tolerance: float = 0.0, path: str = "$") -> str | None:
    """Say where two JSON values differ first; None where they do not.

    Args:
        expected: One value.
        found: The other.
        tolerance: How far numbers may be off.
        path: Where they stand.
    """
    if isinstance(expected, dict) and isinstance(found, dict):
        for key in expected.keys() | found.keys():
            if key not in found:
                return f"{member(path, key)} is missing, expected {shown(expected[key])}"
            if key not in expected:
                return f"{member(path, key)} is {shown(found[key])}, expected nothing"
        pairs = ((expected[key], found[key], member(path, key)) for key in expected)
    elif isinstance(expected, list) and isinstance(found, list):
        if len(expected) != len(found):
            return f"{path} has {len(found)} elements, expected {len(expected)}: {shown(found)}"
        pairs = ((one, found[index], f"{path}[{index}]") for index, one in enumerate(expected))
    else:
        same = _same(expected, found, tolerance)
        return None if same else f"{path} is {shown(found)}, expected {shown(expected)}"
    inner = (difference(one, other, tolerance=tolerance, path=where) for one, other, where in pairs)
    return next((words for words in inner if words is not None), None)


def failure(expected: Failure, found: PlugindError) -> str | None:
    """Say how an error differs from the one that was expected; None where it does not."""
    own = found.data.error
    code = own.code if own is not None else found.code
    message = found.message if own is None or own.message in found.message else f"{found.message}: {own.message}"
    if expected.kind is not None and expected.kind != found.data.kind:
        return f"the error is {found.data.kind}, expected {expected.kind}: {message}"
    if expected.code is not None and expected.code != code:
        return f"the error's code is {code}, expected {expected.code}: {message}"
    if expected.message is not None and expected.message not in message:
        return f"the error says {shown(message)}, expected {shown(expected.message)}"
    return None


def shown(value: Any) -> str:
    """Return a value as JSON, cut to what is readable."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _same(expected: Any, found: Any, tolerance: float) -> bool:
    numbers = (int, float)
    if isinstance(expected, bool) or isinstance(found, bool):
        return expected is found
    if isinstance(expected, numbers) and isinstance(found, numbers):
        return abs(expected - found) <= tolerance
    return bool(expected == found)
