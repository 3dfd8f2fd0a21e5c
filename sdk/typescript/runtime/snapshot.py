"""Runs a module's preparation once, when it is built, and writes a module whose memory begins where that has left it.

What a script finds when it starts (the context, the SDK, URL, what takes types out) is made by some 100 ms of QuickJS.
In a snapshot it is data, which an instance begins with. The preparation sees neither the time nor random numbers, so that it leaves the same behind everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import wasmtime

PREPARE: Final = "script_prepare"
DROPPED: Final = (PREPARE, "_initialize")
"""Exports that have done what they are for."""

_MEMORY, _GLOBAL, _EXPORT, _CODE, _DATA, _DATA_COUNT = 5, 6, 7, 10, 11, 12
_MUTABLE: Final = 1
_PAGE: Final = 64 * 1024
_GAP: Final = 256
"""So many zeros in a row are worth a segment of their own behind them."""
_TIME_NS: Final = 1_750_000_000_000_000_000


def snapshot(module: bytes, *, stack_bytes: int) -> bytes:
    """Prepares a module.

    Args:
        module: A module that exports ``memory``, ``_initialize`` and `PREPARE`, and imports functions only.
        stack_bytes: Size of its stack, with which its memory begins, and of which nothing need be kept.

    Returns:
        The same module with memory as it is then.

    Raises:
        ValueError: The preparation failed, or the module has state that a snapshot would miss.
    """
    memory = bytes(stack_bytes) + _prepared(module)[stack_bytes:]
    sections = []
    for number, body in _sections(module):
        if number == _MEMORY:  # without a maximum: the host's limit is the limit
            sections.append((number, _vector([bytes([0]) + _number(len(memory) // _PAGE)])))
        elif number == _EXPORT:
            sections.append((number, _kept_exports(body)))
        elif number not in (_DATA, _DATA_COUNT):
            sections.append((number, body))
        if number == _GLOBAL:
            _check_globals(body, stack_bytes)
    segments = [_segment(at, data) for at, data in _pieces(memory)]
    code = next(index for index, (number, _) in enumerate(sections) if number == _CODE)
    sections.insert(code, (_DATA_COUNT, _number(len(segments))))
    sections.insert(code + 2, (_DATA, _vector(segments)))
    return module[:8] + b"".join(bytes([number]) + _number(len(body)) + body for number, body in sections)


def _prepared(module: bytes) -> bytes:
    """Runs the preparation, and returns the memory that it leaves."""
    engine = wasmtime.Engine()
    store = wasmtime.Store(engine)
    compiled = wasmtime.Module(engine, module)
    linker = wasmtime.Linker(engine)
    for item in compiled.imports:
        _define(linker, store, item)
    instance = linker.instantiate(store, compiled)
    exports = instance.exports(store)
    exports["_initialize"](store)
    if exports[PREPARE](store) != 1:
        raise ValueError("the module could not be prepared")
    memory = exports["memory"]
    return bytes(memory.read(store, 0, memory.data_len(store)))


def _define(linker: wasmtime.Linker, store: wasmtime.Store, item: wasmtime.ImportType) -> None:
    def call(caller: wasmtime.Caller, *args: int) -> int:
        if item.name != "clock_time_get":
            raise ValueError(f"the preparation calls {item.name}")
        memory = caller["memory"]
        memory.write(caller, _TIME_NS.to_bytes(8, "little"), args[2])
        return 0

    linker.define(store, item.module, item.name, wasmtime.Func(store, item.type, call, access_caller=True))


def _check_globals(body: bytes, stack_bytes: int) -> None:
    """Makes sure that all that changes outside of memory is the stack pointer, which is back where it was.

    It has to begin where the stack ends that memory begins with: then what overflows it is out of bounds, and not in
    the data.
    """
    count, at = _read(body, 0)
    changing = []
    for _ in range(count):
        end = body.index(0x0B, at + 2) + 1  # an initial value is one constant, none of ours with this byte in it
        if body[at + 1] == _MUTABLE:
            changing.append(body[at + 2 : end])
        at = end
    if changing != [b"\x41" + _signed(stack_bytes) + b"\x0b"]:
        raise ValueError(f"the globals that can change are {changing}, not a stack pointer of {stack_bytes}")


def _kept_exports(body: bytes) -> bytes:
    count, at = _read(body, 0)
    kept = []
    for _ in range(count):
        start = at
        length, at = _read(body, at)
        name = body[at : at + length].decode()
        _, at = _read(body, at + length + 1)
        if name not in DROPPED:
            kept.append(body[start:at])
    return _vector(kept)


def _pieces(memory: bytes) -> Iterator[tuple[int, bytes]]:
    """Goes through what is not zero, with where it is."""
    zeros = bytes(_GAP)
    at, end = 0, len(memory)
    while at < end:
        if memory[at : at + _GAP] == zeros[: end - at]:
            at += _GAP
            continue
        stop = memory.find(zeros, at)
        stop = end if stop < 0 else stop
        if stop == at:  # zeros that do not fill the grid
            at += _GAP
            continue
        yield at, memory[at:stop]
        at = stop


def _segment(at: int, data: bytes) -> bytes:
    """Writes an active segment of the first memory."""
    return b"\0\x41" + _signed(at) + b"\x0b" + _number(len(data)) + data


def _sections(module: bytes) -> Iterator[tuple[int, bytes]]:
    at = 8
    while at < len(module):
        number = module[at]
        length, at = _read(module, at + 1)
        yield number, module[at : at + length]
        at += length


def _vector(items: list[bytes]) -> bytes:
    return _number(len(items)) + b"".join(items)


def _number(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _signed(value: int) -> bytes:
    out = bytearray()
    while not -0x40 <= value < 0x40:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value & 0x7F])


def _read(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at
