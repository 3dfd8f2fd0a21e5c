"""What a worker answers, made into the outcomes of its calls. Pure; all is checked, since whoever says it may lie."""

from typing import Final

import msgspec

from plugind.supervisor.call import Call, Outcome
from plugind.supervisor.distrust import ProtocolFault, check_text
from plugind_protocol.errors import ErrorObject, PlugindError, TooLarge, WorkerCrashed, from_object
from plugind_protocol.worker import PROCESSED, Kind

_PROCESS: Final = Kind.PROCESS  # members of an enum are slow to look up
_RESULT: Final = int(Kind.RESULT)
_PROCESSED: Final = int(Kind.PROCESSED)

_error_decoder: Final = msgspec.json.Decoder(ErrorObject)


class Answers:
    """What the worker of one version of a plugin says.

    Args:
        plugin_id: The plugin; whose errors these are, we know better than the worker.
        version: Its version.
    """

    def __init__(self, plugin_id: str, version: str) -> None:
        self._plugin_id = plugin_id
        self._version = version

    def outcome(self, running: Call | None, kind: int, number: int, body: bytes) -> tuple[Call, Outcome]:
        """Return the call that runs, and its outcome.

        Args:
            running: That call.
            kind: Of the answer: RESULT, PROCESSED or ERROR.
            number: Of the call that it answers, as the worker says.
            body: Of the answer.

        Raises:
            ProtocolFault: The worker broke the protocol; the message says how.
        """
        if running is None or running.number != number or (kind == _RESULT and running.kind is _PROCESS):
            raise ProtocolFault(f"answer to call {number}, which is not the one that runs")
        if kind == _RESULT:
            try:
                check_text(body)
            except RecursionError:
                words = f"{self._plugin_id} {self._version}: the result of {running.label} is nested too deep"
                return running, TooLarge(words)
            except ValueError as exc:
                raise ProtocolFault(f"result of call {number}: {exc}") from exc
            return running, body
        if kind == _PROCESSED:
            if running.kind is not _PROCESS or len(body) != PROCESSED.size:
                raise ProtocolFault(f"malformed answer to call {number}")
            return running, body
        return running, self.error(body)

    def error(self, body: bytes) -> PlugindError:
        """Decode the body of an ERROR or FAILED.

        Raises:
            ProtocolFault: The worker broke the protocol; the message says how.
        """
        try:
            error = from_object(_error_decoder.decode(body))
        except msgspec.DecodeError as exc:
            raise ProtocolFault(f"error message: {exc}") from exc
        error.data = msgspec.structs.replace(
            error.data, kind=type(error).__name__, plugin_id=self._plugin_id, version=self._version, capsule=None
        )
        return error

    def crashed(self, reason: str, *, cause: str = "crash") -> WorkerCrashed:
        """Return the answer to calls whose worker is gone."""
        return WorkerCrashed(
            f"{self._plugin_id} {self._version}: {reason}",
            plugin_id=self._plugin_id,
            version=self._version,
            cause=cause,
        )


def printable(text: bytes) -> str:
    """Decode words of a worker's, which may be anybody's by then, for a log or a terminal."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text.decode(errors="replace"))
