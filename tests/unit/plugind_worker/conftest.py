"""A supervisor of the smallest kind: one zygote for all tests, and workers spoken to over real sockets."""

import collections
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from plugind_protocol import worker as protocol
from plugind_protocol.errors import PlugindError, ErrorObject, from_object
from plugind_protocol.worker import CONTROL, Compile, Compiled, Kind, Launch, Order, Ready, Spawn, Window, ZygoteMessage
from plugind_worker.engine import load
from plugind_worker.engine.base import Engine

_ERROR = msgspec.json.Decoder(ErrorObject)


class Zygote:
    """A running zygote."""

    def __init__(self) -> None:
        self.sock, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.sock.settimeout(20)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "plugind_worker", "--zygote", str(theirs.fileno()), "--engine", "wasmtime"],
            pass_fds=[theirs.fileno()],
        )
        theirs.close()
        self._number = 0
        self._exited: dict[int, int] = {}
        ready, _ = self.receive()
        assert ready.ready is not None
        self.ready = ready.ready

    def receive(self) -> tuple[ZygoteMessage, list[int]]:
        data, descriptors, _, _ = socket.recv_fds(self.sock, 65536, 4)
        return msgspec.json.decode(data, type=ZygoteMessage), descriptors

    def spawn(self, descriptors: list[int], **job: Any) -> tuple[int, int]:
        """Ask for a child; return its pid and pidfd."""
        self._number += 1
        socket.send_fds(self.sock, [msgspec.json.encode(Spawn(number=self._number, **job))], descriptors)
        while True:
            message, received = self.receive()
            if message.spawned is not None:
                assert message.spawned.number == self._number
                assert message.spawned.error == "", message.spawned.error
                return message.spawned.pid, received[0]
            self._note(message)

    def exit_status(self, pid: int) -> int:
        """Wait until the zygote has reaped a child."""
        while pid not in self._exited:
            message, _ = self.receive()
            self._note(message)
        return self._exited.pop(pid)

    def _note(self, message: ZygoteMessage) -> None:
        assert message.exited is not None
        self._exited[message.exited.pid] = message.exited.status

    def close(self) -> int:
        self.sock.close()
        return self.process.wait(10)


class Peer:
    """The supervisor's end of one worker."""

    def __init__(self, zygote: Zygote, artefact: int, **limits: Any) -> None:
        fields = {
            "plugin_id": "probe",
            "version": "1.2.3",
            "engine": "wasmtime",
            "abi": "timeline",
            "memory_bytes": 64 << 20,
            "table_elements": 10_000,
            "max_result_bytes": 1 << 20,
            **limits,
        }
        self.messages, messages = socket.socketpair()
        self.control, control = socket.socketpair()
        self.messages.settimeout(20)
        self._zygote = zygote
        self._decoder = protocol.Decoder()
        self._received: collections.deque[tuple[int, int, bytes]] = collections.deque()
        self.logs: list[tuple[int, str]] = []
        self.number = 0
        self.pid, self.pidfd = zygote.spawn(
            [messages.fileno(), control.fileno(), artefact], launch=msgspec.convert(fields, Launch)
        )
        messages.close()
        control.close()

    def __enter__(self) -> "Peer":
        return self

    def __exit__(self, *_: object) -> None:
        self.messages.close()
        self.control.close()
        os.close(self.pidfd)

    def receive(self) -> tuple[int, int, bytes]:
        """Return the next message that is no log."""
        while True:
            while not self._received:
                data = self.messages.recv(1 << 20)
                assert data, "the worker has gone"
                self._received.extend(self._decoder.feed(data))
            kind, call, body = self._received.popleft()
            if kind != Kind.LOG:
                return kind, call, body
            self.logs.append((body[0], body[1:].decode()))

    def ready(self) -> Ready:
        kind, call, body = self.receive()
        assert (kind, call) == (Kind.READY, 0), body
        return msgspec.json.decode(body, type=Ready)

    def failed(self) -> PlugindError:
        kind, call, body = self.receive()
        assert (kind, call) == (Kind.FAILED, 0), body
        return from_object(_ERROR.decode(body))

    def send(self, kind: Kind, body: bytes = b"", *, number: int | None = None) -> int:
        """Send a message; return its number, the next one unless given."""
        if number is None:
            self.number += 1
            number = self.number
        self.messages.sendall(protocol.encode(kind, number, body))
        return number

    def answer(self, number: int) -> bytes:
        """Return the answer to a call; raise its error."""
        kind, call, body = self.receive()
        assert call == number, (kind, call, body)
        if kind == Kind.ERROR:
            raise from_object(_ERROR.decode(body))
        assert kind in (Kind.RESULT, Kind.PROCESSED), kind
        return body

    def call(self, name: str, params: bytes = b"null", *, kind: Kind = Kind.CALL) -> bytes:
        return self.answer(self.send(kind, protocol.with_name(name.encode(), params)))

    def begin(self, name: str, params: bytes = b"null") -> int:
        return self.send(Kind.CALL, protocol.with_name(name.encode(), params))

    def interrupt(self, number: int) -> None:
        self.control.sendall(CONTROL.pack(Order.INTERRUPT, number))

    def open_window(self, window: Window, descriptor: int) -> bytes:
        socket.send_fds(self.control, [CONTROL.pack(Order.WINDOW, window.window)], [descriptor])
        return self.answer(self.send(Kind.WINDOW_OPEN, msgspec.json.encode(window)))

    def close_window(self, window: Window) -> bytes:
        return self.answer(self.send(Kind.WINDOW_CLOSE, msgspec.json.encode(window)))


@pytest.fixture(scope="session")
def zygote() -> Iterator[Zygote]:
    running = Zygote()
    yield running
    assert running.close() == 0


@pytest.fixture(scope="session")
def new_zygote() -> type[Zygote]:
    return Zygote


@pytest.fixture(scope="session")
def engine() -> Engine:
    return load("wasmtime")


@pytest.fixture(scope="session")
def artefact(engine: Engine) -> Iterator[Callable[[str], int]]:
    """Compile text in this process; return a descriptor of the artefact."""
    cache: dict[str, int] = {}

    def compile_text(wat: str) -> int:
        if wat not in cache:
            with tempfile.TemporaryFile() as file:
                file.write(engine.compile(engine.assemble(wat.encode())).serialize())
                file.flush()
                cache[wat] = os.open(f"/proc/self/fd/{file.fileno()}", os.O_RDONLY)
        return cache[wat]

    yield compile_text
    for descriptor in cache.values():
        os.close(descriptor)


@pytest.fixture
def launch(zygote: Zygote, artefact: Callable[[str], int]) -> Iterator[Callable[..., Peer]]:
    """Start a worker with a module; all of them end with the test."""
    peers: list[Peer] = []

    def start(wat: str, **limits: Any) -> Peer:
        peers.append(Peer(zygote, artefact(wat), **limits))
        return peers[-1]

    yield start
    for peer in peers:
        with peer:
            pass
        zygote.exit_status(peer.pid)


@pytest.fixture
def compile_source(zygote: Zygote) -> Callable[..., tuple[Compiled, bytes]]:
    """Have a child compile a source; return what it found and the artefact, or raise its error."""

    def run(source: bytes, *, text: bool) -> tuple[Compiled, bytes]:
        ours, theirs = socket.socketpair()
        with ours, theirs, tempfile.TemporaryFile() as file, tempfile.TemporaryFile() as output:
            file.write(source)
            file.flush()
            file.seek(0)
            pid, pidfd = zygote.spawn(
                [theirs.fileno(), file.fileno(), output.fileno()], compile=Compile(engine="wasmtime", text=text)
            )
            theirs.close()
            os.close(pidfd)
            messages = protocol.Decoder().feed(b"".join(iter(lambda: ours.recv(65536), b"")))
            assert zygote.exit_status(pid) == 0
            ((kind, _, body),) = messages
            if kind == Kind.FAILED:
                raise from_object(_ERROR.decode(body))
            assert kind == Kind.READY
            output.seek(0)
            return msgspec.json.decode(body, type=Compiled), output.read()

    return run


RUNTIME = """
  (memory (export "memory") 2)
  (global $heap (mut i32) (i32.const 70000))
  (func $alloc (export "plugin_alloc") (param $size i32) (param $align i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $heap) (i32.sub (local.get $align) (i32.const 1)))
                            (i32.sub (i32.const 0) (local.get $align))))
    (global.set $heap (i32.add (local.get $at) (local.get $size)))
    (block $fits (loop $more
      (br_if $fits (i32.le_u (global.get $heap) (i32.mul (memory.size) (i32.const 65536))))
      (br_if $more (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))
      (return (i32.const 0))))
    (local.get $at))
  (global $frees (mut i32) (i32.const 0))
  (func (export "plugin_free") (param i32 i32 i32) (global.set $frees (i32.add (global.get $frees) (i32.const 1))))
  (func $pack (param $at i32) (param $len i32) (result i64)
    (i64.or (i64.shl (i64.extend_i32_u (local.get $at)) (i64.const 32)) (i64.extend_i32_u (local.get $len))))
"""


@pytest.fixture(scope="session")
def guest_text() -> Callable[..., str]:
    """Write a module that follows the timeline ABI: a bump allocator, and a plugin_call that answers as told."""

    def write(body: str, *, imports: str = "", more: str = "") -> str:
        return f"""(module {imports} {RUNTIME} {more}
          (func $call (export "plugin_call")
            (param $method i32) (param $method_len i32) (param $params i32) (param $params_len i32) (result i64)
            {body}))"""

    return write
