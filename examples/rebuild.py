"""Builds every checked-in module anew and compares: what is checked in must be what the sources say.

``rebuild.py`` fails when a module is stale, ``rebuild.py --write`` replaces those that are. AssemblyScript is built by
``build.mjs``; ``npm ci`` is run first where ``node_modules`` is missing or older than the lock file. The adder is
assembled from text, and the truncated test guest is half of a module.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import wasmtime

EXAMPLES = Path(__file__).resolve().parent
GUESTS = EXAMPLES.parent / "tests" / "plugins"

ASSEMBLYSCRIPT = (
    EXAMPLES / "append-clips",
    EXAMPLES / "color-grade",
    EXAMPLES / "gaussian-blur",
    EXAMPLES / "invert",
    GUESTS / "probe",
    GUESTS / "all-methods",
)
ADDER = EXAMPLES / "adder"
TRUNCATED = GUESTS / "truncated"
MODULE = "plugin.wasm"


def build(target: Path) -> None:
    """Builds every module.

    Args:
        target: Folder that receives ``<plugin>/plugin.wasm`` for each plugin.

    Raises:
        subprocess.CalledProcessError: npm or the compiler failed; what it said is on stderr.
        FileNotFoundError: node or npm is not installed.
    """
    npm, node = _find("npm"), _find("node")
    if _older(EXAMPLES / "node_modules" / ".package-lock.json", EXAMPLES / "package-lock.json"):
        subprocess.run([npm, "ci", "--no-audit", "--no-fund"], cwd=EXAMPLES, check=True, stdout=sys.stderr)
    subprocess.run([node, "build.mjs", str(target)], cwd=EXAMPLES, check=True, stdout=sys.stderr)
    (target / ADDER.name).mkdir()
    (target / ADDER.name / MODULE).write_bytes(assembled())
    whole = bytes(wasmtime.wat2wasm((TRUNCATED / "whole.wat").read_text()))
    (target / TRUNCATED.name).mkdir()
    (target / TRUNCATED.name / MODULE).write_bytes(whole[: len(whole) // 2])


def assembled() -> bytes:
    """Assembles the adder."""
    return bytes(wasmtime.wat2wasm((ADDER / "adder.wat").read_text()))


def stale(built: Path) -> list[Path]:
    """Compares what was built with what is checked in.

    Args:
        built: The folder that `build` filled.

    Returns:
        The checked-in modules that differ or are missing, in order.
    """
    checked_in = [folder / MODULE for folder in (*ASSEMBLYSCRIPT, ADDER, TRUNCATED)]
    return [path for path in checked_in if not path.exists() or path.read_bytes() != _built(path, built).read_bytes()]


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line.

    Args:
        arguments: The arguments after the program's name; those of the process by default.

    Returns:
        The exit status: 0 when all is up to date (or was made so), 1 when a module is stale.
    """
    parser = argparse.ArgumentParser(description="Build the checked-in WebAssembly modules anew and compare.")
    parser.add_argument("--write", action="store_true", help="replace the modules that are stale")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        build(Path(folder))
        paths = stale(Path(folder))
        for path in paths:
            if options.write:
                shutil.copyfile(_built(path, Path(folder)), path)
            print(f"{path.relative_to(EXAMPLES.parent)}: {'written' if options.write else 'stale'}")
    if paths and not options.write:
        print("Run `python examples/rebuild.py --write` and commit the result.", file=sys.stderr)
        return 1
    return 0


def _built(path: Path, built: Path) -> Path:
    return built / path.parent.name / MODULE


def _older(made: Path, source: Path) -> bool:
    return not made.exists() or made.stat().st_mtime < source.stat().st_mtime


def _find(program: str) -> str:
    path = shutil.which(program)
    if path is None:
        raise FileNotFoundError(f"{program} is needed to build the examples; install Node.js 20 or later")
    return path


if __name__ == "__main__":
    sys.exit(main())
