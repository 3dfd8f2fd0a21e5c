"""The kernel of the Extism ABI: what its plugins import that needs no host, and its memory as the host uses it.

The kernel itself is ``kernel.wat``, an instance beside the plugin's. What it says of itself is checked like anything
else of a guest's, since the plugin can write where it pleases in there.
"""

from pathlib import Path
from typing import Final

from plugind_protocol.errors import MemoryLimit, Trap
from plugind_worker.abi.base import LibrarySource
from plugind_worker.engine.base import Exports, Function, Instance, OutOfBoundsError, Signature

NAMESPACE: Final = "extism:host/"
MODULE: Final = "extism:host/env"

SIGNATURES: Final = {
    name: Signature.parse(text)
    for name, text in {
        "alloc": "i64 -> i64",
        "free": "i64 ->",
        "length": "i64 -> i64",
        "length_unsafe": "i64 -> i64",
        "load_u8": "i64 -> i32",
        "load_u64": "i64 -> i64",
        "store_u8": "i64 i32 ->",
        "store_u64": "i64 i64 ->",
        "input_length": "-> i64",
        "input_offset": "-> i64",
        "input_load_u8": "i64 -> i32",
        "input_load_u64": "i64 -> i64",
        "output_set": "i64 i64 ->",
        "error_set": "i64 ->",
        "error_get": "-> i64",
    }.items()
}
"""What a plugin may import of it; what it exports besides is for the host."""

SOURCE: Final = LibrarySource(MODULE, Path(__file__).with_name("kernel.wat").read_bytes())
_PAGE: Final = 64 * 1024


class Kernel:
    """The kernel beside one instance.

    Args:
        exports: Of the kernel's own instance.
    """

    def __init__(self, exports: Exports) -> None:
        self._exports = exports
        self._reset = _function(exports, "reset")
        self._alloc = _function(exports, "alloc")
        self._length = _function(exports, "length")
        self._input_set = _function(exports, "input_set")
        self._output_offset = _function(exports, "output_offset")
        self._output_length = _function(exports, "output_length")
        self._error = _function(exports, "error_get")

    def limit(self, most: int) -> None:
        """Set how large its memory may become, in bytes."""
        _function(self._exports, "limit")(most // _PAGE)

    def begin(self, data: bytes) -> None:
        """Forget what was there, and take a call's input.

        Raises:
            MemoryLimit: It does not fit.
        """
        self._reset()
        self._input_set(self.give(data), len(data))

    def give(self, data: bytes) -> int:
        """Put bytes into a block of their own.

        Returns:
            Its offset; 0 for no bytes.

        Raises:
            MemoryLimit: They do not fit.
            Trap: The guest has forged what the kernel keeps of its free blocks.
        """
        if not data:
            return 0
        offset = int(self._alloc(len(data))[0])
        if offset == 0:
            raise MemoryLimit(f"has no room for {len(data)} bytes more in blocks of memory", cause="memory")
        try:
            self._exports.write(offset, data)
        except OutOfBoundsError as error:
            raise Trap(f"the block for {len(data)} bytes at {offset} is not all in memory", cause="trap") from error
        return offset

    def length(self, offset: int, what: str) -> int:
        """Return the length of a block.

        Args:
            offset: As the guest gave it; 0 is a block of no bytes.
            what: What it is for, for the error.

        Raises:
            Trap: No block begins there.
        """
        length = int(self._length(offset)[0]) if offset else 0
        if offset and not length:
            raise Trap(f"{what}: no block of memory begins at {offset}", cause="trap")
        return length

    def take(self, offset: int, length: int, what: str) -> bytes:
        """Copy bytes out.

        Raises:
            Trap: They reach outside the memory.
        """
        try:
            return self._exports.read(offset, length)
        except OutOfBoundsError as error:
            raise Trap(f"{what}: {length} bytes at {offset} are not all in memory", cause="trap") from error

    def block(self, offset: int, what: str) -> bytes:
        """Copy a block out.

        Raises:
            Trap: There is none, or it lies.
        """
        return self.take(offset, self.length(offset, what), what)

    def output(self) -> tuple[int, int]:
        """Return where the guest says that its output lies, and how long it is."""
        return int(self._output_offset()[0]), int(self._output_length()[0])

    def error(self) -> int:
        """Return the block with the guest's own error; 0 where there is none."""
        return int(self._error()[0])


def of(instance: Instance) -> Kernel:
    """Return the kernel beside an instance.

    Raises:
        Trap: A module that is no Extism plugin has called a function of that ABI.
    """
    if instance.library is None:
        raise Trap("called a function of Extism's without being an Extism plugin", cause="trap")
    return Kernel(instance.library)


def _function(exports: Exports, name: str) -> Function:
    function = exports.function(name)
    assert function is not None, name
    return function
