"""Checks of a module's exports against the functions an ABI needs. Pure."""

from collections.abc import Mapping, Sequence

from plugind_protocol.errors import UnsupportedAbi
from plugind_worker.engine.base import Export, ExternKind, Signature


def check(
    exports: Sequence[Export], required: Mapping[str, Signature], *, optional: Mapping[str, Signature], abi: str
) -> None:
    """Make sure that functions are exported as they must be.

    Args:
        exports: What the module exports.
        required: Functions that must be there.
        optional: Functions that may be there.
        abi: Name of the ABI, for the message.

    Raises:
        UnsupportedAbi: One is missing or has another type; the message names it.
    """
    found = {export.name: export for export in exports}
    for name, signature in {**required, **optional}.items():
        export = found.get(name)
        if export is None:
            if name in required:
                raise UnsupportedAbi(f"exports no {name}, which the {abi} ABI needs", hint=f"Export {name}{signature}.")
        elif export.signature is None:
            raise UnsupportedAbi(f"exports {name} as a {export.kind.value}, but it must be a function")
        elif export.signature != signature:
            raise UnsupportedAbi(f"exports {name} as {export.signature}, but it must be {signature}")


def require_memory(exports: Sequence[Export], *, abi: str) -> None:
    """Make sure that a memory is exported as ``memory``.

    Raises:
        UnsupportedAbi: It is not.
    """
    if not any(export.name == "memory" and export.kind is ExternKind.MEMORY for export in exports):
        raise UnsupportedAbi(f"exports no memory named memory, which the {abi} ABI needs")
