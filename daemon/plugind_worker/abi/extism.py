"""The Extism ABI: exported functions without params, bytes in and bytes out, for modules by Extism's plugin kits.

What a call is given and answers travels as JSON: a string where it is UTF-8, else ``{"base64": …}``.
"""

import base64
import binascii
from collections.abc import Sequence
from typing import ClassVar, Final

import msgspec

from plugind_protocol.errors import ErrorObject, FunctionNotFound, InvalidParams, PluginError, TooLarge, UnsupportedAbi
from plugind_worker import payload
from plugind_worker.abi import kernel
from plugind_worker.abi.base import LibrarySource
from plugind_worker.engine.base import Export, ExternKind, Import, Instance, Signature, ValType

_CALLABLE: Final = (Signature.parse("-> i32"), Signature.parse("->"))
_RUNTIME: Final = frozenset({"_initialize", "_start", "__wasm_call_ctors", "hs_init"})
"""What compilers export for whoever starts a module, not for callers."""
_NOTHING: Final = Signature.parse("->")
_MESSAGES: Final = 4
"""The kernel's memory holds so many of the largest messages: input, output, and what is made on the way."""
_MAX_MESSAGE: Final = 4096
"""Characters kept of a plugin's own error."""


class ExtismAbi:
    """One instance called by its exports, with the kernel beside it; see `plugind_worker.abi.base.Abi`."""

    LIBRARY: ClassVar[LibrarySource | None] = kernel.SOURCE

    def __init__(self, instance: Instance, exports: Sequence[Export], *, max_result_bytes: int) -> None:
        self._instance = instance
        self._max = max_result_bytes
        self._callables = frozenset(self.callables(exports))
        self._kernel = kernel.of(instance)
        self._kernel.limit(_MESSAGES * max_result_bytes)
        self._inside = False
        self._start(exports)

    @property
    def spent(self) -> bool:
        """Whether the last call ended inside the guest, such as at a request that was refused."""
        return self._inside

    @staticmethod
    def claims(exports: Sequence[Export], imports: Sequence[Import]) -> bool:  # noqa: ARG004  # as in every ABI
        """Whether something is imported from Extism's host."""
        return any(item.module.startswith(kernel.NAMESPACE) for item in imports)

    @staticmethod
    def check(exports: Sequence[Export]) -> None:
        """Make sure that there is something to call."""
        if not ExtismAbi.callables(exports):
            raise UnsupportedAbi(
                "imports from Extism's host, but exports no function that takes nothing and returns nothing or an i32",
                hint="Export functions as Extism's plugin kits do.",
            )

    @staticmethod
    def callables(exports: Sequence[Export]) -> list[str]:
        """Return the functions that calls can name."""
        return [
            e.name
            for e in exports
            if e.kind is ExternKind.FUNCTION and e.signature in _CALLABLE and e.name not in _RUNTIME
        ]

    def begin(self, program: bytes) -> None:
        """Say that such a module runs no scripts."""
        raise UnsupportedAbi(f"a module of the extism ABI runs no scripts ({len(program)} bytes of them came)")

    def call(self, name: bytes, params: bytes) -> bytes:
        """Call an exported function with its input."""
        self._inside = False
        text = name.decode("utf-8", "replace")
        function = self._instance.function(text) if text in self._callables else None
        if function is None:
            known = ", ".join(sorted(self._callables)[:20])
            raise FunctionNotFound(f"exports no callable function {text!r}", hint=f"It has: {known}.")
        self._kernel.begin(_input(params, text))
        self._inside = True
        result = function()
        self._inside = False
        self._check(result[0] if result else 0)
        return self._output()

    def hook(self, name: bytes, params: bytes) -> bytes | None:  # noqa: ARG002  # as in every ABI
        """Say that an Extism plugin has no hooks."""
        return None

    def _start(self, exports: Sequence[Export]) -> None:
        """Start the language's runtime, where its module leaves that to the host; ``_initialize`` has run already."""
        signatures = {e.name: e.signature for e in exports}
        if signatures.get("_initialize") == _NOTHING:
            return
        for name, arguments in (("hs_init", (0, 0)), ("__wasm_call_ctors", ())):
            signature = signatures.get(name)
            function = self._instance.function(name)
            if function is not None and signature is not None and signature.params == (ValType.I32,) * len(arguments):
                function(*arguments)

    def _check(self, code: int) -> None:
        """Fail where the guest says that it has failed."""
        error = self._kernel.error()
        if error:
            words = self._kernel.block(error, "error_set").decode("utf-8", "replace")[:_MAX_MESSAGE]
        elif code:
            words = f"failed with code {_signed(code)}"
        else:
            return
        raise PluginError(words, error=ErrorObject(_signed(code) or 1, words))

    def _output(self) -> bytes:
        offset, length = self._kernel.output()
        if length > self._max:
            raise TooLarge(f"set an output of {length} bytes, over the limit of {self._max}", cause="limit")
        data = self._kernel.take(offset, length, "output_set")
        try:
            text = msgspec.json.encode(data.decode())
        except UnicodeDecodeError:
            text = msgspec.json.encode({"base64": base64.b64encode(data).decode()})
        if len(text) > self._max:
            raise TooLarge(f"set an output that takes {len(text)} bytes of JSON, over {self._max}", cause="limit")
        return text


def _input(params: bytes, name: str) -> bytes:
    """Return the bytes that args stand for.

    Raises:
        InvalidParams: They stand for none.
    """
    try:
        args = payload.decode(params) if params else None
        if args is None:
            return b""
        if isinstance(args, str):
            return args.encode()
        if isinstance(args, dict) and args.keys() == {"base64"} and isinstance(args["base64"], str):
            return base64.b64decode(args["base64"], validate=True)
    except binascii.Error as error:
        raise InvalidParams(f"the args of {name} are not base64: {error}", path="$.args.base64") from error
    except ValueError as error:
        raise InvalidParams(f"args are not JSON: {error}") from error
    raise InvalidParams(
        f'{name} takes its args as a string, or as {{"base64": "…"}}',
        hint="An Extism plugin takes bytes. Give JSON, where it expects that, as a string.",
        path="$.args",
    )


def _signed(code: int) -> int:
    return code - (1 << 32) if code >> 31 else code
