"""Replays the exchanges of ``protocol/vectors`` over a real socket and compares the answers.

    connection = Connection(socket_path, Framing.LINES)
    replay(exchange, connection, plugins=folder)

Blocking sockets and the project's own framing; nothing here knows what the daemon is made of.
"""

import base64
import json
import socket
from pathlib import Path
from typing import Any

from plugind_protocol import framing
from plugind_protocol.framing import Decoder, Framing, Oversized

VECTORS = Path(__file__).parents[2] / "protocol" / "vectors"
PROBE = {"jsonrpc": "2.0", "id": "probe", "method": "plugins.getState", "params": {"pluginId": "probe-of-the-replay"}}
SECONDS = 30.0


def load(name: str) -> list[dict[str, Any]]:
    """Return the cases of one file of vectors."""
    cases: list[dict[str, Any]] = json.loads((VECTORS / name).read_text("utf-8"))["cases"]
    return cases


def spell(piece: Any) -> bytes:
    """Return the bytes that a piece of a vector stands for."""
    match piece:
        case str():
            return piece.encode()
        case {"base64": text}:
            return base64.b64decode(text)
        case {"repeat": text, "times": times}:
            return text.encode() * times
        case list():
            return b"".join(map(spell, piece))
    raise ValueError(f"not a piece: {piece!r}")


def fits(expected: Any, actual: Any) -> bool:
    """Whether an answer is what a vector says: an object may have more members, an array may not."""
    if isinstance(expected, dict) and isinstance(actual, dict):
        return all(name in actual and fits(value, actual[name]) for name, value in expected.items())
    if isinstance(expected, list) and isinstance(actual, list):
        return len(expected) == len(actual) and not unmatched(expected, actual)
    return type(expected) is type(actual) and bool(expected == actual)


def unmatched(expected: list[Any], actual: list[Any]) -> list[Any]:
    """Return what of ``expected`` has no answer of its own, in any order."""
    left = list(actual)
    missing = []
    for one in expected:
        found = next((index for index, answer in enumerate(left) if fits(one, answer)), None)
        if found is None:
            missing.append(one)
        else:
            del left[found]
    return missing


class Connection:
    """One client's end of a socket.

    Args:
        path: The daemon's socket.
        how: The framing to speak.
    """

    def __init__(self, path: Path, how: Framing) -> None:
        self.framing = how
        self._decoder = Decoder(framing=how)
        self._messages: list[Any] = []
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(SECONDS)
        self._socket.connect(str(path))

    def close(self) -> None:
        self._socket.close()

    def send(self, *bodies: bytes) -> None:
        self._socket.sendall(b"".join(framing.encode(body, self.framing) for body in bodies))

    def send_raw(self, data: bytes) -> None:
        self._socket.sendall(data)

    def receive(self) -> Any:
        """Return the next message, notifications left out; None at the end of the stream."""
        while not self._messages:
            try:
                data = self._socket.recv(1 << 16)
            except ConnectionResetError:
                return None
            if not data:
                return None
            for text in self._decoder.feed(data):
                assert not isinstance(text, Oversized)
                message = json.loads(text)
                if isinstance(message, list) or "method" not in message:
                    self._messages.append(message)
        return self._messages.pop(0)


def replay(exchange: dict[str, Any], connection: Connection, *, plugins: Path) -> None:
    """Send what an exchange says and compare what comes.

    Args:
        exchange: One case of ``exchanges.json``.
        connection: A fresh connection to a daemon without plugins; it may be closed afterwards.
        plugins: The folder with the test plugins.

    Raises:
        AssertionError: Something else came, or nothing.
    """
    for step in exchange["steps"]:
        if "raw" in step:
            connection.send_raw(spell(step["raw"]))
        else:
            bodies = step["send"] if step.get("each") else [step["send"]]
            connection.send(*(spell(body).replace(b"$PLUGINS", str(plugins).encode()) for body in bodies))
        answers = [connection.receive() for _ in step["expect"]]
        assert not unmatched(step["expect"], answers), f"{step['expect']} was expected, {answers} came"
        if step.get("closed"):
            assert connection.receive() is None
            return
    connection.send(json.dumps(PROBE).encode())
    probed = connection.receive()
    assert fits({"id": "probe", "result": "not_installed"}, probed), f"no more was expected, {probed} came"
