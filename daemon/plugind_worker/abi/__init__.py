"""ABIs by name: how calls of the daemon become calls of the guest. A new ABI is a module and a row."""

from collections.abc import Sequence
from typing import Final

from plugind_worker.abi.base import Abi
from plugind_worker.abi.javascript import JavaScriptAbi
from plugind_worker.abi.numeric import NumericAbi
from plugind_worker.abi.timeline import TimelineAbi
from plugind_worker.engine.base import Export

ABIS: Final[dict[str, type[Abi]]] = {
    "javascript": JavaScriptAbi,
    "timeline": TimelineAbi,
    "numeric": NumericAbi,
}
"""In the order in which a module is tried."""


def recognise(exports: Sequence[Export]) -> tuple[str, list[str]]:
    """Tell a module's ABI by its exports.

    Args:
        exports: What the module exports.

    Returns:
        The ABI's name, and the names of the functions that can be called one by one.

    Raises:
        UnsupportedAbi: It has none, or breaks the one it claims to have; the message names the export.
    """
    name = next(name for name, abi in ABIS.items() if abi.claims(exports))
    ABIS[name].check(exports)
    return name, ABIS[name].callables(exports)
