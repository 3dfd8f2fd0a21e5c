"""The golden exchanges, replayed against a running daemon in both framings."""

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.contract.replay import Connection, load, replay

from plugind_protocol.framing import Framing

pytestmark = pytest.mark.process

CASES = [
    pytest.param(exchange, framing, id=f"{exchange['name']} ({framing.value})")
    for exchange in load("exchanges.json")
    for framing in Framing
    if exchange.get("framing", framing.value) == framing.value
]


@pytest.mark.parametrize(("exchange", "framing"), CASES)
def test_exchange(exchange: dict[str, Any], framing: Framing, daemon_socket: Path, plugins: Path) -> None:
    with closing(Connection(daemon_socket, framing)) as connection:
        replay(exchange, connection, plugins=plugins)


def test_both_framings_at_once_on_one_socket(daemon_socket: Path, plugins: Path) -> None:
    exchange = next(one for one in load("exchanges.json") if one["name"] == "20 requests at once")
    with (
        closing(Connection(daemon_socket, Framing.LINES)) as lines,
        closing(Connection(daemon_socket, Framing.HEADERS)) as headers,
    ):
        for _ in range(3):
            replay(exchange, lines, plugins=plugins)
            replay(exchange, headers, plugins=plugins)
