import signal
import threading
from typing import Any

import pytest
from tests.fakes.peer import LATER, Link, Peer

from plugind_client import Client, Disconnected, NoDaemon
from plugind_protocol import envelope
from plugind_protocol.errors import PluginNotFound


def test_calls_block_and_return(daemon: Peer) -> None:
    daemon.scripts["plugins.call"] = 5
    with Client.connect(daemon.path, name="t") as client:
        assert client.session.daemon.name == "scripted"
        assert client.call_plugin("calc", "add", args=[2, 3]) == 5
        assert client.call("plugins.call", {"pluginId": "calc"}) == 5


def test_errors_come_out_as_they_are(daemon: Peer) -> None:
    def missing(_params: Any, _link: Link) -> Any:
        raise PluginNotFound("none")

    daemon.scripts["plugins.get"] = missing
    with Client.connect(daemon.path) as client, pytest.raises(PluginNotFound):
        client.get_plugin("x")


def test_no_daemon(tmp_path: Any) -> None:
    with pytest.raises(NoDaemon), Client.connect(tmp_path / "none"):
        pass


def test_handlers_are_plain_functions(daemon: Peer) -> None:
    threads: list[threading.Thread] = []

    def timeline(method: str, params: Any) -> Any:
        threads.append(threading.current_thread())
        return [method, params]

    with Client.connect(daemon.path, handlers={"timeline": timeline}):
        daemon.next_link().send(envelope.encode_request("h", "timeline.getState", {"pluginId": "p"}))
        assert bytes(daemon.next_message().result) == b'["timeline.getState",{"pluginId":"p"}]'  # type: ignore[arg-type]
    assert threads[0] is not threading.main_thread()


def test_notifications(daemon: Peer) -> None:
    with Client.connect(daemon.path) as client:
        notes = client.notifications("effects.changed")
        link = daemon.next_link()
        with pytest.raises(TimeoutError):
            notes.next(timeout=0.001)
        link.notify("effects.changed", {"pluginId": "p", "effects": ["a"]})
        for note in notes:
            assert note.effects == ["a"]
            break
        assert notes.dropped == 0
        link.close()
        with pytest.raises(Disconnected):
            next(notes)


def test_an_interrupted_wait_cancels_the_request(daemon: Peer) -> None:
    def interrupt(_params: Any, _link: Link) -> Any:
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)  # as Ctrl-C does
        return LATER

    daemon.scripts["plugins.call"] = interrupt
    with Client.connect(daemon.path) as client:
        with pytest.raises(KeyboardInterrupt):
            client.call_plugin("p", "slow")
        assert daemon.next_message().method == "$/cancelRequest"
