"""The host that a test scripts: answers what the case says, in its order, then what its file says, else nothing."""

from collections.abc import Sequence
from typing import Any, Final, get_args

import msgspec
from msgspec import UNSET

from pluginctl.testing.cases import Failure, HostAnswer
from pluginctl.testing.comparing import difference, shown
from plugind_protocol.errors import BY_CODE, HostUnavailable, MethodNotFound, PlugindError
from plugind_protocol.host import HOST_METHODS, PROVIDER_METHODS
from plugind_protocol.methods import Namespace

NAMESPACES: Final[tuple[Namespace, ...]] = get_args(Namespace)
_ADDED: Final = frozenset(("pluginId", "transaction"))
"""What the daemon adds to the plugin's params."""
_KINDS: Final = {cls.__name__: cls for cls in BY_CODE.values()}


class ScriptedHost:
    """Answers the plugin."""

    def __init__(self) -> None:
        self._always: Sequence[HostAnswer] = ()
        self._next: list[HostAnswer] = []
        self.faults: list[str] = []
        """What was asked otherwise than scripted."""

    def begin(self, always: Sequence[HostAnswer], now: Sequence[HostAnswer]) -> None:
        """Begin a case.

        Args:
            always: What its file says.
            now: What it says itself.
        """
        self._always, self._next, self.faults = always, list(now), []

    @property
    def done(self) -> bool:
        """Whether all was asked that the case says."""
        return not self._next

    def finish(self) -> list[str]:
        """Say what was asked otherwise than scripted, and what was not asked."""
        missing = [f"the plugin did not ask {one.method}" for one in self._next]
        return [*self.faults, *missing]

    async def answer(self, method: str, params: Any) -> Any:
        """Answer one host call; a handler of `plugind_client`.

        Raises:
            PlugindError: What is scripted; HostUnavailable where nothing is.
        """
        if method in PROVIDER_METHODS:
            raise MethodNotFound("what a plugin edits in a test is no transaction")
        asked = {name: value for name, value in (params or {}).items() if name not in _ADDED}
        if self._next and self._next[0].method == method:
            return self._answer(self._next.pop(0), asked)
        found = next((one for one in self._always if one.method == method and _fits(one, asked)), None)
        if found is not None:
            return self._answer(found, asked)
        expected = f"; next is {self._next[0].method}" if self._next else ""
        self.faults.append(f"the plugin asked {method} {shown(asked)}, which no test answers{expected}")
        raise HostUnavailable(f"no test answers {method}", hint='Add it to "host" of the case, or of the file.')

    def _answer(self, one: HostAnswer, asked: dict[str, Any]) -> Any:
        if not _fits(one, asked):
            words = difference(_normal(one.method, one.params), _normal(one.method, asked))
            self.faults.append(f"{one.method} was asked otherwise: {words}")
        if one.error is not None:
            raise _error(one.error)
        return one.answer


def _fits(one: HostAnswer, asked: dict[str, Any]) -> bool:
    return one.params is UNSET or difference(_normal(one.method, one.params), _normal(one.method, asked)) is None


def _normal(method: str, params: Any) -> Any:
    """Return params as they mean the same: with defaults that may be left out, and on their way are."""
    try:
        return msgspec.to_builtins(msgspec.convert(params, HOST_METHODS[method].params))
    except (KeyError, msgspec.ValidationError):
        return params


def _error(failure: Failure) -> PlugindError:
    cls = _KINDS.get(failure.kind or "") or BY_CODE.get(failure.code or 0) or HostUnavailable
    return cls(failure.message or "as the test says")
