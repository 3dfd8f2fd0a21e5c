"""The ``events.*`` methods of clients."""

from plugind.rpc.session import Session
from plugind_protocol.errors import HostUnavailable
from plugind_protocol.host.events import PublishEvent


class EventsService:
    """Answers ``events.*``."""

    async def publish(self, _session: Session, params: PublishEvent) -> None:
        """Tell plugins something.

        Raises:
            HostUnavailable: This version does not hand events on.
        """
        raise HostUnavailable(
            f"{params.name}: this daemon does not hand events on to plugins",
            hint="Use a version of plugind that does.",
        )
