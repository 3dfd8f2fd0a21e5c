"""Fixtures: one zygote for all tests of the worker, guests written as text, instances in this process."""

import os
import socket
import tempfile
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec
import pytest
from tests.unit.plugind_worker.supervisor import (
    ERROR,
    RUNTIME,
    CompileSource,
    Instantiate,
    Launcher,
    Peer,
    Write,
    Zygote,
)
from tests.unit.plugind_worker.windows import shared

from plugind_protocol import worker as protocol
from plugind_protocol.errors import from_object
from plugind_protocol.worker import Compile, Compiled, Kind
from plugind_worker.engine import load
from plugind_worker.engine.base import Engine, HostFunction, Instance, Limits, Module

__all__ = ["shared"]


@pytest.fixture(scope="session")
def zygote() -> Iterator[Zygote]:
    running = Zygote()
    yield running
    assert running.close() == 0


@pytest.fixture(scope="session")
def new_zygote() -> type[Zygote]:
    return Zygote


@pytest.fixture(scope="session")
def new_peer() -> type[Peer]:
    return Peer


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
def launch(zygote: Zygote, artefact: Callable[[str], int]) -> Iterator[Launcher]:
    """Start a worker with a module; all of them end with the test."""
    peers: list[Peer] = []

    def start(wat: str, **limits: Any) -> Peer:
        peers.append(Peer(zygote, artefact(wat), **limits))
        return peers[-1]

    yield start
    for peer in peers:
        peer.close()
        zygote.exit_status(peer.pid)


@pytest.fixture
def compile_source(zygote: Zygote) -> CompileSource:
    """Have a child compile a source; return what it found and the artefact, or raise its error."""

    def run(source: bytes, *, text: bool) -> tuple[Compiled, bytes]:
        ours, theirs = socket.socketpair()
        with ours, theirs, tempfile.TemporaryFile() as file, tempfile.TemporaryFile() as output:
            file.write(source)
            file.flush()
            file.seek(0)
            pid, pidfd = zygote.spawn(
                [theirs.fileno(), file.fileno(), output.fileno()],
                compile=Compile(
                    engine="wasmtime", text=text, memory_bytes=1 << 30, cpu_seconds=30, artefact_bytes=1 << 28
                ),
            )
            theirs.close()
            os.close(pidfd)
            messages = protocol.Decoder().feed(b"".join(iter(lambda: ours.recv(65536), b"")))
            assert zygote.exit_status(pid) == 0
            ((kind, _, body),) = messages
            if kind == Kind.FAILED:
                raise from_object(ERROR.decode(body))
            assert kind == Kind.READY
            output.seek(0)
            return msgspec.json.decode(body, type=Compiled), output.read()

    return run


@pytest.fixture(scope="session")
def guest_text() -> Write:
    """Write a module that follows the timeline ABI: a bump allocator, and a plugin_call that answers as told."""

    def write(body: str, *, imports: str = "", more: str = "") -> str:
        return f"""(module {imports} {RUNTIME} {more}
          (func $call (export "plugin_call")
            (param $method i32) (param $method_len i32) (param $params i32) (param $params_len i32) (result i64)
            {body}))"""

    return write


@pytest.fixture
def instantiate(engine: Engine) -> Iterator[Instantiate]:
    """Make an instance in this process."""
    made: list[Instance] = []

    def make(wat: str, imports: Sequence[HostFunction] = (), **limits: int) -> tuple[Instance, Module]:
        module = engine.compile(engine.assemble(wat.encode()))
        wanted = Limits(**{"memory_bytes": 64 << 20, "table_elements": 1000, **limits})
        made.append(engine.instantiate(module, imports, limits=wanted))
        return made[-1], module

    yield make
    for instance in made:
        instance.close()
