"""Translation between wasmer's types of functions and ours."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from wasmer import FunctionType, GlobalType, MemoryType, Module, TableType, Type

from plugind_worker.engine.base import Export, ExternKind, Import, Signature, ValType

_FROM_ENGINE: Final = {
    int(Type.I32): ValType.I32,
    int(Type.I64): ValType.I64,
    int(Type.F32): ValType.F32,
    int(Type.F64): ValType.F64,
}
_TO_ENGINE: Final = {
    ValType.I32: Type.I32,
    ValType.I64: Type.I64,
    ValType.F32: Type.F32,
    ValType.F64: Type.F64,
}
_KINDS: Final[tuple[tuple[type, ExternKind], ...]] = (
    (FunctionType, ExternKind.FUNCTION),
    (MemoryType, ExternKind.MEMORY),
    (TableType, ExternKind.TABLE),
    (GlobalType, ExternKind.GLOBAL),
)
_MASKS: Final = {ValType.I32: (1 << 32) - 1, ValType.I64: (1 << 64) - 1}

Values = Callable[[Any], tuple[Any, ...]]


def functype(signature: Signature) -> FunctionType:
    """Build wasmer's type of a function of numbers."""
    return FunctionType([_TO_ENGINE[t] for t in signature.params], [_TO_ENGINE[t] for t in signature.results])


def imports_of(module: Module) -> list[Import]:
    """List a module's imports."""
    return [Import(i.module, i.name, *_describe(i.type)) for i in module.imports]


def exports_of(module: Module) -> list[Export]:
    """List a module's exports."""
    return [Export(e.name, *_describe(e.type)) for e in module.exports]


def unsigned(types: tuple[ValType, ...]) -> Callable[[Sequence[Any]], tuple[Any, ...]]:
    """Return what gives integers of these types the value of their bits; wasmer's have a sign, and it takes both."""
    masks = tuple(_MASKS.get(t) for t in types)

    def convert(values: Sequence[Any]) -> tuple[Any, ...]:
        pairs = zip(values, masks)  # noqa: B905  # the engine's count
        return tuple(value if mask is None else value & mask for value, mask in pairs)

    return convert


def results(types: tuple[ValType, ...]) -> Values:
    """Return what makes a tuple of numbers out of what a call returned: nothing, a value, or a tuple."""
    if not types:
        return lambda _: ()
    if len(types) > 1:
        return unsigned(types)
    mask = _MASKS.get(types[0])
    return (lambda value: (value,)) if mask is None else (lambda value: (value & mask,))


def _describe(extern: object) -> tuple[ExternKind, Signature | None]:
    if isinstance(extern, FunctionType):
        return ExternKind.FUNCTION, Signature(_valtypes(extern.params), _valtypes(extern.results))
    return next((kind for cls, kind in _KINDS if isinstance(extern, cls)), ExternKind.OTHER), None


def _valtypes(types: Sequence[int]) -> tuple[ValType, ...]:
    return tuple(_FROM_ENGINE.get(int(t), ValType.OTHER) for t in types)
