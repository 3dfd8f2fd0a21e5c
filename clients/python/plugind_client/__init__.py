"""Client of plugind: `AsyncClient` for anyio programs, `Client` for all others, `FrameBuffers` for pixels.

Answers and params are the structs of `plugind_protocol.methods`, errors the classes of `plugind_protocol.errors`.
"""

from plugind_client.async_client import AsyncClient
from plugind_client.client import BlockingNotifications, Client
from plugind_client.dialling import default_path
from plugind_client.errors import Disconnected, NoDaemon, UnexpectedAnswer
from plugind_client.frames import FrameBuffers
from plugind_client.handlers import Handler
from plugind_client.link import LinkChanged, Reconnect
from plugind_client.notifications import Notifications
from plugind_client.provider import Caller, HostProvider
from plugind_client.states import Snapshot, follow_states

__all__ = [
    "AsyncClient",
    "BlockingNotifications",
    "Caller",
    "Client",
    "Disconnected",
    "FrameBuffers",
    "Handler",
    "HostProvider",
    "LinkChanged",
    "NoDaemon",
    "Notifications",
    "Reconnect",
    "Snapshot",
    "UnexpectedAnswer",
    "default_path",
    "follow_states",
]
