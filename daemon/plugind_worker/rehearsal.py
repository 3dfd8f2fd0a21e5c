"""Runs a module of our own through all that a worker does, before there is a plugin.

What Python and the engine make when they first do something, they make once: in the zygote before it forks, for all its
children, and in a spare worker while nobody waits for it. A child that has to touch memory for the first time pays
for each page of it; one that has rehearsed has paid.
"""

import contextlib
import gc
import os
import socket
import sys
from collections.abc import Callable
from typing import Final

from plugind_protocol.worker import Decoder, Kind, Launch, encode, with_name
from plugind_worker.channel import ChannelClosedError
from plugind_worker.engine.base import Engine, EngineError
from plugind_worker.lockdown import Lockdown
from plugind_worker.loop import Worker
from plugind_worker.sandbox.layer import Confinement, Stage

assert sys.platform != "win32"  # for type checkers: nothing forks there

_MODULE: Final = b"""(module
  (import "timeline" "host_call" (func $host (param i32 i32 i32 i32) (result i64)))
  (import "timeline" "log" (func $log (param i32 i32 i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "system.now")
  (func (export "plugin_alloc") (param i32 i32) (result i32) (i32.const 1024))
  (func (export "plugin_free") (param i32 i32 i32))
  (func (export "plugin_call") (param i32 i32 i32 i32) (result i64)
    (call $log (i32.const 2) (i32.const 0) (i32.const 10))
    (drop (call $host (i32.const 0) (i32.const 10) (local.get 2) (local.get 3)))
    (i64.or (i64.shl (i64.extend_i32_u (local.get 2)) (i64.const 32)) (i64.extend_i32_u (local.get 3)))))"""
"""Speaks the timeline ABI; a call logs, asks the host, and returns its params."""
_MEMORY_BYTES: Final = 1 << 20
_CHUNK: Final = 64 * 1024
_CLOSE_ON_EXEC: Final = 1  # MFD_CLOEXEC, where Python knows of it or not
CALLS: Final = 16
"""As often as CPython runs code before it settles how it does so."""


def artefact(engine: Engine) -> int | None:
    """Have a child compile the module: compilers start threads, and leave memory behind.

    Args:
        engine: The engine.

    Returns:
        Descriptor of the artefact; None where this system, or this engine, cannot do it: there is no rehearsal then.
    """
    make = getattr(os, "memfd_create", None)
    if make is None or not engine.interruptible:  # one that is not makes code late, and keeps what it has made
        return None
    descriptor = int(make("rehearsal", _CLOSE_ON_EXEC))
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            with open(descriptor, "wb", closefd=False) as file:
                file.write(engine.compile(engine.assemble(_MODULE)).serialize())
            status = 0
        finally:
            os._exit(status)
    _, status = os.waitpid(pid, 0)
    if status:
        os.close(descriptor)
        return None
    return descriptor


def run(engine: Engine, descriptor: int, *, threads: bool) -> int:
    """Load the module, run a hook and calls of it, and leave nothing of it.

    Args:
        engine: The engine.
        descriptor: As `artefact` returned; it stays open.
        threads: Whether a thread may be started, which has ended afterwards.

    Returns:
        How many calls were answered: `CALLS`, and one for the hook; fewer where something is wrong that plugins will
        meet too.
    """
    later: list[Callable[[], None]] = []
    ours, theirs = socket.socketpair()
    orders, control = socket.socketpair()
    worker = Worker(
        engine,
        Launch(
            plugin_id="rehearsal",
            version="0.0.0",
            engine=engine.name,
            abi="timeline",
            memory_bytes=_MEMORY_BYTES,
            table_elements=1,
            max_result_bytes=_MEMORY_BYTES,
        ),
        messages=theirs,
        control=control,
        lost=lambda: None,
        spawn=None if threads else later.append,
    )
    with ours:
        ours.sendall(_script())
        ours.shutdown(socket.SHUT_WR)
        try:
            worker.run(os.dup(descriptor), lockdown=_Unconfined())
        except (ChannelClosedError, EngineError):  # then plugins fail in the same way, and say so
            pass
        finally:
            orders.close()
            for take_orders in later:
                take_orders()
            worker.close()
        said = _all_of(ours)
    del worker
    gc.collect()  # the module, and with it the file that it is mapped from
    return sum(kind == Kind.RESULT for kind, _, _ in Decoder().feed(said))


def _script() -> bytes:
    """Write down what a supervisor would say: everything at once, so that nobody need be there to say it."""
    said = [encode(Kind.HOOK, 1, with_name(b"lifecycle.load", b"null")), encode(Kind.HOST_RESULT, 1, b"1")]
    for number in range(2, CALLS + 2):
        said += [encode(Kind.CALL, number, with_name(b"echo", b'{"a":1}')), encode(Kind.HOST_RESULT, number, b"1")]
    return b"".join(said)


def _all_of(sock: socket.socket) -> bytes:
    said = b""
    with contextlib.suppress(ConnectionResetError):  # the worker has not read all that it was told
        while part := sock.recv(_CHUNK):
            said += part
    return said


class _Unconfined(Lockdown):
    """No layers: nothing here is anybody's but ours, and the process has still to become something."""

    def __init__(self) -> None:
        super().__init__(Confinement(parent=0))

    def apply(self, stage: Stage) -> None:
        """Do nothing."""
