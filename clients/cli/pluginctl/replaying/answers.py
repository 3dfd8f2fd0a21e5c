"""Answers the guest's host calls with what was recorded, in the recorded order."""

from collections.abc import Sequence
from typing import Any, Final, get_args

import anyio
import msgspec

from plugind_protocol.capsule import CallRecord, HostCallRecord
from plugind_protocol.errors import ErrorObject, HostUnavailable, MethodNotFound, PlugindError, from_object
from plugind_protocol.host import HOST_METHODS, PROVIDER_METHODS
from plugind_protocol.methods import Namespace

NAMESPACES: Final[tuple[Namespace, ...]] = get_args(Namespace)
_DAEMONS_OWN: Final = frozenset(row.name for row in HOST_METHODS.values() if row.provider == "daemon")
"""What the private daemon answers itself, as the one that recorded did."""
_DAEMONS_REFUSALS: Final = ("PermissionDenied", "MethodNotFound", "InvalidParams")
"""Errors that the private daemon finds by itself: it knows the same grants and the same table."""
_ADDED: Final = frozenset(("pluginId", "transaction"))
"""What the daemon adds to the guest's params."""


class Answers:
    """The recorded host calls.

    Args:
        calls: Whose they are, in order.
    """

    def __init__(self, calls: Sequence[CallRecord]) -> None:
        self._left = [one for call in calls for one in call.host_calls if _reaches_a_client(one)]
        self.differences: list[str] = []
        """What the guest asked otherwise than recorded."""

    async def answer(self, method: str, params: Any) -> Any:
        """Answer one host call; a handler of `plugind_client`.

        Raises:
            PlugindError: What was recorded; HostUnavailable where nothing fits.
        """
        if method in PROVIDER_METHODS:
            raise MethodNotFound("what a guest edits here is no transaction")
        found = self._next(method, params)
        if found.answer is None:  # its worker was lost while it waited
            return await anyio.sleep_forever()
        try:
            if found.failed:
                raise from_object(msgspec.json.decode(found.answer.text, type=ErrorObject))
            msgspec.json.decode(found.answer.text)
        except msgspec.DecodeError:
            self.differences.append(f"the recorded answer to {method} is not whole; null was given")
            return None
        return msgspec.Raw(found.answer.text.encode())

    def finish(self) -> None:
        """Note what was recorded and never asked."""
        missing = ", ".join(one.method for one in self._left)
        if missing:
            self.differences.append(f"recorded, but not asked this time: {missing}")

    def _next(self, method: str, params: Any) -> HostCallRecord:
        for place, one in enumerate(self._left):
            if one.method == method and _same(one, params):
                if place:
                    skipped = ", ".join(before.method for before in self._left[:place])
                    self.differences.append(f"asked {method} where {skipped} was recorded")
                del self._left[: place + 1]
                return one
        if self._left and self._left[0].method == method:
            self.differences.append(f"asked {method} with other params than recorded")
            return self._left.pop(0)
        expected = self._left[0].method if self._left else "nothing"
        self.differences.append(f"asked {method} where {expected} was recorded")
        raise HostUnavailable(f"{method} was not recorded")


def _reaches_a_client(one: HostCallRecord) -> bool:
    if one.method.partition(".")[0] not in NAMESPACES or one.method in _DAEMONS_OWN:
        return False
    return not (one.failed and _kind(one) in _DAEMONS_REFUSALS)


def _kind(one: HostCallRecord) -> str | None:
    if one.answer is None:
        return None
    try:
        error: PlugindError = from_object(msgspec.json.decode(one.answer.text, type=ErrorObject))
    except msgspec.DecodeError:
        return None
    return error.data.kind


def _same(one: HostCallRecord, params: Any) -> bool:
    if not one.params.whole:
        return True
    try:
        recorded = msgspec.json.decode(one.params.text) or {}
    except msgspec.DecodeError:
        return True
    return bool(_normal(one.method, recorded) == _normal(one.method, params))


def _normal(method: str, params: Any) -> Any:
    """Return what the guest asked, without what the daemon added and with what it may leave out."""
    if not isinstance(params, dict):
        return params
    asked = {key: value for key, value in params.items() if key not in _ADDED}
    try:
        return msgspec.convert(asked, HOST_METHODS[method].params)
    except (KeyError, msgspec.ValidationError):
        return asked
