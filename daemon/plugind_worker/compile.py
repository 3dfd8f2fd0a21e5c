"""A child that compiles one module and ends: checks it, tells its ABI, writes the artefact.

What it reads was written by somebody hostile, and parsing text and compiling are where most of an engine's code is. So
it is confined before it looks: in what it can reach, its memory, its processor time, and what it can write. Caps on the
module come before the compiler; what they admit ends at the limits at the latest, and the supervisor's clock ends what
does nothing.
"""

import contextlib
import os
from typing import Final

import msgspec

from plugind_protocol.errors import InternalError, PackageInvalid, PlugindError, UnsupportedAbi
from plugind_protocol.worker import Compile, Compiled, Kind
from plugind_worker import abi, caps, imports, sections
from plugind_worker.channel import Channel
from plugind_worker.engine.base import Engine, EngineError, Module
from plugind_worker.lockdown import Lockdown
from plugind_worker.sandbox.layer import Stage

MAX_TEXT_BYTES: Final = 4 * 1024 * 1024
"""Largest module as text, in bytes: text is for what is written by hand. 4 MiB of it take the assembler 0.9 s and
330 MiB at worst, of what was tried: 700 000 empty functions."""

_STDERR: Final = 2
_CHUNK: Final = 1024 * 1024
_HINT: Final = "Build the module smaller, or with smaller functions."


def run(engine: Engine, order: Compile, *, channel: Channel, source: int, output: int, lockdown: Lockdown) -> None:
    """Compile and answer: READY with `Compiled`, or FAILED with the error.

    Args:
        engine: The engine.
        order: What the source is, and what compiling it may take.
        channel: Where the answer goes.
        source: Descriptor of the source, open for reading.
        output: Descriptor of an empty file, open for writing.
        lockdown: What confines this process from before the source is looked at.
    """
    os.dup2(output, _STDERR)  # the compiler's last words, where there will be no artefact
    for stage in (Stage.LOADED, Stage.LAST):
        lockdown.apply(stage)
    try:
        lockdown.check()
        compiled, artefact = compile_ordered(engine, _read(source, text=order.text), order)
        _write(output, artefact, most=order.artefact_bytes)
    except PlugindError as error:
        _fail(channel, error)
    except MemoryError:
        _fail(channel, PackageInvalid("takes more memory to compile than is allowed", hint=_HINT, cause="memory"))
    else:
        channel.send(Kind.READY, 0, msgspec.json.encode(compiled))


def compile_ordered(engine: Engine, source: bytes, order: Compile) -> tuple[Compiled, bytes]:
    """Compile a module as it was ordered: quickly, where that was ordered and can be done.

    Args:
        engine: The engine.
        source: A binary module, or WebAssembly text.
        order: What it is, and how it is to be compiled.

    Returns:
        As `compile_module`; which way it went, is said.

    Raises:
        PackageInvalid: As `compile_module`.
        UnsupportedAbi: The same.
    """
    if order.quick:
        with contextlib.suppress(PackageInvalid):  # it knows less, of what a processor has or of the language
            compiled, artefact = compile_module(engine.sibling(quick=True), source, text=order.text)
            return msgspec.structs.replace(compiled, quick=True), artefact
    return compile_module(engine, source, text=order.text)


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
        sections.measure(wasm)
        module = engine.compile(wasm)
    except (EngineError, sections.MalformedError) as error:
        what = "WebAssembly text" if text else "WebAssembly module"
        raise PackageInvalid(
            f"the {what} is not valid for {engine.name}: {error}",
            hint="Build it again for this host, or choose another engine.",
        ) from error
    imports.check(module.imports)
    name, functions = abi.recognise(module.exports, module.imports)
    return Compiled(abi=name, functions=functions), module.serialize(_library(engine, name))


def _library(engine: Engine, name: str) -> Module | None:
    """Compile what an ABI puts beside each instance."""
    source = abi.ABIS[name].LIBRARY
    if source is None:
        return None
    if not engine.links:
        raise UnsupportedAbi(
            f"is a plugin of the {name} ABI, which {engine.name} cannot run",
            hint='Run it on wasmtime: "engine": "wasmtime" in its manifest, or [engines.plugins] in the configuration.',
        )
    return engine.compile(engine.assemble(source.text))


def _read(source: int, *, text: bool) -> bytes:
    most = MAX_TEXT_BYTES if text else caps.CAPS.module_bytes
    data = bytearray()
    while len(data) <= most and (chunk := os.read(source, _CHUNK)):
        data += chunk
    if len(data) > most:
        what = "the WebAssembly text" if text else "the module"
        raise PackageInvalid(f"{what} is larger than {most} bytes", cause="limit")
    return bytes(data)


def _write(output: int, artefact: bytes, *, most: int) -> None:
    if len(artefact) > most:
        raise PackageInvalid(
            f"the compiled module has {len(artefact)} bytes, over the limit of {most}", hint=_HINT, cause="limit"
        )
    try:
        os.ftruncate(output, 0)
        os.lseek(output, 0, os.SEEK_SET)
        view = memoryview(artefact)
        while view:
            view = view[os.write(output, view) :]
    except OSError as error:
        raise InternalError(
            f"the compiled module cannot be kept: {error.strerror}", hint="See whether the disk is full."
        ) from error


def _fail(channel: Channel, error: PlugindError) -> None:
    channel.send(Kind.FAILED, 0, msgspec.json.encode(error.to_object()))
