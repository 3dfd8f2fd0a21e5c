"""Finds a capsule, its frame, and the package that failed."""

import contextlib
import hashlib
from pathlib import Path

import msgspec

from pluginctl.context import Invocation
from pluginctl.failure import CommandFailed
from plugind_client import Client, Disconnected
from plugind_protocol import capsule as capsules
from plugind_protocol import manifest
from plugind_protocol.capsule import FRAME_SUFFIX, SUFFIX, Capsule, CapsuleUnreadableError
from plugind_protocol.errors import PlugindError


class Found(msgspec.Struct, frozen=True):
    """A capsule and what belongs to it."""

    capsule: Capsule
    frame: Path | None
    package: Path | None
    """Where the daemon still has the package."""
    interpreter: str | None
    """The Python by which the daemon runs the engine that failed; None where there is no daemon, or it has not."""


def find(invocation: Invocation, name: str) -> Found:
    """Find a capsule.

    Args:
        invocation: Where the daemon is.
        name: The path of its file, or its id.

    Raises:
        CommandFailed: The file is no capsule.
        PlugindError: The daemon has no such capsule.
        NoDaemon: It is no file, and there is no daemon to ask.
    """
    path = Path(name)
    if not path.is_file():
        with invocation.connect() as client:
            file = client.capsules_get(name)
            return Found(file.capsule, _path(file.frame), _path(file.package), _interpreter(client, file.capsule))
    try:
        capsule = capsules.decode(path.read_bytes())
    except (OSError, CapsuleUnreadableError) as exc:
        raise CommandFailed(f"{name}: {exc}") from exc
    frame = path.with_name(path.name.removesuffix(SUFFIX) + FRAME_SUFFIX)
    kept = frame if capsule.frame_kept and frame.is_file() else None
    return Found(capsule, kept, *_known_to_a_daemon(invocation, capsule))


def folder_of(found: Found, given: Path | None) -> Path:
    """Return the folder to install from, with the very module that failed.

    Args:
        found: The capsule.
        given: The folder that the user names, if any.

    Raises:
        CommandFailed: There is none, or it has another module.
    """
    folder = given or found.package
    capsule = found.capsule
    if folder is None:
        raise CommandFailed(
            f"the package of {capsule.plugin_id} {capsule.version} is not known any more",
            hint="Say where its folder is: --plugin FOLDER",
        )
    try:
        main = manifest.parse((folder / manifest.MANIFEST_NAME).read_bytes()).main
        digest = hashlib.sha256((folder / main).read_bytes()).hexdigest()
    except (OSError, PlugindError) as exc:
        raise CommandFailed(f"{folder} cannot be read as a plugin: {exc}") from exc
    if digest != capsule.module_hash:
        raise CommandFailed(
            f"{folder} has another module than the one that failed: {digest[:16]}…, not {capsule.module_hash[:16]}…",
            hint=f"Give the folder of {capsule.plugin_id} {capsule.version}, built as it was then: --plugin FOLDER",
        )
    return folder.absolute()


def _known_to_a_daemon(invocation: Invocation, capsule: Capsule) -> tuple[Path | None, str | None]:
    """Ask a daemon, if one runs, for the package of a capsule that came as a file, and for its engine's Python."""
    package = interpreter = None
    with contextlib.suppress(PlugindError, Disconnected), invocation.connect() as client:
        interpreter = _interpreter(client, capsule)
        package = _path(client.capsules_get(capsule.id).package)
    return package, interpreter


def _interpreter(client: Client, capsule: Capsule) -> str | None:
    engines = {engine.name: engine for engine in client.daemon_status().engines}
    engine = engines.get(capsule.engine.name)
    return engine.interpreter or None if engine is not None else None


def _path(text: str | None) -> Path | None:
    return Path(text) if text is not None else None
