"""A call as a future: what it tells, when, and what cancelling does."""

import asyncio
import contextlib

import pytest

from plugind.supervisor.call import Call
from plugind_protocol.errors import Trap
from plugind_protocol.worker import Kind, encode

pytestmark = pytest.mark.anyio


def made(given_up: list[Call]) -> Call:
    message = encode(Kind.CALL, 1, b"body")
    return Call(1, Kind.CALL, message, "f", None, 5.0, 2.0, given_up.append)


async def test_who_waits_is_told_in_the_same_turn_of_the_loop() -> None:
    call, told = made([]), list[bytes]()
    for _ in range(3):
        call.add_done_callback(lambda one: told.append(one.result()))
    with pytest.raises(asyncio.InvalidStateError):
        call.result()
    call.set_outcome(b"1")
    assert told == [b"1"] * 3
    call.add_done_callback(lambda one: told.append(one.result()))
    assert told == [b"1"] * 4
    assert (call.done(), call.cancelled(), call.exception(), call.due, call.body) == (True, False, None, 7.0, b"body")


async def test_it_can_be_awaited_before_and_after_it_is_answered() -> None:
    call = made([])
    first, second = (asyncio.ensure_future(waiter(call)) for _ in range(2))
    await asyncio.sleep(0)
    call.set_outcome(error := Trap("boom"))
    for waiting in (first, second, waiter(call)):
        with pytest.raises(Trap) as caught:
            await waiting
        assert caught.value is error
    assert call.exception() is error


async def test_cancelling_the_wait_cancels_the_call_once() -> None:
    given_up: list[Call] = []
    call = made(given_up)
    waiting = asyncio.ensure_future(waiter(call))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert (given_up, call.cancelled(), call.cancel()) == ([call], True, False)
    with pytest.raises(asyncio.CancelledError):
        call.exception()


async def test_waiting_for_its_end_does_nothing_to_it() -> None:
    given_up: list[Call] = []
    call = made(given_up)
    over = call.over()
    over.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await over
    call.set_outcome(b"1")
    assert (given_up, await call) == ([], b"1")


async def waiter(call: Call) -> bytes:
    return await call
