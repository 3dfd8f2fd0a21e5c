"""Clients that are broken or hostile, at a real daemon, while an honest one is served."""

import collections
import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import psutil
import pytest
from tests.harness.bystander import Bystander
from tests.harness.daemon import Daemon
from tests.harness.waiting import until
from tests.hostile.report import Report

from plugind_client import AsyncClient, Client

pytestmark = [pytest.mark.anyio, pytest.mark.process]

CALL = {"pluginId": "probe", "function": "echo", "args": "x" * 1000}
NOBODY = 65534


def request(number: int, method: str = "plugins.call", params: Any = None) -> bytes:
    text = {"jsonrpc": "2.0", "id": number, "method": method, "params": CALL if params is None else params}
    return json.dumps(text).encode() + b"\n"


@contextlib.contextmanager
def connected(daemon: Daemon) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(30)
        client.connect(str(daemon.socket))
        yield client


def memory(daemon: Daemon) -> int:
    return int(psutil.Process(daemon.process.pid).memory_info().rss)


@pytest.mark.threat("Wire", "10 000 pipelined requests")
@pytest.mark.long
async def test_10000_pipelined_requests_to_a_plugin(
    client: AsyncClient, daemon: Daemon, plugins: Path, report: Report
) -> None:
    await client.install(str(plugins / "probe"))
    await client.load("probe")
    outcomes: collections.Counter[str] = collections.Counter()
    with Bystander(daemon.socket) as bystander:
        quiet = bystander.quiet()
        async with await anyio.connect_unix(daemon.socket) as stream, anyio.create_task_group() as tasks:
            tasks.start_soon(stream.send, b"".join(map(request, range(10_000))))
            rest = b""
            while outcomes.total() < 10_000:
                *lines, rest = (rest + await stream.receive()).split(b"\n")
                for line in lines:
                    answer = json.loads(line)
                    if "id" in answer:
                        outcomes["result" if "result" in answer else answer["error"]["data"]["kind"]] += 1
        report.noticed(quiet, bystander.take())
    assert set(outcomes) <= {"result", "Overloaded"}
    report.cases(10_000)
    report.seen(", ".join(f"{what} {count}" for what, count in outcomes.items()))


@pytest.mark.threat("Wire", "clients that never read")
@pytest.mark.long
async def test_memory_is_bounded_with_clients_that_never_read(
    client: AsyncClient, daemon: Daemon, plugins: Path, report: Report
) -> None:
    await client.install(str(plugins / "probe"))
    await client.load("probe")
    before = memory(daemon)
    with Bystander(daemon.socket) as bystander, contextlib.ExitStack() as crowd:
        quiet = bystander.quiet()
        for _ in range(10):
            deaf = crowd.enter_context(connected(daemon))
            deaf.settimeout(0)
            with contextlib.suppress(BlockingIOError):
                for number in range(100_000):
                    deaf.send(request(number))
        await anyio.sleep(1)  # the time over which the bystander is watched
        report.noticed(quiet, bystander.take())
        grown = memory(daemon) - before
    assert grown < 100 << 20
    report.cases(10)
    report.seen(f"the daemon grew by {grown >> 20} MiB for ten of them")


@pytest.mark.threat("Wire", "slow, silent and half-open clients")
@pytest.mark.threat("Wire", "clients that come, go and send garbage")
@pytest.mark.long
async def test_a_crowd_of_bad_clients(client: AsyncClient, daemon: Daemon, plugins: Path, report: Report) -> None:
    await client.install(str(plugins / "probe"))
    await client.load("probe")
    process = psutil.Process(daemon.process.pid)
    with Bystander(daemon.socket) as bystander:
        quiet = bystander.quiet()
        descriptors = process.num_fds()
        with contextlib.ExitStack() as crowd:
            for number in range(300):
                bad = crowd.enter_context(connected(daemon))
                match number % 5:
                    case 0:
                        bad.send(request(1)[:40])
                    case 1:
                        bad.send(b"Content-Length: 1000000\r\n\r\n{")
                    case 2:
                        bad.send(os.urandom(2000) + b"\n")
                        bad.shutdown(socket.SHUT_RD)
                    case 3:
                        bad.send(request(1))
                        bad.shutdown(socket.SHUT_WR)
                    case _:
                        pass  # silent
            await anyio.sleep(0.5)  # as above
        report.noticed(quiet, bystander.take())
        await until(lambda: process.num_fds() <= descriptors)
    report.cases(300)


@pytest.mark.threat("Wire", "clients that come, go and send garbage")
async def test_nothing_is_kept_of_large_messages_whose_sender_has_gone(daemon: Daemon, report: Report) -> None:
    before = grown = memory(daemon)
    for _ in range(20):
        with connected(daemon) as client:
            client.sendall(request(1)[:-5] + b"x" * 15_000_000)
        grown = max(grown, memory(daemon) - before)
    assert grown < 100 << 20
    report.cases(20)
    report.seen(f"the daemon grew by {grown >> 20} MiB for 20 messages of 15 MB that broke off")


AS_NOBODY = """
import os, socket, sys
os.setgroups([]); os.setgid(65534); os.setuid(65534)
path = sys.argv[1]
for attempt in (lambda: os.listdir(os.path.dirname(path)), lambda: open(sys.argv[2] + "/state.db"), lambda: dial(path)):
    def dial(path):
        s = socket.socket(socket.AF_UNIX); s.connect(path)
        s.sendall(b'{"jsonrpc":"2.0","id":1,"method":"plugins.list"}\\n')
        return s.recv(100) or 1 / 0
    try:
        print("allowed", attempt())
    except (OSError, ZeroDivisionError) as error:
        print("denied")
"""


@pytest.mark.threat("Wire", "another local user")
@pytest.mark.parametrize("open_folder", [False, True], ids=["as it is", "folder and socket opened by mistake"])
def test_another_user_gets_nothing(tmp_path: Path, report: Report, open_folder: bool) -> None:  # noqa: FBT001  # a case
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    daemon = Daemon(private)
    try:
        if open_folder:
            private.chmod(0o755)
            daemon.socket.chmod(0o666)
        arguments = [str(daemon.socket), str(daemon.data_dir)]
        done = subprocess.run(
            [sys.executable, "-c", AS_NOBODY, *arguments],
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
        )
        with Client.connect(daemon.socket) as client:
            assert client.list_plugins() == []
    finally:
        daemon.stop()
    seen = done.stdout.split("\n")[:3]
    assert seen[1:] == ["denied", "denied"]
    assert open_folder or seen[0] == "denied"
    report.cases(3)
