import os
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from plugind_protocol.errors import Timeout
from plugind_protocol.worker import CONTROL, Order
from plugind_worker.control import Control


class Rig:
    """A control object with its thread, and the supervisor's end."""

    def __init__(self, *, threaded: bool = True) -> None:
        self.peer, self.ours = socket.socketpair()
        self.interrupted = threading.Event()
        self.lost = threading.Event()
        self.control = Control(self.ours, interrupt=self.interrupted.set, lost=self.lost.set, threaded=threaded)
        self.control.start()

    def order(self, order: int, number: int) -> None:
        self.peer.sendall(CONTROL.pack(order, number))

    def settle(self) -> None:
        """Wait until all orders sent so far were taken: a window's descriptor comes last."""
        read, write = os.pipe()
        os.close(write)
        socket.send_fds(self.peer, [CONTROL.pack(Order.WINDOW, 999)], [read])
        os.close(read)
        os.close(self.control.take_window(999))


@pytest.fixture
def rig() -> Iterator[Rig]:
    made = Rig()
    yield made
    made.peer.close()
    assert made.lost.wait(10)
    made.ours.close()


def test_the_running_call_is_interrupted(rig: Rig) -> None:
    assert rig.control.begin(5)
    rig.order(Order.INTERRUPT, 5)
    assert rig.interrupted.wait(10)
    assert rig.control.fired
    assert rig.control.finish()


def test_a_call_that_has_not_started_is_skipped_once(rig: Rig) -> None:
    rig.control.begin(5)
    rig.order(Order.INTERRUPT, 7)
    rig.settle()
    assert not rig.control.finish()
    assert rig.control.begin(6)
    assert not rig.control.finish()
    assert not rig.control.begin(7)
    assert rig.control.begin(8)
    assert not rig.interrupted.is_set()


def test_a_call_that_is_over_is_left_alone(rig: Rig) -> None:
    rig.control.begin(5)
    rig.control.finish()
    rig.order(Order.INTERRUPT, 5)
    rig.order(Order.INTERRUPT, 4)
    rig.settle()
    assert rig.control.begin(6)
    assert not rig.control.fired
    assert not rig.interrupted.is_set()


def test_numbers_may_wrap_around(rig: Rig) -> None:
    rig.control.begin(2**32 - 1)
    rig.control.finish()
    rig.order(Order.INTERRUPT, 3)
    rig.settle()
    assert not rig.control.begin(3)


def test_the_interrupt_of_one_call_says_nothing_of_the_next(rig: Rig) -> None:
    rig.control.begin(1)
    rig.order(Order.INTERRUPT, 1)
    assert rig.interrupted.wait(10)
    rig.control.finish()
    assert rig.control.begin(2)
    assert not rig.control.fired


def test_waiting_for_a_window_ends_with_an_interrupt(rig: Rig) -> None:
    rig.control.begin(1)
    rig.order(Order.INTERRUPT, 1)
    with pytest.raises(Timeout):
        rig.control.take_window(3)


def test_a_window_sent_twice_leaves_no_descriptor_behind(rig: Rig) -> None:
    read, write = os.pipe()
    for descriptor in (write, read):
        socket.send_fds(rig.peer, [CONTROL.pack(Order.WINDOW, 3)], [descriptor])
    os.close(write)
    rig.settle()
    assert os.read(read, 1) == b""  # the first descriptor was closed for the second
    os.close(read)
    os.close(rig.control.take_window(3))


def test_unknown_orders_and_their_descriptors_are_dropped(rig: Rig) -> None:
    read, write = os.pipe()
    socket.send_fds(rig.peer, [CONTROL.pack(77, 1)], [write])
    os.close(write)
    rig.settle()
    assert os.read(read, 1) == b""  # nobody holds the other end any more
    os.close(read)


def test_an_order_in_pieces_is_taken_whole(rig: Rig) -> None:
    rig.control.begin(1)
    for byte in CONTROL.pack(Order.INTERRUPT, 1):
        rig.peer.sendall(bytes((byte,)))
    assert rig.interrupted.wait(10)


@pytest.fixture
def alone() -> Iterator[Rig]:
    """Without a thread, as under an engine that lets none run."""
    made = Rig(threaded=False)
    yield made
    made.peer.close()
    made.control.poll()
    assert made.lost.is_set()
    made.ours.close()


def test_without_a_thread_a_call_that_was_interrupted_before_does_not_begin(alone: Rig) -> None:
    alone.order(Order.INTERRUPT, 6)
    assert alone.control.begin(5)
    assert not alone.control.finish()
    assert not alone.control.begin(6)
    alone.order(Order.INTERRUPT, 7)  # just before it begins
    assert not alone.control.begin(7)
    assert alone.control.begin(8)


def test_without_a_thread_an_interrupt_is_seen_when_it_is_asked_for(alone: Rig) -> None:
    assert alone.control.begin(5)
    alone.order(Order.INTERRUPT, 5)
    assert not alone.control.fired
    alone.control.poll()
    assert alone.control.fired
    assert alone.control.finish()
    alone.control.poll()
    assert alone.control.begin(6)
    assert not alone.control.fired


def test_without_a_thread_windows_are_waited_for(alone: Rig) -> None:
    assert alone.control.begin(5)
    alone.settle()
    alone.order(Order.INTERRUPT, 5)
    with pytest.raises(Timeout):
        alone.control.take_window(1)


def test_a_pause_ends_with_its_time_or_an_interrupt(rig: Rig) -> None:
    rig.control.begin(1)
    began = time.monotonic()
    assert not rig.control.pause(0.02)
    assert not rig.control.pause(-1)
    assert time.monotonic() - began >= 0.02
    rig.order(Order.INTERRUPT, 1)
    assert rig.control.pause(60)
    assert time.monotonic() - began < 30
