"""What a module may import: one table, checked when it is compiled. Pure."""

from collections.abc import Sequence
from typing import Final

from plugind_protocol.errors import UnsupportedAbi
from plugind_worker import extism, host_calls, wasi, wasi_files
from plugind_worker.abi import kernel
from plugind_worker.engine.base import ExternKind, Import, Signature

ALLOWED: Final[dict[tuple[str, str], Signature]] = {
    **{(host_calls.MODULE, name): signature for name, signature in host_calls.SIGNATURES.items()},
    **{(wasi.MODULE, name): signature for name, (signature, _) in wasi.TABLE.items()},
}
EXTISM: Final[dict[tuple[str, str], Signature]] = {
    **{(kernel.MODULE, name): signature for name, signature in kernel.SIGNATURES.items()},
    **{(module, name): signature for module, name, signature, _ in extism.TABLE},
    **{(wasi.MODULE, name): signature for name, (signature, _) in wasi.TABLE.items()},
    **{(wasi.MODULE, name): signature for name, signature in wasi_files.SIGNATURES.items()},
}
"""What a module may import that imports anything of Extism's."""
_OLD: Final = "extism_"
"""What Extism's functions began with before 1.0, in the module ``env``."""


def check(imports: Sequence[Import]) -> None:
    """Make sure that a module imports nothing but what this host offers.

    Args:
        imports: The module's imports.

    Raises:
        UnsupportedAbi: It does not; the message names the first import that is wrong, and what is wrong with it.
    """
    allowed = EXTISM if any(item.module.startswith(kernel.NAMESPACE) for item in imports) else ALLOWED
    for item in imports:
        name = f"{item.module}.{item.name}"
        if item.kind is not ExternKind.FUNCTION:
            raise UnsupportedAbi(f"imports the {item.kind.value} {name}; a plugin may import functions only")
        expected = allowed.get((item.module, item.name))
        if expected is None:
            raise UnsupportedAbi(f"imports {name}, which this host does not offer", hint=_hint(item))
        if item.signature != expected:
            raise UnsupportedAbi(f"imports {name} as {item.signature}, but it is {expected}")


def _hint(item: Import) -> str:
    if item.module == "env" and item.name.startswith(_OLD):
        return "It was built for Extism before 1.0: build it with a newer plugin kit."
    return ""
