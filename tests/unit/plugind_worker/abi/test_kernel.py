"""The kernel of the Extism ABI: blocks, and what becomes of pointers that lie."""

import random
from collections.abc import Iterator

import pytest

from plugind_protocol.errors import MemoryLimit, Trap
from plugind_worker.abi import kernel
from plugind_worker.abi.kernel import Kernel
from plugind_worker.engine.base import Engine, Function, Instance, Limits

PAGE = 65536


@pytest.fixture
def instance(engine: Engine) -> Iterator[Instance]:
    """The kernel by itself."""
    module = engine.compile(engine.assemble(kernel.SOURCE.text))
    made = engine.instantiate(module, [], limits=Limits(memory_bytes=64 << 20, table_elements=0))
    yield made
    made.close()


@pytest.fixture
def memory(instance: Instance) -> Kernel:
    return Kernel(instance)


def function(instance: Instance, name: str) -> Function:
    found = instance.function(name)
    assert found is not None
    return found


def test_it_imports_nothing_and_exports_what_plugins_may_import(engine: Engine) -> None:
    module = engine.compile(engine.assemble(kernel.SOURCE.text))
    assert list(module.imports) == []
    exports = {export.name: export.signature for export in module.exports}
    assert all(exports[name] == signature for name, signature in kernel.SIGNATURES.items())
    assert set(exports) - set(kernel.SIGNATURES) == {
        *("memory", "limit", "reset", "input_set", "output_offset", "output_length"),
    }


def test_blocks_do_not_overlap_and_are_used_again(instance: Instance) -> None:
    Kernel(instance).limit(32 << 20)
    alloc, free, length = (function(instance, name) for name in ("alloc", "free", "length"))
    chosen = random.Random(11)  # the same in each run
    live: dict[int, int] = {}
    for _ in range(4000):
        if live and chosen.random() < 0.5:
            offset = chosen.choice(list(live))
            del live[offset]
            free(offset)
            assert length(offset)[0] == 0
        else:
            size = chosen.choice((1, 15, 16, 17, 100, 4096, 32768, 32769, 70_000))
            (offset,) = alloc(size)
            assert offset % 16 == 0
            assert all(offset + size <= other or other + known <= offset for other, known in live.items())
            live[offset] = size
        assert all(length(offset)[0] == size for offset, size in list(live.items())[:3])
    assert instance.memory_size < 30 << 20, "what is free is used again"


def test_memory_has_an_end_that_is_no_trap(instance: Instance, memory: Kernel) -> None:
    memory.limit(8 * PAGE)
    alloc = function(instance, "alloc")
    taken = 0
    while alloc(10_000)[0]:
        taken += 1
    assert 20 < taken < 8 * PAGE // 10_000
    assert instance.memory_size <= 8 * PAGE
    with pytest.raises(MemoryLimit, match="no room for 100000 bytes"):
        memory.give(bytes(100_000))
    memory.begin(b"x" * 100_000)  # what was there is forgotten
    assert instance.memory_size <= 8 * PAGE


@pytest.mark.parametrize("size", [0, 0x7FFF_0001, 1 << 32, 1 << 62, (1 << 64) - 1])
def test_sizes_that_cannot_be_get_no_block(instance: Instance, size: int) -> None:
    assert function(instance, "alloc")(size)[0] == 0


def test_input_is_read_within_its_bounds(instance: Instance, memory: Kernel) -> None:
    memory.begin(b"0123456789")
    assert function(instance, "input_length")()[0] == 10
    load8, load64 = function(instance, "input_load_u8"), function(instance, "input_load_u64")
    assert bytes(load8(at)[0] for at in range(10)) == b"0123456789"
    assert load64(2)[0].to_bytes(8, "little") == b"23456789"
    for beyond in (10, 11, 1 << 32, (1 << 64) - 1):
        assert load8(beyond)[0] == 0
    for beyond in (3, 10, 1 << 32, (1 << 64) - 4):
        assert load64(beyond)[0] == 0
    memory.begin(b"")
    assert (load8(0)[0], load64(0)[0]) == (0, 0)


@pytest.mark.parametrize("offset", [1 << 20, 1 << 31, (1 << 32) - 1, 1 << 32, (1 << 32) + 300, (1 << 64) - 1])
@pytest.mark.parametrize("name", ["load_u8", "load_u64", "store_u8", "store_u64"])
def test_offsets_beyond_memory_trap(instance: Instance, name: str, offset: int) -> None:
    arguments = (offset,) if name.startswith("load") else (offset, 1)
    with pytest.raises(Trap, match=f"out of bounds in {name}"):
        function(instance, name)(*arguments)


def test_the_lists_of_free_blocks_are_not_to_be_written(instance: Instance) -> None:
    with pytest.raises(Trap, match="out of bounds in store_u8"):
        function(instance, "store_u8")(64, 1)


def test_what_is_no_block_has_no_length(instance: Instance, memory: Kernel) -> None:
    offset = memory.give(b"hello")
    for wrong in (1, 16, 256, offset + 1, offset + 16, 1 << 31, 1 << 32, (1 << 64) - 16):
        assert function(instance, "length")(wrong)[0] == 0
        with pytest.raises(Trap, match=f"here: no block of memory begins at {wrong}"):
            memory.block(wrong, "here")
    assert memory.block(offset, "here") == b"hello"
    assert memory.block(0, "here") == b""


def test_a_free_block_that_was_forged_does_not_reach_beyond_memory(instance: Instance, memory: Kernel) -> None:
    """The lists' heads cannot be written, but what a freed block says of itself and of the next one can."""
    alloc, free, store = (function(instance, name) for name in ("alloc", "free", "store_u64"))
    alloc(1)  # what the first block of all says of itself cannot be written either
    first = int(alloc(30_000)[0])
    free(first)
    end = instance.memory_size
    store(first - 8, end - 32)  # the next free block: at the end of memory
    store(end - 32, 1 << 30)  # of a large capacity, it says
    assert alloc(30_000)[0] == first
    with pytest.raises(Trap, match="is not all in memory"):
        memory.give(b"x" * 30_000)


def test_a_length_that_was_forged_does_not_reach_beyond_memory(instance: Instance, memory: Kernel) -> None:
    memory.give(b"the first")
    offset = memory.give(b"hello")
    function(instance, "store_u64")(offset - 16, (0xFFFF_FFF0 << 32) | 16)  # its own header: capacity and length
    with pytest.raises(Trap, match=r"4294967280 bytes at \d+ are not all in memory"):
        memory.block(offset, "here")
