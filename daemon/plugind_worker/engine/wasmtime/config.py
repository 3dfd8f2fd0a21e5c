"""Settings of the wasmtime engine, and their fingerprint.

Proposals that plugins do not need are off: each is code in the engine that a hostile module could reach.
"""

import hashlib
import platform
from typing import Final

import wasmtime
from wasmtime import _ffi

SETTINGS: Final[dict[str, bool | int | str]] = {
    # the language
    "wasm_simd": True,
    "wasm_bulk_memory": True,
    "wasm_reference_types": True,
    "wasm_multi_value": True,
    "wasm_relaxed_simd": False,
    "wasm_gc": False,
    "gc_support": False,  # also refuses externref, which nothing here could give a guest
    "wasm_function_references": False,
    "wasm_exceptions": False,
    "wasm_threads": False,
    "wasm_memory64": False,
    "wasm_multi_memory": False,
    "wasm_tail_call": False,
    "wasm_component_model": False,
    "wasm_stack_switching": False,
    "wasm_wide_arithmetic": False,
    "wasm_custom_page_sizes": False,
    "shared_memory": False,
    # the machine
    "strategy": "cranelift",
    "cranelift_opt_level": "speed",
    "epoch_interruption": True,
    "max_wasm_stack": 1024 * 1024,  # bytes; host functions called by a guest stand on the same stack
    "memory_may_move": False,  # frame windows are mapped at addresses that must hold
    "memory_reservation": 4 * 1024**3,  # bytes; the whole 32-bit range, so that accesses need no bounds checks
    "memory_guard_size": 32 * 1024 * 1024,  # bytes
}


def build() -> wasmtime.Config:
    """Return a configuration with `SETTINGS`."""
    config = wasmtime.Config()
    for name, value in SETTINGS.items():
        setattr(config, name, value)
    _ffi.wasmtime_config_wasm_compact_imports_set(config.ptr(), 0)
    return config


def fingerprint(version: str) -> str:
    """Hash engine version, machine and settings.

    Args:
        version: Of the engine.

    Returns:
        32 hexadecimal digits.
    """
    text = "\n".join(("wasmtime", version, platform.machine(), *(f"{k}={v}" for k, v in sorted(SETTINGS.items()))))
    return hashlib.sha256(text.encode()).hexdigest()[:32]
