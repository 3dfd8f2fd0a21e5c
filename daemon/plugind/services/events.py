"""The ``events.*`` methods of clients, and the last step of an event's way to a plugin."""

from plugind.host.events.bus import EventBus
from plugind.rpc.session import Session
from plugind.services.catalog import Catalog
from plugind_protocol.errors import InvalidState
from plugind_protocol.host.events import PublishEvent
from plugind_protocol.methods import State


class EventsService:
    """Answers ``events.*``.

    Args:
        catalog: The installed plugins.
        bus: Hands events on.
    """

    def __init__(self, catalog: Catalog, bus: EventBus) -> None:
        self._catalog = catalog
        self._bus = bus

    async def publish(self, _session: Session, params: PublishEvent) -> None:
        """Tell plugins something.

        Raises:
            InvalidParams: The name is none of the editor's.
            TooLarge: The payload is.
            PluginNotFound: It is meant for a plugin that is not installed.
            InvalidState: It is meant for a plugin that is not loaded.
        """
        if params.plugin_id is not None and not self._catalog.get(params.plugin_id).hears:
            raise InvalidState(f"{params.plugin_id} is not loaded: it hears nothing", plugin_id=params.plugin_id)
        self._bus.publish(params)


async def deliver(catalog: Catalog, plugin_id: str, params: bytes, *, timeout: float) -> None:
    """Call a plugin's ``event``, as any call of it; where its worker was just lost, when there is another.

    Args:
        catalog: The installed plugins.
        plugin_id: Which.
        params: JSON text.
        timeout: Seconds that the call may take.

    Raises:
        PlugindError: Why it did not hear of it.
    """
    runtime = catalog.get(plugin_id)
    worker = runtime.worker
    if worker is None or not worker.alive:
        worker = await runtime.ensure(State.LOADED)
    await worker.call("event", params, timeout=timeout)
