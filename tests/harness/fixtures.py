"""Fixtures of the suites that need a real daemon; their ``conftest.py`` names those that it uses."""

import json
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.harness.daemon import ROOT, Daemon
from tests.hostile.rows import ENGINES

from plugind_client import AsyncClient


@pytest.fixture(scope="session")
def plugins() -> Path:
    """The folder with the test plugins."""
    return ROOT / "tests" / "plugins"


@pytest.fixture(scope="session")
def examples() -> Path:
    """The folder with the example plugins."""
    return ROOT / "examples"


def _choice(engine: str) -> list[str]:
    return [] if engine == ENGINES[0] else ["--engine", engine]


@pytest.fixture
def start(tmp_path: Path, engine: str) -> Iterator[Callable[..., Daemon]]:
    """Start daemons in a folder of the test's own; those still running at its end are stopped and must exit with 0."""
    running: list[Daemon] = []

    def run(*arguments: str, **popen: object) -> Daemon:
        daemon = Daemon(tmp_path, *_choice(engine), *arguments, **popen)
        running.append(daemon)
        return daemon

    yield run
    for daemon in running:
        daemon.close_pipes()
        if daemon.process.poll() is None:
            assert daemon.stop() == 0, daemon.log.read_text()
            assert not daemon.socket.exists()


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory, engine: str) -> Iterator[Daemon]:
    """One daemon for a module's tests, for each engine that they run on."""
    running = Daemon(tmp_path_factory.mktemp("plugind"), *_choice(engine))
    assert running.windows().is_dir()
    yield running
    assert running.stop() == 0, running.log.read_text()
    assert not running.socket.exists()
    assert "Traceback" not in running.log.read_text(), running.log.read_text()
    assert not running.windows().exists()


@contextmanager
def with_shelf(folder: Path, *, settings: str = "") -> Iterator[Daemon]:
    """A daemon with a package folder, ``shelf`` beside its socket."""
    (folder / "shelf").mkdir()
    packages = f"[packages]\nfolders = [{json.dumps(str(folder / 'shelf'))}]\n"
    (folder / "plugind.toml").write_text(packages + settings)
    running = Daemon(folder, "--config", str(folder / "plugind.toml"))
    yield running
    assert running.stop() == 0, running.log.read_text()
    assert "Traceback" not in running.log.read_text(), running.log.read_text()


@pytest.fixture
def shelf(daemon: Daemon) -> Iterator[Path]:
    """The package folder of the module's daemon, which it has `with_shelf`."""
    folder = daemon.socket.parent / "shelf"
    yield folder
    for entry in folder.iterdir():
        shutil.rmtree(entry)


@pytest.fixture
async def client(daemon: Daemon) -> AsyncIterator[AsyncClient]:
    """A client of the module's daemon, which is left without plugins afterwards."""
    async with AsyncClient.connect(daemon.socket, name="test") as connected:
        yield connected
        for info in await connected.list_plugins():
            await connected.uninstall(info.plugin_id, force=True)
