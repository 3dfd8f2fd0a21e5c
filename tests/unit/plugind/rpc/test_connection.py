"""A connection on a real socket: framings, ids, batches, both directions, cancelling, leaving."""

import asyncio
import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import msgspec
import pytest
from tests.fakes.wire import RawClient, notification, request, wire
from tests.harness.waiting import until

from plugind.config import WireLimits
from plugind.pace import Pace
from plugind.rpc.session import Session
from plugind_protocol.errors import HostUnavailable, InvalidState, RequestCancelled
from plugind_protocol.framing import Framing
from plugind_protocol.methods import Call, ClientInfo, PluginId

pytestmark = pytest.mark.anyio


def echo(session: Session, params: Call) -> msgspec.Raw:
    """Hot, answers at once."""
    return params.args


def echo_later(session: Session, params: Call) -> asyncio.Future[bytes | msgspec.Raw]:
    """Hot, answers by a future in a later iteration of the loop."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[bytes | msgspec.Raw] = loop.create_future()
    loop.call_soon(answer.set_result, params.args)
    return answer


async def name(session: Session, params: PluginId) -> dict[str, str]:
    """Control."""
    return {"name": params.plugin_id}


def call(args: Any = None) -> dict[str, Any]:
    return {"pluginId": "p", "function": "f", "args": args}


class Never:
    """Hot; its futures end only when somebody ends them."""

    def __init__(self) -> None:
        self.answers: list[asyncio.Future[bytes | msgspec.Raw]] = []
        self.started = asyncio.Event()
        self.cancelled = asyncio.Event()

    def __call__(self, session: Session, params: Call) -> asyncio.Future[bytes | msgspec.Raw]:
        answer: asyncio.Future[bytes | msgspec.Raw] = asyncio.get_running_loop().create_future()
        answer.add_done_callback(lambda done: self.cancelled.set() if done.cancelled() else None)
        self.answers.append(answer)
        self.started.set()
        return answer


class Hanging:
    """Control; waits until it is cancelled, and cleans up behind a shield."""

    def __init__(self) -> None:
        self.started = asyncio.Event()
        self.cleaned = asyncio.Event()

    async def __call__(self, session: Session, params: PluginId) -> None:
        self.started.set()
        try:
            await anyio.sleep_forever()
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.lowlevel.checkpoint()
                await anyio.sleep(0.01)
                self.cleaned.set()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "d.sock"


both_framings = pytest.mark.parametrize("framing", Framing)


async def test_both_framings_at_once_on_one_socket(path: Path) -> None:
    async with (
        wire(path, control={"plugins.get": name}, hot={"plugins.call": echo}),
        RawClient(path) as lines,
        RawClient(path, framing=Framing.HEADERS) as headers,
    ):
        for _ in range(3):
            for client in (lines, headers):
                await client.send(
                    request("plugins.call", call({"x": "é\n"}), id="a"), request("plugins.get", {"pluginId": "q"})
                )
            for client in (lines, headers):
                assert await client.read() == {"jsonrpc": "2.0", "id": "a", "result": {"x": "é\n"}}
                assert await client.read() == {"jsonrpc": "2.0", "id": 1, "result": {"name": "q"}}


@both_framings
async def test_messages_byte_by_byte(path: Path, framing: Framing) -> None:
    async with wire(path, hot={"plugins.call": echo}), RawClient(path, framing=framing) as client:
        for byte in client.frame(request("plugins.call", call(5))):
            await client.send_raw(bytes([byte]))
            await asyncio.sleep(0)
        assert (await client.read())["result"] == 5


async def test_64_clients_at_once(path: Path) -> None:
    async def use(number: int) -> None:
        async with RawClient(path, framing=list(Framing)[number % 2]) as client:
            for turn in range(10):
                value = number * 1000 + turn
                assert (await client.call("plugins.call", call(value), id=value))["result"] == value
                assert (await client.call("plugins.get", {"pluginId": str(value)}))["result"] == {"name": str(value)}

    async with wire(path, control={"plugins.get": name}, hot={"plugins.call": echo_later}) as served:
        await asyncio.gather(*(use(number) for number in range(64)))
        await until(lambda: not len(served.sessions))


@pytest.mark.parametrize("handler", [echo, echo_later])
@both_framings
async def test_1000_pipelined_requests(path: Path, handler: Any, framing: Framing) -> None:
    limits = WireLimits(requests_in_flight=1000)
    async with wire(path, hot={"plugins.call": handler}, limits=limits), RawClient(path, framing=framing) as client:
        await client.send(*(request("plugins.call", call(number), id=number) for number in range(1000)))
        answers = [await client.read() for _ in range(1000)]
        assert [(one["id"], one["result"]) for one in answers] == [(number, number) for number in range(1000)]


@pytest.mark.threat("Wire", "10 000 pipelined requests")
async def test_10000_pipelined_requests_are_answered_or_refused(path: Path) -> None:
    never = Never()
    async with wire(path, hot={"plugins.call": never}), RawClient(path) as client:
        sending = asyncio.create_task(
            client.send(*(request("plugins.call", call(), id=number) for number in range(10_000)))
        )
        refused = [await client.read() for _ in range(10_000 - 256)]
        await sending
        assert {one["error"]["code"] for one in refused} == {-32012}
        for answer in never.answers:
            answer.set_result(b"1")
        answered = [await client.read() for _ in range(256)]
        assert all(one["result"] == 1 for one in answered)
        assert {one["id"] for one in refused + answered} == set(range(10_000))
        assert (await client.call("plugins.gone"))["error"]["code"] == -32601


async def test_bytes_in_flight_are_bounded(path: Path) -> None:
    never = Never()
    limits = WireLimits(message_bytes=10_000)
    async with wire(path, hot={"plugins.call": never}, limits=limits), RawClient(path) as client:
        await client.send(*(request("plugins.call", call("x" * 9000), id=number) for number in range(7)))
        for number in (5, 6):
            answer = await client.read()
            assert (answer["id"], answer["error"]["code"]) == (number, -32012)
        assert len(never.answers) == 5


# --- ids --------------------------------------------------------------------------------------------------------------


@pytest.mark.threat("Wire", "id in use, batches of all kinds")
async def test_id_in_use_is_refused_and_free_again_later(path: Path) -> None:
    never = Never()
    async with wire(path, hot={"plugins.call": never}), RawClient(path) as client:
        await client.send(request("plugins.call", call(), id="x"), request("plugins.call", call(), id="x"))
        answer = await client.read()
        assert (answer["id"], answer["error"]["code"]) == ("x", -32600)
        assert "in use" in answer["error"]["message"]
        never.answers[0].set_result(b"1")
        assert (await client.read())["result"] == 1
        await client.send(request("plugins.call", call(), id="x"), request("plugins.call", call(), id="y"))
        await until(lambda: len(never.answers) >= 3)
        never.answers[2].set_result(b"3")
        assert await client.read() == {"jsonrpc": "2.0", "id": "y", "result": 3}


@pytest.mark.parametrize("id", [0, -1, 2**63 - 1, -(2**63) + 1, "", 'é"\\\n', None, "1"])
@pytest.mark.parametrize("method", ["plugins.get", "plugins.call", "no.such"])
async def test_ids_come_back_as_they_were(path: Path, id: Any, method: str) -> None:  # noqa: A002 - as on the wire
    async with wire(path, control={"plugins.get": name}, hot={"plugins.call": echo}), RawClient(path) as client:
        answer = await client.call(method, call(1) if method == "plugins.call" else {"pluginId": "p"}, id=id)
        assert answer["id"] == id
        assert type(answer["id"]) is type(id)


async def test_notifications_run_and_get_no_answer(path: Path) -> None:
    seen = []

    async def get(session: Session, params: PluginId) -> None:
        seen.append(params.plugin_id)

    def hot(session: Session, params: Call) -> bytes:
        seen.append(params.function)
        raise InvalidState("nobody hears this")

    async with wire(path, control={"plugins.get": get}, hot={"plugins.call": hot}) as served, RawClient(path) as client:
        await client.send(
            notification("plugins.get", {"pluginId": "p"}),
            notification("plugins.get", {"wrong": 1}),
            notification("plugins.call", call()),
            notification("no.such"),
            notification("$/unknown"),
            {"jsonrpc": "2.0", "method": "plugins.get", "params": 5},
            request("plugins.list"),
        )
        assert (await client.read())["id"] == 1
        await served.sessions.drained()
        assert sorted(seen) == ["f", "p"]


@pytest.mark.parametrize("params", [b"5", b'"x"', b"true", b"1.5"])
@pytest.mark.parametrize("method", [b"plugins.get", b"plugins.call"])
async def test_params_must_be_structured(path: Path, params: bytes, method: bytes) -> None:
    async with wire(path), RawClient(path) as client:
        await client.send(b'{"jsonrpc":"2.0","id":1,"method":"%b","params":%b}' % (method, params))
        answer = await client.read()
        assert (answer["id"], answer["error"]["code"]) == (1, -32600)


@pytest.mark.parametrize("rest", [b"", b',"params":null', b',"params":{}', b',"params":[]', b',"params": { }'])
async def test_missing_params_are_empty_ones(path: Path, rest: bytes) -> None:
    async def listing(session: Session, params: Any) -> list[str]:
        return ["all"]

    async with wire(path, control={"plugins.list": listing}), RawClient(path) as client:
        await client.send(b'{"jsonrpc":"2.0","id":1,"method":"plugins.list"%b}' % rest)
        assert (await client.read())["result"] == ["all"]


async def test_line_breaks_in_results_do_not_break_lines(path: Path) -> None:
    def pretty(session: Session, params: Call) -> bytes:
        return b'{\r\n  "a": "x\\ny"\n}'

    async with wire(path, hot={"plugins.call": pretty}), RawClient(path) as client:
        assert (await client.call("plugins.call", call()))["result"] == {"a": "x\ny"}
        assert (await client.call("plugins.call", call()))["result"] == {"a": "x\ny"}
        await client.send([request("plugins.call", call())])
        assert (await client.read())[0]["result"] == {"a": "x\ny"}


# --- batches ----------------------------------------------------------------------------------------------------------


@pytest.mark.threat("Wire", "id in use, batches of all kinds")
@both_framings
async def test_batches(path: Path, framing: Framing) -> None:
    async with (
        wire(path, control={"plugins.get": name}, hot={"plugins.call": echo_later}),
        RawClient(path, framing=framing) as client,
    ):
        await client.send(
            [
                request("plugins.call", call(1), id=1),
                notification("plugins.call", call(2)),
                request("plugins.get", {"pluginId": "p"}, id=3),
                {"foo": "boo"},
                request("no.such", id=4),
                5,
                [],
                request("plugins.call", call(6), id=1),
            ]
        )
        answers = await client.read()
        assert len(answers) == 7
        results = {one["id"]: one["result"] for one in answers if "result" in one}
        assert results == {1: 1, 3: {"name": "p"}}
        errors = sorted((one["error"]["code"], str(one["id"])) for one in answers if "error" in one)
        assert errors == [(-32601, "4"), (-32600, "1"), (-32600, "None"), (-32600, "None"), (-32600, "None")]


@pytest.mark.threat("Wire", "id in use, batches of all kinds")
@pytest.mark.parametrize(
    ("text", "codes"),
    [
        (b"[]", -32600),
        (b"[1]", [-32600]),
        (b"[1,2,3]", [-32600] * 3),
        (b'[{"jsonrpc":"2.0","method":"plugins.list","id":1},{"jsonrpc":"2.0","method"', -32700),
        (b'[[{"jsonrpc":"2.0","method":"plugins.list","id":1}]]', [-32600]),
        (b"[" + b",".join([b"1"] * 100) + b"]", [-32600] * 100),
        (b"[" + b",".join([b"1"] * 101) + b"]", -32011),
    ],
)
async def test_broken_batches(path: Path, text: bytes, codes: int | list[int]) -> None:
    async with wire(path), RawClient(path) as client:
        await client.send(text)
        answer = await client.read()
        if isinstance(codes, int):
            assert (answer["id"], answer["error"]["code"]) == (None, codes)
        else:
            assert [(one["id"], one["error"]["code"]) for one in answer] == [(None, code) for code in codes]
        assert (await client.call("no.such"))["error"]["code"] == -32601


@pytest.mark.threat("Wire", "id in use, batches of all kinds")
async def test_a_batch_of_notifications_is_answered_by_nothing(path: Path) -> None:
    async with wire(path, hot={"plugins.call": echo}), RawClient(path) as client:
        await client.send([notification("plugins.call", call(1)), notification("no.such")])
        assert (await client.call("plugins.call", call(2), id=9))["id"] == 9


@pytest.mark.threat("Wire", "id in use, batches of all kinds")
async def test_members_of_a_batch_count_as_requests_in_flight(path: Path) -> None:
    never = Never()
    limits, one_turn = WireLimits(requests_in_flight=3), Pace(slice_seconds=60)
    async with wire(path, hot={"plugins.call": never}, limits=limits, pace=one_turn), RawClient(path) as client:
        await client.send([request("plugins.call", call(), id=number) for number in range(5)])
        await never.started.wait()
        for answer in never.answers:
            answer.set_result(b"1")
        answers = await client.read()
        assert [one["id"] for one in answers if "error" in one] == [3, 4]
        assert {one["id"] for one in answers if "result" in one} == {0, 1, 2}


async def test_a_member_of_a_batch_can_be_cancelled(path: Path) -> None:
    never = Never()
    async with wire(path, hot={"plugins.call": never}), RawClient(path) as client:
        await client.send([request("plugins.call", call(), id=1), request("no.such", id=2)])
        await client.send(notification("$/cancelRequest", {"id": 1}))
        answers = await client.read()
        assert {one["id"]: one["error"]["code"] for one in answers} == {1: -32800, 2: -32601}


# --- requests to the client -------------------------------------------------------------------------------------------


async def ask(session: Session, params: PluginId) -> Any:
    """Control; asks the client and passes its answer on."""
    return await session.request("ui.pickFile", {"pluginId": params.plugin_id})


@both_framings
async def test_request_inside_a_request(path: Path, framing: Framing) -> None:
    async with wire(path, control={"plugins.get": ask}), RawClient(path, framing=framing) as client:
        await client.send(request("plugins.get", {"pluginId": "p"}, id=1))
        question = await client.read()
        assert (question["method"], question["params"]) == ("ui.pickFile", {"pluginId": "p"})
        assert question["id"] == 1  # the daemon's ids and the client's are two sets
        assert (await client.call("no.such", id=2))["id"] == 2  # the client is not held up meanwhile
        await client.send({"jsonrpc": "2.0", "id": question["id"], "result": ["a.mp4"]})
        assert await client.read() == {"jsonrpc": "2.0", "id": 1, "result": ["a.mp4"]}


async def test_deep_nesting_of_requests(path: Path) -> None:
    """A client that answers each question with another request, 20 deep."""
    async with wire(path, control={"plugins.get": ask}), RawClient(path) as client:
        questions = []
        for depth in range(20):
            await client.send(request("plugins.get", {"pluginId": str(depth)}, id=f"c{depth}"))
            questions.append(await client.read())
        for depth in reversed(range(20)):
            assert questions[depth]["params"] == {"pluginId": str(depth)}
            await client.send({"jsonrpc": "2.0", "id": questions[depth]["id"], "result": depth})
            assert await client.read() == {"jsonrpc": "2.0", "id": f"c{depth}", "result": depth}


async def test_the_client_s_error_reaches_the_handler(path: Path) -> None:
    async with wire(path, control={"plugins.get": ask}), RawClient(path) as client:
        await client.send(request("plugins.get", {"pluginId": "p"}))
        question = await client.read()
        error = {"code": -32003, "message": "not now", "data": {"kind": "PermissionDenied", "hint": "later"}}
        await client.send({"jsonrpc": "2.0", "id": question["id"], "error": error})
        assert (await client.read())["error"] == error


@pytest.mark.parametrize(
    "answer",
    [
        {"jsonrpc": "2.0", "id": 99, "result": 1},
        {"jsonrpc": "2.0", "id": "1", "result": 1},
        {"jsonrpc": "2.0", "id": None, "error": {"code": -1, "message": "what?"}},
        [{"jsonrpc": "2.0", "id": 99, "result": 1}],
    ],
)
async def test_answers_nobody_waits_for_are_dropped(path: Path, answer: Any) -> None:
    async with wire(path, control={"plugins.get": ask}), RawClient(path) as client:
        await client.send(request("plugins.get", {"pluginId": "p"}, id=7))
        question = await client.read()
        await client.send(answer)
        right = {"jsonrpc": "2.0", "id": question["id"], "result": 2}
        await client.send(right, right)
        assert await client.read() == {"jsonrpc": "2.0", "id": 7, "result": 2}
        assert (await client.call("no.such"))["error"]["code"] == -32601


@pytest.mark.parametrize("way", ["close", "kill", "half"])
async def test_who_asks_a_client_that_leaves_is_told(path: Path, way: str) -> None:
    failure: asyncio.Future[HostUnavailable] = asyncio.get_running_loop().create_future()

    async def keep(session: Session, params: PluginId) -> None:
        session.introduce(ClientInfo(name="t"), ["ui"])
        asker.append(asyncio.ensure_future(ask_for_ever(session)))

    async def ask_for_ever(session: Session) -> None:
        try:
            await session.request("ui.showDialog", {})
        except HostUnavailable as exc:
            failure.set_result(exc)

    asker: list[asyncio.Future[None]] = []
    async with wire(path, control={"plugins.get": keep}) as served, RawClient(path) as client:
        await client.send(request("plugins.get", {"pluginId": "p"}))
        assert {(await client.read()).get("method"), (await client.read()).get("method")} == {None, "ui.showDialog"}
        (session,) = served.sessions
        assert session.provides == {"ui"}
        leave: dict[str, Callable[[], Any]] = {
            "close": client.writer.close,
            "kill": client.writer.transport.abort,
            "half": client.writer.write_eof,
        }
        leave[way]()
        error = await failure
        assert "ui.showDialog" in error.message
        assert session.provides == frozenset()
        with pytest.raises(HostUnavailable):
            await session.request("ui.showDialog", {})


async def test_who_sends_no_more_cannot_answer_but_still_hears(path: Path) -> None:
    async with wire(path, control={"plugins.get": ask}), RawClient(path) as client:
        await client.send(request("plugins.get", {"pluginId": "p"}))
        assert (await client.read())["method"] == "ui.pickFile"
        client.writer.write_eof()
        assert (await client.read())["error"]["code"] == -32010
        assert await client.closed()


async def test_giving_up_a_question_tells_the_client(path: Path) -> None:
    async with wire(path, control={"plugins.get": ask}), RawClient(path) as client:
        await client.send(request("plugins.get", {"pluginId": "p"}, id=3))
        question = await client.read()
        await client.send(notification("$/cancelRequest", {"id": 3}))
        assert await client.read() == notification("$/cancelRequest", {"id": question["id"]})
        assert (await client.read())["error"]["code"] == -32800
        await client.send({"jsonrpc": "2.0", "id": question["id"], "result": "too late"})
        assert (await client.call("no.such"))["error"]["code"] == -32601


# --- cancelling -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("id", [5, "five"])
async def test_cancel_a_control_request(path: Path, id: Any) -> None:  # noqa: A002 - as on the wire
    hanging = Hanging()
    async with wire(path, control={"plugins.get": hanging}), RawClient(path) as client:
        await client.send(request("plugins.get", {"pluginId": "p"}, id=id))
        await hanging.started.wait()
        await client.send(notification("$/cancelRequest", {"id": id}))
        answer = await client.read()
        assert (answer["id"], answer["error"]["code"]) == (id, -32800)
        assert answer["error"]["data"]["kind"] == RequestCancelled.__name__
        assert hanging.cleaned.is_set()  # shields hold: the handler is in a task of the connection's own


async def test_cancel_before_the_handler_has_run(path: Path) -> None:
    hanging = Hanging()
    async with wire(path, control={"plugins.get": hanging}), RawClient(path) as client:
        await client.send(request("plugins.get", {"pluginId": "p"}, id=1), notification("$/cancelRequest", {"id": 1}))
        assert (await client.read())["error"]["code"] == -32800


async def test_cancel_a_hot_request(path: Path) -> None:
    never = Never()
    async with wire(path, hot={"plugins.call": never}), RawClient(path) as client:
        await client.send(request("plugins.call", call(), id=1), notification("$/cancelRequest", {"id": 1}))
        answer = await client.read()
        assert (answer["id"], answer["error"]["code"]) == (1, -32800)
        assert never.cancelled.is_set()


@pytest.mark.parametrize("params", [{"id": 99}, {"id": [1]}, {}, [1, 2, 3], {"id": 1, "more": 2}, {"id": None}])
async def test_cancelling_nothing_is_no_mistake(path: Path, params: Any) -> None:
    never = Never()
    async with wire(path, hot={"plugins.call": never}), RawClient(path) as client:
        await client.send(request("plugins.call", call(), id=1), notification("$/cancelRequest", params))
        assert (await client.call("no.such", id=2))["id"] == 2
        assert not never.cancelled.is_set()


async def test_one_client_cannot_cancel_another_s_request(path: Path) -> None:
    never = Never()
    async with wire(path, hot={"plugins.call": never}), RawClient(path) as client, RawClient(path) as other:
        await client.send(request("plugins.call", call(), id=1))
        await never.started.wait()
        await other.send(notification("$/cancelRequest", {"id": 1}))
        assert (await other.call("no.such"))["error"]["code"] == -32601
        never.answers[0].set_result(b"1")
        assert (await client.read())["result"] == 1


async def test_leaving_cancels_everything(path: Path) -> None:
    never, hanging = Never(), Hanging()
    async with wire(path, hot={"plugins.call": never}, control={"plugins.get": hanging}) as served:
        async with RawClient(path) as client:
            await client.send(request("plugins.call", call(), id=1), request("plugins.get", {"pluginId": "p"}, id=2))
            await asyncio.gather(never.started.wait(), hanging.started.wait())
            (session,) = served.sessions
        await asyncio.gather(never.cancelled.wait(), hanging.cleaned.wait())
        await session.drained()
        assert session.closed
        assert len(served.sessions) == 0


# --- leaving by halves ------------------------------------------------------------------------------------------------


@both_framings
async def test_who_sends_no_more_still_gets_answers(path: Path, framing: Framing) -> None:
    never = Never()
    async with (
        wire(path, hot={"plugins.call": never}, control={"plugins.get": name}) as served,
        RawClient(path, framing=framing) as client,
    ):
        await client.send(request("plugins.call", call(), id=1), request("plugins.get", {"pluginId": "p"}, id=2))
        client.writer.write_eof()
        assert (await client.read())["id"] == 2
        never.answers[0].set_result(b"1")
        assert (await client.read())["result"] == 1
        assert await client.closed()
        await until(lambda: not len(served.sessions))


async def test_who_sends_no_more_and_then_leaves_is_noticed(path: Path) -> None:
    never = Never()
    async with wire(path, hot={"plugins.call": never}):
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(0)
            client.connect(str(path))
            client.send(json.dumps(request("plugins.call", call())).encode() + b"\n")
            client.shutdown(socket.SHUT_WR)
            await never.started.wait()
            await asyncio.sleep(0.01)  # time for the daemon to see the end of file, of which nothing comes
            assert not never.answers[0].done()
        await never.cancelled.wait()


async def test_a_message_cut_short_by_the_end(path: Path) -> None:
    async with wire(path), RawClient(path) as client:
        await client.send_raw(b'{"jsonrpc":"2.0","id":1,"met')
        client.writer.write_eof()
        assert await client.closed()


@both_framings
async def test_answers_of_one_turn_go_out_together_and_nothing_overtakes_them(path: Path, framing: Framing) -> None:
    never = Never()
    async with wire(path, hot={"plugins.call": never}) as served, RawClient(path, framing=framing) as client:
        await client.send(*(request("plugins.call", call(), id=number) for number in range(4)))
        await until(lambda: len(never.answers) >= 4)
        (session,) = served.sessions
        asyncio.get_running_loop().call_soon(session.notify, "events.event", {})
        for answer in never.answers:
            answer.set_result(b"1")
        came = [await client.read() for _ in range(5)]
        assert [one["id"] for one in came if "id" in one] == [0, 1, 2, 3]


async def test_an_answer_that_waits_for_others_is_sent_before_the_end(path: Path) -> None:
    never = Never()
    async with wire(path, hot={"plugins.call": never}) as served, RawClient(path) as client:
        await client.send(*(request("plugins.call", call(), id=number) for number in range(2)))
        await until(lambda: len(never.answers) >= 2)
        (session,) = served.sessions
        never.answers[0].add_done_callback(lambda _: session.close())
        never.answers[0].set_result(b"1")
        assert (await client.read())["id"] == 0
