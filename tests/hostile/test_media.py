"""Media files that break decoders, looked at for a plugin: by a real daemon, its headless host, and its decoder."""

import collections
from collections.abc import Callable, Iterator
from pathlib import Path

import opentimelineio as otio
import psutil
import pytest
from tests.fakes.media import film
from tests.harness.bystander import Bystander
from tests.harness.daemon import Daemon
from tests.hostile import bad_media
from tests.hostile.report import Report

from plugind_client import Client
from plugind_headless import layers
from plugind_protocol import errors

pytestmark = pytest.mark.process

ALLOWED = {
    kind.code: kind.__name__ for kind in (errors.InvalidParams, errors.TooLarge, errors.Timeout, errors.HostUnavailable)
}
"""What a plugin may be told of a bad file."""
EACH = 12
"""Damaged files of a kind."""


class Looking:
    """A plugin that asks the headless host for media.

    Args:
        client: Connected to the daemon.
        folder: The project's.
        host: The host's process.
    """

    def __init__(self, client: Client, folder: Path, host: psutil.Process) -> None:
        self.outcomes: collections.Counter[str] = collections.Counter()
        self.most = 0
        """Bytes that the host had in memory."""
        self._client = client
        self._folder = folder
        self._host = host

    def at(self, data: bytes, suffix: str) -> None:
        """Ask for what a file holds, and for a picture of it."""
        (self._folder / f"bad{suffix}").write_bytes(data)
        for method in ("media.getInfo", "media.generateThumbnail"):
            self.outcomes[f"{method.removeprefix('media.')}: {self.ask(method, f'project/bad{suffix}')}"] += 1
            self.most = max(self.most, self._host.memory_info().rss)

    def ask(self, method: str, path: str) -> str:
        """Ask, and say what came of it in a word."""
        params = {"path": path}
        try:
            self._client.call_plugin("probe", "host", args={"method": method, "params": params}, timeout_ms=60_000)
        except errors.PluginError as error:
            return ALLOWED[error.data.error.code if error.data.error else 0]
        return "fine"


@pytest.fixture
def daemon(start: Callable[..., Daemon], tmp_path: Path) -> Daemon:
    project = tmp_path / "film"
    project.mkdir()
    film(project / "whole.mp4", frames=12)
    otio.adapters.write_to_file(otio.schema.Timeline(name="film"), str(project / "film.otio"))
    return start("--host", "headless", "--project", str(project / "film.otio"))


@pytest.fixture
def looking(daemon: Daemon, plugins: Path, tmp_path: Path) -> Iterator[Looking]:
    with Client.connect(daemon.socket) as client:
        client.install(str(plugins / "probe"), grant="requested")
        (host,) = [one for one in daemon.descendants() if "plugind_headless" in one.cmdline()]
        made = Looking(client, tmp_path / "film", host)
        assert made.ask("media.getInfo", "project/whole.mp4") == "fine"
        yield made
        assert made.ask("media.generateThumbnail", "project/whole.mp4") == "fine"
    assert host.is_running()
    assert "Traceback" not in daemon.log.read_text()


def said(looking: Looking) -> str:
    return ", ".join(f"{what} {count}" for what, count in sorted(looking.outcomes.items()))


@pytest.mark.timeout(300)
@pytest.mark.threat("Media", "damaged media files")
def test_damaged_files(looking: Looking, daemon: Daemon, tmp_path: Path, report: Report) -> None:
    with Bystander(daemon.socket) as bystander:
        quiet = bystander.quiet()
        for whole in bad_media.sources(tmp_path / "sources"):
            for data in bad_media.damaged(whole, EACH):
                looking.at(data, whole.suffix)
        report.noticed(quiet, bystander.take())
    assert looking.outcomes["getInfo: InvalidParams"], "nothing was broken"
    report.cases(looking.outcomes.total())
    report.seen(said(looking))


@pytest.mark.timeout(300)
@pytest.mark.threat("Media", "media bombs")
def test_bombs(looking: Looking, tmp_path: Path, report: Report) -> None:
    for path in bad_media.bombs(tmp_path / "bombs").values():
        looking.at(path.read_bytes(), path.suffix)
    assert looking.most < layers.MEMORY_BYTES / 4, "the host decodes nothing itself"
    report.cases(looking.outcomes.total())
    report.seen(said(looking))
