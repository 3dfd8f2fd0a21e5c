"""Transactions: each edits a copy of its own, and counts only as a whole.

A plugin sees its own edits, others see what was committed. On commit, its edits are done again on what was committed
meanwhile, if anything was; what does not fit any more is refused, and with it the whole transaction.
"""

from collections.abc import Callable
from typing import Final

from opentimelineio.schema import Timeline

from plugind_headless.timeline.edits import Edit
from plugind_protocol.errors import InvalidParams, InvalidState, Overloaded, PlugindError

MAX_OPEN: Final = 64
"""Transactions at once: each has a copy of the timeline."""

Save = Callable[[Timeline], None]
"""Writes the timeline for good, or raises."""


class _Transaction:
    def __init__(self, plugin_id: str, base: Timeline) -> None:
        self.plugin_id = plugin_id
        self.base = base
        self.copy: Timeline = base.deepcopy()
        self.edits: list[Edit] = []


class Journal:
    """A timeline and the transactions on it.

    Args:
        timeline: What is committed.
        rate: Its frames per second.
        save: Called with what is to be committed, before it counts.
    """

    def __init__(self, timeline: Timeline, *, rate: float, save: Save) -> None:
        self._committed = timeline
        self._rate = rate
        self._save = save
        self._open: dict[str, _Transaction] = {}

    @property
    def committed(self) -> Timeline:
        """What counts: do not change it."""
        return self._committed

    @property
    def open(self) -> int:
        """How many transactions there are."""
        return len(self._open)

    def seen_by(self, plugin_id: str) -> Timeline:
        """Return the timeline with the plugin's own uncommitted edits: do not change it."""
        own = [one for one in self._open.values() if one.plugin_id == plugin_id]
        return own[-1].copy if own else self._committed

    def begin(self, plugin_id: str, transaction: str) -> None:
        """Begin a transaction.

        Raises:
            InvalidParams: There is one of this name.
            Overloaded: There are too many.
        """
        if transaction in self._open:
            raise InvalidParams(f"transaction {transaction!r} has begun already", plugin_id=plugin_id)
        if len(self._open) >= MAX_OPEN:
            raise Overloaded(f"{MAX_OPEN} transactions are open already", plugin_id=plugin_id)
        self._open[transaction] = _Transaction(plugin_id, self._committed)

    def edit(self, plugin_id: str, transaction: str | None, edit: Edit) -> Timeline:
        """Make an edit in a transaction, or, without one, commit it by itself.

        Returns:
            The timeline with the edit: do not change it.

        Raises:
            InvalidParams: It does not fit, or there is no such transaction.
            PlugindError: It could not be saved.
        """
        if transaction is None:
            changed: Timeline = self._committed.deepcopy()
            edit.apply(changed, self._rate)
            self._settle(changed)
            return changed
        own = self._find(plugin_id, transaction)
        edit.apply(own.copy, self._rate)
        own.edits.append(edit)
        return own.copy

    def commit(self, plugin_id: str, transaction: str) -> int:
        """Let a transaction count.

        Returns:
            How many edits it had.

        Raises:
            InvalidState: It does not fit what others have committed since; nothing of it counts.
            PlugindError: It could not be saved; nothing of it counts.
        """
        own = self._find(plugin_id, transaction)
        del self._open[transaction]
        if own.edits:
            self._settle(own.copy if own.base is self._committed else self._again(own))
        return len(own.edits)

    def rollback(self, plugin_id: str, transaction: str) -> int:
        """Forget a transaction; return how many edits it had."""
        own = self._find(plugin_id, transaction)
        del self._open[transaction]
        return len(own.edits)

    def replace(self, timeline: Timeline) -> None:
        """Put another timeline in place of what is committed; open transactions are tried on it when they end."""
        self._committed = timeline

    def _again(self, own: _Transaction) -> Timeline:
        changed: Timeline = self._committed.deepcopy()
        try:
            for edit in own.edits:
                edit.apply(changed, self._rate)
        except PlugindError as exc:
            raise InvalidState(
                f"the edits of {own.plugin_id} do not fit what others have changed meanwhile: {exc.message}",
                hint="Nothing of them was kept. Try again.",
                plugin_id=own.plugin_id,
            ) from exc
        return changed

    def _settle(self, changed: Timeline) -> None:
        self._save(changed)
        self._committed = changed

    def _find(self, plugin_id: str, transaction: str) -> _Transaction:
        found = self._open.get(transaction)
        if found is None or found.plugin_id != plugin_id:
            raise InvalidParams(f"{plugin_id} has no transaction {transaction!r}", plugin_id=plugin_id)
        return found
