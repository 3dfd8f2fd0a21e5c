"""What children inherit of what the zygote has given up for all of them, and how each goes on from there."""

import contextlib
import os
import sys
from typing import Final

import msgspec

from plugind_protocol.worker import MissingLayer
from plugind_worker.lockdown import LAYERS, Lockdown
from plugind_worker.sandbox.layer import Confinement, Missing, Stage

assert sys.platform != "win32"  # for type checkers: nothing forks there

if sys.platform == "linux":
    from plugind_worker.sandbox.linux import namespaces

_REPORT_BYTES: Final = 64 * 1024


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

    def prepare(self, *, late_code: bool) -> None:
        """Do what layers of workers can do ahead, in the zygote.

        Args:
            late_code: Of the engine.
        """
        for layer in LAYERS:
            if layer.prepare is not None:
                with contextlib.suppress(Missing):  # reported where it is applied
                    layer.prepare(Confinement(parent=os.getpid(), late_code=late_code))

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
                for stage in (Stage.ENTRY, Stage.ORDERED, Stage.LOADED, Stage.LAST):
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
