"""Puts a child of the zygote under the layers of its operating system, stage by stage, and keeps account of them.

It works for root and for ordinary users alike. A layer that a system lacks is noted with the reason; whether a child
may run without it is the supervisor's decision.
"""

import sys
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from plugind_protocol.errors import SandboxIncomplete
from plugind_protocol.worker import MissingLayer
from plugind_worker.sandbox.layer import Confinement, Layer, Missing, Stage

if sys.platform == "linux":
    from plugind_worker.sandbox.linux.table import LAYERS as _LAYERS
elif sys.platform == "darwin":
    from plugind_worker.sandbox.darwin import LAYERS as _LAYERS
else:
    from plugind_worker.sandbox.windows import LAYERS as _LAYERS

LAYERS: Final[Sequence[Layer]] = _LAYERS
"""The layers of this operating system, in the order in which they are applied."""


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

    def order(self, confinement: Confinement, *, required: bool) -> None:
        """Take over what became known after the first stage.

        Args:
            confinement: What layers of later stages need to know.
            required: Whether the process must not go on without an essential layer.
        """
        self.confinement = msgspec.structs.replace(confinement, empty_root=self.confinement.empty_root)
        self._required = required

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


def _reason(error: Exception) -> str:
    return (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
