"""What can go wrong with the connection itself; everything the daemon answers is in `plugind_protocol.errors`."""


class Disconnected(ConnectionError):  # noqa: N818 - says what happened, as the contract's errors do
    """The connection to the daemon is gone; what was in flight is lost."""


class NoDaemon(Disconnected):
    """There is no daemon to talk to.

    Args:
        path: The socket that was tried.
        reason: Why it did not work, in a few words.
    """

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"No daemon at {path}: {reason}")
        self.path = path
        self.reason = reason


class UnexpectedAnswer(ValueError):  # noqa: N818 - as above
    """The daemon's answer does not have the shape that the protocol gives it: versions that do not fit."""
