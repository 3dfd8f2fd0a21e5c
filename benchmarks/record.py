"""Keeps what was found: all of it in ``benchmarks/results``, and the ratios of the last whole run beside this file."""

import datetime as dt
import importlib.metadata
import os
import platform
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
from benchmarks.findings import Curve, Finding, Row, Spread
from benchmarks.table import judged

HERE: Final = Path(__file__).parent
RESULTS: Final = HERE / "results"
RECORDED: Final = HERE / "recorded.json"
PACKAGES: Final = ("plugind", "wasmtime", "uvloop", "msgspec", "extism", "extism-sys", "grpcio", "rpyc", "av")


class Conditions(msgspec.Struct, frozen=True):
    """When and on what a run was made."""

    at: str
    system: str
    processors: int
    model: str
    load: float
    """Of the machine, when the run began."""
    versions: dict[str, str]

    def words(self) -> str:
        """One sentence."""
        versions = ", ".join(f"{name} {version}" for name, version in self.versions.items())
        return (
            f"Measured at {self.at} on {self.processors} processors ({self.model}), {self.system}; {versions}; "
            f"load {self.load:.2f} when it began."
        )


def conditions() -> Conditions:
    """Find out where this runs."""
    versions = {"CPython": platform.python_version(), **_installed(), **_programs()}
    return Conditions(
        at=f"{dt.datetime.now(dt.UTC):%Y-%m-%d %H:%M} UTC",
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        processors=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 0,
        model=_model(),
        load=os.getloadavg()[0],
        versions=versions,
    )


def _installed() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _programs() -> dict[str, str]:
    """Versions of Node.js and its package, and of the C compiler."""
    found = {}
    if node := shutil.which("node"):
        found["Node.js"] = subprocess.run(
            [node, "--version"], capture_output=True, text=True, check=True
        ).stdout.strip()
    package = HERE / "peers" / "node" / "node_modules" / "vscode-jsonrpc" / "package.json"
    if package.exists():
        found["vscode-jsonrpc"] = msgspec.json.decode(package.read_bytes())["version"]
    if compiler := shutil.which("cc"):
        said = subprocess.run([compiler, "-dumpfullversion"], capture_output=True, text=True, check=False)
        found["cc"] = said.stdout.strip()
    return found


def _model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown"
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), "unknown")


class Recorded(msgspec.Struct, frozen=True):
    """What the last whole run found, to compare with: by key the ratio, or the value where that has the goal."""

    conditions: Conditions
    figures: dict[str, float]


def recorded() -> Recorded | None:
    """Return what was recorded last, if anything was."""
    return msgspec.json.decode(RECORDED.read_bytes(), type=Recorded) if RECORDED.exists() else None


def record(about: Conditions, rows: Sequence[Row]) -> None:
    """Record a whole run."""
    figures = {row.key: round(found, 4) for row in rows if (found := judged(row)) is not None}
    RECORDED.write_bytes(msgspec.json.format(msgspec.json.encode(Recorded(about, figures)), indent=2) + b"\n")


def keep(about: Conditions, found: Sequence[Finding]) -> Path:
    """Write all that was found into a file of its own; return its path."""
    RESULTS.mkdir(exist_ok=True)
    whole: dict[str, Any] = {
        "conditions": about,
        "rows": [one for one in found if isinstance(one, Row)],
        "curves": [one for one in found if isinstance(one, Curve)],
        "spreads": [one for one in found if isinstance(one, Spread)],
    }
    path = RESULTS / f"{dt.datetime.now(dt.UTC):%Y-%m-%d-%H%M%S}.json"
    path.write_bytes(msgspec.json.format(msgspec.json.encode(whole), indent=1) + b"\n")
    return path
