"""A running daemon for the exchanges."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.harness.daemon import ROOT, Daemon


@pytest.fixture(scope="module")
def daemon_socket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The socket of a daemon without plugins."""
    running = Daemon(tmp_path_factory.mktemp("plugind"))
    yield running.socket
    assert running.stop() == 0, running.log.read_text()
    assert "Traceback" not in running.log.read_text(), running.log.read_text()


@pytest.fixture(scope="session")
def plugins() -> Path:
    """The folder with the test plugins."""
    return ROOT / "tests" / "plugins"
