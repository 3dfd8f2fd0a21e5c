"""What keeps the host from starting; everything that a plugin may learn is an error of the contract."""


class ProjectError(Exception):
    """The project cannot be opened or written; the message says why, and what to do."""
