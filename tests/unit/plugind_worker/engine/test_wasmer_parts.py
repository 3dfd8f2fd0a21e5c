"""What the wasmer engine is made of and can be tested without it: rewriting, the fence, the reading of traps."""

import ctypes
import mmap
import os
import signal
from collections.abc import Iterator

import pytest
import wasmtime

from plugind_worker.engine.base import EngineError
from plugind_worker.engine.wasmer import fence, traps
from plugind_worker.engine.wasmer.fence import Fence, Stock
from plugind_worker.engine.wasmer.rewrite import Changes, rewrite

PAGE = 65536
NOTE = b"\0\7\4note\0\0"
"""A custom section, which may stand anywhere."""


def rewritten(text: str, *, table_elements: int = 100) -> tuple[wasmtime.Module, Changes]:
    """Rewrite a module, and let another engine judge the result."""
    wasm, changes = rewrite(bytes(wasmtime.wat2wasm(text)), table_elements=table_elements)
    return wasmtime.Module(wasmtime.Engine(), wasm), changes


def described(module: wasmtime.Module) -> tuple[list[tuple[str, str, str]], list[str]]:
    imports = [(item.module, item.name or "", type(item.type).__name__) for item in module.imports]
    return imports, [item.name for item in module.exports]


def test_a_module_without_anything_stays_as_it_is() -> None:
    wasm = bytes(wasmtime.wat2wasm('(module (func (export "f")) (global i32 (i32.const 1)))'))
    assert rewrite(wasm, table_elements=1) == (wasm, Changes())


def test_the_memory_becomes_the_last_import() -> None:
    module, changes = rewritten(
        '(module (import "a" "f" (func)) (memory (export "memory") 2 5) (data (i32.const 0) "x") (func (export "g")))'
    )
    assert changes == Changes(memory=True)
    assert described(module) == ([("a", "f", "FuncType"), ("plugind", "memory", "MemoryType")], ["memory", "g"])
    limits = module.imports[1].type
    assert isinstance(limits, wasmtime.MemoryType)
    assert (limits.limits.min, limits.limits.max) == (2, 5)


def test_sections_that_are_not_there_yet_get_their_place() -> None:
    module, changes = rewritten("(module (func $f) (memory 1) (start $f))")
    assert changes == Changes(memory=True, start=True)
    assert described(module) == ([("plugind", "memory", "MemoryType")], ["plugind start"])
    alone, _ = rewritten("(module (memory 1))")
    assert described(alone)[0] == [("plugind", "memory", "MemoryType")]


def test_the_start_function_becomes_the_last_export() -> None:
    module, changes = rewritten('(module (import "a" "b" (func $b)) (func $f (export "f")) (start $b))')
    assert changes == Changes(start=True)
    assert described(module)[1] == ["f", "plugind start"]


@pytest.mark.parametrize(
    ("table", "least", "most"),
    [("5", 5, 100), ("5 20", 5, 20), ("5 200", 5, 100), ("200", 200, 200), ("200 300", 200, 200)],
)
def test_tables_get_a_maximum(table: str, least: int, most: int) -> None:
    module, changes = rewritten(f'(module (table (export "t") {table} funcref) (table 0 externref))')
    assert changes == Changes(tables=[least, 0])
    found = module.exports[0].type
    assert isinstance(found, wasmtime.TableType)
    assert (found.limits.min, found.limits.max) == (least, most)


def test_custom_sections_keep_their_place() -> None:
    wasm = bytes(wasmtime.wat2wasm("(module (memory 1) (func $f) (start $f))"))
    between = wasm[:8] + NOTE + wasm[8:] + NOTE
    found, changes = rewrite(between, table_elements=1)
    assert changes == Changes(memory=True, start=True)
    assert found.startswith(wasm[:8] + NOTE)
    assert found.endswith(NOTE)
    wasmtime.Module(wasmtime.Engine(), found)


def test_numbers_of_several_bytes() -> None:
    many = "".join(f'(import "a" "f{place}" (func))' for place in range(300))
    module, _ = rewritten(f"(module {many} (memory 300 60000) (table 300 70000 funcref))", table_elements=100_000)
    assert len(module.imports) == 301


def test_too_many_tables() -> None:
    with pytest.raises(EngineError, match="17 tables, over 16"):
        rewritten("(module " + "(table 1 funcref)" * 17 + ")")


@pytest.mark.parametrize("rest", [b"\5", b"\5\xff", b"\5\x7f\0", b"\4\3\1\x70\1"])
def test_bytes_that_cannot_be_told_apart(rest: bytes) -> None:
    with pytest.raises(EngineError, match="sections cannot be read"):
        rewrite(b"\0asm\1\0\0\0" + rest, table_elements=1)


# --- the fence --------------------------------------------------------------------------------------------------


class Reservation:
    """Address space as wasmer reserves it: nothing accessible but the first pages."""

    def __init__(self, pages: int) -> None:
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.libc.mmap.restype = ctypes.c_void_p
        self.libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
        self.libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
        self.libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
        self.base: int = self.libc.mmap(None, fence.RESERVED, 0, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, -1, 0)
        self.size = 0
        assert self.grow(pages)

    def grow(self, pages: int) -> bool:
        """Grow as the engine does."""
        access = mmap.PROT_READ | mmap.PROT_WRITE
        if self.libc.mprotect(self.base + self.size, pages * PAGE, access) != 0:
            return False
        self.size += pages * PAGE
        return True

    def close(self) -> None:
        self.libc.munmap(self.base, fence.RESERVED)


@pytest.fixture
def memory() -> Iterator[Reservation]:
    made = Reservation(2)
    yield made
    made.close()


@pytest.fixture(scope="module")
def stock() -> Stock:
    return Stock()


def test_growth_ends_at_the_fence(memory: Reservation, stock: Stock) -> None:
    one = Fence(stock, base=memory.base, size=memory.size)
    assert not memory.grow(1)
    one.move(5 * PAGE, size=memory.size)
    assert not memory.grow(4)
    assert memory.grow(3)
    assert not memory.grow(1)
    ctypes.memset(memory.base, 1, memory.size)


def test_a_fence_moves_both_ways_and_never_into_what_is_there(memory: Reservation, stock: Stock) -> None:
    one = Fence(stock, base=memory.base, size=memory.size)
    one.move(10 * PAGE, size=memory.size)
    one.move(1 * PAGE, size=memory.size)
    assert not memory.grow(1)
    assert ctypes.string_at(memory.base, memory.size) == bytes(memory.size)
    one.move(fence.RESERVED, size=memory.size)
    assert memory.grow(65536 - 2)


def test_what_is_behind_a_fence_cannot_be_touched(memory: Reservation, stock: Stock) -> None:
    Fence(stock, base=memory.base, size=memory.size)
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGSEGV, signal.SIG_DFL)
        ctypes.string_at(memory.base + memory.size, 1)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGSEGV


# --- traps ------------------------------------------------------------------------------------------------------


def test_a_trap_is_told_by_its_text() -> None:
    error = RuntimeError(
        "RuntimeError: integer divide by zero\n    at inner (<module>[7]:0xb2)\n    at <unnamed> (module[8]:0xff)"
    )
    assert traps.is_trap(error)
    trap = traps.error_of(error)
    assert trap.message == "divided by zero in inner"
    assert trap.data.stack == ["inner", "function 8"]


@pytest.mark.parametrize("error", [RuntimeError("no export"), RecursionError("RuntimeError: "), KeyError("x")])
def test_other_errors_are_no_traps(error: Exception) -> None:
    assert not traps.is_trap(error)
    assert not traps.is_panic(error)


def test_a_trap_that_is_not_known_is_told_as_it_is() -> None:
    trap = traps.error_of(RuntimeError("RuntimeError: something new"))
    assert (trap.message, trap.data.stack) == ("trapped (something new)", [])


def test_a_name_with_a_line_break_forges_no_frame() -> None:
    error = RuntimeError(
        "RuntimeError: unreachable\n    at a\n    at fake (<module>[1]:0x1)\n    at b (<module>[2]:0x2)"
    )
    stack = traps.error_of(error).data.stack
    assert stack is not None
    assert "b" in stack


def test_reasons_are_one_line() -> None:
    text = "WebAssembly translation error: Error when converting wat: expected `(`\n   --> <anon>:1:3\n    |\n  1 | x"
    assert traps.reason_of(RuntimeError(text)) == "expected `(`"
