"""What a helper reports to: the plugin's runtime, but what it may ask its host for is to register effects."""

import asyncio
import contextlib
from typing import Final

import msgspec

from plugind.supervisor.worker import Owner, Worker
from plugind_protocol.errors import InvalidState, MemoryLimit, Timeout, Trap, WorkerCrashed
from plugind_protocol.host.effects import EffectDefinition

_REGISTER: Final = b"effects.register"
_definition: Final = msgspec.json.Decoder(EffectDefinition)


class HelperOwner:
    """The owner of one helper.

    Args:
        owner: The plugin's, which counts failures and keeps the console for all of its workers.
    """

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self.effects: set[str] = set()
        """Ids of the effects that it has registered."""

    def host_call(self, worker: Worker, number: int, method: bytes, params: bytes) -> "asyncio.Future[None] | None":
        """Answer a host call: a helper is there to run frames, and what it asked for twice would happen twice."""
        if method != _REGISTER:
            name = method.decode(errors="replace")[:100]
            refused = InvalidState(
                f"{worker.plan.plugin_id} {worker.plan.version} asked for {name} in a worker that only runs frames",
                hint="In lifecycle.load, a plugin with parallel effects registers them and asks for nothing else.",
                plugin_id=worker.plan.plugin_id,
                version=worker.plan.version,
            )
            worker.answer_host_call(number, refused)
            return None
        with contextlib.suppress(msgspec.DecodeError):  # who answers says so
            self.effects.add(_definition.decode(params).id)
        return self._owner.host_call(worker, number, method, params)

    def logged(self, level: int, text: str) -> None:
        """Keep what the guest logged."""
        self._owner.logged(level, text)

    def dropped(self, count: int) -> None:
        """Note that the guest logged more than it may."""
        self._owner.dropped(count)

    def trapped(self, worker: Worker, error: Trap | MemoryLimit) -> None:
        """Count a trap of the plugin's."""
        self._owner.trapped(worker, error)

    def overdue(self, worker: Worker, error: Timeout) -> None:
        """Name the capsule that is written when the worker is gone."""
        self._owner.overdue(worker, error)

    def ended(self, worker: Worker, error: WorkerCrashed, *, expected: bool) -> None:
        """Note that it is gone; that its frames are lost is all that comes of it."""
        self._owner.ended(worker, error, expected=expected)
