"""Errors of the daemon itself; errors that travel to clients are `plugind_protocol.errors`."""


class StartupError(Exception):
    """The daemon cannot start; the message says why and what to do. Ends the process with status 1."""


class ConfigError(StartupError):
    """The configuration is wrong; the message names the key."""
