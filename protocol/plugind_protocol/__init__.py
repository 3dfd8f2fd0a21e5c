"""What the daemon, its workers and its clients agree on: names, types and framing. No I/O happens here."""

__version__ = "0.1.0"

PROTOCOL_VERSION = "1.0"
"""Version of the client protocol (``initialize``); a new major number may rename or remove."""
