"""What broken and hostile clients do to a connection: each loses at most its own."""

import asyncio
import contextlib
import json
import random
import socket
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.fakes.wire import RawClient, Wire, notification, request, wire
from tests.harness.waiting import until

from plugind.config import WireLimits
from plugind.rpc.outbox import HIGH_WATER
from plugind.rpc.session import Session
from plugind_protocol.framing import Framing
from plugind_protocol.methods import Call

pytestmark = pytest.mark.anyio

both_framings = pytest.mark.parametrize("framing", Framing)


def echo(session: Session, params: Call) -> msgspec.Raw:
    return params.args


def call(args: Any = None) -> dict[str, Any]:
    return {"pluginId": "p", "function": "f", "args": args}


async def works(client: RawClient) -> bool:
    answer = await client.call("plugins.call", call("still here"), id="check")
    return bool(answer == {"jsonrpc": "2.0", "id": "check", "result": "still here"})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "d.sock"


# --- texts ------------------------------------------------------------------------------------------------------------

OPEN = b'{"jsonrpc":"2.0","id":1,"method":"plugins.call","params":{"pluginId":"p","function":"f","args":'
BAD_TEXTS: dict[str, tuple[bytes, int]] = {
    "not JSON": (b"hello", -32700),
    "cut short": (OPEN + b"[1", -32700),
    "two texts": (b'{"jsonrpc":"2.0","id":1,"method":"plugins.list"} {}', -32700),
    "not UTF-8": (OPEN + b'"\xff"}}', -32700),
    "overlong UTF-8": (OPEN + b'"\xc0\xaf"}}', -32700),
    "UTF-8 surrogate": (OPEN + b'"\xed\xa0\x80"}}', -32700),
    "byte order mark": (b'\xef\xbb\xbf{"jsonrpc":"2.0","id":1,"method":"plugins.list"}', -32700),
    "UTF-16": ('{"jsonrpc":"2.0","id":1,"method":"plugins.list"}'.encode("utf-16-be"), -32700),
    "NaN": (OPEN + b"NaN}}", -32700),
    "Infinity": (OPEN + b"-Infinity}}", -32700),
    "hexadecimal": (OPEN + b"0x10}}", -32700),
    "leading zero": (OPEN + b"01}}", -32700),
    "comment": (OPEN + b"/**/1}}", -32700),
    "trailing comma": (OPEN + b"[1,]}}", -32700),
    "lone surrogate": (OPEN + b'"\\ud800"}}', -32700),
    "surrogates the wrong way round": (OPEN + b'"\\udc00\\ud800"}}', -32700),
    "control character in a string": (OPEN + b'"\x01"}}', -32700),
    "NUL": (b"\0", -32700),
    "nested 10 000 deep": (OPEN + b"[" * 10_000 + b"]" * 10_000 + b"}}", -32700),
    "nested 10 000 deep, never closed": (b"[" * 10_000, -32700),
    "nested 10 000 deep objects": (OPEN + b'{"a":' * 10_000 + b"1" + b"}" * 10_000 + b"}}", -32700),
    "id of 5 000 digits": (b'{"jsonrpc":"2.0","id":' + b"9" * 5000 + b',"method":"plugins.list"}', -32700),
    "fractional id": (b'{"jsonrpc":"2.0","id":1.5,"method":"plugins.list"}', -32600),
    "id that is no scalar": (b'{"jsonrpc":"2.0","id":[1],"method":"plugins.list"}', -32600),
    "boolean id": (b'{"jsonrpc":"2.0","id":true,"method":"plugins.list"}', -32600),
    "doubled id": (b'{"jsonrpc":"2.0","id":1,"method":"plugins.list","id":2}', -32600),
    "doubled method": (b'{"jsonrpc":"2.0","id":1,"method":"plugins.list","method":"daemon.shutdown"}', -32600),
    "doubled method, escaped": (b'{"jsonrpc":"2.0","id":1,"method":"a","m\\u0065thod":"daemon.shutdown"}', -32600),
    "doubled params": (b'{"jsonrpc":"2.0","id":1,"method":"plugins.list","params":{},"params":{}}', -32600),
    "no version": (b'{"id":1,"method":"plugins.list"}', -32600),
    "version 1.0": (b'{"jsonrpc":"1.0","id":1,"method":"plugins.list"}', -32600),
    "version as a number": (b'{"jsonrpc":2.0,"id":1,"method":"plugins.list"}', -32600),
    "no method": (b'{"jsonrpc":"2.0","id":1}', -32600),
    "method that is no string": (b'{"jsonrpc":"2.0","id":1,"method":1,"params":"bar"}', -32600),
    "method null": (b'{"jsonrpc":"2.0","id":1,"method":null}', -32600),
    "request and response": (b'{"jsonrpc":"2.0","id":1,"method":"plugins.list","result":1}', -32600),
    "a number": (b"1", -32600),
    "a string": (b'"plugins.list"', -32600),
    "null": (b"null", -32600),
    "empty object": (b"{}", -32600),
}


@pytest.mark.threat("Wire", "bad JSON")
@both_framings
async def test_bad_texts_get_a_typed_error_and_the_connection_goes_on(path: Path, framing: Framing) -> None:
    async with wire(path, hot={"plugins.call": echo}), RawClient(path, framing=framing) as client:
        for what, (text, code) in BAD_TEXTS.items():
            await client.send(text)
            answer = await client.read()
            assert (what, answer["id"], answer["error"]["code"]) == (what, None, code)
            assert answer["error"]["data"]["hint"], what
            assert await works(client), what


@pytest.mark.threat("Wire", "bad JSON")
async def test_numbers_of_5000_digits_are_no_danger_anywhere(path: Path) -> None:
    """In args they are the plugin's business, or an error of the envelope; in params of ours they are an error."""
    number = b"9" * 5000
    async with wire(path, hot={"plugins.call": echo}), RawClient(path) as client:
        await client.send(OPEN + number + b"}}")
        answer = await client.read_bytes()
        assert number in answer or b"-32700" in answer
        await client.send(b'{"jsonrpc":"2.0","id":1,"method":"plugins.get","params":{"pluginId":%b}}' % number)
        assert (await client.read())["error"]["code"] in (-32602, -32700)
        assert await works(client)


async def test_what_only_looks_like_a_doubled_key(path: Path) -> None:
    async with wire(path, hot={"plugins.call": echo}), RawClient(path) as client:
        inner = {"id": 1, "method": "x", "params": {"id": "id", "jsonrpc": '"id":'}}
        assert (await client.call("plugins.call", call(inner)))["result"] == inner


# --- framing ----------------------------------------------------------------------------------------------------------

BODY = json.dumps(request("plugins.call", call(1))).encode()
GOOD = b"Content-Length: %d\r\n\r\n%b" % (len(BODY), BODY)


@pytest.mark.threat("Wire", "bad framing")
@pytest.mark.parametrize(
    "data",
    [
        b"Content-Type: x\r\n\r\n{}",
        b"Content-Length\r\n\r\n{}",
        b"Content-Length: \r\n\r\n{}",
        b"Content-Length: -2\r\n\r\n{}",
        b"Content-Length: +2\r\n\r\n{}",
        b"Content-Length: 0x2\r\n\r\n{}",
        b"Content-Length: 2.0\r\n\r\n{}",
        b"Content-Length: 2 2\r\n\r\n{}",
        "Content-Length: ٢\r\n\r\n{}".encode(),
        b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
        b"Content-Length: 2\r\ncontent-length: 3\r\n\r\n{}",
        b"Content-Length: 99999999999999999999999999\r\n\r\n{}",
        b"Content-Length: 2\n\n{}",
        b"Content-Length : 2\r\n\r\n{}",
        b"C" * 5000,
        b"Content-Length: 2\r\n" + b"X: y\r\n" * 1000,
        GOOD + BODY + b"\n" + BODY + b"\n",
    ],
    ids=range(17),
)
async def test_broken_headers_are_told_and_end_the_connection(path: Path, data: bytes) -> None:
    async with wire(path, hot={"plugins.call": echo}), RawClient(path, framing=Framing.HEADERS) as client:
        await client.send_raw(data)
        answer = await client.read()
        assert (answer["id"], answer["error"]["code"]) == (None, -32700)
        assert await client.closed()
        async with RawClient(path) as other:
            assert await works(other)


@pytest.mark.threat("Wire", "bad framing")
async def test_headers_after_lines_end_the_connection(path: Path) -> None:
    async with wire(path, hot={"plugins.call": echo}), RawClient(path) as client:
        assert await works(client)
        await client.send_raw(GOOD)
        answer = await client.read()
        assert (answer["id"], answer["error"]["code"]) == (None, -32700)
        assert await client.closed()


@pytest.mark.threat("Wire", "huge announced sizes")
@both_framings
async def test_a_message_over_the_limit_is_refused_and_the_connection_goes_on(path: Path, framing: Framing) -> None:
    limits = WireLimits(message_bytes=1000)
    async with wire(path, hot={"plugins.call": echo}, limits=limits), RawClient(path, framing=framing) as client:
        for size in (950, 200_000, 3_000_000):
            await client.send(request("plugins.call", call("x" * size)))
            answer = await client.read()
            assert (answer["id"], answer["error"]["code"]) == (None, -32011)
            assert "1000" in answer["error"]["message"]
            assert await works(client)


@pytest.mark.threat("Wire", "huge announced sizes")
async def test_an_announced_length_allocates_nothing(path: Path) -> None:
    async with wire(path, hot={"plugins.call": echo}), RawClient(path) as other, contextlib.AsyncExitStack() as crowd:
        before = resident()
        for _ in range(100):
            client = await crowd.enter_async_context(RawClient(path, framing=Framing.HEADERS))
            await client.send_raw(b"Content-Length: 16000000\r\n\r\n{")
        assert await works(other)
        assert resident() - before < 16_000_000


def resident() -> int:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * 4096


class Pauses:
    """Measures the pauses that a test makes on purpose: where the machine made longer ones, nothing is shown."""

    def __init__(self) -> None:
        self._longest = float("inf")
        self._last = 0.0

    def begin(self) -> None:
        self._longest, self._last = 0.0, time.monotonic()

    async def pause(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        self.end()

    def end(self) -> None:
        now = time.monotonic()
        self._longest, self._last = max(self._longest, now - self._last), now

    def undisturbed(self, limit: float) -> bool:
        """Whether none was so long that the other side, which may be as late, could have seen one of the limit."""
        return self._longest < limit / 2


# --- time -------------------------------------------------------------------------------------------------------------


@pytest.mark.threat("Wire", "slow, silent and half-open clients")
async def test_a_header_that_trickles_is_cut_off(path: Path) -> None:
    limits = WireLimits(header_idle_seconds=0.1)
    async with wire(path, limits=limits) as served:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(0)
            client.connect(str(path))
            with contextlib.suppress(BrokenPipeError):
                for byte in b"Content-Length: 1" + b"0" * 1000:
                    client.send(bytes([byte]))
                    await asyncio.sleep(0.02)  # the trickle
            header, _, body = client.recv(10_000).partition(b"\r\n\r\n")
            assert header == b"Content-Length: %d" % len(body)
            assert json.loads(body)["error"]["code"] == -32005
        await gone(served)


@pytest.mark.threat("Wire", "slow, silent and half-open clients")
@pytest.mark.parametrize(
    ("framing", "start"), [(Framing.HEADERS, b"Content-Length: 100\r\n\r\n{"), (Framing.LINES, b'{"jsonrpc":')]
)
async def test_a_message_that_stops_midway_is_cut_off(path: Path, framing: Framing, start: bytes) -> None:
    limits = WireLimits(header_idle_seconds=0.05)
    async with (
        wire(path, hot={"plugins.call": echo}, limits=limits),
        RawClient(path, framing=framing) as client,
        RawClient(path) as silent,
    ):
        assert await works(silent)
        assert await works(client)
        await client.send_raw(start)
        assert (await client.read())["error"]["code"] == -32005
        assert await client.closed()
        assert await works(silent)  # saying nothing at all is no offence


@both_framings
async def test_a_body_that_flows_slowly_is_not_cut_off(path: Path, framing: Framing) -> None:
    limit, pauses = 0.3, Pauses()
    while not pauses.undisturbed(limit):
        limits = WireLimits(header_idle_seconds=limit)
        async with wire(path, hot={"plugins.call": echo}, limits=limits), RawClient(path, framing=framing) as client:
            frame = client.frame(request("plugins.call", call("x" * 50)))
            begin = len(frame) - 100
            await client.send_raw(frame[:begin])
            pauses.begin()
            with contextlib.suppress(ConnectionError):
                for start in range(begin, len(frame), 10):
                    await pauses.pause(0.06)  # all together twice the limit
                    await client.send_raw(frame[start : start + 10])
            answer = await client.read()
            pauses.end()
    assert answer["result"] == "x" * 50


# --- clients that do not read -----------------------------------------------------------------------------------------


async def gone(served: Wire) -> None:
    await until(lambda: not len(served.sessions))


@pytest.mark.threat("Wire", "clients that never read")
async def test_who_never_reads_is_not_read_from_either(path: Path) -> None:
    """Its requests stay in the socket, nothing is lost, and others do not notice.

    Nor does the time count that a message of its own is kept waiting by us.
    """
    handled = 0

    def counted(session: Session, params: Call) -> msgspec.Raw:
        nonlocal handled
        handled += 1
        return params.args

    total = 1000
    limits = WireLimits(header_idle_seconds=0.1)
    async with (
        wire(path, hot={"plugins.call": counted}, limits=limits) as served,
        RawClient(path) as client,
        RawClient(path) as other,
    ):
        client.writer.transport.pause_reading()  # type: ignore[attr-defined]  # typed as a write transport
        sending = asyncio.create_task(
            client.send(*(request("plugins.call", call("x" * 20_000), id=number) for number in range(total)))
        )
        for _ in range(100):
            assert await works(other)
        assert handled - 100 < (HIGH_WATER + 1_000_000) / 20_000
        assert not sending.done()
        await asyncio.sleep(0.25)  # longer than a message may stop midway
        assert len(served.sessions) == 2
        client.writer.transport.resume_reading()  # type: ignore[attr-defined]  # as above
        answers = [await client.read() for _ in range(total)]
        assert [one["id"] for one in answers] == list(range(total))
        await sending


@pytest.mark.threat("Wire", "clients that never read")
async def test_who_never_reads_for_too_long_is_disconnected(path: Path) -> None:
    async with wire(path, hot={"plugins.call": echo}, stall_seconds=0.1) as served, RawClient(path) as other:
        with socket.socket(socket.AF_UNIX) as client:
            flood(client, path)
            await until(lambda: len(served.sessions) >= 2)
            await until(lambda: len(served.sessions) <= 1)
            assert await works(other)


async def test_who_reads_slowly_is_not_disconnected(path: Path) -> None:
    limit, pauses = 0.4, Pauses()
    while not pauses.undisturbed(limit):
        async with wire(path, hot={"plugins.call": echo}, stall_seconds=limit) as served:
            with socket.socket(socket.AF_UNIX) as client:
                flood(client, path)
                received = 0
                pauses.begin()
                with contextlib.suppress(ConnectionError):
                    for _ in range(12):
                        await pauses.pause(0.05)  # all together half as long again as the limit
                        received += len(client.recv(100_000))
                connected = len(served.sessions)
                pauses.end()
    assert connected == 1
    assert received > HIGH_WATER / 4


def flood(client: socket.socket, path: Path) -> None:
    client.connect(str(path))
    client.settimeout(0)
    line = json.dumps(request("plugins.call", call("x" * 50_000))).encode() + b"\n"
    client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_000_000)
    client.send(line * 60)


@pytest.mark.threat("Wire", "clients that never read")
async def test_notifications_to_who_never_reads_are_bounded(path: Path) -> None:
    limits = WireLimits(output_bytes=2_000_000)
    async with (
        wire(path, hot={"plugins.call": echo}, limits=limits) as served,
        RawClient(path) as deaf,
        RawClient(path, framing=Framing.HEADERS) as other,
    ):
        assert await works(deaf)
        assert await works(other)
        deaf.writer.transport.pause_reading()  # type: ignore[attr-defined]  # typed as a write transport
        sessions = list(served.sessions)
        for turn in range(100):
            served.sessions.broadcast("plugins.console", {"message": "x" * 100_000, "seq": turn})
            assert (await other.read())["params"]["seq"] == turn
        assert [one.closed for one in sessions] == [True, False]
        assert await works(other)


async def test_closing_waits_for_nobody_who_does_not_read(path: Path) -> None:
    async with wire(path, hot={"plugins.call": echo}) as served:
        with socket.socket(socket.AF_UNIX) as client:
            flood(client, path)
            await until(lambda: len(served.sessions))
            await served.sessions.disconnect(seconds=0.05)
            await gone(served)


# --- everything at once -----------------------------------------------------------------------------------------------


FLOOD = 3000


async def test_a_flood_of_one_client_does_not_hold_up_another(path: Path) -> None:
    """Thousands of small requests arrive in few reads; the other client's turns come in between."""
    answered = 0

    async def flooding(client: RawClient) -> None:
        nonlocal answered
        await client.send(*(request("no.such.method.at.all", id=number) for number in range(FLOOD)))
        for _ in range(FLOOD):
            await client.read_bytes()
            answered += 1

    async with wire(path, hot={"plugins.call": echo}), RawClient(path) as client, RawClient(path) as other:
        flood = asyncio.create_task(flooding(client))
        turns = 0
        while not flood.done():
            assert await works(other)
            turns += 1
        assert answered == FLOOD
        assert turns > FLOOD / 100


@pytest.mark.threat("Wire", "clients that come, go and send garbage")
@pytest.mark.parametrize("seed", range(20))
async def test_garbage_ends_nothing_but_its_own_connection(path: Path, seed: int) -> None:
    """Whole exchanges with bytes changed, dropped, doubled and swapped, in chunks of any size."""
    chance = random.Random(seed)
    whole = bytearray((BODY + b"\n" if seed % 2 else GOOD) * 20)
    for _ in range(chance.randrange(1, 30)):
        at = chance.randrange(len(whole))
        match chance.randrange(4):
            case 0:
                whole[at] = chance.randrange(256)
            case 1:
                del whole[at : at + chance.randrange(20)]
            case 2:
                whole[at:at] = whole[at : at + chance.randrange(50)]
            case _:
                whole[at:at] = chance.randbytes(5)
    async with wire(path, hot={"plugins.call": echo}) as served, RawClient(path) as other:
        async with RawClient(path) as client:
            while whole and not client.writer.is_closing():
                size = chance.randrange(1, 500)
                client.writer.write(bytes(whole[:size]))
                del whole[:size]
                await asyncio.sleep(0)
            if not client.writer.is_closing():
                client.writer.write_eof()
            await client.drain()
        assert await works(other)
        await until(lambda: len(served.sessions) <= 1)


@pytest.mark.threat("Wire", "clients that come, go and send garbage")
async def test_clients_that_come_and_go_leave_nothing(path: Path) -> None:
    async with wire(path, hot={"plugins.call": echo}) as served:
        for turn in range(200):
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(0)
                client.connect(str(path))
                client.send([b"", b"C", b"{", BODY + b"\n", BODY][turn % 5])
            await asyncio.sleep(0)
        async with RawClient(path) as client:
            await client.send(notification("no.such"))
            assert await works(client)
        await gone(served)
