"""A child that compiles one module and ends: checks it, tells its ABI, writes the artefact."""

import os
from typing import Final

import msgspec

from plugind_protocol.errors import PackageInvalid, PlugindError
from plugind_protocol.worker import Compile, Compiled, Kind
from plugind_worker import abi, caps, imports
from plugind_worker.channel import Channel
from plugind_worker.engine.base import Engine, EngineError
from plugind_worker.lockdown import Lockdown
from plugind_worker.sandbox.layer import Stage

MAX_SOURCE_BYTES: Final = 64 * 1024 * 1024
"""Largest module or text, in bytes."""
_CHUNK: Final = 1024 * 1024


def run(engine: Engine, order: Compile, *, channel: Channel, source: int, output: int, lockdown: Lockdown) -> None:
    """Compile and answer: READY with `Compiled`, or FAILED with the error.

    Args:
        engine: The engine.
        order: What the source is.
        channel: Where the answer goes.
        source: Descriptor of the source, open for reading.
        output: Descriptor of an empty file, open for writing.
        lockdown: What confines this process from before the source is looked at.
    """
    for stage in (Stage.LOADED, Stage.LAST):
        lockdown.apply(stage)
    try:
        lockdown.check()
        compiled, artefact = compile_module(engine, _read(source), text=order.text)
        _write(output, artefact)
    except PlugindError as error:
        channel.send(Kind.FAILED, 0, msgspec.json.encode(error.to_object()))
    else:
        channel.send(Kind.READY, 0, msgspec.json.encode(compiled))


def compile_module(engine: Engine, source: bytes, *, text: bool) -> tuple[Compiled, bytes]:
    """Compile a module.

    Args:
        engine: The engine.
        source: A binary module, or WebAssembly text.
        text: Which of the two.

    Returns:
        What was found out, and the artefact.

    Raises:
        PackageInvalid: It is malformed, invalid, holds too much, or uses a proposal that is switched off.
        UnsupportedAbi: It imports what this host does not offer, or has no ABI of ours.
    """
    try:
        wasm = engine.assemble(source) if text else source
        caps.check(wasm)
        module = engine.compile(wasm)
    except EngineError as error:
        what = "WebAssembly text" if text else "WebAssembly module"
        raise PackageInvalid(
            f"the {what} is not valid for {engine.name}: {error}",
            hint="Build it again for this host, or choose another engine.",
        ) from error
    imports.check(module.imports)
    name, functions = abi.recognise(module.exports)
    return Compiled(abi=name, functions=functions), module.serialize()


def _read(source: int) -> bytes:
    data = bytearray()
    while len(data) <= MAX_SOURCE_BYTES and (chunk := os.read(source, _CHUNK)):
        data += chunk
    if len(data) > MAX_SOURCE_BYTES:
        raise PackageInvalid(f"the module is larger than {MAX_SOURCE_BYTES} bytes", cause="limit")
    return bytes(data)


def _write(output: int, artefact: bytes) -> None:
    view = memoryview(artefact)
    while view:
        view = view[os.write(output, view) :]
