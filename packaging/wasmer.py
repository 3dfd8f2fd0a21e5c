"""Make the environment of wasmer workers: find a CPython 3.10, make `.venv-wasmer`, install the engine, try it.

`make wasmer` runs it. The interpreter is the first of: what WASMER_PYTHON names, `python3.10` on the path, the versions
of pyenv, those beside the Python that runs this, what uv has, what the `py` launcher has.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
ENVIRONMENT = ROOT / ".venv-wasmer"
REQUIREMENTS = ROOT / "packaging" / "wasmer.txt"
WANTED = (3, 10)

_ASK = "import json, platform, sys; print(json.dumps([platform.python_implementation(), *sys.version_info[:2]]))"
_TRY = """
import msgspec
from wasmer import Instance, Module, Store, engine
from wasmer_compiler_cranelift import Compiler
store = Store(engine.Universal(Compiler))
text = '(module (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1))))'
assert Instance(Module(store, text)).exports.add(2, 3) == 5
"""
_NOT_FOUND = """\
There is no CPython 3.10 on this machine, and wasmer's binding of 2022 has no wheels for anything newer.
Looked at: WASMER_PYTHON, python3.10 on the path, pyenv's versions, beside this Python, uv, the py launcher.
Install one, for example by `pyenv install 3.10` or `uv python install 3.10`, or name one by WASMER_PYTHON=...
Without it everything works but the wasmer engine; wasmtime, the default, needs nothing of this."""


def main() -> int:
    """Make the environment; return the exit status."""
    interpreter = find()
    if interpreter is None:
        chosen = os.environ.get("WASMER_PYTHON")
        print(f"WASMER_PYTHON names {chosen}, which is no CPython 3.10." if chosen else _NOT_FOUND, file=sys.stderr)
        return 1
    shutil.rmtree(ENVIRONMENT, ignore_errors=True)
    subprocess.run([interpreter, "-m", "venv", ENVIRONMENT], check=True)
    python = ENVIRONMENT / ("Scripts" if os.name == "nt" else "bin") / "python"
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:"]
    subprocess.run([*pip, "--requirement", REQUIREMENTS], check=True)
    subprocess.run([python, "-I", "-c", _TRY], check=True)
    print(f"wasmer works in {ENVIRONMENT}, with {interpreter}; start plugind again to use it")
    return 0


def find() -> str | None:
    """Return a CPython 3.10, or nothing."""
    chosen = os.environ.get("WASMER_PYTHON")
    if chosen:
        return chosen if is_wanted(chosen) else None
    return next((candidate for candidate in candidates() if is_wanted(candidate)), None)


def candidates() -> Iterator[str]:
    """Go through what may be a CPython 3.10, the most usual first."""
    version = ".".join(map(str, WANTED))
    yield f"python{version}"
    root = os.environ.get("PYENV_ROOT") or _say("pyenv", "root") or str(Path.home() / ".pyenv")
    for versions in (Path(root, "versions"), Path(sys.base_prefix).parent):
        for folder in sorted(versions.glob(f"{version}.*"), reverse=True):
            yield str(folder / "bin" / "python")
    for command in (
        ("uv", "python", "find", version),
        ("py", f"-{version}", "-c", "import sys; print(sys.executable)"),
    ):
        if found := _say(*command):
            yield found


def is_wanted(interpreter: str) -> bool:
    """Whether this can be started and is a CPython 3.10."""
    said = _say(interpreter, "-I", "-c", _ASK)
    try:
        return json.loads(said) == ["CPython", *WANTED]
    except ValueError:
        return False


def _say(*command: str) -> str:
    """Return what a command prints, or nothing where it fails."""
    try:
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""


if __name__ == "__main__":
    sys.exit(main())
