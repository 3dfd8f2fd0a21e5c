"""What a module may import: one table, checked when it is compiled. Pure."""

from collections.abc import Sequence
from typing import Final

from plugind_protocol.errors import UnsupportedAbi
from plugind_worker import host_calls, wasi
from plugind_worker.engine.base import ExternKind, Import, Signature

ALLOWED: Final[dict[tuple[str, str], Signature]] = {
    **{(host_calls.MODULE, name): signature for name, signature in host_calls.SIGNATURES.items()},
    **{(wasi.MODULE, name): signature for name, (signature, _) in wasi.TABLE.items()},
}


def check(imports: Sequence[Import]) -> None:
    """Make sure that a module imports nothing but what this host offers.

    Args:
        imports: The module's imports.

    Raises:
        UnsupportedAbi: It does not; the message names the first import that is wrong, and what is wrong with it.
    """
    for item in imports:
        name = f"{item.module}.{item.name}"
        if item.kind is not ExternKind.FUNCTION:
            raise UnsupportedAbi(f"imports the {item.kind.value} {name}; a plugin may import functions only")
        expected = ALLOWED.get((item.module, item.name))
        if expected is None:
            raise UnsupportedAbi(f"imports {name}, which this host does not offer")
        if item.signature != expected:
            raise UnsupportedAbi(f"imports {name} as {item.signature}, but it is {expected}")
