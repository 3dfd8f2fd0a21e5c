"""The filters of both architectures, run call by call."""

import re
from pathlib import Path

import pytest
from tests.unit.plugind_worker.sandbox.machine import run

from plugind_worker.sandbox.layer import Job
from plugind_worker.sandbox.linux.bpf import ALLOW, KILL, fail
from plugind_worker.sandbox.linux.policy import ARCHITECTURES, program
from plugind_worker.sandbox.linux.syscalls import NUMBERS

EPERM, ENOSYS = fail(1), fail(38)
PID = 4711
EVERY = pytest.mark.parametrize("machine", ARCHITECTURES)


class Filter:
    def __init__(self, machine: str, *, job: Job = Job.LAUNCH, late_code: bool = False) -> None:
        self.architecture = ARCHITECTURES[machine]
        self.program = program(self.architecture, job=job, late_code=late_code, pid=PID)

    def number(self, number: int, *arguments: int) -> int:
        return run(self.program, architecture=self.architecture.audit, number=number, arguments=arguments)

    def __call__(self, name: str, *arguments: int) -> int:
        number = NUMBERS[name][self.architecture.column]
        assert number is not None
        return self.number(number, *arguments)


@EVERY
@pytest.mark.parametrize("job", Job)
def test_what_every_child_needs(machine: str, job: Job) -> None:
    filter_ = Filter(machine, job=job)
    for name in ("sendto", "recvfrom", "recvmsg", "futex", "munmap", "exit_group", "getrandom", "rt_sigreturn"):
        assert filter_(name) == ALLOW, name
    assert filter_("mmap", 0, 4096, 3, 0x22, 2**64 - 1, 0) == ALLOW
    assert filter_("mprotect", 1 << 40, 4096, 3) == ALLOW
    assert filter_("tgkill", PID, 12, 6) == ALLOW
    assert filter_("ioctl", 5, 0x5421, 1) == ALLOW


@EVERY
def test_a_worker_gets_no_code_no_thread_and_no_other_process(machine: str) -> None:
    filter_ = Filter(machine)
    assert filter_("mmap", 0, 4096, 5, 0x22) == EPERM
    assert filter_("mmap", 0, 4096, 7, 0x22) == EPERM
    assert filter_("mmap", 0, 4096, 3, 0x21) == EPERM  # shared without a file
    assert filter_("mmap", 0, 4096, 3, 0x122) == EPERM  # growing downwards
    assert filter_("mmap", 0, 4096, 3, 0x11, 5) == ALLOW  # a frame window
    assert filter_("mprotect", 0, 4096, 5) == EPERM
    assert filter_("mprotect", 0, 4096, 4 | 1 << 32) == EPERM  # the kernel looks at all bits that we look at
    assert filter_("tgkill", PID + 1, 12, 9) == EPERM
    assert filter_("tgkill", PID | 1 << 32, 12, 9) == ALLOW  # the kernel does not look at the upper half
    assert filter_("ioctl", 5, 0x5412) == EPERM
    assert filter_("fcntl", 5, 0) == EPERM
    assert filter_("clone", 0x3D0F00) == KILL
    assert filter_("clone", 17) == KILL
    assert filter_("clone3") == ENOSYS
    assert filter_("execve") == KILL


@EVERY
def test_a_compiler_gets_threads_and_code_that_nobody_can_write_to(machine: str) -> None:
    filter_ = Filter(machine, job=Job.COMPILE)
    assert filter_("clone", 0x3D0F00) == ALLOW
    for flags in (17, 0x3D0F00 | 0x1000_0000, 0x3D0F00 & ~0x10000, 0x4111):
        assert filter_("clone", flags) == EPERM
    assert filter_("clone3") == ENOSYS  # the C library then takes clone, whose flags can be seen
    assert filter_("mprotect", 0, 4096, 5) == ALLOW
    assert filter_("mprotect", 0, 4096, 7) == EPERM
    assert filter_("mmap", 0, 4096, 5, 0x22) == EPERM
    assert filter_("execve") == KILL


@EVERY
def test_an_engine_that_makes_code_late_gets_no_more_than_that(machine: str) -> None:
    filter_ = Filter(machine, late_code=True)
    assert filter_("mprotect", 0, 4096, 5) == ALLOW
    assert filter_("mprotect", 0, 4096, 7) == EPERM
    assert filter_("clone", 0x3D0F00) == KILL


@EVERY
def test_few_calls_are_allowed_whatever_their_arguments(machine: str) -> None:
    filter_ = Filter(machine)
    allowed = {number for number in range(1024) if filter_.number(number, *[2**64 - 1] * 6) == ALLOW}
    named = {numbers[filter_.architecture.column]: name for name, numbers in NUMBERS.items()}
    assert allowed <= named.keys()
    assert not {named[number] for number in allowed} & {"openat", "socket", "kill", "prctl", "mmap", "mprotect"}
    assert len(allowed) <= 33


def test_the_other_convention_of_x86_64_ends_the_process() -> None:
    filter_ = Filter("x86_64")
    assert filter_.number(0x4000_0000) == KILL
    assert filter_.number(0x4000_0000 | 45) == KILL
    assert run(filter_.program, architecture=0x40000003, number=4) == KILL  # the 32-bit one


@pytest.mark.parametrize(
    ("column", "header"),
    [(0, "x86_64-linux-gnu/asm/unistd_64.h"), (1, "asm-generic/unistd.h")],
    ids=["x86_64", "aarch64"],
)
def test_numbers_are_those_of_the_kernel(column: int, header: str) -> None:
    path = Path("/usr/include") / header
    if not path.exists():
        pytest.skip(f"there is no {path}")
    found = dict(re.findall(r"^#define __NR(?:3264)?_(\w+)\s+(\d+)", path.read_text(), re.MULTILINE))
    aliases = {"newfstatat": "fstatat"} if column else {}
    ours = {name: numbers[column] for name, numbers in NUMBERS.items()}
    theirs = {name: int(found[aliases.get(name, name)]) if aliases.get(name, name) in found else None for name in ours}
    newer = {name for name, number in ours.items() if number is not None and theirs[name] is None}
    assert {name: number for name, number in ours.items() if name not in newer} == {
        name: number for name, number in theirs.items() if name not in newer
    }
    assert len(newer) < 5  # headers may be older than the call
