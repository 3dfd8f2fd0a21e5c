"""Has packages unpacked, each in a child of its own, one at a time."""

import socket

import anyio
import msgspec
import structlog

from plugind.pace import Pace
from plugind.supervisor import ends, errand
from plugind.supervisor.zygote import Child, Zygote
from plugind_protocol import disk, scheduling
from plugind_protocol.errors import PackageInvalid
from plugind_protocol.package.caps import CAPS
from plugind_protocol.worker import LAST_WORDS_BYTES, Unpack, Unpacked

_log = structlog.get_logger(__name__)


class UnpackLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What unpacking one package may take. What is accepted at most takes 2 s and 60 MB."""

    seconds: float = 60.0
    """By the supervisor's clock."""
    cpu_seconds: int = 30
    """Processor time."""
    memory_bytes: int = 256 * 1024 * 1024
    output_bytes: int = CAPS.total_bytes
    """All files together."""


class Unpacker:
    """Unpacks packages.

    Args:
        limits: What unpacking one package may take.
        pace: Where children's channels wait with what is too much for one turn of the loop.
        degrade: Children go on where essential layers of the sandbox are missing.
    """

    def __init__(self, limits: UnpackLimits, *, pace: Pace, degrade: bool = False) -> None:
        self._limits = limits
        self._pace = pace
        self._degrade = degrade
        self._one = anyio.CapacityLimiter(1)

    async def unpack(self, package: int, output: int, *, zygote: Zygote) -> Unpacked:
        """Have the contents of a package's files written into one file.

        Args:
            package: Descriptor of the package; it stays open.
            output: Descriptor of an empty file; it stays open.
            zygote: Any.

        Returns:
            What was in the package, as the child says: not to be trusted more than the package.

        Raises:
            PackageInvalid: The package is not acceptable, or takes too much.
            WorkerCrashed: There can be no child.
        """
        async with self._one:
            engine = (await zygote.start()).engine
            limits = self._limits
            order = Unpack(
                engine=engine,
                memory_bytes=limits.memory_bytes,
                cpu_seconds=limits.cpu_seconds,
                output_bytes=limits.output_bytes,
            )
            ours, theirs = socket.socketpair()
            with theirs:
                try:
                    child = await zygote.spawn(order, [theirs.fileno(), package, output], degrade=self._degrade)
                except BaseException:
                    ours.close()
                    raise
            scheduling.compute(child.pid)
            return await self.understand(ours, child, output)

    async def understand(self, messages: socket.socket, child: Child, output: int) -> Unpacked:
        """Wait for the answer of a child that unpacks, and take nothing from it that is not one.

        Args:
            messages: Our end of its channel; closed afterwards.
            child: The child; it is gone afterwards.
            output: Where it writes.

        Raises:
            PlugindError: Why the package was not unpacked.
        """
        try:
            received = await errand.answer(messages, child, pace=self._pace, seconds=self._limits.seconds)
        except TimeoutError as exc:
            raise _too_much(f"longer than {self._limits.seconds:g} s", "limit") from exc
        if received is None:
            raise self._ended(child.exited.result(), disk.read_at(output, LAST_WORDS_BYTES, 0))
        kind, body = received
        if (unpacked := errand.understood(kind, body, Unpacked)) is not None:
            return unpacked
        _log.error("an unpacking child had a fault of its own", kind=kind, said=errand.last_words(body))
        raise PackageInvalid("the package cannot be unpacked: what unpacks it failed", cause="crash")

    def _ended(self, status: int, words: bytes) -> PackageInvalid:
        """Say why a child ended without an answer."""
        _log.warning("unpacking ended its process", status=status, said=errand.last_words(words))
        if status in ends.SPENT:
            return _too_much(f"more than {self._limits.cpu_seconds} s of processor time", "limit")
        if status == ends.KILLED or any(text in words for text in errand.OUT_OF_MEMORY):
            return _too_much(f"more than {self._limits.memory_bytes >> 20} MiB of memory", "memory")
        return PackageInvalid(f"the package cannot be unpacked: what unpacks it ended (status {status})", cause="crash")


def _too_much(what: str, cause: str) -> PackageInvalid:
    return PackageInvalid(f"the package takes {what} to unpack, or more than this machine has", cause=cause)
