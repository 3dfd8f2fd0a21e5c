"""Runs a plan, and puts what it has made where the manifest wants it: whole, or not at all."""

import json
import os
import secrets
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

import anyio
import msgspec

from pluginctl.building.plan import Plan, Step
from pluginctl.failure import CommandFailed
from pluginctl.project import Project

_MODULE: Final = ".wasm"
_MOST_OUTPUT: Final = 64 * 1024
"""Characters kept of what a build says; the last ones."""


class Built(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a build."""

    ok: bool
    seconds: float
    output: str = ""
    """What was said, where it was kept."""
    artefact: Path | None = None
    """What was made, where that is not ``main`` itself."""


async def build(project: Project, plan: Plan, *, quiet: bool) -> Built:
    """Run the commands of a plan, until one fails.

    Args:
        project: What is built.
        plan: How.
        quiet: Keep what is said, instead of letting it through to stderr as it comes.

    Raises:
        CommandFailed: A command cannot be started.
    """
    began = time.monotonic()
    said: list[str] = []
    artefact = plan.artefact
    for step in plan.steps:
        done = await _run(step, project.folder, quiet=quiet)
        said.append(_text(done.stderr) if step.cargo else _text(done.stdout))
        if done.returncode != 0:
            return Built(ok=False, seconds=time.monotonic() - began, output="".join(said)[-_MOST_OUTPUT:])
        if step.cargo:
            artefact = _made(done.stdout) or artefact
    output = "".join(said)[-_MOST_OUTPUT:]
    return Built(ok=True, seconds=time.monotonic() - began, output=output, artefact=artefact)


async def _run(step: Step, folder: Path, *, quiet: bool) -> "subprocess.CompletedProcess[bytes]":
    # A compiler may say what it has to say on either stream; stdout is ours, for those who read it.
    through = None if quiet else sys.stderr.fileno()
    streams = (subprocess.PIPE, subprocess.STDOUT) if quiet else (through, through)
    if step.cargo:
        streams = (subprocess.PIPE, subprocess.PIPE if quiet else through)
    try:
        return await anyio.run_process(
            step.argv,
            stdin=subprocess.DEVNULL,
            stdout=streams[0],
            stderr=streams[1],
            cwd=folder,
            env={**os.environ, **step.environment},
            check=False,
        )
    except OSError as exc:
        raise CommandFailed(f"{step.argv[0]} cannot be started: {exc.strerror}") from exc


def _text(output: bytes | None) -> str:
    return (output or b"").decode("utf-8", "replace")


def _made(messages: bytes) -> Path | None:
    """Find the module among what Cargo says that it has made: the last one is the package's own."""
    found = None
    for line in messages.splitlines():
        with suppress(ValueError):
            message = json.loads(line)
            if message.get("reason") == "compiler-artifact" and "cdylib" in message["target"]["kind"]:
                found = next((name for name in message["filenames"] if name.endswith(_MODULE)), found)
    return Path(found) if found is not None else None


def place(project: Project, built: Built) -> None:
    """Put what was made where the manifest says that it is, unless the very same is there.

    Whoever reads ``main`` meanwhile sees the old one or the new one, never a part.

    Raises:
        CommandFailed: The build made nothing, or it cannot be put there.
    """
    main, made = project.main, built.artefact
    try:
        if made is None or made == main:
            if not main.is_file():
                raise CommandFailed(
                    f"The build made no {project.manifest.main}, which manifest.json names as main",
                    hint="Name what it makes as dev.artefact in manifest.json.",
                )
            return
        content = made.read_bytes()
        if main.is_file() and main.read_bytes() == content:
            return
        main.parent.mkdir(parents=True, exist_ok=True)
        part = main.with_name(f".{main.name}.{secrets.token_hex(4)}.part")
        try:
            part.write_bytes(content)
            part.replace(main)
        finally:
            part.unlink(missing_ok=True)
    except OSError as exc:
        raise CommandFailed(f"{exc.filename}: {exc.strerror}") from exc
