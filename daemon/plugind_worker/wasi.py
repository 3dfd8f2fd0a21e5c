"""The part of WASI preview 1 that a plugin may use: clocks, sleep, random numbers, and printing to the console.

There are no files, no environment and no arguments: asking for them finds none. Written over `Instance`, so that every
engine shares it. A pointer that lies gives the guest EFAULT, as WASI has a way to say so.
"""

import functools
import os
import struct
import time
from collections.abc import Callable
from typing import Final

from plugind_protocol.errors import Timeout, Trap
from plugind_worker.console import Console, Level
from plugind_worker.control import Control
from plugind_worker.engine.base import HostFunction, Instance, OutOfBoundsError, Signature

MODULE: Final = "wasi_snapshot_preview1"

SUCCESS: Final = 0
EBADF: Final = 8
EFAULT: Final = 21
EINVAL: Final = 28
ENOTSUP: Final = 58
ESPIPE: Final = 70

_STREAMS: Final = {1: Level.INFO, 2: Level.ERROR}
_CLOCKS: Final = {
    0: (time.time_ns, time.get_clock_info("time").resolution),
    1: (time.monotonic_ns, time.get_clock_info("monotonic").resolution),
}
"""WASI's number → how the clock is read, in ns, and its resolution, in seconds."""
_MAX_VECTORS: Final = 64
_MAX_WRITE: Final = 64 * 1024  # bytes taken by one fd_write; a guest goes on with the rest
_RANDOM_CHUNK: Final = 64 * 1024
_CHARACTER_DEVICE: Final = 2
_RIGHT_TO_WRITE: Final = 1 << 6

_ABSOLUTE: Final = 1
"""Flag of a subscription: its timeout is a time of its clock."""
_MAX_SUBSCRIPTIONS: Final = 64
_NS: Final = 1_000_000_000

_U32: Final = struct.Struct("<I")
_U64: Final = struct.Struct("<Q")
_VECTOR: Final = struct.Struct("<II")
_SUBSCRIPTION: Final = struct.Struct("<QBxxxxxxxIxxxxQQHxxxxxx")
"""``u64 userdata, u8 0 for a clock, u32 clock, u64 timeout and precision in ns, u16 flags``."""
_EVENT: Final = struct.Struct("<QHBxxxxxxxxxxxxxxxxxxxxx")
"""``u64 userdata, u16 error, u8 type``, and what a clock's event has none of."""
_FDSTAT: Final = struct.Struct("<BxHxxxxQQ")


class Wasi:
    """Serves the functions of `TABLE`.

    Args:
        console: Takes what the guest prints.
        control: Knows whether the call was interrupted.
    """

    def __init__(self, console: Console, control: Control) -> None:
        self._console = console
        self._control = control

    def functions(self) -> list[HostFunction]:
        """Return what guests may import."""
        return [
            HostFunction(MODULE, name, signature, functools.partial(_guarded, self, method))
            for name, (signature, method) in TABLE.items()
        ]

    def clock_time_get(self, instance: Instance, clock: int, _precision: int, out: int) -> int:
        """Tell the time, in ns."""
        if clock not in _CLOCKS:
            return EINVAL
        read, _ = _CLOCKS[clock]
        instance.write(out, _U64.pack(read()))
        return SUCCESS

    def clock_res_get(self, instance: Instance, clock: int, out: int) -> int:
        """Tell a clock's resolution, in ns."""
        if clock not in _CLOCKS:
            return EINVAL
        _, resolution = _CLOCKS[clock]
        instance.write(out, _U64.pack(max(1, int(resolution * 1e9))))
        return SUCCESS

    def poll_oneoff(self, instance: Instance, wanted: int, events: int, count: int, out: int) -> int:
        """Sleep until the first of some clocks is there; descriptors cannot be waited for.

        Raises:
            Timeout: The call was interrupted.
        """
        if not 0 < count <= _MAX_SUBSCRIPTIONS:
            return EINVAL
        left: list[tuple[int, int]] = []  # ns, whose
        for index in range(count):
            whose, kind, clock, timeout, _, flags = _SUBSCRIPTION.unpack(
                instance.read(wanted + index * _SUBSCRIPTION.size, _SUBSCRIPTION.size)
            )
            if kind:
                return ENOTSUP
            if clock not in _CLOCKS:
                return EINVAL
            left.append((timeout - _CLOCKS[clock][0]() if flags & _ABSOLUTE else timeout, whose))
        shortest = min(left)[0]
        if self._control.pause(shortest / _NS):
            raise Timeout("interrupted at its deadline while it slept", cause="timeout")
        there = b"".join(_EVENT.pack(whose, SUCCESS, 0) for ns, whose in left if ns <= shortest)
        instance.write(events, there)
        instance.write(out, _U32.pack(len(there) // _EVENT.size))
        return SUCCESS

    def random_get(self, instance: Instance, out: int, length: int) -> int:
        """Fill memory with random bytes."""
        instance.address(out, length)
        for offset in range(0, length, _RANDOM_CHUNK):
            if self._control.fired:
                raise Timeout("interrupted at its deadline in random_get", cause="timeout")
            instance.write(out + offset, os.urandom(min(_RANDOM_CHUNK, length - offset)))
        return SUCCESS

    def fd_write(self, instance: Instance, descriptor: int, vectors: int, count: int, out: int) -> int:
        """Print to stdout or stderr."""
        if descriptor not in _STREAMS:
            return EBADF
        data = bytearray()
        for index in range(min(count, _MAX_VECTORS)):
            pointer, length = _VECTOR.unpack(instance.read(vectors + index * _VECTOR.size, _VECTOR.size))
            instance.address(pointer, length)
            data += instance.read(pointer, min(length, _MAX_WRITE - len(data)))
            if len(data) == _MAX_WRITE:
                break
        instance.write(out, _U32.pack(len(data)))
        self._console.write(_STREAMS[descriptor], bytes(data))
        return SUCCESS

    def fd_fdstat_get(self, instance: Instance, descriptor: int, out: int) -> int:
        """Describe stdout and stderr as something that can be written to."""
        if descriptor not in _STREAMS:
            return EBADF
        instance.write(out, _FDSTAT.pack(_CHARACTER_DEVICE, 0, _RIGHT_TO_WRITE, 0))
        return SUCCESS

    def fd_close(self, _instance: Instance, descriptor: int) -> int:
        """Agree to close stdout and stderr, which stay as they are."""
        return SUCCESS if descriptor in _STREAMS else EBADF

    def fd_seek(self, _instance: Instance, descriptor: int, _offset: int, _whence: int, _out: int) -> int:
        """Say that a stream has no position."""
        return ESPIPE if descriptor in _STREAMS else EBADF

    def no_descriptor(self, _instance: Instance, *_: int) -> int:
        """Say that there is no such descriptor, preopened or other."""
        return EBADF

    def sizes_get(self, instance: Instance, count_out: int, bytes_out: int) -> int:
        """Say that there are no arguments and no environment."""
        instance.write(count_out, _U32.pack(0))
        instance.write(bytes_out, _U32.pack(0))
        return SUCCESS

    def nothing(self, _instance: Instance, *_: int) -> int:
        """Succeed at doing nothing."""
        return SUCCESS

    def proc_exit(self, _instance: Instance, code: int) -> int:
        """End the call: a plugin has no process to end."""
        raise Trap(f"plugin exited with {code}", hint="A plugin must not call exit.", cause="trap")


_Method = Callable[..., int]

TABLE: Final[dict[str, tuple[Signature, _Method]]] = {
    "clock_time_get": (Signature.parse("i32 i64 i32 -> i32"), Wasi.clock_time_get),
    "clock_res_get": (Signature.parse("i32 i32 -> i32"), Wasi.clock_res_get),
    "poll_oneoff": (Signature.parse("i32 i32 i32 i32 -> i32"), Wasi.poll_oneoff),
    "random_get": (Signature.parse("i32 i32 -> i32"), Wasi.random_get),
    "fd_write": (Signature.parse("i32 i32 i32 i32 -> i32"), Wasi.fd_write),
    "fd_fdstat_get": (Signature.parse("i32 i32 -> i32"), Wasi.fd_fdstat_get),
    "fd_close": (Signature.parse("i32 -> i32"), Wasi.fd_close),
    "fd_seek": (Signature.parse("i32 i64 i32 i32 -> i32"), Wasi.fd_seek),
    "fd_prestat_get": (Signature.parse("i32 i32 -> i32"), Wasi.no_descriptor),
    "fd_prestat_dir_name": (Signature.parse("i32 i32 i32 -> i32"), Wasi.no_descriptor),
    "environ_sizes_get": (Signature.parse("i32 i32 -> i32"), Wasi.sizes_get),
    "environ_get": (Signature.parse("i32 i32 -> i32"), Wasi.nothing),
    "args_sizes_get": (Signature.parse("i32 i32 -> i32"), Wasi.sizes_get),
    "args_get": (Signature.parse("i32 i32 -> i32"), Wasi.nothing),
    "sched_yield": (Signature.parse("-> i32"), Wasi.nothing),
    "proc_exit": (Signature.parse("i32 ->"), Wasi.proc_exit),
}
"""Every function offered, with its exact type. Libraries of C and Rust probe for preopened folders; they find none."""


def _guarded(wasi: Wasi, method: _Method, instance: Instance, *args: int) -> int:
    try:
        return method(wasi, instance, *args)
    except OutOfBoundsError:
        return EFAULT
