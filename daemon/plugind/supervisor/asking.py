"""The host calls of one worker's guest: one at a time, as many in a second as it may make, given up with their call."""

import asyncio
from collections.abc import Callable
from typing import Final

import msgspec

from plugind.supervisor.calls import Calls
from plugind.supervisor.distrust import ProtocolFault, check_text
from plugind.supervisor.meter import Meter
from plugind.supervisor.trail import Asked
from plugind_protocol.errors import PlugindError, TooLarge
from plugind_protocol.manifest import Limits
from plugind_protocol.rates import TokenBucket
from plugind_protocol.worker import Kind, split_name

_UNLIMITED_PER_SECOND: Final = 1_000_000
_encoder: Final = msgspec.json.Encoder()

Ask = Callable[[int, bytes, bytes], "asyncio.Future[None] | None"]
"""Takes the number of the call, the method and its params; what is returned is cancelled when nobody waits any more."""


class Asking:
    """What the guest asks its host for.

    Args:
        calls: The calls of its worker, during which it asks.
        limits: Of its plugin.
        meter: Where host calls are counted.
        ask: Works on an answer, and gives it by `answer`; not called any more once the worker takes no calls.
    """

    def __init__(self, calls: Calls, limits: Limits, *, meter: Meter, ask: Ask) -> None:
        self.number: int | None = None
        """The call whose host call is being answered."""
        self._calls = calls
        self._meter = meter
        self._ask = ask
        self._loop = asyncio.get_running_loop()
        self._answering: asyncio.Future[None] | None = None
        self.limit(limits)

    def limit(self, limits: Limits) -> None:
        """Change how many it may make in a second."""
        rate = limits.host_calls_per_second or _UNLIMITED_PER_SECOND
        self._rate = TokenBucket(rate, rate)

    def take(self, number: int, body: bytes) -> None:
        """Take a host call.

        Args:
            number: Of the call during which it is made.
            body: Of the message.

        Raises:
            ProtocolFault: The worker broke the protocol; the message says how.
        """
        running, channel = self._calls.running, self._calls.channel
        if running is None or running.number != number or self.number is not None:
            raise ProtocolFault(f"host call during call {number}, which does not run")
        if channel is not None and channel.more:
            raise ProtocolFault(f"host call during call {number} that does not wait for its answer")
        try:
            method, params = split_name(body)
            check_text(params)
        except RecursionError:
            self.number = number
            self.answer(number, TooLarge("the params of the host call are nested too deep"))
            return
        except ValueError as exc:
            raise ProtocolFault(f"host call: {exc}") from exc
        self.number = number
        self._meter.host_calls += 1
        if running.asked is None:
            running.asked = Asked()
        running.asked.add(method, params)
        if running.done() or running.expired:
            self.answer(number, self._calls.timed_out(running, "the call was given up"))
        elif (wait := self._rate.reserve(self._loop.time())) > 0:
            self._loop.call_later(wait, self._begin, number, method, params)
        else:
            self._begin(number, method, params)

    def answer(self, number: int, result: bytes | msgspec.Raw | PlugindError) -> None:
        """Answer the host call of a call, if the guest still waits for it."""
        channel = self._calls.channel
        if self.number != number or channel is None:
            return
        self.number = None
        failed = isinstance(result, PlugindError)
        text = _encoder.encode(result.to_object()) if isinstance(result, PlugindError) else bytes(result)
        channel.send(Kind.HOST_ERROR if failed else Kind.HOST_RESULT, number, text)
        if (call := self._calls.running) is not None and call.asked is not None:
            call.asked.answered(text, failed=failed)

    def over(self) -> None:
        """The call has ended without waiting for the answer."""
        self.number = None
        self.stop()

    def stop(self) -> None:
        """Let nobody work on the answer any more."""
        if self._answering is not None:
            self._answering.cancel()
            self._answering = None

    def close(self) -> None:
        """Let go of the worker, which is gone."""
        self._ask = _nobody

    def _begin(self, number: int, method: bytes, params: bytes) -> None:
        if self.number == number:
            self._answering = self._ask(number, method, params)


def _nobody(_number: int, _method: bytes, _params: bytes) -> None:
    """Take the place of who works on answers."""
