"""Makes the edits of one plugin call one step: begun before the first, kept or taken back when the call ends.

A call that edits nothing never comes here. The answer of one that does waits until the editor has kept its edits; if it
fails in any way, they are taken back.
"""

import asyncio
import itertools
import weakref
from typing import Final

import msgspec
import structlog

from plugind.host.caller import Caller
from plugind.host.providers import Provider, Providers, title
from plugind.supervisor.call import Call
from plugind.supervisor.worker import Worker
from plugind_protocol.errors import HostUnavailable, MethodNotFound, PlugindError, PluginError, Timeout
from plugind_protocol.host.timeline import BeginTransaction, CommitTransaction, RollbackTransaction
from plugind_protocol.worker import PROCESSED, Kind

_log: Final = structlog.get_logger(__name__)


class Patience(msgspec.Struct, frozen=True):
    """How long is waited for editors."""

    commit_seconds: float = 5.0
    """For the end of a transaction to be acknowledged."""
    rollback_hold_seconds: float = 0.1
    """How long the answer of a failed call is held, so that its edits are taken back when the caller sees it."""


class _Part(msgspec.Struct, eq=False):
    """What a transaction has at one provider."""

    provider: Provider
    namespaces: frozenset[str]
    """What it provided when the transaction came to it."""
    begun: bool = True
    """Whether it knows of the transaction: maybe not, where it has none."""


class _Transaction(msgspec.Struct, eq=False):
    """The edits of one call."""

    name: str
    caller: Caller
    label: str
    parts: list[_Part] = []


class Transactions:
    """All open transactions.

    Args:
        providers: Who provides what.
        patience: How long is waited for editors.
    """

    def __init__(self, providers: Providers, patience: Patience | None = None) -> None:
        self._providers = providers
        self._patience = patience or Patience()
        self._open: dict[Call, _Transaction] = {}
        self._numbers = itertools.count(1)
        self._ending: dict[str, set[asyncio.Task[None]]] = {}  # by plugin; what must be over before its next one
        self._without: weakref.WeakSet[Provider] = weakref.WeakSet()

    def link(self, caller: Caller, worker: Worker, number: int) -> "CallLink":
        """Return what ties a host call to its plugin call.

        Args:
            caller: Whose guest asks.
            worker: Where it runs.
            number: Of the plugin call.
        """
        return CallLink(self, caller, worker, number)

    def bound(self, call: Call | None, namespace: str) -> Provider | None:
        """Return the provider that a call must stay with.

        Raises:
            HostUnavailable: It is gone, and the call's edits with it.
        """
        transaction = self._open.get(call) if call is not None else None
        if transaction is None:
            return None
        for part in transaction.parts:
            if namespace in part.namespaces:
                if namespace not in self._providers.offers(part.provider):
                    raise _left(part.provider, transaction.caller)
                return part.provider
        return None

    async def enlist(self, caller: Caller, worker: Worker, call: Call | None, provider: Provider) -> str | None:
        """Make an edit part of a call's transaction.

        Returns:
            Its id; None where the provider has no transactions.

        Raises:
            PlugindError: It cannot begin.
        """
        if call is None or call.done() or call.expired:
            raise Timeout(
                f"{caller.plugin_id} {caller.version}: the call that wanted to edit is over",
                plugin_id=caller.plugin_id,
                version=caller.version,
                cause="timeout",
            )
        transaction = self._open.get(call)
        if transaction is None:
            transaction = self._open[call] = _Transaction(
                f"{caller.plugin_id}#{next(self._numbers)}", caller, f"{caller.plugin_id}: {call.label}"
            )
            call.ending = lambda outcome: self._end(worker, call, transaction, outcome)
        part = next((one for one in transaction.parts if one.provider is provider), None)
        if part is None:
            part = await self._begin(transaction, provider)
        return transaction.name if part.begun else None

    async def _begin(self, transaction: _Transaction, provider: Provider) -> _Part:
        while earlier := self._ending.get(transaction.caller.plugin_id):
            await asyncio.wait(earlier)  # an editor sees the transactions of a plugin one after the other
        part = _Part(provider, self._providers.offers(provider))
        transaction.parts.append(part)  # before it is asked: what may have begun must be ended
        if provider in self._without:
            part.begun = False
            return part
        asked = BeginTransaction(
            plugin_id=transaction.caller.plugin_id, transaction=transaction.name, label=transaction.label
        )
        try:
            await provider.request("timeline.begin", asked)
        except MethodNotFound:
            part.begun = False
            self._without.add(provider)
            _log.warning("editor has no transactions: edits of failed calls stay", editor=title(provider))
        except HostUnavailable:
            raise
        except PlugindError:
            transaction.parts.remove(part)
            raise
        return part

    # --- the end ----------------------------------------------------------------------------------------------

    def _end(self, worker: Worker, call: Call, transaction: _Transaction, outcome: bytes | PlugindError) -> None:
        del self._open[call]
        plugin_id = transaction.caller.plugin_id
        task = worker.loop.create_task(self._finish(worker, call, transaction, outcome))
        ending = self._ending.setdefault(plugin_id, set())
        ending.add(task)

        def over(task: asyncio.Task[None]) -> None:
            ending.discard(task)
            if not ending and self._ending.get(plugin_id) is ending:
                del self._ending[plugin_id]

        task.add_done_callback(over)

    async def _finish(
        self, worker: Worker, call: Call, transaction: _Transaction, outcome: bytes | PlugindError
    ) -> None:
        if not isinstance(outcome, PlugindError) or isinstance(outcome, PluginError):
            outcome = self._lost(transaction) or outcome
        reason = _failure(call, outcome)
        if reason is None:
            try:
                await self._commit(transaction)
            except PlugindError as exc:
                outcome, reason = exc, exc.message
        if reason is None:
            worker.finish(call, outcome)
            return
        rollback = asyncio.ensure_future(self._roll_back(transaction, reason))
        await asyncio.wait({rollback}, timeout=self._patience.rollback_hold_seconds)
        worker.finish(call, outcome)
        await rollback

    async def _commit(self, transaction: _Transaction) -> None:
        """Keep the edits.

        Raises:
            PlugindError: They could not be kept; those at editors that were not asked yet, and at the one that failed,
                are still to be taken back.
        """
        asked = CommitTransaction(plugin_id=transaction.caller.plugin_id, transaction=transaction.name)
        for part in list(transaction.parts):
            if part.begun:
                await self._commit_part(transaction, part, asked)
            transaction.parts.remove(part)

    async def _commit_part(self, transaction: _Transaction, part: _Part, asked: CommitTransaction) -> None:
        caller, editor = transaction.caller, title(part.provider)
        seconds = self._patience.commit_seconds
        try:
            async with asyncio.timeout(seconds):
                await part.provider.request("timeline.commit", asked)
        except TimeoutError as exc:
            raise HostUnavailable(
                f"{caller.plugin_id} {caller.version}: {editor} did not keep the edits of {transaction.label!r} "
                f"within {seconds:g} s; they are taken back",
                hint="See what the editor is doing; providers.commit_seconds sets how long it may take.",
                plugin_id=caller.plugin_id,
                version=caller.version,
            ) from exc
        except PlugindError as exc:
            raise type(exc)(
                f"{caller.plugin_id} {caller.version}: {editor} did not keep the edits of {transaction.label!r}: "
                + exc.message,
                hint=exc.hint,
                plugin_id=caller.plugin_id,
                version=caller.version,
            ) from exc

    async def _roll_back(self, transaction: _Transaction, reason: str) -> None:
        asked = RollbackTransaction(plugin_id=transaction.caller.plugin_id, transaction=transaction.name, reason=reason)
        for part in reversed(transaction.parts):
            if not part.begun:
                _log.warning("edits of a failed call stay", plugin=asked.plugin_id, editor=title(part.provider))
                continue
            try:
                async with asyncio.timeout(self._patience.commit_seconds):
                    await part.provider.request("timeline.rollback", asked)
            except (TimeoutError, PlugindError) as exc:
                if self._providers.offers(part.provider):  # one that left has taken its edits along
                    _log.error(
                        "edits were not taken back",
                        plugin=asked.plugin_id,
                        transaction=asked.transaction,
                        editor=title(part.provider),
                        reason=str(exc) or "no answer",
                    )

    def _lost(self, transaction: _Transaction) -> HostUnavailable | None:
        """Return what to answer where an editor that has some of the edits is gone."""
        for part in transaction.parts:
            if not part.namespaces <= self._providers.offers(part.provider):
                return _left(part.provider, transaction.caller)
        return None


class CallLink:
    """Ties a host call to its plugin call: a `plugind.host.editor.Link`."""

    __slots__ = ("_caller", "_number", "_transactions", "_worker")

    def __init__(self, transactions: Transactions, caller: Caller, worker: Worker, number: int) -> None:
        self._transactions = transactions
        self._caller = caller
        self._worker = worker
        self._number = number

    def bound(self, namespace: str) -> Provider | None:
        """Return the provider that the call must stay with, if it has edited something there.

        Raises:
            HostUnavailable: It is gone, and the edits with it.
        """
        return self._transactions.bound(self._worker.call_of(self._number), namespace)

    async def enlist(self, provider: Provider) -> str | None:
        """Make an edit part of the call's transaction.

        Raises:
            PlugindError: The transaction cannot begin.
        """
        call = self._worker.call_of(self._number)
        return await self._transactions.enlist(self._caller, self._worker, call, provider)


def _left(provider: Provider, caller: Caller) -> HostUnavailable:
    return HostUnavailable(
        f"{caller.plugin_id} {caller.version}: {title(provider)} left in the middle of the call, "
        "and what the call has edited with it",
        hint="Call again: the editor that answers now begins anew.",
        plugin_id=caller.plugin_id,
        version=caller.version,
    )


def _failure(call: Call, outcome: bytes | PlugindError) -> str | None:
    """Return why a call failed, in words; None where it ended well."""
    if isinstance(outcome, PlugindError):
        return outcome.message
    if call.cancelled():
        return "the call was cancelled"
    if call.kind is Kind.PROCESS and (code := PROCESSED.unpack(outcome)[0]) != 0:
        return f"the effect refused the frame with code {code}"
    return None
