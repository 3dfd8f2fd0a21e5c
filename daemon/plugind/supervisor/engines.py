"""Which engines this machine can run, and which Python runs each: not all have a binding for the daemon's own."""

import importlib.metadata
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import anyio
import anyio.to_thread

from plugind_protocol.errors import PackageInvalid
from plugind_protocol.methods import EngineInfo

_PROBE_SECONDS: Final = 20.0
_PROBE: Final = """
import importlib.metadata, json, msgspec
from wasmer import Store, engine
from wasmer_compiler_cranelift import Compiler
Store(engine.Universal(Compiler))
print(json.dumps(importlib.metadata.version("wasmer")))
"""
"""Beyond CPython 3.10 the binding can be imported, and fails when it is used."""
_LAST_PYTHON: Final = "python3.10"
_NEEDED: Final = {"wasmer", "wasmer_compiler_cranelift", "msgspec"}
_CHECKOUT_ENVIRONMENT: Final = ".venv-wasmer"
_PACKAGES: Final = ("plugind_worker", "plugind_protocol")
_ELSEWHERE: Final = (
    "import os, sys; sys.path += sys.argv.pop(1).split(os.pathsep); from plugind_worker.__main__ import main; main()"
)
"""Starts the worker's package in an interpreter that does not have it; its own packages come first."""

HOW_TO_GET_WASMER: Final = (
    "Run `make wasmer` in a checkout of plugind, or set engines.wasmer.interpreter in the configuration to a "
    "CPython 3.10 that has wasmer, wasmer_compiler_cranelift and msgspec; then start plugind again."
)


class Engines:
    """The engines there are: wasmtime always, wasmer once `find` has found it.

    Args:
        wasmer: The Python configured for wasmer; without one, that of a checkout is used, if it was prepared.
    """

    def __init__(self, *, wasmer: str | None) -> None:
        own = _available("wasmtime", importlib.metadata.version("wasmtime"), sys.executable)
        self._wasmer = wasmer or _in_checkout()
        self._found = {"wasmtime": own, "wasmer": _unavailable("it was not looked for yet")}

    async def find(self) -> None:
        """Look for the engines that need a Python of their own: into its environment, or by starting it."""
        self._found["wasmer"] = await _find_wasmer(self._wasmer)

    @property
    def infos(self) -> list[EngineInfo]:
        """Every engine, for clients."""
        return list(self._found.values())

    def interpreter(self, name: str, *, who: str) -> str:
        """Return the Python that runs an engine.

        Args:
            name: The engine.
            who: Who wants it, for the message.

        Raises:
            PackageInvalid: It is not available here; the message says why, the hint what to do.
        """
        one = self._found[name]
        if not one.available:
            raise PackageInvalid(
                f"{who} wants engine {name}, which is not available: {one.reason}", hint=HOW_TO_GET_WASMER
            )
        return one.interpreter


def command(interpreter: str) -> list[str]:
    """Return the command line that starts a zygote; its arguments follow.

    Args:
        interpreter: The Python to start.
    """
    if interpreter == sys.executable:
        return [interpreter, "-I", "-m", "plugind_worker"]
    return [interpreter, "-I", "-c", _ELSEWHERE, os.pathsep.join(homes())]


def homes() -> list[str]:
    """Return the folders that have the packages a worker needs, for an interpreter that does not have them."""
    specs = [importlib.util.find_spec(package) for package in _PACKAGES]
    places = [spec.submodule_search_locations for spec in specs if spec is not None]
    return list(dict.fromkeys(str(Path(place).parent) for found in places if found for place in found))


async def _find_wasmer(interpreter: str | None) -> EngineInfo:
    if interpreter is None:
        return _unavailable("no CPython 3.10 was prepared for it")
    installed = await anyio.to_thread.run_sync(_installed, interpreter)
    if installed is not None:
        return _available("wasmer", installed, interpreter)
    try:
        with anyio.fail_after(_PROBE_SECONDS):
            done = await anyio.run_process(
                [interpreter, "-I", "-c", _PROBE], stdin=subprocess.DEVNULL, check=False, env={}
            )
    except OSError as exc:
        return _unavailable(f"{interpreter} cannot be started: {exc.strerror}")
    except TimeoutError:
        return _unavailable(f"{interpreter} did not answer within {_PROBE_SECONDS:.0f} s")
    if done.returncode != 0:
        words = done.stderr.decode(errors="replace").strip().splitlines()
        return _unavailable(f"{interpreter} cannot run it: {words[-1] if words else f'status {done.returncode}'}")
    return _available("wasmer", json.loads(done.stdout), interpreter)


def _installed(interpreter: str) -> str | None:
    """Return the version of wasmer in a virtual environment that has all it needs; much faster than starting it."""
    packages = Path(interpreter).parent.parent / "lib" / _LAST_PYTHON / "site-packages"
    if not os.access(interpreter, os.X_OK):
        return None
    found = {one.name.replace("-", "_"): one.version for one in importlib.metadata.distributions(path=[str(packages)])}
    return found["wasmer"] if found.keys() >= _NEEDED else None


def _available(name: str, version: str, interpreter: str) -> EngineInfo:
    return EngineInfo(name=name, version=version, available=True, interpreter=interpreter)


def _unavailable(reason: str) -> EngineInfo:
    return EngineInfo(name="wasmer", version="", available=False, reason=f"{reason}. {HOW_TO_GET_WASMER}")


def _in_checkout() -> str | None:
    root = Path(__file__).parents[3]
    interpreter = root / _CHECKOUT_ENVIRONMENT / "bin" / "python"
    found = (root / "pyproject.toml").exists() and os.path.lexists(interpreter)  # it may be a link we cannot follow
    return str(interpreter) if found else None
