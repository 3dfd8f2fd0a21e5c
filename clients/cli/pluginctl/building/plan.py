"""How a plugin is built: told by its manifest, or seen from what lies in its folder."""

import json
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from pluginctl.building import toolchain
from pluginctl.building.sysroot import SHOWN, TARGET, Sysroot
from pluginctl.project import Project
from plugind_protocol.errors import ManifestInvalid


class Step(msgspec.Struct, frozen=True):
    """One command."""

    argv: tuple[str, ...]
    shown: str
    """For people."""
    environment: Mapping[str, str] = {}
    """Beside ours."""
    cargo: bool = False
    """Whether it tells by JSON on stdout what it has made."""


class Preparation(msgspec.Struct, frozen=True):
    """What is built once for all plugins, since it is not there yet."""

    sysroot: Sysroot
    shown: str = SHOWN
    """For people."""


class Plan(msgspec.Struct, frozen=True):
    """What is to be done, in its order."""

    steps: tuple[Step | Preparation, ...]
    artefact: Path | None = None
    """What they make, where that is known and is not ``main`` itself."""

    @property
    def commands(self) -> tuple[Step, ...]:
        """The plugin's own, which stay the same once all is prepared."""
        return tuple(step for step in self.steps if isinstance(step, Step))

    @property
    def prepared(self) -> bool:
        """Whether all is there that is built once for all plugins."""
        return len(self.commands) == len(self.steps)


def plan(project: Project) -> Plan | None:
    """Say how a plugin is built.

    Args:
        project: Its folder.

    Returns:
        The plan; None where there is nothing to build.

    Raises:
        CommandFailed: Something is missing for it; the hint says what to install.
        ManifestInvalid: The manifest names no command.
    """
    if project.dev.build is not None:
        return _own(project, project.dev.build)
    for name, make in _DETECTED.items():
        if (project.folder / name).is_file() and (found := make(project)) is not None:
            return found
    return None


def _own(project: Project, build: str | list[str]) -> Plan:
    try:
        argv = tuple(shlex.split(build) if isinstance(build, str) else build)
    except ValueError as exc:
        raise _no_command(f"cannot be split into words: {str(exc).lower()}") from exc
    if not argv:
        raise _no_command("names no command")
    toolchain.check_command(argv, project.folder)
    artefact = project.dev.artefact
    return Plan((Step(argv, shlex.join(argv)),), project.folder / artefact if artefact is not None else None)


def _no_command(problem: str) -> ManifestInvalid:
    return ManifestInvalid(f"manifest.json: $.dev.build {problem}", hint="Correct manifest.json.", path="$.dev.build")


def _cargo(_project: Project) -> Plan:
    rust = toolchain.rust()
    words = ("build", "--release", "--target", TARGET)
    argv = (rust.cargo, *words, "--message-format=json-render-diagnostics")
    build = Step(argv, shlex.join(("cargo", *words)), rust.environment, cargo=True)
    return Plan((*preparations(rust), build))


def preparations(rust: toolchain.Rust) -> tuple[Preparation, ...]:
    """Return what is to be built before a Rust can build any plugin."""
    own = rust.sysroot
    return () if own is None or own.there else (Preparation(own),)


def _npm(project: Project) -> Plan | None:
    package = _json(project.folder / "package.json")
    if "build" not in _table(package.get("scripts")):
        return None
    npm = toolchain.node().npm
    build = Step((npm, "run", "--silent", "build"), "npm run build")
    return Plan((*_packages(project, package, npm), build), _artefact(project))


def _asc(project: Project) -> Plan | None:
    npm = toolchain.node().npm
    package = _json(project.folder / "package.json")
    words = ("exec", "--no", "--", "asc", "--config", "asconfig.json", "--target", "release")
    build = Step((npm, *words), shlex.join(("npm", *words)))
    return Plan((*_packages(project, package, npm), build), _artefact(project))


def _packages(project: Project, package: dict[str, Any], npm: str) -> tuple[Step, ...]:
    """What brings the packages that are needed, where they are not there yet."""
    needed = {**_table(package.get("dependencies")), **_table(package.get("devDependencies"))}
    if not needed or (project.folder / "node_modules").is_dir():
        return ()
    words = ("ci" if (project.folder / "package-lock.json").is_file() else "install", "--no-audit", "--no-fund")
    return (Step((npm, *words, "--prefer-offline"), shlex.join(("npm", *words))),)


def _artefact(project: Project) -> Path | None:
    return project.folder / project.dev.artefact if project.dev.artefact is not None else None


def _table(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _json(path: Path) -> dict[str, Any]:
    try:
        return _table(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError):  # npm says what is wrong with it
        return {}


_DETECTED: Final[dict[str, Callable[[Project], Plan | None]]] = {
    "Cargo.toml": _cargo,
    "package.json": _npm,
    "asconfig.json": _asc,
}
"""What lies in a folder → how that is built; the first that says something counts."""
