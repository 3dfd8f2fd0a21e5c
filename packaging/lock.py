"""Writes constraints.txt anew: the exact versions that every target of the Makefile installs.

The newest versions that pyproject.toml allows are resolved by pip on the oldest Python that plugind supports, because
whatever installs there has to install everywhere. Then each version is looked up for every newer Python: it must come
as a wheel there, or be one of the few pure-Python packages that are published as sources only.
"""

import json
import platform
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
CONSTRAINTS = ROOT / "packaging" / "constraints.txt"
OLDEST = (3, 11)
NEWER = ("3.12", "3.13", "3.14")
SOURCES_ONLY = {"jsonrpcserver", "oslash"}
"""Pure Python, published without wheels."""
NOT_LOCKED = {"plugind", "setuptools", "atheris"}
"""Ours, pip's own, and a tool of `make hostile` of which no version has wheels for more than one or two Pythons."""
NO_WHEEL = {"3.14": {"opentimelineio"}}
"""Not published for these Pythons yet; pyproject.toml leaves them out there."""

HEADER = """\
# Written by `make lock`: exact versions of everything that the Makefile installs. Resolved on CPython {oldest} for
# Linux, looked up as wheels for {newer} too. To update, run `make lock` and then `make test check`.
"""


def main() -> None:
    """Resolve, check and write."""
    if sys.version_info[:2] != OLDEST:
        sys.exit(f"make lock needs CPython {'.'.join(map(str, OLDEST))} in .venv, this is {platform.python_version()}")
    pins = resolve(requirements())
    for version in NEWER:
        look_up(pins, version)
    header = HEADER.format(oldest=".".join(map(str, OLDEST)), newer=", ".join(NEWER))
    CONSTRAINTS.write_text(header + "".join(f"{name}=={version}\n" for name, version in sorted(pins.items())))
    print(f"{len(pins)} packages locked in {CONSTRAINTS.relative_to(ROOT)}")


def requirements() -> list[str]:
    """Return everything that pyproject.toml asks for, of every group, and pip itself."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    asked = [*project["project"]["dependencies"], *project["build-system"]["requires"], "pip"]
    for group in (*project["project"]["optional-dependencies"].values(), *project["dependency-groups"].values()):
        asked += group
    return asked


def resolve(asked: list[str]) -> dict[str, str]:
    """Return name and version of each package that pip would install into an empty environment."""
    command = ["install", "--dry-run", "--ignore-installed", "--quiet", "--report", "-", *asked]
    report = json.loads(pip(*command))
    found = {
        item["metadata"]["name"].lower().replace("_", "-"): item["metadata"]["version"] for item in report["install"]
    }
    return {name: version for name, version in found.items() if name not in NOT_LOCKED}


def look_up(pins: dict[str, str], version: str) -> None:
    """End with pip's words if a pinned version has no wheel for a version of Python."""
    wheels = [
        f"{name}=={pinned}" for name, pinned in pins.items() if name not in SOURCES_ONLY | NO_WHEEL.get(version, set())
    ]
    pip(
        "install",
        "--dry-run",
        "--no-deps",
        "--only-binary",
        ":all:",
        "--python-version",
        version,
        "--target",
        "x",
        *wheels,
    )
    print(f"CPython {version}: {len(wheels)} wheels, {', '.join(sorted(SOURCES_ONLY))} from sources")


def pip(*arguments: str) -> str:
    """Run this environment's pip; end with its words if it fails."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"pip {' '.join(arguments[:4])} … failed:\n{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    main()
