"""Blocks of documents: found, run as a reader would run them, and compared with what the page shows."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from tests.harness.daemon import Daemon

_BLOCK: Final = re.compile(
    r"^(?:<!-- file: (?P<file>\S+) -->\n)?```(?P<kind>\w+)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE
)
_TUTORIAL: Final = re.compile(r"<!-- tutorial -->\n```text\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_COMMAND: Final = re.compile(r"^\$ (?P<command>.*)\n(?P<output>(?:(?!\$ ).*\n)*)", re.MULTILINE)


class Block(NamedTuple):
    """A fenced block of a page."""

    kind: str
    text: str
    file: str | None
    """Where its text goes, relative to the page's folder."""
    line: int


def blocks(page: Path) -> list[Block]:
    text = page.read_text()
    return [
        Block(found["kind"], found["text"], found["file"], text.count("\n", 0, found.start()) + 1)
        for found in _BLOCK.finditer(text)
    ]


def write(block: Block, folder: Path) -> None:
    """Write the file that a block is; nothing where it is none."""
    if block.file is not None:
        path = folder / block.file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text)


def commands(text: str) -> list[tuple[str, str]]:
    """The commands of a block, each with the output that is shown below it."""
    return _COMMAND.findall(text)


def run(command: list[str], text: str, folder: Path, daemon: Daemon) -> "subprocess.CompletedProcess[str]":
    """Run a command in a page's folder, with our programs at hand and a daemon to talk to."""
    binaries = Path(sys.executable).parent
    environment = {
        **os.environ,
        "PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}",
        "PLUGIND_SOCKET": str(daemon.socket),
        "COLUMNS": "120",
    }
    return subprocess.run(
        command, input=text, cwd=folder, env=environment, capture_output=True, text=True, timeout=50, check=False
    )


def shows(expected: str, output: str) -> bool:
    """Whether the output is what a page shows, blanks at the ends of lines and around it left out."""

    def trimmed(text: str) -> str:
        return "\n".join(line.rstrip() for line in text.strip().splitlines() if line.strip("─ "))

    pattern = re.escape(trimmed(expected)).replace("…", ".*")
    return re.fullmatch(pattern, trimmed(output), re.DOTALL) is not None


def follow_tutorial(page: Path, folder: Path, daemon: Daemon) -> None:
    """Type what a page's tutorial shows; what it says of each command must come, errors too."""
    typed: Iterator[tuple[str, str]] = (one for text in _TUTORIAL.findall(page.read_text()) for one in commands(text))
    for command, output in typed:
        done = run(["bash", "-c", command], "", folder, daemon)
        assert done.returncode == output.startswith("error:"), done.stderr
        assert shows(output, done.stdout + done.stderr), f"{command}\n{done.stdout}{done.stderr}"
