"""Single keys from the terminal, as they are pressed."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

QUIT: Final = (b"q", b"Q", b"")
"""Keys that end what is shown; nothing read means that the terminal is gone."""

if sys.platform == "win32":
    import msvcrt

    _POLL_SECONDS: Final = 0.05

    @contextmanager
    def single_keys() -> Iterator[None]:
        """Do nothing: the console gives each key as it is."""
        yield

    def _pressed(seconds: float) -> bytes | None:
        until = time.monotonic() + seconds
        while not msvcrt.kbhit():
            if time.monotonic() >= until:
                return None
            time.sleep(_POLL_SECONDS)
        return msvcrt.getch()
else:
    import os
    import select
    import termios
    import tty

    @contextmanager
    def single_keys() -> Iterator[None]:
        """Let the terminal give each key as it is pressed, and put it back afterwards; nothing where there is none."""
        if not sys.stdin.isatty():
            yield
            return
        before = termios.tcgetattr(sys.stdin)
        try:
            tty.setcbreak(sys.stdin)
            yield
        finally:
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)

    def _pressed(seconds: float) -> bytes | None:
        ready, _, _ = select.select([sys.stdin], [], [], seconds)
        return os.read(sys.stdin.fileno(), 1) if ready else None


def pressed(seconds: float) -> bytes | None:
    """Wait for a key.

    Args:
        seconds: How long at most.

    Returns:
        The key; None when the time is over first, or there is no terminal.
    """
    if sys.stdin.isatty():
        return _pressed(seconds)
    time.sleep(seconds)
    return None
