import struct
import time
from typing import Any

import pytest
from tests.unit.plugind_worker.supervisor import Instantiate, function

from plugind_protocol.errors import Timeout, Trap
from plugind_worker import wasi
from plugind_worker.console import Level
from plugind_worker.engine.base import Instance
from plugind_worker.wasi import EBADF, EFAULT, EINVAL, ESPIPE, Wasi


class Console:
    """Stands for the console and for control."""

    fired = False
    paused = 0.0

    def __init__(self) -> None:
        self.written: list[tuple[int, bytes]] = []

    def write(self, level: Level, data: bytes) -> None:
        self.written.append((level, data))

    def pause(self, seconds: float) -> bool:
        self.paused = seconds
        return self.fired


@pytest.fixture
def console() -> Console:
    return Console()


@pytest.fixture
def guest(instantiate: Instantiate, console: Any) -> Instance:
    """An instance that imports all of WASI and exports each function under its own name."""
    imports, exports = [], []
    for name, (signature, _) in wasi.TABLE.items():
        params = " ".join(t.value for t in signature.params)
        results = " ".join(t.value for t in signature.results)
        kind = f"(param {params}) (result {results})"
        gets = " ".join(f"local.get {i}" for i in range(len(signature.params)))
        imports.append(f'(import "{wasi.MODULE}" "{name}" (func ${name} {kind}))')
        exports.append(f'(func (export "{name}") {kind} {gets} call ${name})')
    instance, _ = instantiate(
        f'(module {"".join(imports)} (memory (export "memory") 1) {"".join(exports)})',
        Wasi(console, console).functions(),
    )
    return instance


def call(instance: Instance, name: str, *args: int) -> int:
    return int(function(instance, name)(*args)[0])


def _u64(instance: Instance, pointer: int) -> int:
    return int.from_bytes(instance.read(pointer, 8), "little")


def test_clocks_tell_the_time(guest: Instance) -> None:
    before = time.time_ns()
    assert call(guest, "clock_time_get", 0, 1, 16) == 0
    assert before <= _u64(guest, 16) <= time.time_ns()
    before = time.monotonic_ns()
    assert call(guest, "clock_time_get", 1, 1, 16) == 0
    assert before <= _u64(guest, 16) <= time.monotonic_ns()
    assert call(guest, "clock_res_get", 1, 16) == 0
    assert _u64(guest, 16) >= 1


@pytest.mark.parametrize("clock", [2, 3, 4, 2**32 - 1])
def test_other_clocks_are_refused(guest: Instance, clock: int) -> None:
    assert call(guest, "clock_time_get", clock, 1, 16) == EINVAL
    assert call(guest, "clock_res_get", clock, 16) == EINVAL


def test_random_bytes_differ_and_stay_in_their_place(guest: Instance) -> None:
    assert call(guest, "random_get", 100, 32) == 0
    first = guest.read(100, 32)
    assert call(guest, "random_get", 100, 32) == 0
    assert guest.read(100, 32) != first != bytes(32)
    assert guest.read(132, 32) == bytes(32)


def test_filling_much_memory_with_random_bytes_can_be_interrupted(guest: Instance, console: Console) -> None:
    console.fired = True
    with pytest.raises(Timeout):
        function(guest, "random_get")(0, 65536)


def _vectors(instance: Instance, *pieces: bytes) -> None:
    at, table = 1024, b""
    for piece in pieces:
        instance.write(at, piece)
        table += struct.pack("<II", at, len(piece))
        at += len(piece)
    instance.write(16, table)


@pytest.mark.parametrize(("descriptor", "level"), [(1, Level.INFO), (2, Level.ERROR)])
def test_printing_goes_to_the_console(guest: Instance, console: Console, descriptor: int, level: Level) -> None:
    _vectors(guest, b"hello ", b"", b"world\n")
    assert call(guest, "fd_write", descriptor, 16, 3, 8) == 0
    assert console.written == [(level, b"hello world\n")]
    assert guest.read(8, 4) == struct.pack("<I", 12)


def test_much_is_printed_in_parts(guest: Instance, console: Console) -> None:
    guest.write(16, struct.pack("<IIII", 0, 65536, 0, 65536))
    assert call(guest, "fd_write", 1, 16, 2, 8) == 0
    assert guest.read(8, 4) == struct.pack("<I", 65536)
    assert len(console.written[0][1]) == 65536


def test_a_lying_number_of_pieces_is_cut(guest: Instance, console: Console) -> None:
    guest.write(16, struct.pack("<II", 1024, 1) * 64)
    assert call(guest, "fd_write", 1, 16, 2**32 - 1, 8) == 0
    assert len(console.written[0][1]) == 64


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("clock_time_get", (0, 0, 65530)),
        ("clock_res_get", (0, 2**32 - 1)),
        ("random_get", (65535, 2)),
        ("random_get", (0, 2**32 - 1)),
        ("fd_write", (1, 65535, 1, 8)),
        ("fd_write", (1, 16, 1, 65535)),
        ("fd_fdstat_get", (1, 65535)),
        ("environ_sizes_get", (65535, 0)),
        ("args_sizes_get", (0, 65535)),
    ],
)
def test_lying_pointers_are_a_fault(guest: Instance, console: Console, name: str, args: tuple[int, ...]) -> None:
    guest.write(16, struct.pack("<II", 1024, 1))
    assert call(guest, name, *args) == EFAULT
    assert console.written == []


def test_a_piece_outside_memory_prints_nothing(guest: Instance, console: Console) -> None:
    guest.write(16, struct.pack("<IIII", 1024, 1, 65535, 2))
    assert call(guest, "fd_write", 1, 16, 2, 8) == EFAULT
    assert console.written == []


@pytest.mark.parametrize("descriptor", [0, 3, 4, 2**32 - 1])
def test_there_are_no_other_descriptors(guest: Instance, console: Console, descriptor: int) -> None:
    assert call(guest, "fd_write", descriptor, 16, 0, 8) == EBADF
    assert call(guest, "fd_fdstat_get", descriptor, 64) == EBADF
    assert call(guest, "fd_close", descriptor) == EBADF
    assert call(guest, "fd_seek", descriptor, 0, 0, 64) == EBADF
    assert call(guest, "fd_prestat_get", descriptor, 64) == EBADF
    assert call(guest, "fd_prestat_dir_name", descriptor, 64, 1) == EBADF


def test_the_streams_are_devices_without_a_position(guest: Instance) -> None:
    assert call(guest, "fd_fdstat_get", 1, 64) == 0
    assert guest.read(64, 24) == struct.pack("<BxHxxxxQQ", 2, 0, 1 << 6, 0)
    assert call(guest, "fd_seek", 1, 0, 0, 64) == ESPIPE
    assert call(guest, "fd_close", 1) == 0


def test_there_are_no_arguments_and_no_environment(guest: Instance) -> None:
    guest.write(64, b"\xff" * 8)
    for name in ("environ", "args"):
        assert call(guest, f"{name}_sizes_get", 64, 68) == 0
        assert guest.read(64, 8) == bytes(8)
        assert call(guest, f"{name}_get", 64, 68) == 0
    assert call(guest, "sched_yield") == 0


def test_exiting_ends_the_call(guest: Instance) -> None:
    with pytest.raises(Trap, match="plugin exited with 3") as caught:
        function(guest, "proc_exit")(3)
    assert caught.value.data.cause == "trap"


def _clock(
    instance: Instance, at: int, *, whose: int, timeout: int, clock: int = 1, flags: int = 0, kind: int = 0
) -> None:
    instance.write(at, struct.pack("<QB7xI4xQQH6x", whose, kind, clock, timeout, 0, flags))


def test_a_guest_sleeps_until_the_first_of_its_clocks(guest: Instance, console: Console) -> None:
    _clock(guest, 0, whose=7, timeout=3_000_000_000)
    _clock(guest, 48, whose=8, timeout=20_000_000)
    assert call(guest, "poll_oneoff", 0, 512, 2, 1024) == 0
    assert console.paused == 0.02
    assert guest.read(1024, 4) == b"\1\0\0\0"
    assert struct.unpack("<QHB", guest.read(512, 11)) == (8, 0, 0)


def test_a_time_of_the_clock_is_waited_for(guest: Instance, console: Console) -> None:
    _clock(guest, 0, whose=1, timeout=time.monotonic_ns() + 5_000_000_000, flags=1)
    assert call(guest, "poll_oneoff", 0, 512, 1, 1024) == 0
    assert 0 < console.paused <= 5
    _clock(guest, 0, whose=1, timeout=0, flags=1)
    assert call(guest, "poll_oneoff", 0, 512, 1, 1024) == 0
    assert console.paused < 0


def test_what_is_no_clock_cannot_be_waited_for(guest: Instance) -> None:
    _clock(guest, 0, whose=1, timeout=0, kind=1)
    assert call(guest, "poll_oneoff", 0, 512, 1, 1024) == wasi.ENOTSUP
    _clock(guest, 0, whose=1, timeout=0, clock=9)
    assert call(guest, "poll_oneoff", 0, 512, 1, 1024) == EINVAL
    assert call(guest, "poll_oneoff", 0, 512, 0, 1024) == EINVAL
    assert call(guest, "poll_oneoff", 0, 512, 2**31, 1024) == EINVAL
    assert call(guest, "poll_oneoff", 65530, 512, 1, 1024) == EFAULT


def test_an_interrupt_ends_a_sleep(guest: Instance, console: Console) -> None:
    _clock(guest, 0, whose=1, timeout=1)
    console.fired = True
    with pytest.raises(Timeout):
        call(guest, "poll_oneoff", 0, 512, 1, 1024)
