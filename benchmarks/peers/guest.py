"""The same module in this process: the worker's own engine and ABI, without daemon, sandbox or any process between."""

import json
from pathlib import Path

from plugind_protocol.frames import FRAME_STRUCT, Layout
from plugind_worker import abi, engine
from plugind_worker.engine.base import Engine, HostFunction, Instance, Limits, Signature

MEMORY_BYTES = 256 << 20


class Guest:
    """A plugin's module in this process, by the worker's own engine and ABI: what calling it costs at the least.

    Args:
        module: The ``.wasm`` file.
    """

    def __init__(self, module: Path) -> None:
        wasm = _engine()
        compiled = wasm.compile(module.read_bytes())
        limits = Limits(memory_bytes=MEMORY_BYTES, table_elements=10_000)
        self._instance = wasm.instantiate(compiled, _imports(), limits=limits)
        self._abi = abi.ABIS["timeline"](self._instance, compiled.exports, max_result_bytes=1 << 24)
        self._abi.hook(b"lifecycle.load", b"null")

    def call(self, function: str, args: bytes) -> bytes:
        """Call a function."""
        return self._abi.call(function.encode(), args)

    def frame(self, layout: Layout, params: bytes) -> "Frame":
        """Put two frames into the guest's memory."""
        return Frame(self._instance, layout, params)


class Frame:
    """Two frames in a guest's memory, and the effect that goes from one to the other.

    Args:
        instance: The guest.
        layout: Of a window with two slots.
        params: The effect's parameters as JSON.
    """

    def __init__(self, instance: Instance, layout: Layout, params: bytes) -> None:
        alloc, run = instance.function("plugin_alloc"), instance.function("plugin_process_frame")
        assert alloc is not None
        assert run is not None
        self._instance = instance
        self._run = run
        frames = alloc(layout.window_bytes, 4096)[0]
        self._struct = alloc(FRAME_STRUCT.size + len(params), 16)[0]
        self._source, self._target = source, target = tuple(frames + offset for offset in layout.offsets)
        self._size = layout.slot_bytes
        # what nobody has written is read from one page of zeros, which never leaves the cache: a picture does
        self.put((b"\x10\x20\x30\xff" * (self._size // 4))[: self._size])
        head = FRAME_STRUCT.pack(
            *(FRAME_STRUCT.size, layout.width, layout.height, layout.stride, layout.format),
            *(source, target, self._struct + FRAME_STRUCT.size, len(params), 0),
        )
        instance.write(self._struct, head + params)

    def put(self, pixels: bytes) -> None:
        """Copy a picture into the guest."""
        self._instance.write(self._source, pixels)

    def take(self) -> bytes:
        """Copy the processed picture out of the guest."""
        return self._instance.read(self._target, self._size)

    def process(self) -> None:
        """Process the frame.

        Raises:
            RuntimeError: The guest refused.
        """
        if code := self._run(0, self._struct)[0]:
            raise RuntimeError(f"the effect refused the frame with code {code}")


def _engine() -> Engine:
    return engine.load("wasmtime")


def _imports() -> list[HostFunction]:
    def host_call(instance: Instance, *_: int) -> int:
        answer = json.dumps({"effect": 0}).encode()
        alloc = instance.function("plugin_alloc")
        assert alloc is not None
        pointer = int(alloc(len(answer), 1)[0])
        instance.write(pointer, answer)
        return pointer << 32 | len(answer)

    def log(_instance: Instance, *_: int) -> None:
        return None

    return [
        HostFunction("timeline", "host_call", Signature.parse("i32 i32 i32 i32 -> i64"), host_call),
        HostFunction("timeline", "log", Signature.parse("i32 i32 i32 ->"), log),
    ]
