"""The layers that confine the processes of the headless host on Linux, each a function that raises where it fails."""

import ctypes
import errno
import os
import platform
import resource
import signal
import struct
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Final

assert sys.platform != "win32"  # for type checkers: no limits of resources, and no system calls by number there

MEMORY_BYTES: Final = 1024**3
"""Private memory of the decoder; pictures of 8K with their references need a quarter of it."""
HOST_MEMORY_BYTES: Final = 2 * 1024**3
"""Private memory of the host itself: each open transaction is a copy of the timeline."""
_DESCRIPTORS: Final = 64

_SET_PDEATHSIG: Final = 1
_SET_SECCOMP: Final = 22
_SET_NO_NEW_PRIVS: Final = 38
_NEW_USER: Final = 0x1000_0000
_NEW_NET: Final = 0x4000_0000

_LANDLOCK_CREATE: Final = 444
_LANDLOCK_RESTRICT: Final = 446
_LANDLOCK_VERSION: Final = 1
_FILE_RIGHTS: Final = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
_NETWORK_ABI: Final = 4
_TCP: Final = 0b11

_ARCHITECTURES: Final = {"x86_64": (0xC000_003E, 0), "aarch64": (0xC000_00B7, 1)}
"""Machine → how the kernel numbers its architecture, and the column of the table below."""
_FORBIDDEN: Final[dict[str, tuple[int | None, int | None]]] = {
    "socket": (41, 198),
    "connect": (42, 203),
    "bind": (49, 200),
    "socketpair": (53, 199),
    "clone": (56, 220),
    "fork": (57, None),
    "vfork": (58, None),
    "clone3": (435, 435),
    "execve": (59, 221),
    "execveat": (322, 281),
    "kill": (62, 129),
    "tkill": (200, 130),
    "tgkill": (234, 131),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438),
    "perf_event_open": (298, 241),
    "bpf": (321, 280),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "open_by_handle_at": (304, 265),
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "request_key": (249, 218),
}
"""Calls for sockets, new processes, other processes and the kernel's larger doors: number by architecture."""
_X32: Final = 0x4000_0000
_ALLOW: Final = 0x7FFF_0000
_FAIL: Final = 0x0005_0000 | errno.EPERM
_KILL: Final = 0x8000_0000


def _die_with_parent() -> None:
    _prctl(_SET_PDEATHSIG, signal.SIGKILL)


def _no_new_privileges() -> None:
    _prctl(_SET_NO_NEW_PRIVS, 1)


def _limit(memory_bytes: int) -> None:
    for limit, most in ((resource.RLIMIT_CORE, 0), (resource.RLIMIT_DATA, memory_bytes)):
        _lower(limit, most)


def _limit_decoder() -> None:
    _limit(MEMORY_BYTES)
    for limit, most in (
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, _DESCRIPTORS),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_MEMLOCK, 0),
    ):
        _lower(limit, most)


def _lower(limit: int, most: int) -> None:
    _, hard = resource.getrlimit(limit)
    value = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(limit, (value, value))


def _no_network() -> None:
    """Move into a network namespace with nothing in it: by privilege, or in a user namespace of our own."""
    libc = ctypes.CDLL(None, use_errno=True)
    uid, gid = os.getuid(), os.getgid()
    if libc.unshare(_NEW_NET) == 0:
        return
    if libc.unshare(_NEW_USER | _NEW_NET) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
    Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")


def _no_files() -> None:
    """Landlock without a rule: nothing can be opened, made, removed or run, and no TCP port used."""
    version = min(_syscall(_LANDLOCK_CREATE, None, 0, _LANDLOCK_VERSION), max(_FILE_RIGHTS))
    fields = [(1 << _FILE_RIGHTS[version]) - 1]
    if version >= _NETWORK_ABI:
        fields.append(_TCP)
    attributes = (ctypes.c_uint64 * len(fields))(*fields)
    ruleset = _syscall(_LANDLOCK_CREATE, attributes, ctypes.sizeof(attributes), 0)
    try:
        _syscall(_LANDLOCK_RESTRICT, None, ruleset, 0)
    finally:
        os.close(ruleset)


def _forbid_calls() -> None:
    """Let the forbidden system calls fail, and whoever calls as another architecture end."""
    machine = platform.machine()
    if machine not in _ARCHITECTURES:
        raise OSError(errno.ENOSYS, f"no list of system calls for {machine}")
    architecture, column = _ARCHITECTURES[machine]
    numbers = [number for row in _FORBIDDEN.values() if (number := row[column]) is not None]
    program = _program(architecture, numbers)
    code = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("HP", len(program) // 8, ctypes.addressof(code))
    _prctl(_SET_SECCOMP, 2, ctypes.create_string_buffer(header, len(header)))


def _program(architecture: int, numbers: list[int]) -> bytes:
    """Assemble the filter: load the architecture, compare; load the number, compare with each."""
    load, equal, at_least, give = 0x20, 0x15, 0x35, 0x06
    lines = [(load, 0, 0, 4), (equal, 1, 0, architecture), (give, 0, 0, _KILL), (load, 0, 0, 0)]
    lines += [(at_least, len(numbers) + 1, 0, _X32)]
    lines += [(equal, len(numbers) - index, 0, number) for index, number in enumerate(numbers)]
    lines += [(give, 0, 0, _ALLOW), (give, 0, 0, _FAIL)]
    return b"".join(struct.pack("HBBI", *line) for line in lines)


def _prctl(option: int, value: object, more: object = 0) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    given = [value if not isinstance(value, int) else ctypes.c_ulong(value), more, ctypes.c_ulong(0), ctypes.c_ulong(0)]
    if libc.prctl(option, *given) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _syscall(number: int, pointer: object, *rest: int) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    arguments = [] if pointer is None and number == _LANDLOCK_RESTRICT else [pointer]
    result = int(libc.syscall(ctypes.c_long(number), *arguments, *map(ctypes.c_ulong, rest)))
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


HOST: Final[Mapping[str, Callable[[], None]]] = {
    "dies-with-daemon": _die_with_parent,
    "rlimits": partial(_limit, HOST_MEMORY_BYTES),
    "no-network": _no_network,
    "no-new-privileges": _no_new_privileges,
}
"""Of the host, in the order in which they are applied."""
DECODER: Final[Mapping[str, Callable[[], None]]] = {
    "dies-with-host": _die_with_parent,
    "rlimits": _limit_decoder,
    "no-network": _no_network,
    "no-new-privileges": _no_new_privileges,
    "no-files": _no_files,
    "system-calls": _forbid_calls,
}
"""Of the decoder, likewise."""
