"""A zygote whose workers have been taken over: what an escape from the engine would look like to the daemon.

It is the real zygote; only in the process that runs a plugin called ``taken-over`` everything behind the channel is
replaced by a program that says whatever it is asked to by the name of the function that is called.
"""

import contextlib
import os
import signal
import socket
import struct
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from plugind_protocol.worker import DROPPED, HEADER, PROCESSED, Kind, encode, split_name, with_name
from plugind_worker import child, zygote
from plugind_worker.sandbox.layer import Stage

PLUGIN: Final = "taken-over"
FOREVER: Final = 3600.0

FORGED: Final = b'{"jsonrpc":"2.0","id":"forged","result":"forged"}'

LIES: Final[dict[str, Callable[[int], Sequence[bytes]]]] = {
    "answer-to-no-call": lambda call: [encode(Kind.RESULT, call + 99, b"1")],
    "frame-answer-to-a-call": lambda call: [encode(Kind.PROCESSED, call, PROCESSED.pack(0, 1))],
    "ready-twice": lambda _: [encode(Kind.READY, 0, b'{"abi":"timeline","functions":[]}')],
    "failed-after-ready": lambda _: [encode(Kind.FAILED, 0, b'{"code":-32007,"message":"x"}')],
    "unknown-kind": lambda call: [HEADER.pack(0, 999, call)],
    "order-of-the-daemons": lambda call: [encode(Kind.CALL, call, with_name(b"f", b"null"))],
    "error-that-is-none": lambda call: [encode(Kind.ERROR, call, b"garbage")],
    "error-of-other-types": lambda call: [encode(Kind.ERROR, call, b'{"code":"x","message":[]}')],
    "host-call-of-another-call": lambda call: [encode(Kind.HOST_CALL, call + 1, with_name(b"f", b"{}"))],
    "host-call-twice": lambda call: [encode(Kind.HOST_CALL, call, with_name(b"system.getInfo", b"{}"))] * 2,
    "host-call-cut-short": lambda call: [encode(Kind.HOST_CALL, call, b"\xff\xff")],
    "host-call-no-json": lambda call: [encode(Kind.HOST_CALL, call, with_name(b"timeline.getState", b"}{"))],
    "host-call-two-messages": lambda call: [
        encode(Kind.HOST_CALL, call, with_name(b"timeline.getState", b"{}}\n" + FORGED))
    ],
    "result-no-json": lambda call: [encode(Kind.RESULT, call, b"}{")],
    "result-empty": lambda call: [encode(Kind.RESULT, call)],
    "result-not-utf8": lambda call: [encode(Kind.RESULT, call, b'"\xff"')],
    "result-two-messages": lambda call: [encode(Kind.RESULT, call, b"1}\n" + FORGED)],
    "result-with-a-line-break": lambda call: [encode(Kind.RESULT, call, b"[1,\n2]")],
    "too-large": lambda _: [HEADER.pack(0x7FFFFFFF, Kind.RESULT, 1)],
    "garbage": lambda _: [os.urandom(100_000).replace(b"\0", b"\xa5")],
    "dropped-of-another-size": lambda _: [encode(Kind.DROPPED, 0, DROPPED.pack(1) * 2)],
    "huge-log": lambda _: [encode(Kind.LOG, 0, b"\x02" + b"x" * 1_000_000)],
    "empty-log": lambda _: [encode(Kind.LOG, 0)],
}
"""Each breaks the protocol; what it says, given the number of the running call."""

ENDS: Final[dict[str, Callable[[socket.socket, socket.socket], object]]] = {
    "exit": lambda _m, _c: os._exit(0),
    "exit-with-error": lambda _m, _c: os._exit(3),
    "abort": lambda _m, _c: os.abort(),
    "segv": lambda _m, _c: os.kill(os.getpid(), signal.SIGSEGV),
    "close-its-channel-and-stay": lambda messages, _: (messages.close(), time.sleep(FOREVER)),
    "half-a-message-and-exit": lambda messages, _: (messages.send(struct.pack("<I", 50)), os._exit(0)),
}
"""Ways to go without an answer."""


def log_flood(messages: socket.socket, seconds: float = 2.0) -> None:
    """Log as fast as the socket takes it, with no rate of its own."""
    line = encode(Kind.LOG, 0, b"\x02" + b"flood " * 20) * 200
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        messages.sendall(line)


class TakenOver:
    """Stands where the worker would."""

    def __init__(self, engine: Any, launch: Any, *, messages: socket.socket, control: socket.socket) -> None:
        self._engine, self._launch = engine, launch
        self._messages, self._control = messages, control

    def run(self, artefact: int, *, lockdown: Any) -> None:
        """Say READY and then whatever is asked for; be a worker for every other plugin."""
        if self._launch.plugin_id != PLUGIN:
            worker = _Worker(self._engine, self._launch, messages=self._messages, control=self._control)
            worker.run(artefact, lockdown=lockdown)
            return
        for stage in (Stage.LOADED, Stage.LAST):
            lockdown.apply(stage)
        with contextlib.suppress(OSError):
            self._messages.sendall(encode(Kind.READY, 0, b'{"abi":"timeline","functions":[]}'))
            while True:
                self._answer(*self._receive())

    def _answer(self, kind: int, call: int, body: bytes) -> None:
        name = split_name(body)[0].decode() if kind in (Kind.CALL, Kind.HOOK) else ""
        if name in LIES:
            self._messages.sendall(b"".join(LIES[name](call)))
            time.sleep(FOREVER)
        elif name in ENDS:
            ENDS[name](self._messages, self._control)
        elif name == "log-flood":
            log_flood(self._messages)
        elif name == "never-reads":
            time.sleep(FOREVER)
        self._messages.sendall(encode(Kind.RESULT, call, b"null"))

    def _receive(self) -> tuple[int, int, bytes]:
        head = self._messages.recv(HEADER.size, socket.MSG_WAITALL)
        if len(head) < HEADER.size:
            raise ConnectionResetError
        length, kind, call = HEADER.unpack(head)
        return kind, call, self._messages.recv(length, socket.MSG_WAITALL) if length else b""


_Worker: Final = child.Worker

if __name__ == "__main__":
    # Called as the daemon calls an interpreter: -I -m plugind_worker --zygote FD --engine NAME
    child.Worker = TakenOver  # type: ignore[assignment,misc]
    zygote.run(int(sys.argv[sys.argv.index("--zygote") + 1]), sys.argv[sys.argv.index("--engine") + 1])
