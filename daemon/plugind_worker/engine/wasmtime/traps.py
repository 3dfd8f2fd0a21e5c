"""What a trap or an engine error means: the typed error with the guest's stack."""

import ctypes
import re
from typing import Final

import wasmtime
from wasmtime import TrapCode, _ffi

from plugind_protocol.errors import MemoryLimit, PlugindError, Timeout, Trap
from plugind_worker.engine.base import Fault

MAX_FRAMES: Final = 64
"""Frames kept of a guest's stack."""
MAX_NAME: Final = 200
"""Characters kept of a function's name, which the plugin chooses."""
MAX_REASON: Final = 400
"""Characters kept of an engine's own text."""

_FAULTS: Final = {
    TrapCode.STACK_OVERFLOW: Fault.STACK,
    TrapCode.MEMORY_OUT_OF_BOUNDS: Fault.MEMORY,
    TrapCode.TABLE_OUT_OF_BOUNDS: Fault.TABLE,
    TrapCode.INDIRECT_CALL_TO_NULL: Fault.NULL_CALL,
    TrapCode.BAD_SIGNATURE: Fault.SIGNATURE,
    TrapCode.INTEGER_OVERFLOW: Fault.OVERFLOW,
    TrapCode.INTEGER_DIVISION_BY_ZERO: Fault.DIVISION,
    TrapCode.BAD_CONVERSION_TO_INTEGER: Fault.CONVERSION,
    TrapCode.UNREACHABLE: Fault.UNREACHABLE,
}
_ART: Final = re.compile(r"\d*\s*\|")
_NUMBERED: Final = re.compile(r"\d+: ")
_MEMORY_REASONS: Final = ("exceeds memory limits", "exceeds table limits", "Cannot allocate memory")


def stack_of(*, trap: int = 0, error: int = 0) -> list[str]:
    """Return the names of the functions on the guest's stack, innermost first.

    Args:
        trap: Address of the trap of the guest's own, if it was one.
        error: Address of the error that a host function's trap became, if it was that.
    """
    frames = _ffi.wasm_frame_vec_t(0, None)
    if trap:
        _ffi.wasm_trap_trace(_trap(trap), ctypes.byref(frames))
    elif error:
        _ffi.wasmtime_error_wasm_trace(_error(error), ctypes.byref(frames))
    names = [_frame_name(frames.data[i]) for i in range(min(frames.size, MAX_FRAMES))]
    _ffi.wasm_frame_vec_delete(ctypes.byref(frames))
    return names


def error_of(trap: int) -> PlugindError:
    """Turn a trap of the guest's own into its typed error, and give the trap back to the engine.

    Args:
        trap: Its address.
    """
    code = ctypes.c_uint8()
    found = _ffi.wasmtime_trap_code(_trap(trap), ctypes.byref(code))
    kind = next((c for c in TrapCode if c.value == code.value), None) if found else None
    stack = stack_of(trap=trap)
    _ffi.wasm_trap_delete(_trap(trap))
    where = f" in {stack[0]}" if stack else ""
    if kind is TrapCode.INTERRUPT:
        return Timeout(f"interrupted at its deadline{where}", cause="timeout", stack=stack)
    if kind is TrapCode.ALLOCATION_TOO_LARGE:
        return MemoryLimit(f"asked for more than the engine can allocate{where}", cause="memory", stack=stack)
    what = _FAULTS[kind].value if kind in _FAULTS else f"trapped ({kind.name.lower() if kind else 'no code'})"
    return Trap(f"{what}{where}", cause="trap", stack=stack)


def is_memory(reason: str) -> bool:
    """Whether an engine's text says that the limits, or the process, did not allow the memory."""
    return any(text in reason for text in _MEMORY_REASONS)


def take_reason(error: int) -> str:
    """Return the text of an engine's error, and give the error back to the engine.

    Args:
        error: Its address.
    """
    return reason_of(wasmtime.WasmtimeError._from_ptr(_error(error)))  # noqa: SLF001  # nothing public takes an error over


def reason_of(error: wasmtime.WasmtimeError) -> str:
    """Return an engine's text on one line, without the drawing under it."""
    lines = (line.strip() for line in str(error).splitlines())
    kept = [_NUMBERED.sub("", line) for line in lines if line and line != "Caused by:" and not _ART.match(line)]
    return ": ".join(kept).replace("--> <anon>:", "at line ")[:MAX_REASON]


def _trap(address: int) -> "ctypes._Pointer[_ffi.wasm_trap_t]":
    return ctypes.cast(address, ctypes.POINTER(_ffi.wasm_trap_t))


def _error(address: int) -> "ctypes._Pointer[_ffi.wasmtime_error_t]":
    return ctypes.cast(address, ctypes.POINTER(_ffi.wasmtime_error_t))


def _frame_name(frame: "ctypes._Pointer[_ffi.wasm_frame_t]") -> str:
    name = _ffi.wasmtime_frame_func_name(frame)
    if not name:
        return f"function {_ffi.wasm_frame_func_index(frame)}"
    vec = name.contents
    return ctypes.string_at(vec.data, vec.size).decode("utf-8", "replace")[:MAX_NAME]
