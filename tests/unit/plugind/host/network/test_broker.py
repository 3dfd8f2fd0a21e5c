"""Requests of plugins, against servers on this machine that answer well or badly."""

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest

from plugind.config import NetworkSettings
from plugind.host.caller import Caller
from plugind.host.network.broker import NetworkBroker
from plugind_protocol.errors import HostUnavailable, InvalidParams, Overloaded, Timeout, TooLarge
from plugind_protocol.host.network import HttpRequest
from plugind_protocol.permissions import Permission

pytestmark = pytest.mark.anyio

CALLER = Caller("asker", "1.2.3")
Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@asynccontextmanager
async def serving(answer: bytes | Answer) -> AsyncIterator[tuple[str, list[bytes]]]:
    """Serve; yield the URL, and what was asked."""
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError), contextlib.closing(writer):
            if callable(answer):
                await answer(reader, writer)
                return
            head = await reader.readuntil(b"\r\n\r\n")
            length = next((int(one[16:]) for one in head.split(b"\r\n") if one[:16] == b"content-length: "), 0)
            asked.append(head + await reader.readexactly(length))
            writer.write(answer)
            await writer.drain()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", asked


async def test_a_request_and_its_answer() -> None:
    answer = (
        b"HTTP/1.1 404 No\r\nX-One: 1\r\nX-One: 2\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n"
    )
    async with serving(answer) as (url, asked):
        request = HttpRequest(
            url=f"{url}/x?y", method="PUT", headers={"X-Mine": "ü".encode("latin-1").decode("latin-1")}
        )
        found = await NetworkBroker(NetworkSettings()).request(CALLER, request)
    assert (found.status, found.body, found.encoding) == (404, "abcd", "utf8")
    assert found.headers["x-one"] == "1, 2"
    head = asked[0].decode("latin-1")
    assert head.startswith("PUT /x?y HTTP/1.1\r\n")
    assert "X-Mine: ü\r\n" in head
    assert "content-length: 0\r\n" in head
    assert "user-agent: plugind/" in head


async def test_bytes_go_both_ways() -> None:
    async with serving(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n\xff\x00") as (url, asked):
        request = HttpRequest(url=url, method="POST", body="/wA=", encoding="base64")
        found = await NetworkBroker(NetworkSettings()).request(CALLER, request)
        with pytest.raises(InvalidParams, match="the body is not base64"):
            await NetworkBroker(NetworkSettings()).request(CALLER, HttpRequest(url=url, body="%", encoding="base64"))
    assert asked[0].endswith(b"\r\n\r\n\xff\x00")
    assert (base64.b64decode(found.body), found.encoding) == (b"\xff\x00", "base64")


def test_the_permission_is_that_of_the_host() -> None:
    needed = NetworkBroker(NetworkSettings()).needed(CALLER, HttpRequest(url="https://API.example.com:8443/x"))
    assert needed == Permission("network", "api.example.com")
    assert Permission("network", "*.example.com").covers(needed)
    assert not Permission("network", "*.example.com").covers(
        NetworkBroker.needed(CALLER, HttpRequest(url="https://notexample.com"))
    )


@pytest.mark.threat("Network", "server that never ends or lies")
async def test_answers_without_end_are_cut_off() -> None:
    async def endless(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while not writer.is_closing():
            writer.write(bytes(100_000))
            await writer.drain()

    async with serving(endless) as (url, _):
        with pytest.raises(TooLarge, match="is larger than 250000 bytes") as caught:
            await NetworkBroker(NetworkSettings(response_bytes=250_000)).request(CALLER, HttpRequest(url=url))

        assert caught.value.message.startswith("asker 1.2.3: the answer of http://127.0.0.1:")


@pytest.mark.threat("Network", "server that never ends or lies")
@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"", "closed the connection without an answer|ended too early"),
        (b"nonsense\r\n\r\n", "is not HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", "ended too early"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 20_000, "is not HTTP"),
    ],
)
async def test_what_servers_do_wrong_is_said(answer: bytes, words: str) -> None:
    async with serving(answer) as (url, _):
        with pytest.raises(HostUnavailable, match=words) as caught:
            await NetworkBroker(NetworkSettings()).request(CALLER, HttpRequest(url=url))
    assert (caught.value.data.plugin_id, caught.value.data.version) == ("asker", "1.2.3")


@pytest.mark.threat("Network", "server that never ends or lies")
async def test_a_server_that_says_nothing_is_given_up() -> None:
    async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    async with serving(silent) as (url, _):
        with pytest.raises(Timeout, match=r"did not answer within 0\.05 s"):
            await NetworkBroker(NetworkSettings(total_seconds=0.05)).request(CALLER, HttpRequest(url=url))


@pytest.mark.threat("Network", "request flood")
async def test_requests_of_one_plugin_are_counted_and_end_with_their_call() -> None:
    arrived = asyncio.Semaphore(0)

    async def hold(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        arrived.release()
        await reader.read()

    async with serving(hold) as (url, _), anyio.create_task_group() as group:
        broker = NetworkBroker(NetworkSettings(at_once=2))
        for _ in range(2):
            group.start_soon(broker.request, CALLER, HttpRequest(url=url))
        await arrived.acquire()
        await arrived.acquire()
        with pytest.raises(Overloaded, match="it has 2 requests under way"):
            await broker.request(CALLER, HttpRequest(url=url))
        with pytest.raises(HostUnavailable):
            await broker.request(Caller("other", "1.0.0"), HttpRequest(url="http://127.0.0.1:1"))
        group.cancel_scope.cancel()
    async with serving(b"HTTP/1.1 204 No\r\n\r\n") as (url, _):
        assert (await broker.request(CALLER, HttpRequest(url=url))).status == 204


@pytest.mark.threat("Network", "address that is no host's name")
@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "169.254.169.254", "192.168.1.1", "0.0.0.0"])
async def test_a_name_of_the_internet_that_leads_to_this_machine_is_not_asked(address: str) -> None:
    """Who owns the name says where it leads: a grant of it must not be one of the user's own servers."""

    async def resolve(_host: str, _port: int) -> list[Any]:
        return [(2, 1, 6, "", (address, port))]

    async with serving(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") as (url, asked):
        port = int(url.rpartition(":")[2])
        broker = NetworkBroker(NetworkSettings(), resolve)
        with pytest.raises(HostUnavailable, match=r"api\.example\.com leads to .*, on this machine or its network"):
            await broker.request(CALLER, HttpRequest(url=f"http://api.example.com:{port}/"))
        assert asked == []


async def test_an_address_that_does_not_answer_is_passed_over() -> None:
    async def resolve(_host: str, _port: int) -> list[Any]:
        return [(2, 1, 6, "", (address, port)) for address in ("127.0.0.2", "127.0.0.1")]

    async with serving(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") as (url, _):
        port = int(url.rpartition(":")[2])
        broker = NetworkBroker(NetworkSettings(), resolve)
        assert (await broker.request(CALLER, HttpRequest(url=f"http://nas.local:{port}/"))).status == 200


@pytest.mark.threat("Network", "request that smuggles another")
@pytest.mark.parametrize(
    ("method", "headers"),
    [("GET\n", {}), ("GET", {"x": " 1"}), ("GET", {"x": "1\n"}), ("GET", {"x\n": "1"}), ("GET", {"x": "1\r\ny: 2"}),
     ("GET", {"x": "\u20ac"})],
)  # fmt: skip
async def test_what_is_no_request_is_refused_and_not_sent(method: str, headers: dict[str, str]) -> None:
    async with serving(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") as (url, asked):
        with pytest.raises(InvalidParams, match="no HTTP request"):
            await NetworkBroker(NetworkSettings()).request(CALLER, HttpRequest(url=url, method=method, headers=headers))
        assert asked == []


@pytest.mark.threat("Network", "server that is somebody else")
async def test_what_is_not_tls_and_certificates_that_are_not_there_are_refused() -> None:
    async with serving(b"HTTP/1.1 200 OK\r\n\r\n") as (url, _):
        with pytest.raises(HostUnavailable, match="cannot be asked"):
            await NetworkBroker(NetworkSettings()).request(CALLER, HttpRequest(url=url.replace("http:", "https:")))
    broker = NetworkBroker(NetworkSettings(ca_file="/nonexistent.pem"))
    async with serving(b"") as (url, _):
        with pytest.raises(HostUnavailable, match=r"the certificates of /nonexistent\.pem cannot be read"):
            await broker.request(CALLER, HttpRequest(url=url.replace("http:", "https:")))
