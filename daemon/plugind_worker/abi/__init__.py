"""ABIs by name: how calls of the daemon become calls of the guest. A new ABI is a module and a row."""

import hashlib
from collections.abc import Sequence
from typing import Final

from plugind_worker.abi.base import Abi
from plugind_worker.abi.extism import ExtismAbi
from plugind_worker.abi.javascript import JavaScriptAbi
from plugind_worker.abi.numeric import NumericAbi
from plugind_worker.abi.timeline import TimelineAbi
from plugind_worker.engine.base import Export, Import

ABIS: Final[dict[str, type[Abi]]] = {
    "javascript": JavaScriptAbi,
    "extism": ExtismAbi,
    "timeline": TimelineAbi,
    "numeric": NumericAbi,
}
"""In the order in which a module is tried."""


def fingerprint(settings: str) -> str:
    """Return the fingerprint of an engine's settings and of what ABIs put into artefacts."""
    libraries = (abi.LIBRARY.text for abi in ABIS.values() if abi.LIBRARY is not None)
    return hashlib.sha256(b"\0".join((settings.encode(), *libraries))).hexdigest()[:32]


def recognise(exports: Sequence[Export], imports: Sequence[Import]) -> tuple[str, list[str]]:
    """Tell a module's ABI by its exports and imports.

    Args:
        exports: What the module exports.
        imports: What it imports.

    Returns:
        The ABI's name, and the names of the functions that can be called one by one.

    Raises:
        UnsupportedAbi: It has none, or breaks the one it claims to have; the message names the export.
    """
    name = next(name for name, abi in ABIS.items() if abi.claims(exports, imports))
    ABIS[name].check(exports)
    return name, ABIS[name].callables(exports)
