"""Accepting: whom, when, and what happens when the system has nothing left."""

import asyncio
import os
import resource
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import pytest
from tests.harness.waiting import until

from plugind.listen import peer
from plugind.listen.endpoint import Endpoint
from plugind.listen.errors import AddressInUse
from plugind.listen.serve import Server, serve
from plugind.listen.unix import RETRY_SECONDS, UnixServer
from plugind.listen.unix import serve as serve_unix

pytestmark = pytest.mark.anyio
NOBODY = 65534


class Echo(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)


class Leaving(Echo):
    """Notes its end."""

    def __init__(self) -> None:
        self.lost = asyncio.Event()

    def connection_lost(self, _exc: Exception | None) -> None:
        self.lost.set()


@pytest.fixture
def endpoint(tmp_path: Path) -> Endpoint:
    return Endpoint(str(tmp_path / "run" / "d.sock"))


def left_behind(endpoint: Endpoint) -> list[str]:
    return [one.name for one in Path(endpoint.path).parent.iterdir()]


async def echo(path: str, data: bytes = b"hello") -> bytes:
    """What comes back; empty if the connection is closed."""
    reader, writer = await asyncio.open_unix_connection(path)
    try:
        writer.write(data)
        return await reader.read(len(data))
    except ConnectionError:
        return b""
    finally:
        writer.transport.abort()


async def test_serves_and_cleans_up(endpoint: Endpoint) -> None:
    async with serve(endpoint, Echo) as server:
        assert server.accepting
        assert await asyncio.gather(*(echo(endpoint.path) for _ in range(64))) == [b"hello"] * 64
    assert not server.accepting
    assert left_behind(endpoint) == []
    async with serve(endpoint, Echo):
        assert await echo(endpoint.path) == b"hello"


async def test_stops_accepting_while_connections_go_on(endpoint: Endpoint) -> None:
    async with serve(endpoint, Echo) as server:
        reader, writer = await asyncio.open_unix_connection(endpoint.path)
        writer.write(b"1")
        assert await reader.read(1) == b"1"
        server.stop_accepting()
        server.stop_accepting()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_unix_connection(endpoint.path)
        with pytest.raises(AddressInUse):  # the path stays ours until the context ends
            async with serve(endpoint, Echo):
                pass
        writer.write(b"2")
        assert await reader.read(1) == b"2"
    writer.write(b"3")
    assert await reader.read(1) == b"3"
    writer.transport.abort()


async def test_cleans_up_when_the_daemon_fails(endpoint: Endpoint) -> None:
    with pytest.raises(RuntimeError, match="failed"):
        async with serve(endpoint, Echo):
            raise RuntimeError("failed")
    assert left_behind(endpoint) == []


async def test_second_instance_leaves_the_first_alone(endpoint: Endpoint) -> None:
    async with serve(endpoint, Echo):
        with pytest.raises(AddressInUse, match=str(os.getpid())):
            async with serve(endpoint, Echo):
                pass
        assert await echo(endpoint.path) == b"hello"


async def test_another_user_is_closed_at_once(endpoint: Endpoint) -> None:
    made = []

    def factory() -> Echo:
        made.append(Echo())
        return made[-1]

    async with serve_unix(endpoint, factory, uid=os.getuid() + 1):
        assert await echo(endpoint.path) == b""
    assert made == []


@pytest.mark.threat("Wire", "another local user")
@pytest.mark.skipif(os.getuid() != 0, reason="only root can act as another user")
async def test_another_user_that_got_at_the_socket_is_closed(endpoint: Endpoint) -> None:
    async with serve(endpoint, Echo):
        open_to_all(Path(endpoint.path))
        code = (
            "import os, socket, sys; os.setuid(int(sys.argv[2]))\n"
            "s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])\n"
            "try: s.sendall(b'x'); print(s.recv(1))\n"
            "except OSError: print(b'')"
        )
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", code, endpoint.path, str(NOBODY), stdout=subprocess.PIPE
        )
        out, _ = await process.communicate()
        assert out == b"b''\n"
        assert await echo(endpoint.path) == b"hello"


def open_to_all(path: Path) -> None:
    """Let everybody reach a socket in a temporary folder."""
    path.chmod(0o666)
    temporary = Path(tempfile.gettempdir())
    for folder in path.parents:
        if folder != temporary and folder.is_relative_to(temporary):
            folder.chmod(0o755)


async def test_credentials_are_those_of_the_process_that_connected() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert peer.credentials(ours) == peer.Peer(uid=os.getuid(), gid=os.getgid(), pid=os.getpid())


@pytest.mark.skipif(sys.platform != "linux", reason="the C library has the call elsewhere")
async def test_a_system_that_does_not_say_who_connected(monkeypatch: pytest.MonkeyPatch, endpoint: Endpoint) -> None:
    monkeypatch.setattr(sys, "platform", "plan9")
    ours, theirs = socket.socketpair()
    with ours, theirs, pytest.raises(OSError, match="does not tell"):
        peer.credentials(ours)
    async with serve(endpoint, Echo):
        assert await echo(endpoint.path) == b""


async def test_gone_is_told_from_half_closed() -> None:
    ours, theirs = socket.socketpair()
    with ours:
        assert not peer.has_left(ours.fileno())
        theirs.shutdown(socket.SHUT_WR)
        assert ours.recv(1) == b""
        assert not peer.has_left(ours.fileno())
        theirs.close()
        assert peer.has_left(ours.fileno())


@contextmanager
def no_more_descriptors() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(int(one.name) for one in Path("/proc/self/fd").iterdir())
    padding = [os.open("/dev/null", os.O_RDONLY)]
    while padding[-1] < highest:
        padding.append(os.open("/dev/null", os.O_RDONLY))
    resource.setrlimit(resource.RLIMIT_NOFILE, (padding[-1] + 1, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for number in padding:
            os.close(number)


@pytest.mark.threat("Supervision", "64 descriptors")
async def test_full_descriptor_table_pauses_accepting(endpoint: Endpoint) -> None:
    """No spin, nobody turned away, and back to work as soon as there are descriptors again."""
    loop = asyncio.get_running_loop()
    async with serve(endpoint, Echo) as server:
        assert isinstance(server, UnixServer)
        clients = [socket.socket(socket.AF_UNIX) for _ in range(3)]
        for client in clients:
            client.settimeout(0)
        with no_more_descriptors():
            for client in clients:
                client.connect(endpoint.path)
                client.send(b"hello")
            await paused(server)
            used = os.times()
            await asyncio.sleep(RETRY_SECONDS * 2)  # the time over which it must not spin
            spent = sum(os.times()[:2]) - sum(used[:2])
            assert spent < RETRY_SECONDS / 2
            assert [peek(client) for client in clients] == [None] * 3
        assert await asyncio.gather(*(loop.sock_recv(client, 5) for client in clients)) == [b"hello"] * 3
        assert server.accepting
        for client in clients:
            client.close()


async def test_stops_while_accepting_is_paused(endpoint: Endpoint) -> None:
    async with serve(endpoint, Echo) as server:
        with socket.socket(socket.AF_UNIX) as client:
            with no_more_descriptors():
                client.connect(endpoint.path)
                await paused(server)
                server.stop_accepting()
            assert not server.accepting
            with pytest.raises(ConnectionResetError):
                client.recv(1)
    assert left_behind(endpoint) == []


async def test_a_crowd_is_let_in_one_by_one(endpoint: Endpoint) -> None:
    """Those that are in are served before the last of the crowd is."""
    async with serve(endpoint, Echo) as server:
        inside, outside = [socket.socket(socket.AF_UNIX) for _ in range(2)]
        crowd = [socket.socket(socket.AF_UNIX) for _ in range(100)]
        for client in (inside, *crowd, outside):
            client.settimeout(0)
            client.connect(endpoint.path)
        loop = asyncio.get_running_loop()
        outside.send(b"late")
        last = asyncio.ensure_future(loop.sock_recv(outside, 4))
        for _ in range(20):
            inside.send(b"hello")
            assert await loop.sock_recv(inside, 5) == b"hello"
        assert not last.done()
        assert server.accepting
        assert await last == b"late"
        for client in (inside, *crowd, outside):
            client.close()


async def test_stops_while_a_crowd_waits(endpoint: Endpoint) -> None:
    async with serve(endpoint, Echo) as server:
        crowd = [socket.socket(socket.AF_UNIX) for _ in range(100)]
        for client in crowd:
            client.settimeout(0)
            client.connect(endpoint.path)
        loop = asyncio.get_running_loop()
        crowd[0].send(b"hello")
        assert await loop.sock_recv(crowd[0], 5) == b"hello"
        server.stop_accepting()
        with pytest.raises(ConnectionResetError):
            await loop.sock_recv(crowd[-1], 5)
        for client in crowd:
            client.close()
    assert left_behind(endpoint) == []


async def test_who_was_just_accepted_when_it_stops_is_told_of_its_end(endpoint: Endpoint) -> None:
    """However far the hand-over had come: in the turn of the loop before its protocol is made, and in the one after."""
    for turns in range(4):
        made: list[Leaving] = []

        def factory(made: list[Leaving] = made) -> Leaving:
            made.append(Leaving())
            return made[-1]

        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(5)
            async with serve_unix(endpoint, factory) as server:
                client.connect(endpoint.path)
                server._accept()
                for _ in range(turns):
                    await asyncio.sleep(0)
            (protocol,) = made
            protocol.transport.close()
            await asyncio.wait_for(protocol.lost.wait(), 5)
            assert client.recv(1) == b""


async def test_who_was_just_accepted_when_everything_is_cancelled_is_closed(endpoint: Endpoint) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(5)
        async with serve_unix(endpoint, Echo) as server:
            client.connect(endpoint.path)
            server._accept()
            (task,) = server._handovers
            task.cancel()  # before it has begun
        assert client.recv(1) == b""


async def paused(server: Server) -> None:
    await until(lambda: not server.accepting)


def peek(client: socket.socket) -> bytes | None:
    try:
        return client.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return None
