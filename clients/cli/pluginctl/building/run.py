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

from pluginctl.building import sysroot
from pluginctl.building.plan import Plan, Preparation, Step
from pluginctl.failure import CommandFailed
from pluginctl.project import Project

_MODULE: Final = ".wasm"
_MOST_OUTPUT: Final = 64 * 1024
"""Characters kept of what a build says; the last ones."""
_SYSROOT_HINT: Final = (
    "Install the compiler and its sources anew, of one version: apt-get install --reinstall rustc-web cargo-web "
    "rust-web-src. Or use rustup's Rust: rustup target add wasm32-unknown-unknown"
)


class Built(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a build."""

    ok: bool
    seconds: float
    output: str = ""
    """What was said, where it was kept."""
    artefact: Path | None = None
    """What was made, where that is not ``main`` itself."""
    failed: str = ""
    """What did not succeed, for people."""
    hint: str = ""
    """What to do about it."""


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
        if isinstance(step, Preparation):
            if (failed := await prepare(step, quiet=quiet)) is not None:
                return failed
            continue
        done = await _run(step, project.folder, quiet=quiet)
        said.append(_text(done.stderr) if step.cargo else _text(done.stdout))
        if done.returncode != 0:
            return _failed(step.shown, began, "".join(said))
        if step.cargo:
            artefact = _made(done.stdout) or artefact
    output = "".join(said)[-_MOST_OUTPUT:]
    return Built(ok=True, seconds=time.monotonic() - began, output=output, artefact=artefact)


async def prepare(preparation: Preparation, *, quiet: bool) -> Built | None:
    """Build a standard library, and put it where compilers find it.

    Args:
        preparation: Which.
        quiet: As for `build`.

    Returns:
        None where it is there now; else what the compiler has said.

    Raises:
        CommandFailed: A command cannot be started, or a file not be written.
    """
    wanted = preparation.sysroot
    if wanted.there:
        return None
    began = time.monotonic()
    argv, environment = sysroot.command(wanted)
    step = Step(argv, preparation.shown, environment, cargo=True)
    try:
        sysroot.lay_out(wanted)
        done = await _run(step, wanted.workshop, quiet=quiet)
        if done.returncode == 0:
            await anyio.to_thread.run_sync(sysroot.take, wanted, sysroot.libraries(done.stdout))
    except OSError as exc:
        raise CommandFailed(f"{exc.filename}: {exc.strerror}") from exc
    except CommandFailed:
        if wanted.there:  # somebody else was faster, and has cleaned up behind us
            return None
        raise
    if wanted.there:
        return None
    return _failed(preparation.shown, began, _text(done.stderr), hint=_SYSROOT_HINT)


def _failed(shown: str, began: float, said: str, *, hint: str = "") -> Built:
    output = said[-_MOST_OUTPUT:]
    return Built(ok=False, seconds=time.monotonic() - began, output=output, failed=shown, hint=hint)


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


async def build_and_place(project: Project, plan: Plan, *, quiet: bool, hint: str = "") -> Built:
    """Build a plugin, and put what is made where the manifest says.

    Args:
        project: What is built.
        plan: How.
        quiet: As for `build`.
        hint: What to do where its own command fails.

    Raises:
        CommandFailed: It does not build; the message ends with the compiler's words, where they were kept.
    """
    built = await build(project, plan, quiet=quiet)
    if not built.ok:
        said = f": {built.output.strip()}" if built.output else ""
        raise CommandFailed(f"The build failed, {built.failed}{said}", hint=built.hint or hint)
    place(project, built)
    return built


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
