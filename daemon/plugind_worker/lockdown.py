"""Puts a child of the zygote under the layers of its operating system, stage by stage, and keeps account of them.

It works for root and for ordinary users alike. A layer that a system lacks is noted with the reason; whether a child
may run without it is the supervisor's decision.
"""

import contextlib
import os
import sys
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from plugind_protocol.errors import SandboxIncomplete
from plugind_protocol.worker import MissingLayer
from plugind_worker.sandbox.layer import Confinement, Layer, Missing, Stage

if sys.platform == "linux":
    from plugind_worker.sandbox.linux import namespaces
    from plugind_worker.sandbox.linux.table import LAYERS as _LAYERS
elif sys.platform == "darwin":
    from plugind_worker.sandbox.darwin import LAYERS as _LAYERS
else:
    from plugind_worker.sandbox.windows import LAYERS as _LAYERS

LAYERS: Final[Sequence[Layer]] = _LAYERS
"""The layers of this operating system, in the order in which they are applied."""
_REPORT_BYTES: Final = 64 * 1024


class Lockdown:
    """The layers of one process.

    Args:
        confinement: What they need to know.
        held: Layers that the process has inherited.
        missing: Layers that it should have inherited and has not.
        required: Whether the process must not go on without an essential layer.
    """

    def __init__(
        self,
        confinement: Confinement,
        *,
        held: Iterable[str] = (),
        missing: Iterable[MissingLayer] = (),
        required: bool = True,
    ) -> None:
        self.confinement = confinement
        self._required = required
        self.held = list(held)
        self.missing = list(missing)
        self._applied: set[Stage] = set()

    def apply(self, stage: Stage) -> None:
        """Apply every layer of a stage, once; one that cannot be applied is noted as missing."""
        if stage in self._applied:
            return
        self._applied.add(stage)
        for layer in LAYERS:
            if layer.stage is not stage or self.confinement.job not in layer.jobs:
                continue
            try:
                layer.apply(self.confinement)
            except (Missing, OSError) as error:
                self.missing.append(MissingLayer(layer.name, _reason(error), essential=layer.essential))
            else:
                self.held.append(layer.name)

    def check(self) -> None:
        """Make sure that the process may go on.

        Raises:
            SandboxIncomplete: An essential layer is required, and missing.
        """
        if self._required:
            check(self.missing)


def check(missing: Iterable[MissingLayer]) -> None:
    """Make sure that every essential layer holds.

    Raises:
        SandboxIncomplete: One is missing; the message names each, with the reason.
    """
    reasons = [f"{layer.layer} ({layer.reason})" for layer in missing if layer.essential]
    if reasons:
        raise SandboxIncomplete(f"this system cannot confine plugins as it must: without {', '.join(reasons)}")


class Ground:
    """What the zygote gives up once, for all its children.

    Args:
        parent: The process that must be alive for the zygote to live.
    """

    def __init__(self, *, parent: int) -> None:
        self._lockdown = Lockdown(Confinement(parent=parent))
        self._lockdown.apply(Stage.ZYGOTE)
        self._empty_root = _empty_root() if "namespaces" in self._lockdown.held else None

    def child(self, confinement: Confinement, *, required: bool) -> Lockdown:
        """Return what a child is put under.

        Args:
            confinement: What its layers need to know.
            required: Whether it must not go on without an essential layer.
        """
        return Lockdown(
            msgspec.structs.replace(confinement, empty_root=self._empty_root),
            held=self._lockdown.held,
            missing=self._lockdown.missing,
            required=required,
        )

    def probe(self, *, late_code: bool) -> Lockdown:
        """Find out what a worker will get, in a child that gets it, says so and ends.

        Args:
            late_code: Of the engine.

        Returns:
            What held in it.

        Raises:
            OSError: The child could not be made, or has said nothing.
        """
        reader, writer = os.pipe()
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                lockdown = self.child(
                    Confinement(parent=parent, descriptors=[writer], late_code=late_code), required=False
                )
                for stage in (Stage.ENTRY, Stage.LOADED, Stage.LAST):
                    lockdown.apply(stage)
                os.write(writer, msgspec.json.encode(_Report(lockdown.held, lockdown.missing)))
                status = 0
            finally:
                os._exit(status)
        os.close(writer)
        data = b"".join(iter(lambda: os.read(reader, _REPORT_BYTES), b""))
        os.close(reader)
        _, status = os.waitpid(pid, 0)
        if status:
            raise ChildProcessError(f"the probe of the sandbox ended with {os.waitstatus_to_exitcode(status)}")
        report = msgspec.json.decode(data, type=_Report)
        return Lockdown(Confinement(parent=parent), held=report.held, missing=report.missing)


class _Report(msgspec.Struct, frozen=True):
    held: list[str]
    missing: list[MissingLayer]


def _empty_root() -> int | None:
    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # its layer is reported as missing
            return namespaces.empty_root()
    return None


def _reason(error: Exception) -> str:
    return (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
