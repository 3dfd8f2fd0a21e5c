"""`plugin_alloc` and `plugin_free` of the AssemblyScript guests."""

from collections.abc import Callable

import pytest
from guest import PAGE, Guest
from hypothesis import given, settings
from hypothesis import strategies as st

GIB = 1 << 30


@pytest.fixture
def invert(guest: Callable[..., Guest]) -> Guest:
    return guest("examples/invert")


@pytest.mark.parametrize("align", [1, 2, 8, 16, 64, 4096, 65536])
@pytest.mark.parametrize("size", [0, 1, 15, 17, 4095, 4096, 40_000, 65_536, 65_537, 8_294_400])
def test_alignment(invert: Guest, size: int, align: int) -> None:
    blocks = [invert.alloc(size, align) for _ in range(3)]
    assert all(block != 0 and block % align == 0 for block in blocks)
    first, second, third = sorted(blocks)
    assert second - first >= size
    assert third - second >= size
    assert third + size <= invert.pages * PAGE


@pytest.mark.parametrize("align", [3, 131_072, 2**31])
def test_alignments_it_cannot_honour(invert: Guest, align: int) -> None:
    assert invert.alloc(16, align) == 0


def test_align_0_is_taken_as_1(invert: Guest) -> None:
    assert invert.alloc(16, 0) != 0


def test_more_than_a_gibibyte_again_and_again(invert: Guest) -> None:
    size = 5 * GIB // 2
    first = invert.alloc(size, 65536)
    assert first != 0
    invert.write(first + size - 4, b"last")
    pages = invert.pages
    for _ in range(20):
        invert.free(first, size, 65536)
        assert invert.alloc(size, 65536) == first
    assert invert.pages == pages
    assert invert.read(first + size - 4, 4) == b"last"


def test_zero_when_memory_is_full_and_all_is_well_after(invert: Guest) -> None:
    blocks = []
    while block := invert.alloc(GIB, 4096):
        blocks.append(block)
    assert len(blocks) == 3
    assert invert.alloc(2**32 - 1, 1) == 0
    for block in blocks:
        invert.free(block, GIB, 4096)
    assert invert.alloc(3 * GIB, 4096) == blocks[0]


def test_freed_neighbours_become_one(invert: Guest) -> None:
    blocks = [invert.alloc(10 * PAGE, 4096) for _ in range(4)]
    pages = invert.pages
    for block in blocks:
        invert.free(block, 10 * PAGE, 4096)
    assert invert.alloc(40 * PAGE, 4096) == blocks[0]
    assert invert.pages == pages


def test_nothing_is_written_into_free_pages(invert: Guest) -> None:
    block = invert.alloc(4 * PAGE, 4096)
    invert.write(block, b"\x5a" * 4 * PAGE)
    invert.free(block, 4 * PAGE, 4096)
    assert invert.read(block, 4 * PAGE) == b"\x5a" * 4 * PAGE


def test_freeing_address_0_is_nothing(invert: Guest) -> None:
    invert.free(0, 100, 1)
    assert invert.alloc(100, 1) != 0


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_blocks_never_overlap(guest: Callable[..., Guest], data: st.DataObject) -> None:
    instance = guest("examples/invert")
    live: dict[int, tuple[int, int, bytes]] = {}
    sizes = st.one_of(st.integers(0, 100), st.integers(30_000, 70_000), st.integers(100_000, 400_000))
    for step in range(data.draw(st.integers(1, 40))):
        freeing = data.draw(st.booleans())
        if live and freeing:
            address = data.draw(st.sampled_from(sorted(live)))
            size, align, text = live.pop(address)
            assert instance.read(address, len(text)) == text
            instance.free(address, size, align)
        else:
            size, align = data.draw(sizes), 1 << data.draw(st.integers(0, 16))
            address = instance.alloc(size, align)
            assert address != 0
            assert address % align == 0
            assert all(address + size <= other or other + live[other][0] <= address for other in live)
            text = bytes([step]) * size
            instance.write(address, text)
            live[address] = (size, align, text)
    for address, (_, _, text) in live.items():
        assert instance.read(address, len(text)) == text
