"""Modules made to hurt whoever compiles them, and modules of proposals that are off: tables for the tests."""

from collections.abc import Callable
from typing import NamedTuple

from tests.fakes import wasm as w

EXPORT = b"\1\1f\0\0"
"""The first function under the name ``f``, so that a module has something to call."""


class Case(NamedTuple):
    """One module, and what has to come of it."""

    name: str
    make: Callable[[], bytes]
    reason: str | None
    """Part of the PackageInvalid's message; ``None`` where the module is compiled."""
    cause: str | None = None
    text: bool = False
    on_wasmer: tuple[str | None, str | None] | None = None
    """Reason and cause on wasmer, where they are others."""

    def outcome(self, engine: str) -> tuple[str | None, str | None]:
        """Reason and cause on an engine."""
        return self.on_wasmer if engine == "wasmer" and self.on_wasmer else (self.reason, self.cause)


SLOW = ("s of processor time to compile", "limit")
"""Wasmer's old compiler needs longer for some of them."""


def unknown(words: str) -> tuple[str, None]:
    """How wasmer refuses what it does not know, or what is off by default."""
    return f"not valid for wasmer: {words}", None


def functions(count: int, body: bytes = b"\0" + w.END) -> bytes:
    return w.module(*[body] * count, exports=EXPORT)


def loops(depth: int, local_count: int) -> bytes:
    """Nested loops that all change all locals: the register allocator's worst."""
    each = b"".join(b"\x20" + w.number(i) + b"\x41\1\x6a\x21" + w.number(i) for i in range(local_count))
    ends = b"".join(b"\x20" + w.number(i % local_count) + b"\x0d\0\x0b" for i in range(depth))
    return w.module(b"\1" + w.number(local_count) + w.I32 + b"\3\x40" * depth + each + ends + w.END, exports=EXPORT)


def blocks(depth: int) -> bytes:
    return functions(1, b"\0" + b"\2\x40" * depth + w.END * depth + w.END)


def branch_table(targets: int) -> bytes:
    return functions(1, b"\0\2\x40\x41\0\x0e" + w.number(targets) + b"\0" * (targets + 1) + w.END * 2)


def distant_data(segments: int) -> bytes:
    parts = [b"\0\x41" + w.signed((i * 30_000 + 2**31) % 2**32 - 2**31) + b"\x0b\1a" for i in range(segments)]
    return w.module(b"\0" + w.END, memories=b"\1\0" + w.number(65_536), exports=EXPORT, data=w.vector(parts))


def large_data(size: int) -> bytes:
    return functions_with_data(b"\1\0\x41\0\x0b" + w.number(size) + b"\1" * size)


def functions_with_data(data: bytes) -> bytes:
    return w.module(b"\0" + w.END, memories=b"\1\0\x80\x80\4", exports=EXPORT, data=data)


def text(fields: str) -> Callable[[], bytes]:
    return f'(module (func (export "f")) {fields})'.encode


BOMBS = [
    Case("100 000 empty functions", lambda: functions(100_000), "100000 functions, over", "limit"),
    Case("a million empty functions", lambda: functions(1_000_000), "1000000 functions, over", "limit"),
    Case("most functions that are admitted", lambda: functions(20_000), None),
    Case("70 000 data segments far apart", lambda: distant_data(70_000), "70000 data segments, over", "limit"),
    Case("data over the artefact's cap", lambda: large_data(40 << 20), "the compiled module has", "limit"),
    Case(
        "4 GiB of data in 10 bytes",
        lambda: functions_with_data(b"\1\0\x41\0\x0b\xff\xff\xff\xff\x0f"),
        "unexpected end",
        on_wasmer=("Data segment extends past end", None),
    ),
    Case("50 000 locals", lambda: functions(1, b"\1" + w.number(50_000) + w.I32 + w.END), "50000 locals in", "limit"),
    Case(
        "four billion locals",
        lambda: functions(1, b"\1\xff\xff\xff\xff\x0f" + w.I32 + w.END),
        "4294967295 loc",
        "limit",
    ),
    Case("10 000 locals in each of 101", lambda: functions(101, b"\1\x90\x4e\x7f\x0b"), "locals in all", "limit"),
    Case("a function of 2 MiB", lambda: functions(1, b"\0" + b"\1" * (2 << 20) + w.END), "code in one fun", "limit"),
    Case("65 000 targets", lambda: branch_table(65_000), None),
    Case(
        "a million targets",
        lambda: branch_table(1_000_000),
        "`br_table` has 1000000 targets",
        on_wasmer=("br_table size is out of bound", None),
    ),
    Case("100 000 blocks in one another", lambda: blocks(100_000), None, on_wasmer=SLOW),
    Case("300 000 blocks in one another", lambda: blocks(300_000), "256 MiB of memory", "memory"),
    Case("loops over locals", lambda: loops(300, 300), "s of processor time to compile", "limit"),
    Case(
        "calls",
        lambda: functions(1, b"\0" + b"\x10\0" * 500_000 + w.END),
        "256 MiB of memory to compile",
        "memory",
        on_wasmer=("256 MiB of memory to compile", "memory"),
    ),
    Case("memory of 4 GiB, declared", lambda: w.module(b"\0\x0b", memories=b"\1\0\x80\x80\4", exports=EXPORT), None),
    Case("memory of more", lambda: w.module(b"\0\x0b", memories=b"\1\0\x81\x80\4"), "65537 pages of memory", "limit"),
    Case(
        "table of ten million", lambda: w.module(tables=b"\1\x70\0" + w.number(10**7)), "elements in a table", "limit"
    ),
    Case("17 tables", lambda: w.module(tables=b"\x11" + b"\x70\0\1" * 17), "17 tables, over", "limit"),
    Case("text of 5 MiB", lambda: b"(module " + b" " * (5 << 20) + b")", "text is larger than", "limit", text=True),
    Case("functions as text", lambda: b"(module " + b"(func)" * 300_000 + b")", "300000 functions", "limit", text=True),
    Case("more of them", lambda: b"(module " + b"(func)" * 600_000 + b")", "256 MiB of memory", "memory", text=True),
    Case("parentheses", lambda: b"(" * (4 << 20), "text is not valid", text=True),
    Case("comments in comments", lambda: b"(;" * (2 << 20), "unterminated block comment", text=True),
    Case(
        "nested expressions as text",
        lambda: b'(module (func (export "f")' + b"(block" * 100_000 + b")" * 100_000 + b"))",
        None,
        text=True,
        on_wasmer=SLOW,
    ),
]
"""With 256 MiB, 1 s of processor time and artefacts of 32 MiB allowed."""

PROPOSALS = [
    Case("gc: structs", text("(type (struct (field i32)))"), r"structs \(gc\) are switched off", text=True),
    Case("gc: arrays", text("(type (array i8))"), r"arrays \(gc\) are switched off", text=True),
    Case("gc: recursion", text("(rec (type (func)) (type (func)))"), r"recursive types \(gc\)", text=True),
    Case("gc: i31", text("(func (result i31ref) (ref.i31 (i32.const 1)))"), "0x6c of values", text=True),
    Case("externref", text("(func (param externref))"), "gc", text=True, on_wasmer=(None, None)),
    Case("function references", text("(type $t (func)) (func (param (ref $t)))"), "0x64 of values", text=True),
    Case(
        "call_ref",
        text("(type $t (func)) (func (call_ref $t (ref.null $t)))"),
        "function references",
        text=True,
        on_wasmer=unknown("Invalid type"),
    ),
    Case("exceptions: tags", text("(tag)"), r"tags \(exceptions\) are switched off", text=True),
    Case(
        "exceptions: try_table",
        text("(func (try_table))"),
        "exceptions",
        text=True,
        on_wasmer=unknown("Unknown opcode: 0x1f"),
    ),
    Case(
        "exceptions: legacy",
        lambda: functions(1, b"\0\x06\x40\x19\x0b\x0b"),
        "exceptions",
        on_wasmer=unknown("Exceptions support is not enabled"),
    ),
    Case("threads: shared memory", text("(memory 1 1 shared)"), r"shared memories \(threads\)", text=True),
    Case("threads: atomics", text("(memory 1) (func (drop (i32.atomic.load (i32.const 0))))"), "threads", text=True),
    Case("memory64", text("(memory i64 1)"), "memory64", text=True),
    Case("table64", text("(table i64 1 funcref)"), "memory64", text=True),
    Case("multi-memory", text("(memory 1) (memory 1)"), r"2 memories \(multi-memory\) are switched off", text=True),
    Case("tail calls", text("(func $g (return_call $g))"), "tail calls", text=True),
    Case(
        "relaxed SIMD",
        text("(func (param v128 v128) (drop (i8x16.relaxed_swizzle (local.get 0) (local.get 1))))"),
        "relaxed SIMD",
        text=True,
        on_wasmer=unknown("Unknown 0xfd subopcode: 0x100"),
    ),
    Case("stack switching", text("(type $f (func)) (type (cont $f))"), r"continuations \(stack switching\)", text=True),
    Case(
        "wide arithmetic",
        text("(func (param i64) (result i64 i64) (i64.mul_wide_s (local.get 0) (local.get 0)))"),
        "wide arithmetic",
        text=True,
        on_wasmer=unknown("Unknown 0xfc subopcode"),
    ),
    Case("custom page sizes", text("(memory 1 (pagesize 1))"), "custom page sizes are switched off", text=True),
    Case("a component", lambda: b"(component)", "a component, not a module", text=True),
    Case("a component, binary", lambda: b"\0asm\x0d\0\1\0", "a component, not a module"),
    Case("compact imports", lambda: w.module(imports=b"\1\3env\0\x7f\1\1a\0\0"), "import of an unknown kind"),
]
