"""A child of the zygote: gives up what it can, then runs one plugin, or several, or compiles, or unpacks."""

import contextlib
import os
import socket
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

import msgspec

from plugind_protocol.worker import MAX_FAULT_BYTES, Kind, Spawn, encode
from plugind_worker import compile as compiling
from plugind_worker import house, inherited, rehearsal, spare, unpack
from plugind_worker.channel import Channel
from plugind_worker.engine.base import Engine
from plugind_worker.lockdown import Lockdown
from plugind_worker.loop import Worker
from plugind_worker.sandbox.layer import Confinement, Job, Stage

assert sys.platform != "win32"  # for type checkers: nothing forks there


def run(engine: Engine, order: Spawn, descriptors: Sequence[int], *, parent: int, ground: inherited.Ground) -> None:
    """Do what was ordered; return when it is done.

    Args:
        engine: The engine, as the zygote has set it up.
        order: What to be.
        descriptors: Those of the order.
        parent: The zygote's process id.
        ground: What the zygote has given up already.
    """
    confinement = Confinement(parent=parent, descriptors=descriptors, late_code=engine.late_code)
    lockdown = ground.child(_limited(confinement, order), required=not order.degrade)
    lockdown.apply(Stage.ENTRY)
    _do(engine, order, descriptors, lockdown=lockdown)


def wait(engine: Engine, door: socket.socket, *, rehearse: int | None, parent: int, ground: inherited.Ground) -> None:
    """Be a spare worker: do all that does not depend on the plugin, then wait for one; return when it is done.

    Args:
        engine: The engine, as the zygote has set it up.
        door: Where the order comes.
        rehearse: Descriptor of what is rehearsed with; None for nothing.
        parent: The zygote's process id.
        ground: What the zygote has given up already.
    """
    kept = [door.fileno(), *([] if rehearse is None else [rehearse])]
    confinement = Confinement(parent=parent, descriptors=kept, late_code=engine.late_code)
    lockdown = ground.child(confinement, required=True)
    lockdown.apply(Stage.ENTRY)
    if rehearse is not None:
        rehearsal.run(engine, rehearse, threads=True)
        os.close(rehearse)
    received = spare.wait(door)
    if received is not None:
        order, descriptors = received
        lockdown.order(_limited(confinement, order), required=not order.degrade)
        _do(engine, order, descriptors, lockdown=lockdown)


def _do(engine: Engine, order: Spawn, descriptors: Sequence[int], *, lockdown: Lockdown) -> None:
    lockdown.apply(Stage.ORDERED)
    messages = socket.socket(fileno=descriptors[0])
    try:
        _work(engine, order, descriptors, messages=messages, lockdown=lockdown)
    except Exception as error:
        _report(messages, error)
        raise


def _work(
    engine: Engine, order: Spawn, descriptors: Sequence[int], *, messages: socket.socket, lockdown: Lockdown
) -> None:
    if order.launch is not None:
        engine = engine.sibling(quick=True) if order.launch.quick else engine
        worker = Worker(engine, order.launch, messages=messages, control=socket.socket(fileno=descriptors[1]))
        worker.run(*descriptors[2:], lockdown=lockdown)
    elif order.house is not None:
        house.House(engine, order.house, door=messages).serve(lockdown)
    elif order.compile is not None:
        channel = Channel(messages)
        compiling.run(
            engine, order.compile, channel=channel, source=descriptors[1], output=descriptors[2], lockdown=lockdown
        )
    elif order.unpack is not None:
        unpack.run(Channel(messages), package=descriptors[1], output=descriptors[2], lockdown=lockdown)


def _report(messages: socket.socket, error: Exception) -> None:
    """Tell the supervisor of a fault of our own: stderr leads nowhere, and no source can be opened to quote from.

    The words of an exception may quote what a client sent, and this goes into the log; those of the system do not.
    """
    stack = traceback.walk_tb(error.__traceback__)
    where = [f"{Path(frame.f_code.co_filename).name}:{line}" for frame, line in stack]
    words = f": {error.strerror}" if isinstance(error, OSError) else ""
    text = f"{type(error).__name__}{words} (at {', '.join(reversed(where))})"
    with contextlib.suppress(OSError):  # nobody listens any more
        messages.sendall(encode(Kind.FAULT, 0, text.encode(errors="replace")[:MAX_FAULT_BYTES]))


def _limited(confinement: Confinement, order: Spawn) -> Confinement:
    if order.house is not None:  # the supervisor moves the limits with every plugin that comes and goes
        return msgspec.structs.replace(confinement, data_bytes=house.stack_bytes(order.house), late_code=True)
    if order.compile is not None:
        return msgspec.structs.replace(
            confinement,
            job=Job.COMPILE,
            data_bytes=order.compile.memory_bytes,
            cpu_seconds=order.compile.cpu_seconds,
            file_bytes=order.compile.artefact_bytes,
        )
    if order.unpack is not None:
        return msgspec.structs.replace(
            confinement,
            job=Job.UNPACK,
            data_bytes=order.unpack.memory_bytes,
            cpu_seconds=order.unpack.cpu_seconds,
            file_bytes=order.unpack.output_bytes,
            late_code=False,
        )
    launch = order.launch
    assert launch is not None
    return msgspec.structs.replace(
        confinement,
        data_bytes=launch.memory_bytes,
        cpu_seconds=launch.cpu_seconds,
        file_descriptors=launch.file_descriptors,
    )
