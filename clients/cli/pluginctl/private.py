"""A daemon of one's own: its socket and data lie in a temporary folder, and both are gone with it."""

import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import anyio
import anyio.to_thread
import msgspec
from anyio.abc import Process
from anyio.streams.text import TextReceiveStream

from pluginctl.failure import CommandFailed

_START_SECONDS: Final = 30.0
_STOP_SECONDS: Final = 10.0
_SHOWN: Final = 400
"""Characters of a daemon's last words that are shown."""


@asynccontextmanager
async def private_daemon(
    *arguments: str,
    purpose: str,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    socket: str | None = None,
    compiled: Path | None = None,
) -> AsyncIterator[str]:
    """Run a daemon by the interpreter that runs us.

    Args:
        arguments: Further ones of its command line.
        purpose: What it is for, in a word: part of the folder's name, and of messages.
        settings: Tables of its configuration.
        socket: Where it listens; default: in its folder.
        compiled: Where it finds what others like it have compiled, and leaves what it does; default: in its folder.

    Yields:
        The path of its socket.

    Raises:
        CommandFailed: It does not start; the message has its words.
    """
    with tempfile.TemporaryDirectory(prefix=f"plugind-{purpose}-") as name:
        folder = Path(name)
        listening = socket if socket is not None else str(folder / "s")
        config = folder / "plugind.toml"
        config.write_text(toml(settings or {}, cache_dir=compiled), "utf-8")
        command = [sys.executable, "-m", "plugind", "--exit-with-stdin", "--config", str(config)]
        command += ["--socket", listening, "--data-dir", str(folder / "data"), *arguments]
        with (folder / "log").open("wb") as log:
            process = await anyio.open_process(command, stdin=subprocess.PIPE, stderr=log, env=_environment())
        try:
            await _until_ready(process, folder / "log", purpose)
            yield listening
        finally:
            with anyio.CancelScope(shield=True):
                await _stop(process)


async def _until_ready(process: Process, log: Path, purpose: str) -> None:
    assert process.stdout is not None
    try:
        with anyio.fail_after(_START_SECONDS):
            await TextReceiveStream(process.stdout).receive()
    except (anyio.EndOfStream, TimeoutError) as exc:
        words = (await anyio.Path(log).read_text("utf-8", errors="replace")).strip()[-_SHOWN:]
        raise CommandFailed(f"the daemon for the {purpose} did not start: {words or 'it said nothing'}") from exc


async def _stop(process: Process) -> None:
    assert process.stdin is not None
    await process.stdin.aclose()
    with anyio.move_on_after(_STOP_SECONDS):
        await process.wait()
    if process.returncode is None:
        process.kill()
    await process.aclose()


def _environment() -> dict[str, str]:
    """Ours, without what names another daemon."""
    return {key: value for key, value in os.environ.items() if key not in ("PLUGIND_SOCKET", "PLUGIND_DATA_DIR")}


def toml(settings: Mapping[str, Mapping[str, Any]], *, cache_dir: Path | None = None) -> str:
    """Tables of numbers, booleans and texts: JSON's words for those are TOML's too."""
    lines = [] if cache_dir is None else [_line("cache_dir", str(cache_dir))]
    for table, values in settings.items():
        lines.append(f"[{table}]")
        lines += [_line(f'"{key}"', value) for key, value in values.items()]
    return "\n".join(lines) + "\n"


def _line(key: str, value: Any) -> str:
    return f"{key} = {msgspec.json.encode(value).decode()}"
