"""What the rest of the worker knows of a WebAssembly engine: values without any engine's types, and three protocols.

Integers cross these interfaces as the unsigned value of their bits, since WebAssembly integers have no sign; whoever
gives them one (the numeric ABI) converts. Pointers and lengths can so be compared and added as they come.
"""

import enum
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import msgspec


class ValType(enum.Enum):
    """Types of values; the name is that of the WebAssembly text format."""

    I32 = "i32"
    I64 = "i64"
    F32 = "f32"
    F64 = "f64"
    OTHER = "a reference or vector"
    """What no host function takes and no JSON number can give."""


class Signature(msgspec.Struct, frozen=True):
    """Type of a function."""

    params: tuple[ValType, ...]
    results: tuple[ValType, ...]

    @classmethod
    def parse(cls, text: str) -> "Signature":
        """Read ``"i32 i64 -> i32"``; either side may be empty."""
        params, _, results = text.partition("->")
        return cls(tuple(map(ValType, params.split())), tuple(map(ValType, results.split())))

    @property
    def numeric(self) -> bool:
        """Whether every param and result is a number."""
        return ValType.OTHER not in self.params + self.results

    def __str__(self) -> str:
        return f"({', '.join(t.value for t in self.params)}) -> ({', '.join(t.value for t in self.results)})"


class ExternKind(enum.Enum):
    """What a module can import or export."""

    FUNCTION = "function"
    MEMORY = "memory"
    TABLE = "table"
    GLOBAL = "global"
    OTHER = "item"


class Import(msgspec.Struct, frozen=True):
    """One import of a module."""

    module: str
    name: str
    kind: ExternKind
    signature: Signature | None
    """Of a function."""


class Export(msgspec.Struct, frozen=True):
    """One export of a module."""

    name: str
    kind: ExternKind
    signature: Signature | None
    """Of a function."""


class Limits(msgspec.Struct, frozen=True):
    """What one instance may take."""

    memory_bytes: int
    """Cap of the linear memory."""
    table_elements: int
    """Cap of each table."""


class Fault(enum.Enum):
    """What a guest can do to be trapped; the value is how it is said, after the guest's function is known."""

    STACK = "ran out of stack"
    MEMORY = "accessed memory out of bounds"
    TABLE = "accessed a table out of bounds"
    NULL_CALL = "called a null function reference"
    SIGNATURE = "called a function by a wrong signature"
    OVERFLOW = "overflowed an integer division"
    DIVISION = "divided by zero"
    CONVERSION = "converted a float that fits no integer"
    UNREACHABLE = "executed an unreachable instruction"


class OutOfBoundsError(Exception):
    """A pointer and length reach outside the guest's memory."""


class EngineError(Exception):
    """The engine refused a module; the text is its reason, on one line."""


Function = Callable[..., tuple[Any, ...]]
"""A function of the guest: takes numbers, returns a tuple of its results; see `Instance.function`."""


class Exports(Protocol):
    """What an instance exports: functions and a memory."""

    @property
    def memory_size(self) -> int:
        """Bytes of linear memory the guest has now; 0 when it exports no ``memory``."""

    def function(self, name: str) -> Function | None:
        """Look up an exported function.

        Args:
            name: The export's name.

        Returns:
            A callable, the same object each time, or ``None`` when the module exports no such function, or one with
            values that are not numbers. Calling it raises `Timeout` when `Engine.interrupt` was called meanwhile,
            `Trap` with the guest's stack when the guest trapped, and whatever a host function raised.
        """

    def read(self, pointer: int, length: int) -> bytes:
        """Copy bytes out of the guest's memory.

        Raises:
            OutOfBoundsError: Nothing was copied.
        """

    def write(self, pointer: int, data: bytes) -> None:
        """Copy bytes into the guest's memory.

        Raises:
            OutOfBoundsError: Nothing was copied.
        """

    def address(self, pointer: int, length: int) -> int:
        """Return where a piece of the guest's memory lies in this process; it stays there while the instance lives.

        Raises:
            OutOfBoundsError: The piece reaches outside the memory.
        """


class Instance(Exports, Protocol):
    """An instantiated module with its store.

    Guest calls may nest: a host function may call the guest again. After a call has raised, the instance is spent and
    must only be closed.
    """

    @property
    def library(self) -> "Exports | None":
        """The library that this was instantiated with, which ends with it."""

    def limit_memory(self, memory_bytes: int) -> None:
        """Move the cap of the linear memory; what the guest has already is never taken away."""

    def rearm(self) -> None:
        """Forget an interrupt that came too late to stop anything, so that it does not hit the next call."""

    def close(self) -> None:
        """Give memory and code back; the instance must not be used any more."""


class HostFunction(msgspec.Struct, frozen=True):
    """A function offered to guests."""

    module: str
    name: str
    signature: Signature
    handler: Callable[..., int | None]
    """Called with the `Instance` that calls and the arguments; returns the result of a function that has one. What it
    raises ends the guest's call and comes out of the call that entered the guest."""


class Module(Protocol):
    """Compiled code."""

    @property
    def imports(self) -> Sequence[Import]:
        """What the module needs, in its order."""

    @property
    def exports(self) -> Sequence[Export]:
        """What the module offers, in its order."""

    @property
    def library(self) -> "Module | None":
        """What was serialized with it, where it was loaded."""

    def serialize(self, library: "Module | None" = None) -> bytes:
        """Return the artefact that `Engine.load` takes; native code, good for the same engine and settings only.

        Args:
            library: To go with it into the artefact; of an engine that `Engine.links`.
        """


class Library(msgspec.Struct, frozen=True):
    """A module of the host's own that stands beside a guest, whose imports it serves without the host."""

    name: str
    """Of the module that the guest imports from."""
    module: Module
    """It imports nothing."""


class Engine(Protocol):
    """One engine with its settings. `interrupt` may be called from any thread, the rest from one only."""

    name: str
    version: str
    settings: str
    """Fingerprint of engine, version, machine and settings: artefacts carry over only between equal ones."""
    quick_settings: str | None
    """The same of what compiles in a fraction of the time, to slower code; None where there is nothing like that."""
    interruptible: bool
    """Whether `interrupt` works. Where it does not, a guest that runs can only be stopped with its process, and no
    other thread of Python runs meanwhile."""

    @property
    def poisoned(self) -> bool:
        """Whether the engine has broken, so that its process must not run guests any more."""

    links: bool
    """Whether a guest can be instantiated with a library."""

    late_code: bool
    """Whether instances need machine code that is made when the module is loaded already; a worker's lockdown must then
    allow it, and is the weaker for it."""

    def assemble(self, text: bytes) -> bytes:
        """Turn WebAssembly text into a binary module.

        Raises:
            EngineError: The text is malformed.
        """

    def compile(self, wasm: bytes) -> Module:
        """Check and compile a binary module.

        Raises:
            EngineError: It is malformed, invalid, or uses a proposal that is switched off.
        """

    def load(self, descriptor: int) -> Module:
        """Load an artefact made by `Module.serialize`; it is trusted, since it is native code.

        Args:
            descriptor: A file open for reading; it must not change while the module is in use.

        Raises:
            EngineError: It does not fit this engine.
        """

    def sibling(self, *, quick: bool = False) -> "Engine":
        """Return another engine with our settings, whose `interrupt` reaches its own guests only.

        It needs no `prepare` where this one was prepared. Siblings may be used by a thread each.

        Args:
            quick: With those of `quick_settings`; it neither takes nor makes what is not of these.

        Raises:
            EngineError: The engine is not `interruptible`, so that its guests cannot share a process, or has no
                `quick_settings`.
        """

    def prepare(self, imports: Sequence[HostFunction]) -> None:
        """Make whatever calls of host functions need, while this process may still make code executable.

        Args:
            imports: Everything that later instances will be offered.
        """

    def instantiate(
        self,
        module: Module,
        imports: Sequence[HostFunction],
        *,
        limits: Limits,
        library: Library | None = None,
        interrupted: Callable[[], bool] = lambda: False,
    ) -> Instance:
        """Make an instance and run its start function.

        Args:
            module: A module of this engine.
            imports: Everything the host offers; what the module does not import is left out.
            limits: What the instance may take; a library as much again.
            library: What the module imports from a module of ours, if this engine `links`.
            interrupted: Asked once the instance can be interrupted and before it runs: whether an interrupt meant for
                it came too early to reach it.

        Raises:
            MemoryLimit: The module wants more from the start than the limits allow.
            Timeout: The start function was interrupted.
            Trap: The start function trapped.
            EngineError: The module does not fit the imports.
        """

    def interrupt(self) -> None:
        """Make every guest of this engine that runs now end with `Timeout` soon, if it is `interruptible`."""
