import importlib.util
import socket
from pathlib import Path

import anyio
import pytest

from plugind.errors import StartupError
from plugind.host import headless
from plugind.host.headless import HeadlessProcess, Options

pytestmark = pytest.mark.anyio


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    headless.check_installed()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in headless.NEEDED else object())
    with pytest.raises(StartupError, match=r"needs opentimelineio and av, .*install plugind\[headless\]"):
        headless.check_installed()


async def attach(sock: socket.socket) -> None:
    """Nobody listens at our end."""
    sock.close()


async def start(process: HeadlessProcess) -> None:
    async with anyio.create_task_group() as tasks:
        await process.start(attach, tasks)


async def failure(process: HeadlessProcess) -> str:
    with pytest.raises(ExceptionGroup) as caught:
        await start(process)
    (error,) = caught.value.exceptions
    assert isinstance(error, StartupError)
    return str(error)


@pytest.mark.process
async def test_its_own_words_say_why_it_did_not_start(tmp_path: Path) -> None:
    process = HeadlessProcess(Options(project=str(tmp_path / "no.otio"), dialogs="cancel"), {})
    assert "no.otio: No such file" in await failure(process)
    assert await process.wait() == 1


@pytest.mark.process
async def test_one_that_ends_without_a_word_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(headless, "PACKAGE", "plugind_headless_of_another_name")
    process = HeadlessProcess(Options(project=None, dialogs="cancel"), {})
    assert "No module named plugind_headless_of_another_name" in await failure(process)


@pytest.mark.process
async def test_one_that_is_not_ready_in_time_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(headless, "START_SECONDS", 0.01)
    monkeypatch.setattr(headless, "END_SECONDS", 0.01)
    process = HeadlessProcess(Options(project=None, dialogs="cancel"), {})
    assert "was not ready within" in await failure(process)
    assert await process.wait() != 0


async def test_stopping_what_was_never_started() -> None:
    process = HeadlessProcess(Options(project=None, dialogs="cancel"), {})
    await process.stop()
    assert process.pid is None
