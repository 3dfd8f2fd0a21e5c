"""A child of the zygote: gives up what it can, then runs one plugin or compiles one module."""

import socket
from collections.abc import Sequence

import msgspec

from plugind_protocol.worker import Launch, Spawn
from plugind_worker import compile as compiling
from plugind_worker.channel import Channel
from plugind_worker.engine.base import Engine
from plugind_worker.lockdown import Ground
from plugind_worker.loop import Worker
from plugind_worker.sandbox.layer import Confinement, Job, Stage


def run(engine: Engine, order: Spawn, descriptors: Sequence[int], *, parent: int, ground: Ground) -> None:
    """Do what was ordered; return when it is done.

    Args:
        engine: The engine, as the zygote has set it up.
        order: To launch or to compile.
        descriptors: Those of the order.
        parent: The zygote's process id.
        ground: What the zygote has given up already.
    """
    confinement = Confinement(parent=parent, descriptors=descriptors, late_code=engine.late_code)
    lockdown = ground.child(_limited(confinement, order.launch), required=not order.degrade)
    lockdown.apply(Stage.ENTRY)
    messages = socket.socket(fileno=descriptors[0])
    if order.launch is not None:
        worker = Worker(engine, order.launch, messages=messages, control=socket.socket(fileno=descriptors[1]))
        worker.run(descriptors[2], lockdown=lockdown)
    elif order.compile is not None:
        channel = Channel(messages)
        compiling.run(
            engine, order.compile, channel=channel, source=descriptors[1], output=descriptors[2], lockdown=lockdown
        )


def _limited(confinement: Confinement, launch: Launch | None) -> Confinement:
    if launch is None:
        return msgspec.structs.replace(confinement, job=Job.COMPILE)
    return msgspec.structs.replace(
        confinement,
        data_bytes=launch.memory_bytes,
        cpu_seconds=launch.cpu_seconds,
        file_descriptors=launch.file_descriptors,
    )
