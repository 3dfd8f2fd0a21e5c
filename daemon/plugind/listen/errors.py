"""Why the daemon cannot listen."""

from plugind.errors import StartupError


class ListenError(StartupError):
    """The address cannot be used; the message says why and what to do."""


class AddressInUse(ListenError):  # noqa: N818 - says what it is, as the errors of the contract do
    """Another daemon listens there.

    Args:
        message: Which address, held by whom.
        pid: Process that holds it, where known.
    """

    def __init__(self, message: str, *, pid: int | None = None) -> None:
        super().__init__(message)
        self.pid = pid
