"""Which system calls a child may make: tables. Pure; `seccomp` puts them into force.

Found with strace over the whole test suite, then narrowed. What is not listed fails with EPERM, so that a library
that only probes goes on; what nobody calls by accident ends the process, so that an attempt to escape is seen.
"""

import errno
import functools
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from plugind_worker.sandbox.layer import Job
from plugind_worker.sandbox.linux import bpf
from plugind_worker.sandbox.linux.bpf import ALLOW, KILL, Match, Rule, fail
from plugind_worker.sandbox.linux.syscalls import NUMBERS


class Architecture(msgspec.Struct, frozen=True):
    """One machine type."""

    audit: int
    """``AUDIT_ARCH``."""
    column: int
    """Of `NUMBERS`."""
    seccomp: int
    """Number of the ``seccomp`` call itself."""
    above: int | None = None
    """Numbers from here on belong to another calling convention."""


ARCHITECTURES: Final[Mapping[str, Architecture]] = {
    "x86_64": Architecture(audit=0xC000003E, column=0, seccomp=317, above=0x4000_0000),  # above: x32
    "aarch64": Architecture(audit=0xC00000B7, column=1, seccomp=277),
}

_EXEC: Final = 0x4
_WRITE: Final = 0x2
_SHARED, _PRIVATE, _ANONYMOUS, _GROWS_DOWN = 0x1, 0x2, 0x20, 0x100
_INT: Final = 0xFFFFFFFF
"""Mask of an int: the kernel does not look at the upper half."""
_THREAD: Final = 0x3D0F00
"""Flags with which the C library makes a thread, and nothing else."""
_FIONBIO: Final = 0x5421
_FIOCLEX: Final = 0x5451
_TCGETS: Final = 0x5401
_GETFD, _SETFD, _GETFL, _SETFL = 1, 2, 3, 4
_ANY_PID: Final = 0x7FFF_FFFF
"""Stands for a child's id in a template; no process has it."""

_PLAIN: Final = (
    # the channel, and time
    *("sendto", "recvfrom", "recvmsg", "read", "write", "close", "lseek", "poll", "ppoll"),
    *("clock_gettime", "clock_getres", "clock_nanosleep", "nanosleep", "gettimeofday", "time", "getrandom"),
    # memory, as far as no code comes from it
    *("munmap", "mremap", "madvise", "brk"),
    # threads that are there, and signals
    *("futex", "sched_yield", "getpid", "gettid", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack"),
    *("restart_syscall", "exit", "exit_group"),
)
_COMPILE: Final = ("set_robust_list", "rseq", "sched_getaffinity", "ftruncate")
"""What the compiler's threads need when they start, and to write an artefact."""

_ABSENT: Final = ("clone3", "memfd_create")
"""Answered ENOSYS: callers know a way without them."""

_HOSTILE: Final = (
    # other programs, other processes
    *("execve", "execveat", "fork", "vfork", "clone", "ptrace", "process_vm_readv", "process_vm_writev"),
    *("process_madvise", "kcmp", "pidfd_open", "pidfd_getfd", "pidfd_send_signal"),
    # the kernel's larger doors
    *("bpf", "userfaultfd", "io_uring_setup", "io_uring_enter", "io_uring_register", "perf_event_open"),
    *("keyctl", "add_key", "request_key", "open_by_handle_at", "modify_ldt", "iopl", "ioperm", "syslog"),
    # another root, another user, another kernel
    *("unshare", "setns", "mount", "umount2", "pivot_root", "chroot", "fsopen", "fsconfig", "fsmount", "fspick"),
    *("move_mount", "open_tree", "mount_setattr", "swapon", "swapoff", "reboot", "kexec_load", "kexec_file_load"),
    *("init_module", "finit_module", "delete_module", "acct", "quotactl", "sethostname", "setdomainname", "vhangup"),
    *("setuid", "setgid", "setreuid", "setregid", "setresuid", "setresgid", "setgroups", "setfsuid", "setfsgid"),
    *("capset", "personality", "settimeofday", "clock_settime", "adjtimex", "mknod", "mknodat"),
)


def program(architecture: Architecture, *, job: Job, late_code: bool, pid: int) -> bytes:
    """Assemble the filter of one child.

    Args:
        architecture: The machine's.
        job: What the child is for.
        late_code: The engine makes code executable while the plugin runs.
        pid: The child's own id, the only process that it may signal.

    Returns:
        A BPF program.
    """
    return bpf.put(template(architecture, job=job, late_code=late_code), pid, for_=_ANY_PID)


@functools.cache
def template(architecture: Architecture, *, job: Job, late_code: bool) -> bytes:
    """Assemble the filter of all children of a kind, once: it takes a millisecond.

    Args:
        architecture: As of `program`.
        job: As of `program`.
        late_code: As of `program`.

    Returns:
        A BPF program in which nobody's id stands for the child's.
    """
    compiling = job is Job.COMPILE
    arguments = _arguments(code=late_code or compiling, pid=_ANY_PID)
    threads = {"clone": [[Match(0, _THREAD)]]} if compiling else {}
    plain = _PLAIN + (_COMPILE if compiling else ())
    rules = [
        *_rules(architecture, arguments | threads),
        *_same(architecture, plain, ALLOW),
        *_same(architecture, _ABSENT, fail(errno.ENOSYS)),
        *_same(architecture, (name for name in _HOSTILE if name not in threads), KILL),
    ]
    return bpf.assemble(rules, architecture=architecture.audit, otherwise=fail(errno.EPERM), above=architecture.above)


def _arguments(*, code: bool, pid: int) -> dict[str, list[list[Match]]]:
    """Return the calls that depend on their arguments; each list of matches allows."""
    not_code = Match(2, 0, _EXEC)
    # memory that no limit counts is refused: shared without a file, and growing downwards like a stack
    mapped = [
        [not_code, Match(3, _PRIVATE, _SHARED | _PRIVATE | _GROWS_DOWN)],
        [not_code, Match(3, _SHARED, _SHARED | _PRIVATE | _GROWS_DOWN | _ANONYMOUS)],
    ]
    protected = [[not_code], [Match(2, 0, _WRITE)]] if code else [[not_code]]
    return {
        "mmap": mapped,
        "mprotect": protected,
        "tgkill": [[Match(0, pid, _INT)]],
        "ioctl": [[Match(1, request, _INT)] for request in (_FIONBIO, _FIOCLEX, _TCGETS)],
        "fcntl": [[Match(1, command, _INT)] for command in (_GETFD, _SETFD, _GETFL, _SETFL)],
    }


def _rules(architecture: Architecture, table: Mapping[str, list[list[Match]]]) -> list[Rule]:
    return [
        Rule(number, ALLOW, matches)
        for name, alternatives in table.items()
        for matches in alternatives
        if (number := NUMBERS[name][architecture.column]) is not None
    ]


def _same(architecture: Architecture, names: Iterable[str], action: int) -> list[Rule]:
    numbers = (NUMBERS[name][architecture.column] for name in names)
    return [Rule(number, action) for number in numbers if number is not None]
