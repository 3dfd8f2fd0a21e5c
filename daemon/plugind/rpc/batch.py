"""Gathers the responses of one batch into the one array that answers it."""

from collections.abc import Callable

from plugind.rpc.inflight import in_use
from plugind_protocol.envelope import RequestId


class Batch:
    """The answer to a batch, until it is whole.

    Args:
        send: Sends one JSON text.
    """

    __slots__ = ("_ids", "_missing", "_responses", "_send")

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self._send = send
        self._ids: set[RequestId] = set()
        self._responses: list[bytes] = []
        self._missing = 1  # the batch itself, until `seal`

    def expect(self) -> None:
        """One more response will come."""
        self._missing += 1

    def claim(self, request_id: RequestId) -> None:
        """Use an id. It may have been answered already: members are looked at as there is time.

        Raises:
            InvalidRequest: The batch has used it.
        """
        if request_id in self._ids:
            raise in_use(request_id)
        self._ids.add(request_id)

    def add(self, response: bytes) -> None:
        """Take a response that was expected."""
        self._responses.append(response)
        self.seal()

    def seal(self) -> None:
        """All members were looked at. A batch of notifications is answered by nothing at all."""
        self._missing -= 1
        if self._missing == 0 and self._responses:
            self._send(b"[" + b",".join(self._responses) + b"]")
