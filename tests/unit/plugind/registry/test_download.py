"""Fetching over https, from a real server with a certificate of its own."""

import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import anyio.abc
import anyio.lowlevel
import msgspec
import pytest
from tests.fakes.https import Handler, Server, serve

from plugind.config import DownloadSettings
from plugind.registry.download import Downloader
from plugind_protocol.errors import HostUnavailable, InvalidParams, PlugindError, Timeout, TooLarge
from plugind_protocol.methods import InstallProgress

pytestmark = pytest.mark.anyio

BODY = bytes(range(256)) * 12_000


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serve(tmp_path_factory.mktemp("https")) as server:
        yield server


@pytest.fixture
def server(shared: Server) -> Server:
    shared.routes = {"/p.tsplugin": lambda handler: handler.give(BODY)}
    shared.seen.clear()
    shared.release.clear()
    return shared


class Fetch:
    """Fetches into a file of the test's, and remembers what it was told."""

    def __init__(self, server: Server, file: Path) -> None:
        self.settings = DownloadSettings(ca_file=server.ca_file, idle_seconds=5, connect_seconds=5, total_seconds=20)
        self.file = file
        self.told: list[InstallProgress] = []

    async def __call__(self, url: str, **changes: object) -> bytes:
        downloader = Downloader(msgspec.structs.replace(self.settings, **changes))
        await downloader.fetch(url, self.file, self.told.append)
        return self.file.read_bytes()


@pytest.fixture
def fetch(server: Server, tmp_path: Path) -> Fetch:
    return Fetch(server, tmp_path / "package")


async def test_a_package_comes_whole_and_its_progress_is_told(server: Server, fetch: Fetch) -> None:
    assert await fetch(server.url("/p.tsplugin?token=secret")) == BODY
    assert fetch.told[0] == InstallProgress(stage="downloading", done=0)
    assert fetch.told[-1] == InstallProgress(stage="downloading", done=len(BODY), total=len(BODY))
    assert server.seen == ["/p.tsplugin?token=secret"]


def chunked(handler: Handler) -> None:
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    for start in range(0, len(BODY), 100_000):
        piece = BODY[start : start + 100_000]
        handler.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
    handler.wfile.write(b"0\r\n\r\n")


async def test_in_chunks_its_length_is_not_known_before(server: Server, fetch: Fetch) -> None:
    server.routes["/p"] = chunked
    assert await fetch(server.url("/p")) == BODY
    assert {one.total for one in fetch.told} == {None}


async def test_redirects_are_followed_over_https_and_counted(server: Server, fetch: Fetch) -> None:
    def onward(to: str) -> Callable[[Handler], None]:
        return lambda handler: handler.give(b"", status=302, Location=to)

    server.routes |= {"/a": onward("/b"), "/b": onward(server.url("/p.tsplugin")), "/loop": onward("/loop")}
    server.routes |= {
        "/plain": onward("http://localhost/p"),
        "/file": onward("file:///etc/passwd"),
        "/none": onward(""),
    }
    assert await fetch(server.url("/a")) == BODY
    with pytest.raises(HostUnavailable, match="redirects more than 3 times"):
        await fetch(server.url("/loop"), redirects=3)
    assert server.seen.count("/loop") == 4
    for path in ("/plain", "/file"):
        with pytest.raises(InvalidParams, match="https only"):
            await fetch(server.url(path))


async def test_only_a_valid_certificate_is_taken(server: Server, fetch: Fetch, tmp_path: Path) -> None:
    with pytest.raises(HostUnavailable, match="cannot prove that it is localhost"):
        await fetch(server.url("/p.tsplugin"), ca_file=None)
    with pytest.raises(HostUnavailable, match=r"cannot prove that it is 127\.0\.0\.1"):
        await fetch(server.url("/p.tsplugin", host="127.0.0.1"))
    with serve(tmp_path, name="elsewhere.test") as other, pytest.raises(HostUnavailable, match="cannot prove"):
        await fetch(other.url("/p"), ca_file=other.ca_file)
    with pytest.raises(HostUnavailable, match="cannot be read"):
        await fetch(server.url("/p.tsplugin"), ca_file="/nowhere.pem")
    assert server.seen == []


async def test_hosts_can_be_kept_to_a_list(server: Server, fetch: Fetch) -> None:
    assert await fetch(server.url("/p.tsplugin"), allow_hosts=["*.example.com", "localhost"]) == BODY
    for url in (server.url("/p.tsplugin"), "https://example.com/p", "https://notexample.com/p"):
        with pytest.raises(InvalidParams, match="not in allow_hosts"):
            await fetch(url, allow_hosts=["*.example.com"])


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("http://localhost/p", "https only"),
        ("https:///p", "https only"),
        ("https://user:secret@localhost/p", "user name"),
        ("https://localhost:99999/p", "not a URL"),
        ("https://[::1/p", "not a URL"),
        ("https://exämple.com/p", "xn--"),
    ],
)
async def test_what_is_not_followed(fetch: Fetch, url: str, problem: str) -> None:
    with pytest.raises(InvalidParams, match=problem) as caught:
        await fetch(url)
    assert "secret" not in caught.value.message


async def test_too_large_is_refused_by_what_is_said_and_by_what_comes(server: Server, fetch: Fetch) -> None:
    server.routes["/chunked"] = chunked
    for path in ("/p.tsplugin", "/chunked"):
        with pytest.raises(TooLarge, match="larger than 1000000 bytes"):
            await fetch(server.url(path), max_bytes=1_000_000)
        assert not fetch.file.exists() or fetch.file.stat().st_size <= 1_000_000
        fetch.file.unlink(missing_ok=True)


def hangs(handler: Handler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "100")
    handler.end_headers()
    handler.wfile.write(b"x" * 50)
    handler.server.release.wait(30)


def silent(handler: Handler) -> None:
    handler.server.release.wait(30)


def drips(handler: Handler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
    while not handler.server.release.wait(0.01):
        handler.wfile.write(b"x")


ANSWERS: dict[str, tuple[Callable[[Handler], None], type[PlugindError], str]] = {
    "missing": (lambda h: h.give(b"", status=404), HostUnavailable, "answered 404 Not Found"),
    "broken": (lambda h: h.give(b"", status=500), HostUnavailable, "answered 500"),
    "partial": (lambda h: h.give(b"x", status=206), HostUnavailable, "answered 206"),
    "compressed": (lambda h: h.give(b"x", Content_Encoding="gzip"), HostUnavailable, "came compressed"),
    "no length": (lambda h: h.give(b"x", length=False), HostUnavailable, "without its length"),
    "cut": (lambda h: h.give(b"x", length=False, Content_Length="2"), HostUnavailable, "cannot be fetched"),
    "not HTTP": (lambda h: h.wfile.write(b"\xff" * 100 + b"\r\n"), HostUnavailable, "not HTTP"),
    "no answer": (lambda _: None, HostUnavailable, "cannot be fetched"),
    "huge head": (lambda h: h.give(b"x", X="x" * 200_000), HostUnavailable, "not HTTP"),
    "hangs": (hangs, HostUnavailable, "nothing came for 0.3 s"),
    "silent": (silent, HostUnavailable, "nothing came for 0.3 s"),
    "drips": (drips, Timeout, "did not come within 1 s"),
}


@pytest.mark.parametrize("what", ANSWERS)
async def test_other_answers_end_in_words(server: Server, fetch: Fetch, what: str) -> None:
    route, error, words = ANSWERS[what]
    server.routes["/p"] = route
    with pytest.raises(error, match=words) as caught:
        await fetch(server.url("/p?token=secret"), idle_seconds=0.3, total_seconds=1.0)
    server.release.set()
    assert "secret" not in caught.value.message
    assert caught.value.hint


async def test_nobody_there(fetch: Fetch) -> None:
    with pytest.raises(HostUnavailable, match="localhost:1/p cannot be fetched"):
        await fetch("https://localhost:1/p")
    with pytest.raises(HostUnavailable, match="cannot be fetched"):
        await fetch("https://nowhere.invalid/p")


@asynccontextmanager
async def deaf() -> AsyncIterator[int]:
    """A server that takes connections and says nothing; yields its port."""

    async def hold(stream: anyio.abc.SocketStream) -> None:
        async with stream:
            await anyio.sleep_forever()

    listener = await anyio.create_tcp_listener(local_host="localhost", local_port=0)
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, hold)
        yield listener.extra(anyio.abc.SocketAttribute.local_port)
        tasks.cancel_scope.cancel()


async def test_a_server_that_speaks_no_tls_is_given_up(fetch: Fetch) -> None:
    async with deaf() as port:
        with pytest.raises(HostUnavailable, match=r"no connection within 0\.3 s"):
            await fetch(f"https://localhost:{port}/p", connect_seconds=0.3)


async def test_cancelling_ends_it(server: Server, fetch: Fetch) -> None:
    server.routes["/p"] = hangs
    with anyio.move_on_after(0.3) as scope:  # its own limits would raise instead
        await fetch(server.url("/p"))
    assert scope.cancelled_caught


async def test_the_event_loop_is_never_kept(server: Server, fetch: Fetch) -> None:
    longest = 0.0

    async def watch() -> None:
        nonlocal longest
        while True:
            before = time.thread_time()  # what others take of the processor meanwhile is not this loop's doing
            await anyio.lowlevel.checkpoint()
            longest = max(longest, time.thread_time() - before)

    server.routes["/p"] = lambda handler: handler.give(BODY * 10)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(watch)
        assert len(await fetch(server.url("/p"))) == 10 * len(BODY)
        tasks.cancel_scope.cancel()
    assert longest < 0.25
