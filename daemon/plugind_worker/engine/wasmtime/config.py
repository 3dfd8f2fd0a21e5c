"""Settings of the wasmtime engine, and their fingerprint.

Proposals that plugins do not need are off: each is code in the engine that a hostile module could reach.
"""

import hashlib
import platform
from collections.abc import Mapping
from pathlib import Path
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
    "parallel_compilation": False,  # a compiling child may start no threads, and its time is bounded by one processor
    "epoch_interruption": True,
    "max_wasm_stack": 2 * 1024 * 1024,  # bytes; host functions called by a guest stand on the same stack
    "memory_may_move": False,  # frame windows are mapped at addresses that must hold
    "memory_reservation": 4 * 1024**3,  # bytes; the whole 32-bit range, so that accesses need no bounds checks
    "memory_guard_size": 32 * 1024 * 1024,  # bytes
}

QUICK: Final[Mapping[str, Mapping[str, bool | int | str]]] = {"x86_64": {"strategy": "winch"}}
"""What differs where compiling is to be quick, by machine: those where the baseline compiler is supported for code that
nobody trusts, and has SIMD. Cranelift's own quick register allocator is not supported for such code by its authors."""

FORMAT: Final = 2
"""Of artefacts: what the engine serializes, and what we put behind it."""


_WINCH: Final = 2
"""``WASMTIME_STRATEGY_WINCH``, for which the public API of the binding has no name."""


def settings(*, quick: bool = False) -> Mapping[str, bool | int | str] | None:
    """Return the settings in force on this machine.

    Args:
        quick: Those that compile in a fraction of the time, to slower code.

    Returns:
        Setting → value; None where this machine has no such settings.
    """
    if not quick:
        return SETTINGS
    different = QUICK.get(platform.machine())
    return None if different is None else {**SETTINGS, **different}


def build(chosen: Mapping[str, bool | int | str] = SETTINGS) -> wasmtime.Config:
    """Return a configuration with these settings."""
    config = wasmtime.Config()
    for name, value in chosen.items():
        if (name, value) == ("strategy", "winch"):
            _ffi.wasmtime_config_strategy_set(config.ptr(), _WINCH)
        else:
            setattr(config, name, value)
    _ffi.wasmtime_config_wasm_compact_imports_set(config.ptr(), 0)
    return config


def version() -> str:
    """Tell the binding's version, which is the engine's.

    The name of its metadata folder says so; asking ``importlib.metadata`` costs a third of the zygote's start. Where
    there is no such folder (a bundle), the library's size and time of change tell builds apart.
    """
    package = Path(wasmtime.__file__).parent
    folders = [folder.name for folder in package.parent.glob("wasmtime-*.dist-info")]
    if len(folders) == 1:
        return folders[0].removesuffix(".dist-info").partition("-")[2]
    library = Path(_ffi.filename).stat()
    return f"unknown-{library.st_size}-{library.st_mtime_ns}"


def fingerprint(engine_version: str, chosen: Mapping[str, bool | int | str] = SETTINGS) -> str:
    """Hash engine version, machine and settings.

    Args:
        engine_version: As of `version`.
        chosen: The settings.

    Returns:
        32 hexadecimal digits.
    """
    text = "\n".join(
        (
            "wasmtime",
            engine_version,
            f"format={FORMAT}",
            platform.machine(),
            *(f"{k}={v}" for k, v in sorted(chosen.items())),
        )
    )
    return hashlib.sha256(text.encode()).hexdigest()[:32]
