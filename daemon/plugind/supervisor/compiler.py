"""Has modules compiled, each in a child of its own, one at a time; what is in the cache is not compiled again."""

import hashlib
import os
import socket
from pathlib import Path
from typing import Final

import anyio
import msgspec
import structlog

from plugind.pace import Pace
from plugind.supervisor import ends, errand
from plugind.supervisor.artefacts import ArtefactCache, Fill, Staged
from plugind.supervisor.errand import OUT_OF_MEMORY, last_words
from plugind.supervisor.zygote import Child, Zygote
from plugind_protocol import disk, scheduling
from plugind_protocol.errors import InternalError, PackageInvalid
from plugind_protocol.worker import LAST_WORDS_BYTES, Compile, Compiled, ZygoteReady

_SMALLER: Final = "Build the module smaller, or with smaller functions."
_ANOTHER: Final = "Get another version of the plugin; the daemon's log has the compiler's last words."

_log = structlog.get_logger(__name__)


class CompileLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What compiling one module may take."""

    seconds: float
    """By the supervisor's clock."""
    cpu_seconds: int
    """Processor time."""
    memory_bytes: int
    artefact_bytes: int


class Compiler:
    """Compiles modules into a cache.

    Args:
        artefacts: The cache.
        limits: What compiling one module may take.
        pace: Where children's channels wait with what is too much for one turn of the loop.
        degrade: Children go on where essential layers of the sandbox are missing.
    """

    def __init__(self, artefacts: ArtefactCache, limits: CompileLimits, *, pace: Pace, degrade: bool = False) -> None:
        self._artefacts = artefacts
        self._degrade = degrade
        self._limits = limits
        self._pace = pace
        self._installing = anyio.CapacityLimiter(1)
        self._launching = anyio.CapacityLimiter(1)
        self._engines: dict[str, ZygoteReady] = {}
        self._current: frozenset[str] = frozenset()
        self.hits = 0
        """Artefacts that were in the cache when they were asked for."""
        self.misses = 0

    @property
    def artefacts(self) -> ArtefactCache:
        """The cache."""
        return self._artefacts

    async def fill(self) -> Fill:
        """Tell how full the cache is."""
        return await anyio.to_thread.run_sync(self._artefacts.fill)

    def prefer(self, module_hashes: frozenset[str]) -> None:
        """Say which modules are to be kept compiled before all others."""
        self._current = module_hashes
        names = (_name(module, engine) for module in module_hashes for engine in self._engines.values())
        self._artefacts.prefer(frozenset(names))

    async def artefact(
        self, source: Path, module_hash: str, *, text: bool, zygote: Zygote, urgent: bool, quick: bool = False
    ) -> tuple[int, Compiled]:
        """Return a module's artefact, from the cache or compiled.

        Args:
            source: The module, wasm or text.
            module_hash: SHA-256 of its bytes, hex.
            text: It is WebAssembly text.
            zygote: Of the engine to compile for.
            urgent: Somebody wants to run it now; it does not wait for what is being installed.
            quick: Compile it in a fraction of the time, to slower code, where the engine can.

        Returns:
            A descriptor, which the caller closes, and what is known of the module.

        Raises:
            PackageInvalid: It is damaged, not valid, or takes too much to compile.
            UnsupportedAbi: It imports or exports what the host does not know.
        """
        ready = await zygote.start()
        if ready.engine not in self._engines:
            self._engines[ready.engine] = ready
            self.prefer(self._current)
        quick = quick and ready.quick_settings is not None
        name = _name(module_hash, ready, quick=quick)
        if (found := await anyio.to_thread.run_sync(self._artefacts.open, name)) is not None:
            self.hits += 1
            return found
        async with self._launching if urgent else self._installing:
            if (found := await anyio.to_thread.run_sync(self._artefacts.open, name)) is not None:
                self.hits += 1  # somebody else has compiled it while this one waited
                return found
            self.misses += 1
            limits = self._limits
            order = Compile(
                engine=ready.engine,
                text=text,
                memory_bytes=limits.memory_bytes,
                cpu_seconds=limits.cpu_seconds,
                artefact_bytes=limits.artefact_bytes,
                quick=quick,
            )
            return await self._make(name, order, source, module_hash, zygote=zygote)

    async def _make(
        self, name: str, order: Compile, source: Path, module_hash: str, *, zygote: Zygote
    ) -> tuple[int, Compiled]:
        try:
            with self._artefacts.stage() as staged:
                compiled = await self._compile(order, source, module_hash, staged=staged, zygote=zygote)
                return await anyio.to_thread.run_sync(self._artefacts.add, name, staged, compiled), compiled
        except OSError as exc:
            raise InternalError(
                f"{source.name} cannot be compiled into the cache: {exc.strerror}", hint="See whether the disk is full."
            ) from exc

    async def _compile(
        self, order: Compile, source: Path, module_hash: str, *, staged: Staged, zygote: Zygote
    ) -> Compiled:
        module = os.open(source, os.O_RDONLY | disk.BINARY)
        try:
            if await anyio.to_thread.run_sync(_hash, module) != module_hash:
                raise PackageInvalid(f"{source.name} is not what was installed: it was changed on disk")
            ours, theirs = socket.socketpair()
            with theirs:
                try:
                    child = await zygote.spawn(
                        order, [theirs.fileno(), module, staged.descriptor], degrade=self._degrade
                    )
                    scheduling.compute(child.pid)
                except BaseException:
                    ours.close()
                    raise
        finally:
            os.close(module)
        return await self.understand(ours, child, source.name, staged)

    async def understand(self, messages: socket.socket, child: Child, name: str, staged: Staged) -> Compiled:
        """Wait for the answer of a child that compiles, and take nothing from it that is not one.

        Args:
            messages: Our end of its channel; closed afterwards.
            child: The child; it is gone afterwards.
            name: Of the module, for messages.
            staged: Where it writes.

        Returns:
            What is known of the module.

        Raises:
            PlugindError: Why there is no artefact.
        """
        kind, body = await self._answer(messages, child, name, staged)
        if (compiled := errand.understood(kind, body, Compiled)) is not None:
            return compiled
        _log.error("a compiling child had a fault of its own", module=name, kind=kind, said=last_words(body))
        raise PackageInvalid(f"{name} cannot be compiled: the compiler failed", hint=_ANOTHER, cause="crash")

    async def _answer(self, messages: socket.socket, child: Child, name: str, staged: Staged) -> tuple[int, bytes]:
        """Wait for a child's answer, and until it is gone, whatever happens."""
        try:
            received = await errand.answer(messages, child, pace=self._pace, seconds=self._limits.seconds)
        except TimeoutError as exc:
            raise PackageInvalid(
                f"{name} takes longer than {self._limits.seconds:g} s to compile", hint=_SMALLER, cause="limit"
            ) from exc
        if received is None:
            raise self._ended(name, child.exited.result(), disk.read_at(staged.descriptor, LAST_WORDS_BYTES, 0))
        return received

    def _ended(self, name: str, status: int, words: bytes) -> PackageInvalid:
        """Say why a child ended without an answer."""
        said = last_words(words.partition(b"\nFatal Python error")[0])
        _log.warning("compiling ended its process", module=name, status=status, said=said)
        if status in ends.SPENT:
            return PackageInvalid(
                f"{name} takes more than {self._limits.cpu_seconds} s of processor time to compile",
                hint=_SMALLER,
                cause="limit",
            )
        if status == ends.KILLED or any(text in words for text in OUT_OF_MEMORY):
            return PackageInvalid(
                f"{name} takes more than {self._limits.memory_bytes >> 20} MiB of memory to compile, "
                "or more than this machine has",
                hint=_SMALLER,
                cause="memory",
            )
        return PackageInvalid(
            f"{name} cannot be compiled: the compiler ended unexpectedly (status {status})",
            hint=_ANOTHER,
            cause="crash",
        )


def _name(module_hash: str, ready: ZygoteReady, *, quick: bool = False) -> str:
    settings = ready.quick_settings if quick and ready.quick_settings is not None else ready.settings
    return ArtefactCache.name(module_hash, engine=ready.engine, version=ready.engine_version, settings=settings)


def _hash(descriptor: int) -> str:
    """Hash a file and leave its descriptor at the beginning."""
    with open(descriptor, "rb", closefd=False) as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    os.lseek(descriptor, 0, os.SEEK_SET)
    return digest
