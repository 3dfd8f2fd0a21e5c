"""A child of the zygote: gives up what it can, then runs one plugin or compiles one module."""

import socket
from collections.abc import Sequence

from plugind_protocol.worker import Spawn
from plugind_worker import compile as compiling
from plugind_worker import lockdown
from plugind_worker.channel import Channel
from plugind_worker.engine.base import Engine
from plugind_worker.loop import Worker


def run(engine: Engine, order: Spawn, descriptors: Sequence[int], *, parent: int) -> None:
    """Do what was ordered; return when it is done.

    Args:
        engine: The engine, as the zygote has set it up.
        order: To launch or to compile.
        descriptors: Those of the order.
        parent: The zygote's process id.
    """
    layers = lockdown.apply(lockdown.Confinement(parent=parent, descriptors=descriptors))
    messages = socket.socket(fileno=descriptors[0])
    if order.launch is not None:
        worker = Worker(engine, order.launch, messages=messages, control=socket.socket(fileno=descriptors[1]))
        worker.run(descriptors[2], layers=layers)
    elif order.compile is not None:
        compiling.run(engine, order.compile, channel=Channel(messages), source=descriptors[1], output=descriptors[2])
