"""Putting the system call filter into force, for every thread of the process at once and for ever."""

import ctypes
import errno
import os
import platform
import struct
import sys
from typing import Final

from plugind_worker.sandbox.layer import Confinement, Missing
from plugind_worker.sandbox.linux import policy, syscall

assert sys.platform != "win32"  # for type checkers: `plugind_worker.sandbox.windows` has its own

_SET_MODE_FILTER: Final = 1
_FLAG_TSYNC: Final = 1
_INSTRUCTION_BYTES: Final = 8


def prepare(confinement: Confinement) -> None:
    """Assemble the filter of children like this one.

    Raises:
        Missing: There is no filter for this machine.
    """
    policy.template(_architecture(), job=confinement.job, late_code=confinement.late_code)


def install(confinement: Confinement) -> None:
    """Install the filter of `plugind_worker.sandbox.linux.policy`.

    Raises:
        Missing: There is no filter for this machine, or this kernel takes none.
    """
    architecture = _architecture()
    program = policy.program(architecture, job=confinement.job, late_code=confinement.late_code, pid=os.getpid())
    code = ctypes.create_string_buffer(program, len(program))
    head = struct.pack("HxxxxxxP", len(program) // _INSTRUCTION_BYTES, ctypes.addressof(code))
    word = ctypes.c_long
    try:
        thread = syscall.call(architecture.seccomp, word(_SET_MODE_FILTER), word(_FLAG_TSYNC), head)
    except OSError as error:
        known = {errno.ENOSYS: "this kernel has no seccomp", errno.EINVAL: "this kernel has no seccomp filters"}
        raise Missing(known.get(error.errno or 0, f"seccomp cannot be used: {error.strerror}")) from error
    if thread:
        raise Missing(f"thread {thread} could not be put under the filter")


def _architecture() -> policy.Architecture:
    architecture = policy.ARCHITECTURES.get(platform.machine())
    if architecture is None or sys.byteorder != "little" or struct.calcsize("P") != 8:
        raise Missing(f"there is no system call filter for {platform.machine()}")
    return architecture
