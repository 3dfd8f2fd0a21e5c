"""Orders that reach the worker while its guest computes: a thread of its own reads the *control* socket.

Call numbers of one worker rise (modulo 2³²), so that a number tells whether its call is yet to come, runs, or is over.
"""

import _thread
import os
import socket
import threading
import time
from collections.abc import Callable
from typing import Final

from plugind_protocol import sockets
from plugind_protocol.errors import Timeout
from plugind_protocol.worker import CONTROL, Order

START: Final = 0
"""Call number of making the first instance, before any call."""
STACK_BYTES: Final = 256 * 1024
"""What a control thread needs of stack; all that it reserves counts as memory of its process."""
_DESCRIPTORS: Final = 4
"""How many are taken with one piece of an order; one is meant."""
_LONGEST_WAIT: Final = 86_400.0
"""Seconds waited at a time; every call has ended by then."""
_HALF: Final = 1 << 31
_MASK: Final = (1 << 32) - 1


Spawn = Callable[[Callable[[], None]], None]
"""Runs a function in a thread of its own."""


class Control:
    """Interrupts and window descriptors.

    Args:
        sock: A connected socket on which orders arrive.
        interrupt: Ends the guest that runs; called from the control thread.
        lost: Called from the control thread when the supervisor closed its end, since nobody could stop the guest
            any more.
        threaded: Whether a thread takes orders as they come. Not for an engine under which no other thread runs while
            the guest does: orders are taken when a call begins, and by `poll`.
        spawn: Runs a function in a thread of its own.
    """

    def __init__(
        self,
        sock: socket.socket,
        *,
        interrupt: Callable[[], None],
        lost: Callable[[], None],
        threaded: bool = True,
        spawn: Spawn | None = None,
    ) -> None:
        self._sock = sock
        self._interrupt = interrupt
        self._lost = lost
        self._threaded = threaded
        self._spawn = _spawn if spawn is None else spawn
        self._started = False
        self._over = False
        self._lock = threading.Lock()  # entered without the detour over the condition where nobody waits
        self._changed = threading.Condition(self._lock)
        self._skipped: set[int] = set()
        self._windows: dict[int, int] = {}
        self._running = False
        self.number = START
        """Number of the call that runs, or ran last."""
        self.fired = False
        """Whether the call that runs was interrupted."""

    def start(self) -> None:
        """Start the thread, if there is to be one."""
        if self._threaded:
            self._started = True
            self._spawn(self._serve)

    def close(self) -> None:
        """Wait until the supervisor has closed its end, and close what has come and was not taken."""
        with self._changed:
            self._changed.wait_for(lambda: self._over or not self._started)
        self._sock.close()
        while self._windows:
            os.close(self._windows.popitem()[1])

    def poll(self) -> None:
        """Take the orders that have arrived, unless the thread does."""
        while not self._threaded and self._pending() and self._take():
            pass

    def begin(self, number: int) -> bool:
        """Note that a call starts.

        Args:
            number: Its number.

        Returns:
            False when it was interrupted before it started, or nobody could interrupt it any more: it must not run.
        """
        with self._lock:
            self.number = number
            if self._over:
                return False
            if number in self._skipped:
                self._skipped.remove(number)
                return False
            self._running = True
            self.fired = False
        if self._threaded:
            return True
        self.poll()
        return not (self.fired and self.finish())

    def finish(self) -> bool:
        """Note that the call is over; return whether it was interrupted."""
        with self._lock:
            self._running = False
            return self.fired

    def pause(self, seconds: float) -> bool:
        """Wait.

        Args:
            seconds: How long; nothing where it is not above 0.

        Returns:
            Whether the call was interrupted, which ends the wait.
        """
        until = time.monotonic() + seconds
        while not self._threaded and (left := until - time.monotonic()) > 0 and not self.fired:
            if sockets.wait(self._sock, min(left, _LONGEST_WAIT)):
                self._take()
        with self._changed:
            if self._threaded:
                self._changed.wait_for(lambda: self.fired, min(max(seconds, 0), _LONGEST_WAIT))
            return self.fired

    def take_window(self, window: int) -> int:
        """Wait for the descriptor of a window; it is the caller's then.

        Raises:
            Timeout: The call was interrupted first.
        """
        while not (self._threaded or window in self._windows or self.fired) and self._take():
            pass
        with self._changed:
            if self._threaded:
                self._changed.wait_for(lambda: window in self._windows or self.fired)
            if window not in self._windows:
                raise Timeout(f"interrupted while waiting for window {window}", cause="timeout")
            return self._windows.pop(window)

    def _serve(self) -> None:
        while self._take():
            pass

    def _take(self) -> bool:
        """Wait for one order and carry it out; False at the end."""
        order = self._receive()
        if order is None:
            with self._changed:
                self._over = self.fired = True
                self._changed.notify_all()
            self._lost()
            return False
        kind, number, descriptors = order
        with self._changed:
            if kind == Order.INTERRUPT:
                self._stop(number)
            elif kind == Order.WINDOW and descriptors:
                self._add_window(number, descriptors.pop(0))
            self._changed.notify_all()
        for descriptor in descriptors:
            os.close(descriptor)
        return True

    def _pending(self) -> bool:
        """Whether an order, or the end, has arrived."""
        return sockets.arrived(self._sock)

    def _stop(self, number: int) -> None:
        if number == self.number:
            if self._running:
                self.fired = True
                self._interrupt()
        elif (number - self.number) & _MASK < _HALF:
            self._skipped.add(number)

    def _add_window(self, window: int, descriptor: int) -> None:
        if window in self._windows:
            os.close(self._windows[window])
        self._windows[window] = descriptor

    def _receive(self) -> tuple[int, int, list[int]] | None:
        """Read one order and the descriptors that came with it; ``None`` at the end."""
        data = b""
        descriptors: list[int] = []
        while len(data) < CONTROL.size:
            try:
                part, came = sockets.receive(self._sock, CONTROL.size - len(data), _DESCRIPTORS)
            except ConnectionResetError:
                return None
            if not part:
                return None
            data += part
            descriptors += came
        kind, number = CONTROL.unpack(data)
        return kind, number, descriptors


def _spawn(run: Callable[[], None]) -> None:
    """Start a thread without what ``threading`` does around it, which nothing here needs, and return when it runs."""
    running = _thread.allocate_lock()
    running.acquire()

    def begin() -> None:
        running.release()
        run()

    before = threading.stack_size(STACK_BYTES)
    _thread.start_new_thread(begin, ())
    threading.stack_size(before)
    running.acquire()
