"""Lets guests ask their host: each host call of a worker is routed, and its answer given to the worker.

What can be answered at once is; everything else gets a task, which ends when nobody waits for the answer any more.
"""

import asyncio
from collections.abc import Awaitable
from typing import Final

import msgspec
import structlog

from plugind.host.caller import Caller
from plugind.host.router import HostRouter
from plugind.services.transactions import Transactions
from plugind.supervisor.worker import Worker
from plugind_protocol.errors import InternalError, PlugindError

_log: Final = structlog.get_logger(__name__)

HostAnswer = bytes | msgspec.Raw


class HostCalls:
    """Answers host calls of workers.

    Args:
        router: Knows who answers what.
        transactions: What guests have edited.
    """

    def __init__(self, router: HostRouter, transactions: Transactions) -> None:
        self._router = router
        self._transactions = transactions

    def ask(
        self, caller: Caller, worker: Worker, number: int, *, method: bytes, params: bytes
    ) -> asyncio.Task[None] | None:
        """Answer one host call.

        Args:
            caller: Whose guest asks.
            worker: Where it runs; gets the answer.
            number: Of the plugin call that asks.
            method: The host method.
            params: JSON text.

        Returns:
            What works on the answer, where it could not be given at once; to be cancelled once nobody waits for it.
        """
        try:
            link = self._transactions.link(caller, worker, number)
            answer = self._router.call(caller, method.decode(errors="replace"), params, link)
        except Exception as exc:  # whatever a provider does, the guest gets an answer
            worker.answer_host_call(number, _failure(caller, method, exc))
            return None
        if isinstance(answer, HostAnswer):
            worker.answer_host_call(number, answer)
            return None
        return worker.loop.create_task(_answer(caller, worker, number, method=method, answer=answer))


async def _answer(caller: Caller, worker: Worker, number: int, *, method: bytes, answer: Awaitable[HostAnswer]) -> None:
    given: HostAnswer | PlugindError
    try:
        given = await answer
    except Exception as exc:  # whatever a provider does, the guest gets an answer
        given = _failure(caller, method, exc)
    worker.answer_host_call(number, given)


def _failure(caller: Caller, method: bytes, exc: Exception) -> PlugindError:
    if isinstance(exc, PlugindError):
        return exc
    name = method.decode(errors="replace")[:100]
    _log.error("host call failed", plugin=caller.plugin_id, method=name, exc_info=exc)
    return InternalError(
        f"{name} failed in the daemon; its log has the details", plugin_id=caller.plugin_id, version=caller.version
    )
