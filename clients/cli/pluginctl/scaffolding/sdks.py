"""The SDKs, as they came with this program: a new plugin gets a copy of the one that it is built with.

None of them is in its language's registry yet. A copy makes the plugin's folder whole: it builds on other machines, and
without a network once the registry's own packages are there.
"""

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from pluginctl.failure import CommandFailed

_INSTALLED: Final = Path(__file__).parent.parent / "sdks"
"""In an installed program."""
_ROOT: Final = Path(__file__).parents[4]
"""Of a checkout."""
_LICENCE: Final = "LICENSE"


class Sdk(msgspec.Struct, frozen=True):
    """How a plugin gets an SDK."""

    place: str
    """Where its copy goes, by relative path."""
    copy: Callable[[Path, Path], None]
    """Copies it: from, to."""
    settle: Callable[[Path, Path], None]
    """Does what a plugin's folder needs beside it: the SDK, the folder."""


def source(name: str) -> Path:
    """Return where an SDK lies that came with this program.

    Raises:
        CommandFailed: It did not.
    """
    for folder in (_INSTALLED / name, _ROOT / "sdk" / name):
        if folder.is_dir():
            return folder
    raise CommandFailed(f"The SDK for {name} did not come with this program", hint="Say where it is: --sdk FOLDER")


def provide(name: str, folder: Path, *, given: Path | None) -> str:
    """Give a plugin an SDK.

    Args:
        name: A key of `SDKS`.
        folder: The plugin's.
        given: Where the user says that it is, to be used from there; None for a copy of ours.

    Returns:
        What the plugin names it by: a path.

    Raises:
        CommandFailed: It is not there, or unknown.
    """
    if name not in SDKS:
        raise CommandFailed(
            f"The template needs an SDK that is not known: {name}", hint=f"There are: {', '.join(SDKS)}"
        )
    sdk = SDKS[name]
    if given is not None:
        if not given.is_dir():
            raise CommandFailed(f"{given} is not a folder", hint=f"Give the folder of the SDK for {name}.")
        sdk.settle(given, folder)
        return given.absolute().as_posix()
    ours = source(name)
    target = folder / sdk.place
    sdk.copy(ours, target)
    licence = next((one for one in (_INSTALLED / _LICENCE, _ROOT / _LICENCE) if one.is_file()), None)
    if licence is not None:
        shutil.copyfile(licence, target / _LICENCE)
    sdk.settle(target, folder)
    return f"./{sdk.place}"


# --- Rust

_CRATES: Final = ("timeline-studio-sdk", "timeline-studio-sdk-macros")
_MEMBERS: Final = re.compile(r"^members = .*$", re.MULTILINE)
_LOCK: Final = "Cargo.lock"
_PACKAGE: Final = "[[package]]\n"


def _copy_rust(ours: Path, target: Path) -> None:
    """Copy the two crates and the workspace that they are members of, without its examples."""
    for crate in _CRATES:
        shutil.copytree(ours / crate, target / crate, ignore=shutil.ignore_patterns("target", "tests"))
    listed = ", ".join(f'"{crate}"' for crate in _CRATES)
    workspace = (ours / "Cargo.toml").read_text("utf-8")
    (target / "Cargo.toml").write_text(_MEMBERS.sub(f"members = [{listed}]", workspace), "utf-8")
    shutil.copyfile(ours / _LOCK, target / _LOCK)


def _settle_rust(sdk: Path, folder: Path) -> None:
    """Give the plugin the versions that the SDK is tested with, so that Cargo need not ask its registry for others."""
    head, *packages = (sdk / _LOCK).read_text("utf-8").split(_PACKAGE)
    kept = [one for one in packages if "\nsource = " in one or any(f'name = "{crate}"\n' in one for crate in _CRATES)]
    (folder / _LOCK).write_text(_PACKAGE.join([head, *kept]), "utf-8")


# --- TypeScript and AssemblyScript


def _copy_named(*names: str) -> Callable[[Path, Path], None]:
    """Return what copies these files and folders of an SDK."""

    def copy(ours: Path, target: Path) -> None:
        target.mkdir(parents=True)
        for name in names:
            if (ours / name).is_dir():
                shutil.copytree(ours / name, target / name, ignore=shutil.ignore_patterns("node_modules"))
            else:
                shutil.copyfile(ours / name, target / name)

    return copy


def _as_it_is(_sdk: Path, _folder: Path) -> None:
    """Do nothing: the plugin names the SDK by its path, and that is all."""


SDKS: Final[dict[str, Sdk]] = {
    "rust": Sdk("vendor/timeline-studio-sdk", _copy_rust, _settle_rust),
    "typescript": Sdk(
        "vendor/timeline-studio-sdk", _copy_named("src", "globals.d.ts", "package.json", "README.md"), _as_it_is
    ),
    "assemblyscript": Sdk("vendor/timeline-studio-assemblyscript", _copy_named("package"), _as_it_is),
}
"""Name, as templates have it → how a plugin gets it."""
