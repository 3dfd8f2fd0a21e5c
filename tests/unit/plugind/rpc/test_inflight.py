"""Requests that are being worked on, when their client leaves."""

import functools
import math

from plugind.rpc.inflight import InFlight


def test_a_client_that_leaves_has_its_requests_cancelled_in_slices_from_the_last() -> None:
    in_flight = InFlight(max_calls=10, max_bytes=100)
    cancelled: list[int] = []
    for number in range(4):
        in_flight.add(number, 1, functools.partial(cancelled.append, number))
    work = in_flight.cancelling()
    assert work(0.0)
    assert cancelled == [3], "a slice that is over has one step"
    assert not work(math.inf)
    assert cancelled == [3, 2, 1, 0]
