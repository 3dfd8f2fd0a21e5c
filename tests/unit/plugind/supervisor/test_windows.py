import mmap
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from plugind.supervisor import hugepages
from plugind.supervisor.windows import WindowFolder
from plugind_protocol.frames import HUGE_PAGE_BYTES, PixelFormat, layout

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="files in memory with huge pages are of Linux")


@pytest.fixture
def folder() -> Iterator[WindowFolder]:
    made = WindowFolder(f"test-{os.getpid()}")
    yield made
    made.remove()


@pytest.fixture
def file(tmp_path: Path) -> Iterator[int]:
    path = Path("/dev/shm") / f"plugind-test-{os.getpid()}"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL)
    path.unlink()
    yield descriptor
    os.close(descriptor)


def test_what_a_file_holds_stays_when_it_moves_to_huge_pages(file: int) -> None:
    size = 2 * HUGE_PAGE_BYTES + 4096
    os.posix_fallocate(file, 0, size)
    picture = os.urandom(size)
    os.pwrite(file, picture, 0)
    with mmap.mmap(file, size) as before:
        done = hugepages.collapse(file, size, wanted=lambda: True)
        assert done in (0, 2 * HUGE_PAGE_BYTES)  # 0 where this kernel has none
        assert before[:] == picture
        before[HUGE_PAGE_BYTES] ^= 0xFF
        assert os.pread(file, 1, HUGE_PAGE_BYTES) == bytes([picture[HUGE_PAGE_BYTES] ^ 0xFF])


def test_it_stops_when_nobody_wants_it_any_more(file: int) -> None:
    os.posix_fallocate(file, 0, 3 * HUGE_PAGE_BYTES)
    answers = iter((True, False))
    assert hugepages.collapse(file, 3 * HUGE_PAGE_BYTES, wanted=lambda: next(answers)) <= HUGE_PAGE_BYTES
    assert next(answers, None) is None


def test_a_file_smaller_than_a_huge_page_stays_as_it_is(file: int) -> None:
    os.posix_fallocate(file, 0, 4096)
    assert hugepages.collapse(file, 4096, wanted=lambda: True) == 0


def test_window_files_are_whole_huge_pages_or_as_small_as_they_can_be(folder: WindowFolder) -> None:
    small = layout(width=64, height=36, pixel_format=PixelFormat.RGBA8, slots=2)
    large = layout(width=1920, height=1080, pixel_format=PixelFormat.RGBA8, slots=2)
    for shape, size in ((small, small.window_bytes), (large, 8 * HUGE_PAGE_BYTES)):
        file = folder.create(shape)
        assert os.fstat(file.descriptor).st_size == size
        assert os.fstat(file.descriptor).st_blocks * 512 >= size  # all of it is there from the start
        file.remove()
        assert not file.path.exists()
