"""Params of a method: from JSON, by name or by position, to the struct of its row; what to say if they do not fit."""

import difflib
import re
from typing import Any, Final, Generic, TypeVar

import msgspec

from plugind_protocol.errors import InvalidParams

_PATH: Final = re.compile(r" - at `(\$[^`]*)`\Z")
_UNKNOWN: Final = re.compile(r"unknown field `([^`]*)`")
_LONGEST_SHOWN: Final = 300

_positions: Final = msgspec.json.Decoder(list[msgspec.Raw])
P = TypeVar("P", bound=msgspec.Struct)


class ParamsDecoder(Generic[P]):
    """Decodes the params of one method.

    Args:
        method: Name of the method, for messages.
        params: The struct of its row.
    """

    def __init__(self, method: str, params: type[P]) -> None:
        self._method = method
        self._decoder = msgspec.json.Decoder(params)
        fields = msgspec.structs.fields(params)
        self._names = [field.encode_name for field in fields]
        self._hint = f"{method} takes {{{', '.join(one.encode_name + '?' * (not one.required) for one in fields)}}}."

    def decode(self, text: msgspec.Raw) -> P:
        """Decode params.

        Args:
            text: A JSON object, or an array with values in the order of the struct's fields.

        Returns:
            The struct.

        Raises:
            InvalidParams: They do not fit; ``path`` says where.
        """
        try:
            if memoryview(text)[0] in b"[":
                text = self._by_name(text)
            return self._decoder.decode(text)
        except msgspec.ValidationError as exc:
            raise self._explain(str(exc)) from exc

    def _by_name(self, text: msgspec.Raw) -> msgspec.Raw:
        values = _positions.decode(text)
        if len(values) > len(self._names):
            raise InvalidParams(
                f"{self._method}: {len(values)} positional params, at most {len(self._names)} fit", hint=self._hint
            )
        return msgspec.Raw(msgspec.json.encode(dict(zip(self._names, values, strict=False))))

    def _explain(self, problem: str) -> InvalidParams:
        path = match.group(1) if (match := _PATH.search(problem)) else "$"
        hint = self._hint
        if match := _UNKNOWN.search(problem):
            near = difflib.get_close_matches(match.group(1)[:64], self._names, 1) if path == "$" else []
            hint = f"Did you mean {near[0]!r}? {hint}" if near else hint
        return InvalidParams(f"{self._method}: {problem[:_LONGEST_SHOWN]}", hint=hint, path=path)


def decoder_of(method: str, params: type[Any]) -> ParamsDecoder[Any]:
    """Return the decoder of a row of the method table."""
    return ParamsDecoder(method, params)
