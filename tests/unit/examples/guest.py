"""The host's side of Timeline ABI 1, small: runs one built module in this process.

Owns instantiation, the calling convention and frames in linear memory. Knows nothing of the daemon: these tests are
about the example plugins alone, and the daemon's tests are about the daemon.
"""

from __future__ import annotations

import functools
import json
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias, cast

import numpy as np
import numpy.typing as npt
import wasmtime

Picture: TypeAlias = npt.NDArray[Any]

ERROR_BIT = 1 << 31
RGBA8 = 0
RGBA32F = 2
FORMATS = {np.dtype(np.uint8): RGBA8, np.dtype(np.float32): RGBA32F}

FRAME = struct.Struct("<9I4xq")
"""size, width, height, stride, format, input, output, params_ptr, params_len, padding, pts in microseconds."""

PAGE = 65536
PADDING_BYTE = 0xA5


class GuestError(Exception):
    """The guest answered with an error object."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(error.get("message"))
        self.code = error.get("code")
        self.error = error


class FrameError(Exception):
    """`plugin_process_frame` answered other than 0."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class HostError(Exception):
    """What a test's host method raises to answer with an error object."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.error = {"code": code, "message": message}


HostMethod: TypeAlias = Callable[[Any], Any]


@dataclass
class Guest:
    """One instance of a module.

    Attributes:
        path: The module, `.wasm` or `.wat`.
        host_methods: What `host_call` answers by method name; others are answered with -32601.
        logs: Level and text of each `log` so far.
    """

    path: Path
    host_methods: dict[str, HostMethod] = field(default_factory=dict)
    logs: list[tuple[int, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Compiles and instantiates the module."""
        engine = _engine()
        self.store = wasmtime.Store(engine)
        linker = wasmtime.Linker(engine)
        linker.define_wasi()
        self.store.set_wasi(wasmtime.WasiConfig())
        i32, i64 = wasmtime.ValType.i32(), wasmtime.ValType.i64()
        linker.define_func("timeline", "host_call", wasmtime.FuncType([i32] * 4, [i64]), self._host_call)
        linker.define_func("timeline", "log", wasmtime.FuncType([i32] * 3, []), self._log)
        instance = linker.instantiate(self.store, _module(self.path))
        self._exports = instance.exports(self.store)

    @property
    def memory(self) -> wasmtime.Memory:
        """The exported linear memory."""
        return cast("wasmtime.Memory", self._exports["memory"])

    @property
    def pages(self) -> int:
        """Size of linear memory in pages of 64 KiB."""
        return self.memory.size(self.store)

    def invoke(self, name: str, *args: float) -> Any:
        """Calls an export with numbers.

        Args:
            name: Name of the export.
            args: Its arguments, signed or unsigned.

        Returns:
            Its result, as wasmtime gives it (signed integers).
        """
        return cast("wasmtime.Func", self._exports[name])(self.store, *args)

    def alloc(self, size: int, align: int = 1) -> int:
        """Allocates a block, which tests may expect to fail.

        Args:
            size: Bytes.
            align: A power of two, bytes.

        Returns:
            The address, unsigned; 0 when the guest could not.
        """
        return int(self.invoke("plugin_alloc", size, align)) & 0xFFFFFFFF

    def free(self, address: int, size: int, align: int = 1) -> None:
        """Frees a block that `alloc` gave for the same size and alignment."""
        self.invoke("plugin_free", address, size, align)

    def read(self, address: int, size: int) -> bytes:
        """Reads linear memory."""
        return bytes(self.memory.read(self.store, address, address + size))

    def write(self, address: int, data: bytes) -> None:
        """Writes linear memory."""
        self.memory.write(self.store, data, address)

    def call(self, method: str, params: Any = None) -> Any:
        """Calls `plugin_call`.

        Args:
            method: Method name.
            params: Anything JSON can say.

        Returns:
            The decoded result.

        Raises:
            GuestError: The guest answered with an error object.
        """
        name, text = method.encode(), json.dumps(params).encode()
        name_ptr, text_ptr = self._place(name), self._place(text)
        packed = int(self.invoke("plugin_call", name_ptr, len(name), text_ptr, len(text)))
        self.free(name_ptr, len(name))
        self.free(text_ptr, len(text))
        if packed == 0:
            return None
        address, size = (packed >> 32) & 0xFFFFFFFF, packed & 0x7FFFFFFF
        result = json.loads(self.read(address, size))
        self.free(address, size)
        if packed & ERROR_BIT:
            raise GuestError(result)
        return result

    def process(
        self,
        effect: int,
        picture: Picture,
        params: dict[str, Any] | bytes | None = None,
        *,
        in_place: bool = False,
        extra_stride: int = 0,
    ) -> Picture:
        """Sends one frame through `plugin_process_frame`, and checks that nothing beside the pixels was touched.

        Args:
            effect: The effect's handle.
            picture: Shape (height, width, 4), `uint8` or `float32`.
            params: The effect's parameters; bytes are sent as they are, None sends no text at all.
            in_place: Whether output is input.
            extra_stride: Bytes between the rows.

        Returns:
            The picture that came out.

        Raises:
            FrameError: The effect answered an error code.
        """
        with_frame = FrameBuffers(self, picture, in_place=in_place, extra_stride=extra_stride)
        try:
            with_frame.set_params(params)
            code = int(self.invoke("plugin_process_frame", effect, with_frame.frame))
            with_frame.check_surroundings()
            if code != 0:
                raise FrameError(code)
            return with_frame.output_picture()
        finally:
            with_frame.close()

    def _place(self, data: bytes) -> int:
        address = self.alloc(len(data))
        assert address != 0
        self.write(address, data)
        return address

    def _host_call(self, name_ptr: int, name_len: int, text_ptr: int, text_len: int) -> int:
        name = self.read(name_ptr & 0xFFFFFFFF, name_len).decode()
        params = json.loads(self.read(text_ptr & 0xFFFFFFFF, text_len))
        flag = 0
        try:
            answer = self.host_methods.get(name, _no_such_method)(params)
        except HostError as error:
            answer, flag = error.error, ERROR_BIT
        if answer is None:
            return 0
        text = json.dumps(answer).encode()
        packed = self._place(text) << 32 | flag | len(text)
        return packed - (1 << 64) if packed >= 1 << 63 else packed

    def _log(self, level: int, ptr: int, size: int) -> None:
        self.logs.append((level, self.read(ptr & 0xFFFFFFFF, size).decode()))


class FrameBuffers:
    """A frame with its buffers in a guest's memory; `close` frees them."""

    def __init__(self, guest: Guest, picture: Picture, *, in_place: bool, extra_stride: int) -> None:
        """Allocates page-aligned buffers, as the daemon does, and writes the input.

        Args:
            guest: Whose memory.
            picture: Shape (height, width, 4), `uint8` or `float32`.
            in_place: Whether output is input.
            extra_stride: Bytes between the rows.
        """
        self.guest = guest
        self.picture = picture
        self.height, self.width = picture.shape[:2]
        self.row_bytes = self.width * 4 * picture.itemsize
        self.stride = self.row_bytes + extra_stride
        self.size = self.stride * self.height
        self.input = guest.alloc(self.size, 4096)
        self.output = self.input if in_place else guest.alloc(self.size, 4096)
        self.frame = guest.alloc(FRAME.size, 8)
        self.params: tuple[int, int] = (0, 0)
        guest.write(self.input, self._rows(picture))
        if not in_place:
            guest.write(self.output, bytes([PADDING_BYTE]) * self.size)
        self.write_frame()

    def write_frame(self, **changes: int) -> None:
        """Writes the frame structure; `changes` replace its fields."""
        fields = {
            "size": FRAME.size,
            "width": self.width,
            "height": self.height,
            "stride": self.stride,
            "format": FORMATS[self.picture.dtype],
            "input": self.input,
            "output": self.output,
            "params_ptr": self.params[0],
            "params_len": self.params[1],
            "pts": 40_000,
        }
        self.guest.write(self.frame, FRAME.pack(*(fields | changes).values()))

    def set_params(self, params: dict[str, Any] | bytes | None) -> None:
        """Puts parameters into the guest's memory."""
        if params is None:
            return
        text = params if isinstance(params, bytes) else json.dumps(params).encode()
        address = self.guest.alloc(len(text))
        self.guest.write(address, text)
        self.params = (address, len(text))
        self.write_frame()

    def output_picture(self) -> Picture:
        """Returns the pixels of the output."""
        rows = self._bytes(self.output)[:, : self.row_bytes]
        return np.ascontiguousarray(rows).view(self.picture.dtype).reshape(self.picture.shape)

    def check_surroundings(self) -> None:
        """Checks that the padding of both buffers and the pixels of a separate input are as they were."""
        assert (self._bytes(self.output)[:, self.row_bytes :] == PADDING_BYTE).all(), "padding of the output changed"
        if self.output != self.input:
            assert self._bytes(self.input).tobytes() == self._rows(self.picture), "the input changed"

    def close(self) -> None:
        """Frees everything."""
        if self.output != self.input:
            self.guest.free(self.output, self.size, 4096)
        self.guest.free(self.input, self.size, 4096)
        self.guest.free(self.frame, FRAME.size, 8)
        if self.params[0]:
            self.guest.free(*self.params)

    def _bytes(self, address: int) -> npt.NDArray[np.uint8]:
        data = np.frombuffer(self.guest.read(address, self.size), dtype=np.uint8)
        return data.reshape(self.height, self.stride)

    def _rows(self, picture: Picture) -> bytes:
        rows = np.full((self.height, self.stride), PADDING_BYTE, dtype=np.uint8)
        rows[:, : self.row_bytes] = np.ascontiguousarray(picture).view(np.uint8).reshape(self.height, -1)
        return rows.tobytes()


def _no_such_method(_: Any) -> Any:
    raise HostError(-32601, "no such host method")


def main_of(folder: Path) -> Path:
    """Returns the module that a plugin folder's manifest names."""
    manifest = json.loads((folder / "manifest.json").read_text())
    return folder / str(manifest["main"])


@functools.cache
def _engine() -> wasmtime.Engine:
    """One engine for all tests: compiling is what takes their time."""
    return wasmtime.Engine()


@functools.cache
def _module(path: Path) -> wasmtime.Module:
    return wasmtime.Module.from_file(_engine(), str(path))
