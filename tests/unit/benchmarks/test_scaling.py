import json
import socket
import threading
from pathlib import Path

from benchmarks.measure import Lines
from benchmarks.scaling import module, waiting


def test_a_module_of_a_size(tmp_path: Path) -> None:
    sizes = [module(tmp_path / f"sized-{functions}", functions) for functions in (1, 10, 100)]
    assert 80 * 50 < sizes[2] - sizes[0] < 500 * 99
    assert (tmp_path / "sized-10" / "plugin.wasm").stat().st_size == sizes[1]
    assert json.loads((tmp_path / "sized-10" / "manifest.json").read_text())["name"] == "sized-10"


def test_each_client_has_one_request_in_flight() -> None:
    pairs = [socket.socketpair() for _ in range(3)]
    seen: list[int] = []

    def serve(other: socket.socket) -> None:
        with other:
            while asked := other.recv(100):
                seen.append(asked.count(b"\n"))
                other.sendall(b"{}\n")

    threads = [threading.Thread(target=serve, args=(theirs,)) for _, theirs in pairs]
    for thread in threads:
        thread.start()
    clients = [Lines(ours) for ours, _ in pairs]
    taken = waiting(clients, b"ask\n", runs=20)
    for client in clients:
        client.close()
    for thread in threads:
        thread.join()
    assert len(taken) == len(seen) == 20
    assert set(seen) == {1}
