"""Answers requests of the daemon: which handler serves a method, and how its outcome goes onto the wire."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, get_args

import msgspec

from plugind_protocol import envelope
from plugind_protocol.errors import InternalError, MethodNotFound, PlugindError
from plugind_protocol.methods import Namespace

Handler = Callable[[str, Any], Awaitable[Any]]
"""``await handler(method, params)``: params as plain JSON values, the answer anything msgspec can encode."""

PROVIDABLE: Final[tuple[Namespace, ...]] = get_args(Namespace)

_log: Final = logging.getLogger(__name__)


def namespaces(handlers: Mapping[str, Handler]) -> list[Namespace]:
    """Return the host namespaces that some handler serves, in the order of the contract."""
    served = {name.partition(".")[0] for name in handlers}
    return [name for name in PROVIDABLE if name in served]


def find(handlers: Mapping[str, Handler], method: str) -> Handler:
    """Return the handler of a method: one of exactly its name, else that of its namespace.

    Raises:
        MethodNotFound: There is neither.
    """
    handler = handlers.get(method) or handlers.get(method.partition(".")[0])
    if handler is None:
        raise MethodNotFound(f"This client does not provide {method!r}", hint="Connect a client that provides it.")
    return handler


async def answer(handlers: Mapping[str, Handler], request: envelope.Message) -> bytes:
    """Run the handler of a request and encode what comes of it.

    An error of the contract reaches the daemon as it is. Any other exception is the handler's fault: it is logged
    with its traceback, and the daemon learns its type only.
    """
    request_id, method = request.id, request.method
    assert isinstance(request_id, int | str)
    assert isinstance(method, str)
    params = msgspec.json.decode(request.params) if isinstance(request.params, msgspec.Raw) else None
    try:
        return envelope.encode_result(request_id, await find(handlers, method)(method, params))
    except PlugindError as exc:
        return envelope.encode_error(request_id, exc.to_object())
    except Exception as exc:  # whatever a handler does, the daemon gets an answer
        _log.exception("handler of %s failed", method)
        error = InternalError(f"The client failed to answer {method!r}: {type(exc).__name__}", hint="See its log.")
        return envelope.encode_error(request_id, error.to_object())
