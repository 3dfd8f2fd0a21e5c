from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.fakes.peer import Peer, peer

from pluginctl.__main__ import run


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Peer]:
    (tmp_path / "daemon").mkdir()
    with peer(tmp_path / "daemon" / "d.sock") as scripted:
        yield scripted


@pytest.fixture
def pluginctl(daemon: Peer) -> Callable[..., int]:
    """Run pluginctl in this process against the scripted daemon; returns the exit status."""

    def command(*arguments: str) -> int:
        return run(["--socket", str(daemon.path), *arguments])

    return command
