"""The numeric ABI: a module's exported functions of numbers, called with a JSON array.

A JSON number fits an integer type when it is whole and in the type's signed range; i64 may also come as a decimal
string, and goes out as one beyond 2⁵³, where doubles lose precision. JSON has no NaN or infinity: such a result is
``null``, as with JavaScript's JSON.stringify.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Final

import msgspec

from plugind_protocol.errors import FunctionNotFound, InvalidParams, UnsupportedAbi
from plugind_worker import payload
from plugind_worker.abi.base import LibrarySource
from plugind_worker.engine.base import Export, Import, Instance, Signature, ValType

_EXACT: Final = 1 << 53
_MAX_F32: Final = float.fromhex("0x1.fffffep+127")
_MAX_DIGITS: Final = 20  # a sign and 19 digits
_RUN_AT_START: Final = "_initialize"


class NumericAbi:
    """One instance called by its exports; see `plugind_worker.abi.base.Abi`."""

    LIBRARY: ClassVar[LibrarySource | None] = None
    spent = False

    def __init__(
        self,
        instance: Instance,
        exports: Sequence[Export],
        *,
        max_result_bytes: int,  # noqa: ARG002  # numbers are short
    ) -> None:
        self._instance = instance
        self._signatures = {e.name: e.signature for e in exports if e.signature is not None}
        self._callables = self.callables(exports)

    @staticmethod
    def claims(exports: Sequence[Export], imports: Sequence[Import]) -> bool:  # noqa: ARG004  # as in every ABI
        """Take every module that no other ABI has claimed."""
        return True

    @staticmethod
    def check(exports: Sequence[Export]) -> None:
        """Make sure that there is something to call."""
        if not NumericAbi.callables(exports):
            raise UnsupportedAbi(
                "exports neither plugin_call nor any function of numbers, so that there is nothing to call",
                hint="Export plugin_call (Timeline ABI 1), or functions with i32, i64, f32 and f64 only.",
            )

    @staticmethod
    def callables(exports: Sequence[Export]) -> list[str]:
        """Return the functions whose values are all numbers."""
        return [e.name for e in exports if e.signature is not None and e.signature.numeric and e.name != _RUN_AT_START]

    def begin(self, program: bytes) -> None:
        """Say that such a module runs no scripts."""
        raise UnsupportedAbi(f"a module of the numeric ABI runs no scripts ({len(program)} bytes of them came)")

    def call(self, name: bytes, params: bytes) -> bytes:
        """Call an exported function."""
        text = name.decode("utf-8", "replace")
        function = self._instance.function(text) if text in self._callables else None
        if function is None:
            known = ", ".join(self._callables[:20])
            raise FunctionNotFound(f"exports no callable function {text!r}", hint=f"It has: {known}.")
        signature = self._signatures[text]
        results = function(*_arguments(signature, params, text))
        return _encode(signature, results)

    def hook(self, name: bytes, params: bytes) -> bytes | None:  # noqa: ARG002  # as in every ABI
        """Say that a module of numbers has no hooks."""
        return None


def _arguments(signature: Signature, params: bytes, name: str) -> list[Any]:
    """Fit JSON args to a signature.

    Raises:
        InvalidParams: They do not fit; the message and path name the first that does not.
    """
    try:
        args = payload.decode(params) if params else None
    except ValueError as error:
        raise InvalidParams(f"args are not JSON: {error}") from error
    args = [] if args is None else args
    if not isinstance(args, list):
        raise InvalidParams(f"{name} takes its args as an array", path="$.args")
    if len(args) != len(signature.params):
        raise InvalidParams(f"{name} takes {len(signature.params)} args, not {len(args)}", path="$.args")
    return [_fit(value, kind, index, name) for index, (value, kind) in enumerate(zip(args, signature.params))]  # noqa: B905  # same length, just checked


def _fit(value: Any, kind: ValType, index: int, name: str) -> Any:
    try:
        return _FIT[kind](value)
    except (ValueError, TypeError, OverflowError):
        raise InvalidParams(f"argument {index} of {name} must be {_WANTED[kind]}", path=f"$.args[{index}]") from None


def _integer(value: Any, bits: int) -> int:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError
    if not -(1 << (bits - 1)) <= value < 1 << (bits - 1):
        raise ValueError
    return value & ((1 << bits) - 1)


def _i64(value: Any) -> int:
    if isinstance(value, str):
        if len(value) > _MAX_DIGITS or not value.lstrip("-").isdecimal() or not value.isascii():
            raise ValueError
        value = int(value)
    return _integer(value, 64)


def _f64(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError
    return float(value)


def _f32(value: Any) -> float:
    number = _f64(value)
    if abs(number) > _MAX_F32:
        raise OverflowError
    return number


_FIT: Final[dict[ValType, Callable[[Any], Any]]] = {
    ValType.I32: lambda value: _integer(value, 32),
    ValType.I64: _i64,
    ValType.F32: _f32,
    ValType.F64: _f64,
}
_WANTED: Final = {
    ValType.I32: "a whole number from -2147483648 to 2147483647",
    ValType.I64: "a whole number in the range of i64, or one as a decimal string",
    ValType.F32: "a number in the range of f32",
    ValType.F64: "a number",
}


def _encode(signature: Signature, results: Sequence[Any]) -> bytes:
    values = [_plain(value, kind) for value, kind in zip(results, signature.results)]  # noqa: B905  # the engine's
    if not values:
        return b"null"
    return msgspec.json.encode(values[0] if len(values) == 1 else values)


def _plain(value: Any, kind: ValType) -> int | float | str | None:
    """Give an engine's value its sign, and JSON a value it can hold."""
    if kind in (ValType.F32, ValType.F64):
        return float(value) if math.isfinite(value) else None
    bits = 32 if kind is ValType.I32 else 64
    number = int(value) - (1 << bits) if value >> (bits - 1) else int(value)
    return str(number) if abs(number) > _EXACT else number
