"""A supervisor of the smallest kind: one zygote for all tests, and workers spoken to over real sockets."""

import collections
import fcntl
import os
import resource
import socket
import subprocess
import sys
import termios
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from plugind_protocol import worker as protocol
from plugind_protocol.errors import ErrorObject, PlugindError, from_object
from plugind_protocol.worker import CONTROL, Compiled, Kind, Launch, Order, Ready, Spawn, Window, ZygoteMessage
from plugind_worker.engine.base import Function, Instance, Module

ERROR = msgspec.json.Decoder(ErrorObject)

Launcher = Callable[..., "Peer"]
"""Starts a worker with a module's text and limits."""
Instantiate = Callable[..., tuple[Instance, Module]]
"""Makes an instance in this process: a module's text, host functions, limits."""
Write = Callable[..., str]
"""Writes a module of the timeline ABI: the body of its plugin_call, imports, and more."""
CompileSource = Callable[..., tuple[Compiled, bytes]]
"""Has a child compile a source; returns what it found and the artefact, or raises its error."""


class Zygote:
    """A running zygote."""

    def __init__(
        self,
        *,
        program: Sequence[str] = ("-m", "plugind_worker"),
        interpreter: str = sys.executable,
        engine: str = "wasmtime",
    ) -> None:
        self.sock, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.sock.settimeout(20)
        self.process = subprocess.Popen(
            [interpreter, *program, "--zygote", str(theirs.fileno()), "--engine", engine],
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

    def close(self) -> None:
        """Let go of the worker, which ends then."""
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

    def wait_for_log(self) -> None:
        """Wait until the guest has logged something, so that it is certain to run."""
        count = len(self.logs)
        while len(self.logs) == count:
            assert not self._received
            self._received.extend(self._decoder.feed(self.messages.recv(1 << 20)))
            while self._received and self._received[0][0] == Kind.LOG:
                _, _, body = self._received.popleft()
                self.logs.append((body[0], body[1:].decode()))

    def wait_until_ordered(self) -> None:
        """Wait until the worker's thread has taken all orders, and waits for more."""
        threads = list(Path(f"/proc/{self.pid}/task").iterdir())
        while self._unread_orders() or any(_runs(thread) for thread in threads):
            pass

    def _unread_orders(self) -> int:
        return int.from_bytes(fcntl.ioctl(self.control, termios.TIOCOUTQ, bytes(4)), sys.byteorder)

    def ready(self) -> Ready:
        kind, call, body = self.receive()
        assert (kind, call) == (Kind.READY, 0), body
        return msgspec.json.decode(body, type=Ready)

    def failed(self) -> PlugindError:
        kind, call, body = self.receive()
        assert (kind, call) == (Kind.FAILED, 0), body
        return from_object(ERROR.decode(body))

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
            raise from_object(ERROR.decode(body))
        assert kind in (Kind.RESULT, Kind.PROCESSED), kind
        return body

    def call(self, name: str, params: bytes = b"null", *, kind: Kind = Kind.CALL) -> bytes:
        return self.answer(self.send(kind, protocol.with_name(name.encode(), params)))

    def begin(self, name: str, params: bytes = b"null") -> int:
        return self.send(Kind.CALL, protocol.with_name(name.encode(), params))

    def interrupt(self, number: int) -> None:
        self.control.sendall(CONTROL.pack(Order.INTERRUPT, number))

    def open_window(self, window: Window, descriptor: int) -> bytes:
        soft, hard = resource.prlimit(self.pid, resource.RLIMIT_DATA)
        resource.prlimit(self.pid, resource.RLIMIT_DATA, (soft + window.slot_bytes * window.slots, hard))
        socket.send_fds(self.control, [CONTROL.pack(Order.WINDOW, window.window)], [descriptor])
        return self.answer(self.send(Kind.WINDOW_OPEN, msgspec.json.encode(window)))

    def close_window(self, window: Window) -> bytes:
        return self.answer(self.send(Kind.WINDOW_CLOSE, msgspec.json.encode(window)))


def function(instance: Instance, name: str) -> Function:
    """Look up a function that must be there."""
    found = instance.function(name)
    assert found is not None
    return found


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


def _runs(thread: Path) -> bool:
    state = (thread / "stat").read_text().rpartition(")")[2].split()[0]
    return state == "R"
