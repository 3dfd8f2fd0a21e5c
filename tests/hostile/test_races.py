"""Folders, links and pipes that change places while the broker opens what is below them: nothing leads out."""

import asyncio
import contextlib
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.hostile.report import Report

from plugind.host.allowance import Allowance
from plugind.host.caller import Caller
from plugind.host.files import beneath, system
from plugind.host.files.broker import FileBroker
from plugind.host.files.picked import Picks
from plugind.host.files.places import Places
from plugind.host.private import PrivateFolders
from plugind.host.threads import HostThreads
from plugind_protocol.errors import PlugindError
from plugind_protocol.host import file as api

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.process,
    pytest.mark.threat("Files", "folders and links that change places meanwhile"),
]

PLUGINS = 4
"""Brokers' clients at once: each opens one thing at a time."""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project in which ``d`` is a folder or a link out, ``f`` a file or a link out, ``p`` a file or a pipe."""
    project, outside = tmp_path / "project", tmp_path / "outside"
    (project / "d").mkdir(parents=True)
    outside.mkdir()
    (project / "d" / "f").write_text("inside")
    (outside / "f").write_text("OUTSIDE")
    (project / "d2").symlink_to(outside)
    (project / "f").write_text("inside")
    (project / "f2").symlink_to(outside / "f")
    (project / "p").write_text("inside")
    os.mkfifo(project / "p2")
    return project


@contextlib.contextmanager
def racing(folder: Path) -> Iterator[None]:
    command = [sys.executable, Path(__file__).with_name("racer.py"), folder, "d", "d2", "f", "f2", "p", "p2"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as racer:
        assert racer.stdout is not None
        try:
            assert racer.stdout.readline() == "swapping\n"
            yield
            assert racer.poll() is None, "the racer ended early"
        finally:
            racer.kill()


def test_the_racer_does_lead_the_careless_out(root: Path) -> None:
    seen: Counter[str] = Counter()
    with racing(root):
        for _ in range(100_000):
            with contextlib.suppress(OSError):
                seen[(root / "d" / "f").read_text()] += 1
            if len(seen) == 2:
                return
    pytest.fail(f"{seen}: this racer would show nothing")


@pytest.mark.parametrize("way", [beneath.by_kernel, beneath.by_walk], ids=["openat2", "walk"])
@pytest.mark.parametrize("opens", [10_000, pytest.param(100_000, marks=[pytest.mark.long, pytest.mark.timeout(600)])])
async def test_nothing_leads_out(root: Path, way: beneath.Open, opens: int, report: Report) -> None:
    private = PrivateFolders(root.parent / "private")
    threads = HostThreads()
    places = Places(lambda _plugin_id: root, lambda: root, picks=Picks(), private=private)
    broker = FileBroker(places, private, threads, Allowance(lambda _id: None, lambda *_: None), reach=system.by(way))
    seen: Counter[str] = Counter()
    uses = (
        ("read", lambda caller: broker.read(caller, api.ReadFile(path="project/d/f"))),
        ("read", lambda caller: broker.read(caller, api.ReadFile(path="project/f"))),
        ("read", lambda caller: broker.read(caller, api.ReadFile(path="project/p"))),
        ("write", lambda caller: broker.write(caller, api.WriteFile(path=f"project/d/{caller.plugin_id}", data="w"))),
        ("list", lambda caller: broker.list(caller, api.ListFolder(path="project/d"))),
        ("stat", lambda caller: broker.stat(caller, api.StatFile(path="project/d/f"))),
    )

    async def plugin(number: int) -> None:
        caller = Caller(f"p{number}", "1.0.0")
        for turn in range(opens // PLUGINS):
            name, use = uses[turn % len(uses)]
            seen[f"{name}: {await _outcome(use(caller))}"] += 1

    with racing(root):
        await asyncio.gather(*map(plugin, range(PLUGINS)))
    assert sum(seen.values()) == opens // PLUGINS * PLUGINS
    assert "read: OUTSIDE" not in seen, seen
    assert "stat: 7" not in seen, seen
    assert os.listdir(root.parent / "outside") == ["f"]
    assert (root.parent / "outside" / "f").read_text() == "OUTSIDE"
    assert seen["read: inside"] > opens / 20, seen
    assert seen["read: PermissionDenied"] + seen["read: NotFound"] > opens / 100, seen
    report.cases(sum(seen.values()))
    inside, refused = seen["read: inside"], seen["read: PermissionDenied"]
    found = f"{inside} read what is inside, {refused} were refused"
    report.seen(f"{way.__name__}: {sum(seen.values())} opens, none led out; {found}")


async def _outcome(use: Any) -> str:
    try:
        answer = await use
    except PlugindError as exc:
        return type(exc).__name__
    match answer:
        case api.FileData():
            return answer.data
        case api.FileStat():
            return str(answer.size)
        case _:
            return "done"
