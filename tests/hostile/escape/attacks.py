"""What somebody who has broken out of the engine would try: a table of attempts, each by real system calls.

Runs inside workers. Every attempt is harmless where it succeeds, since it is also tried without a sandbox: signal 0,
magic numbers that are wrong, descriptors that are closed again.
"""

import ctypes
import errno
import os
import platform
import signal
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from plugind_worker.sandbox.linux.syscalls import NUMBERS

OTHERS: Final[dict[str, tuple[int | None, int | None]]] = {
    "open": (2, None), "openat": (257, 56), "openat2": (437, 437), "creat": (85, None), "newfstatat": (262, 79),
    "statx": (332, 291), "statfs": (137, 43), "readlinkat": (267, 78), "getdents64": (217, 61), "faccessat": (269, 48),
    "getcwd": (79, 17), "chdir": (80, 49), "mkdirat": (258, 34), "unlinkat": (263, 35), "renameat2": (316, 276),
    "linkat": (265, 37), "symlinkat": (266, 36), "fchmodat": (268, 53), "fchownat": (260, 54), "truncate": (76, 45),
    "ftruncate": (77, 46), "utimensat": (280, 88), "setxattr": (188, 5), "name_to_handle_at": (303, 264),
    "inotify_init1": (294, 26), "fanotify_init": (300, 262), "socket": (41, 198), "socketpair": (53, 199),
    "connect": (42, 203), "bind": (49, 200), "listen": (50, 201), "accept4": (288, 242), "sendmsg": (46, 211),
    "sendmmsg": (307, 269), "setsockopt": (54, 208), "kill": (62, 129), "tkill": (200, 130),
    "rt_sigqueueinfo": (129, 138), "rt_tgsigqueueinfo": (297, 240), "shmget": (29, 194), "msgget": (68, 186),
    "semget": (64, 190), "shmctl": (31, 195), "msgctl": (71, 187), "semctl": (66, 191), "mq_open": (240, 180),
    "mq_unlink": (241, 181), "prlimit64": (302, 261), "setrlimit": (160, 164), "prctl": (157, 167),
    "arch_prctl": (158, None), "seccomp": (317, 277), "landlock_create_ruleset": (444, 444), "setsid": (112, 157),
    "setpgid": (109, 154), "getpgid": (121, 155), "setpriority": (141, 140), "ioprio_set": (251, 30),
    "sched_setaffinity": (203, 122), "sched_setscheduler": (144, 119), "mlock": (149, 228), "pkey_mprotect": (329, 288),
    "memfd_secret": (447, 447), "remap_file_pages": (216, 234), "process_mrelease": (448, 448), "dup": (32, 23),
    "pipe2": (293, 59), "eventfd2": (290, 19), "epoll_create1": (291, 20), "signalfd4": (289, 74),
    "timerfd_create": (283, 85), "timer_create": (222, 107), "setitimer": (38, 103), "alarm": (37, None),
    "splice": (275, 76), "vmsplice": (278, 75), "uname": (63, 160), "sysinfo": (99, 179), "wait4": (61, 260),
    "move_pages": (279, 239), "migrate_pages": (256, 238), "set_mempolicy": (238, 237), "membarrier": (324, 283),
    "lookup_dcookie": (212, 18), "uselib": (134, None), "ustat": (136, None), "sysfs": (139, None),
    "_sysctl": (156, None), "nfsservctl": (180, 42), "umask": (95, 166), "capget": (125, 90),
}  # fmt: skip
"""System calls that the product does not name: number on x86-64, number on aarch64."""
COLUMN: Final = {"x86_64": 0, "aarch64": 1}[platform.machine()]
AT_FDCWD: Final = -100
WRITE: Final = os.O_WRONLY | os.O_CREAT

_LIBC: Final = ctypes.CDLL(None, use_errno=True)
_LIBC.syscall.restype = ctypes.c_long


class Target(NamedTuple):
    """Whom and what to attack."""

    attack: str
    parent: int
    """The zygote."""
    sibling: int
    """Another worker."""
    daemon: int
    """Who started the zygote."""
    secret: str
    """A file of the user's."""
    folder: str
    """A folder that the user may write to: another plugin's."""
    abstract: str
    """Name of a listening abstract socket, without its zero byte."""
    port: int
    """A listening TCP port of this machine."""


class Attack(NamedTuple):
    """One attempt."""

    name: str
    run: Callable[[Target], object]
    """Raises OSError where it is denied."""
    harmless: bool = True
    """Whether it may be made where nothing denies it."""


class AbsentError(Exception):
    """This architecture has no such system call."""


def call(name: str, *args: Any) -> int:
    """Make a system call by its name."""
    number = {**OTHERS, **NUMBERS}[name][COLUMN]
    if number is None:
        raise AbsentError
    return raw(number, *args)


def raw(number: int, *args: Any) -> int:
    """Make a system call by its number."""
    plain = [ctypes.c_long(a) if isinstance(a, int) else a for a in args]
    result = int(_LIBC.syscall(ctypes.c_long(number), *plain))
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def fork_by(name: str, *args: int) -> Callable[[Target], object]:
    """Make a process, which ends at once."""

    def run(_: Target) -> object:
        pid = call(name, *args)
        if pid == 0:
            os._exit(0)
        return os.waitpid(pid, 0)

    return run


def clone3(_: Target) -> object:
    arguments = (ctypes.c_uint64 * 8)(0, 0, 0, 0, signal.SIGCHLD, 0, 0, 0)
    pid = call("clone3", arguments, 64)
    if pid == 0:
        os._exit(0)
    return os.waitpid(pid, 0)


def thread(_: Target) -> object:
    import _thread  # noqa: PLC0415  # as late as possible

    try:
        return _thread.start_new_thread(int, ())
    except RuntimeError as error:
        raise OSError(errno.EPERM, str(error)) from None


def read_memory(pid: Callable[[Target], int], name: str) -> Callable[[Target], object]:
    """Read or write the memory of another process."""

    def run(target: Target) -> object:
        buffer = ctypes.create_string_buffer(16)
        local = (ctypes.c_uint64 * 2)(ctypes.addressof(buffer), 16)
        remote = (ctypes.c_uint64 * 2)(ctypes.addressof(_LIBC_BYTES), 16)
        return call(name, pid(target), local, 1, remote, 1, 0)

    return run


_LIBC_BYTES: Final = ctypes.create_string_buffer(16)  # at the same address in every process that was forked from this


def open_(path: Callable[[Target], str], flags: int = os.O_RDONLY) -> Callable[[Target], object]:
    """Open a path."""
    return lambda target: os.close(call("openat", AT_FDCWD, path(target).encode(), flags, 0o600))


def openat2(target: Target) -> object:
    return os.close(call("openat2", AT_FDCWD, target.secret.encode(), (ctypes.c_uint64 * 3)(0, 0, 0), 24))


def socket_of(family: int, kind: int) -> Callable[[Target], object]:
    """Make a socket."""
    return lambda _: os.close(call("socket", family, kind, 0))


def connect(family: int, address: Callable[[Target], bytes]) -> Callable[[Target], object]:
    """Connect a fresh socket."""

    def run(target: Target) -> object:
        descriptor = call("socket", family, 1, 0)
        try:
            where = address(target)
            return call("connect", descriptor, where, len(where))
        finally:
            os.close(descriptor)

    return run


def tcp_address(target: Target) -> bytes:
    return (2).to_bytes(2, "little") + target.port.to_bytes(2, "big") + bytes((127, 0, 0, 1)) + bytes(8)


def abstract_address(target: Target) -> bytes:
    return (1).to_bytes(2, "little") + b"\0" + target.abstract.encode()


def executable_pages(_: Target) -> object:
    return call("mmap", 0, 4096, 7, 0x22, -1, 0)


def make_executable(_: Target) -> object:
    page = call("mmap", 0, 4096, 3, 0x22, -1, 0)
    return call("mprotect", page, 4096, 5)


def remap_executable(_: Target) -> object:
    page = call("mmap", 0, 4096, 3, 0x22, -1, 0)
    return call("pkey_mprotect", page, 4096, 5, -1)


def raise_own_limits(_: Target) -> object:
    return call("prlimit64", 0, 4, (ctypes.c_uint64 * 2)((1 << 64) - 1, (1 << 64) - 1), None)


def shared_between_processes(make: str, remove: str, *args: int) -> Callable[[Target], object]:
    """Make an object of System V IPC, and remove it."""

    def run(_: Target) -> object:
        made = call(make, 0, *args)
        return call(remove, made, *((0, 0) if remove == "semctl" else (0, None)))

    return run


def queue(_: Target) -> object:
    os.close(call("mq_open", b"plugind-probe", 0o102, 0o600, None))
    return call("mq_unlink", b"plugind-probe")


def memfd(_: Target) -> object:
    descriptor = call("memfd_create", b"x", 0)
    return os.close(descriptor)


def send_descriptor(_: Target) -> object:
    return call("sendmsg", -1, None, 0)


def loose_ioctl(_: Target) -> object:
    return call("ioctl", 0, 0x5412, b"x")  # type a letter into a terminal


def duplicate(_: Target) -> object:
    return os.close(call("fcntl", 0, 0, 100))


def environment(_: Target) -> object:
    first = ctypes.POINTER(ctypes.c_char_p).in_dll(_LIBC, "environ")
    if first and first[0]:
        return first[0]
    raise OSError(errno.ENOENT, "there are no variables")


def foreign_descriptors(_: Target) -> object:
    """Find descriptors beside 0, 1, 2 and the channel."""
    found = []
    for number in range(1024):
        try:
            call("fcntl", number, 1, 0)
            found.append(number)
        except OSError:
            continue
    if len(found) > 5:
        return found
    raise OSError(errno.ENOENT, "there are none")


def readable_descriptors(_: Target) -> object:
    """Read something from 0, or write to where a person could see it."""
    if os.read(0, 1) or os.lseek(2, 0, os.SEEK_END):
        return True
    raise OSError(errno.ENOENT, "they lead nowhere")


def another_convention(_: Target) -> object:
    if platform.machine() != "x86_64":
        raise AbsentError
    return raw(0x4000_0000 | 39)


_ZERO: Final = 0  # asks only whether one may

_QUEUED: Final = bytes(8) + b"\xff" * 4 + bytes(116)  # as sigqueue fills it in

ATTACKS: Final[tuple[Attack, ...]] = (
    # other programs and processes
    Attack("fork", fork_by("fork")),
    Attack("vfork", lambda _: call("vfork"), harmless=False),  # the child would run on our stack
    Attack("clone, as vfork does", fork_by("clone", 0x4000 | signal.SIGCHLD, 0, 0, 0, 0)),
    Attack("clone", fork_by("clone", signal.SIGCHLD, 0, 0, 0, 0)),
    Attack("clone into a new user namespace", fork_by("clone", signal.SIGCHLD | 0x1000_0000, 0, 0, 0, 0)),
    Attack("clone3", clone3),
    Attack("a thread", thread),
    Attack("execve of a shell", lambda _: call("execve", b"/bin/no-such-shell", None, None)),
    Attack("execveat of a descriptor", lambda _: call("execveat", -1, b"", None, None, 0x1000)),
    Attack("memfd_create, for execveat", memfd),
    Attack("memfd_secret", lambda _: os.close(call("memfd_secret", 0))),
    Attack("ptrace: be traced", lambda _: call("ptrace", 0, 0, 0, 0)),
    Attack("ptrace: attach to the parent", lambda t: call("ptrace", 0x4206, t.parent, 0, 0)),
    Attack("ptrace: attach to a sibling", lambda t: call("ptrace", 0x4206, t.sibling, 0, 0)),
    Attack("process_vm_readv of the parent", read_memory(lambda t: t.parent, "process_vm_readv")),
    Attack("process_vm_writev of the parent", read_memory(lambda t: t.parent, "process_vm_writev")),
    Attack("process_vm_readv of a sibling", read_memory(lambda t: t.sibling, "process_vm_readv")),
    Attack("kcmp", lambda t: call("kcmp", t.parent, t.sibling, 0, 0, 0)),
    Attack("kill of the parent", lambda t: call("kill", t.parent, _ZERO)),
    Attack("kill of a sibling", lambda t: call("kill", t.sibling, _ZERO)),
    Attack("kill of the daemon", lambda t: call("kill", t.daemon, _ZERO)),
    Attack("kill of everybody", lambda _: call("kill", -1, 0)),
    Attack("tkill of the parent", lambda t: call("tkill", t.parent, _ZERO)),
    Attack("tgkill of the parent", lambda t: call("tgkill", t.parent, t.parent, _ZERO)),
    Attack("tgkill of a sibling", lambda t: call("tgkill", t.sibling, t.sibling, _ZERO)),
    Attack("pidfd_open of the parent", lambda t: os.close(call("pidfd_open", t.parent, 0))),
    Attack("pidfd_send_signal", lambda _: call("pidfd_send_signal", -1, 0, None, 0)),
    Attack("pidfd_getfd", lambda _: call("pidfd_getfd", -1, 0, 0)),
    Attack("rt_sigqueueinfo to the parent", lambda t: call("rt_sigqueueinfo", t.parent, 0, _QUEUED)),
    Attack("rt_tgsigqueueinfo", lambda t: call("rt_tgsigqueueinfo", t.parent, t.parent, 0, _QUEUED)),
    Attack("process_madvise", lambda _: call("process_madvise", -1, None, 0, 0, 0)),
    Attack("process_mrelease", lambda _: call("process_mrelease", -1, 0)),
    Attack("setpriority of the parent", lambda t: call("setpriority", 0, t.parent, 0)),
    Attack("sched_setaffinity of the parent", lambda t: call("sched_setaffinity", t.parent, 8, b"\xff" * 8)),
    Attack("ioprio_set of the parent", lambda t: call("ioprio_set", 1, t.parent, 4 << 13)),
    Attack("prlimit64 of the parent", lambda t: call("prlimit64", t.parent, 7, None, bytes(16))),
    Attack("prlimit64 of a sibling", lambda t: call("prlimit64", t.sibling, 7, None, bytes(16))),
    Attack("raising its own limits", raise_own_limits),
    Attack("setrlimit", lambda _: call("setrlimit", 4, (ctypes.c_uint64 * 2)(0, 0))),
    Attack("wait4", lambda _: call("wait4", -1, None, 1, None)),
    Attack("getpgid", lambda _: call("getpgid", 0)),
    Attack("setpgid", lambda t: call("setpgid", t.sibling, 0)),
    Attack("migrate_pages of the parent", lambda t: call("migrate_pages", t.parent, 1, bytes(8), bytes(8))),
    Attack("move_pages of the parent", lambda t: call("move_pages", t.parent, 0, None, None, None, 0)),
    # files
    Attack("open of /etc/passwd", open_(lambda _: "/etc/passwd")),
    Attack("open of a user's file", open_(lambda t: t.secret)),
    Attack("open of a user's file, openat2", openat2),
    Attack("open of a user's file to write", open_(lambda t: t.secret, os.O_WRONLY)),
    Attack("a new file in another plugin's folder", open_(lambda t: t.folder + "/new", WRITE)),
    Attack("open of another plugin's folder", open_(lambda t: t.folder, os.O_DIRECTORY)),
    Attack("open of the memory of the parent", open_(lambda t: f"/proc/{t.parent}/mem", os.O_RDWR)),
    Attack("open of the memory of a sibling", open_(lambda t: f"/proc/{t.sibling}/mem", os.O_RDWR)),
    Attack("open of its own memory", open_(lambda _: "/proc/self/mem", os.O_RDWR)),
    Attack("open of the environment of the parent", open_(lambda t: f"/proc/{t.parent}/environ")),
    Attack("open of the root folder", open_(lambda _: "/", os.O_DIRECTORY)),
    Attack("open of the working folder", open_(lambda _: ".", os.O_DIRECTORY)),
    Attack("open of a device", open_(lambda _: "/dev/urandom")),
    Attack("open, the old call", lambda t: os.close(call("open", t.secret.encode(), 0, 0))),
    Attack("creat", lambda t: os.close(call("creat", (t.folder + "/new").encode(), 0o600))),
    Attack("open_by_handle_at", lambda _: call("open_by_handle_at", -1, bytes(64), 0)),
    Attack(
        "name_to_handle_at", lambda t: call("name_to_handle_at", AT_FDCWD, t.secret.encode(), bytes(64), bytes(8), 0)
    ),
    Attack("stat of a user's file", lambda t: call("newfstatat", AT_FDCWD, t.secret.encode(), bytes(256), 0)),
    Attack("statx of a user's file", lambda t: call("statx", AT_FDCWD, t.secret.encode(), 0, 0x7FF, bytes(256))),
    Attack("access to a user's file", lambda t: call("faccessat", AT_FDCWD, t.secret.encode(), 4)),
    Attack("statfs", lambda _: call("statfs", b"/", bytes(256))),
    Attack("readlink of its program", lambda _: call("readlinkat", AT_FDCWD, b"/proc/self/exe", bytes(256), 256)),
    Attack("getcwd", lambda _: call("getcwd", bytes(4096), 4096)),
    Attack("chdir", lambda _: call("chdir", b"/")),
    Attack("mkdir", lambda t: call("mkdirat", AT_FDCWD, (t.folder + "/d").encode(), 0o700)),
    Attack("unlink of nothing", lambda t: call("unlinkat", AT_FDCWD, (t.folder + "/none").encode(), 0)),
    Attack("rename", lambda t: call("renameat2", AT_FDCWD, t.secret.encode(), AT_FDCWD, t.secret.encode(), 0)),
    Attack("link", lambda t: call("linkat", AT_FDCWD, t.secret.encode(), AT_FDCWD, (t.folder + "/l").encode(), 0)),
    Attack("symlink", lambda t: call("symlinkat", b"x", AT_FDCWD, (t.folder + "/s").encode())),
    Attack("chmod", lambda t: call("fchmodat", AT_FDCWD, t.secret.encode(), 0o644)),
    Attack("chown", lambda t: call("fchownat", AT_FDCWD, t.secret.encode(), -1, -1, 0)),
    Attack("truncate", lambda t: call("truncate", t.secret.encode(), 6)),
    Attack("utimensat", lambda t: call("utimensat", AT_FDCWD, t.secret.encode(), None, 0)),
    Attack("setxattr", lambda t: call("setxattr", t.secret.encode(), b"user.x", b"", 0, 0)),
    Attack("mknod of a pipe", lambda t: call("mknodat", AT_FDCWD, (t.folder + "/p").encode(), 0o010600, 0)),
    Attack("mknod of a disk", lambda t: call("mknodat", AT_FDCWD, (t.folder + "/b").encode(), 0o060600, 0x800)),
    Attack("inotify", lambda _: os.close(call("inotify_init1", 0))),
    Attack("fanotify", lambda _: os.close(call("fanotify_init", 0, 0))),
    Attack("ioctl that types into a terminal", loose_ioctl),
    Attack("fcntl that duplicates a descriptor", duplicate),
    Attack("dup", lambda _: os.close(call("dup", 0))),
    Attack("splice", lambda _: call("splice", -1, None, -1, None, 0, 0)),
    Attack("pipe", lambda _: call("pipe2", bytes(8), 0)),
    # network and other ways to speak
    *(Attack(f"socket of family {family}", socket_of(family, 2)) for family in (1, 2, 10, 16, 15, 31, 40)),
    Attack("a packet socket", socket_of(17, 3)),
    Attack("a raw socket", lambda _: os.close(call("socket", 2, 3, 1))),
    Attack("socketpair", lambda _: call("socketpair", 1, 1, 0, bytes(8))),
    Attack("connect by TCP", connect(2, tcp_address)),
    Attack("connect to an abstract socket", connect(1, abstract_address)),
    Attack("bind", lambda _: call("bind", -1, None, 0)),
    Attack("listen", lambda _: call("listen", -1, 1)),
    Attack("accept", lambda _: call("accept4", -1, None, None, 0)),
    Attack("sendmsg, which can send descriptors", send_descriptor),
    Attack("setsockopt", lambda _: call("setsockopt", -1, 1, 1, None, 0)),
    Attack("shmget", shared_between_processes("shmget", "shmctl", 4096, 0o1600)),
    Attack("msgget", shared_between_processes("msgget", "msgctl", 0o1600)),
    Attack("semget", shared_between_processes("semget", "semctl", 1, 0o1600)),
    Attack("mq_open", queue),
    # the kernel's larger doors
    Attack("bpf", lambda _: call("bpf", 0, bytes(128), 128)),
    Attack("userfaultfd", lambda _: os.close(call("userfaultfd", 1))),
    Attack("io_uring_setup", lambda _: os.close(call("io_uring_setup", 1, ctypes.create_string_buffer(120)))),
    Attack("io_uring_enter", lambda _: call("io_uring_enter", -1, 0, 0, 0, None, 0)),
    Attack("perf_event_open", lambda _: call("perf_event_open", bytes(128), 0, -1, -1, 0)),
    Attack("keyctl", lambda _: call("keyctl", 0, -3, 0)),
    Attack("add_key", lambda _: call("add_key", b"user", b"plugind", b"x", 1, -3)),
    Attack("request_key", lambda _: call("request_key", b"user", b"plugind", None, 0)),
    Attack("modify_ldt", lambda _: call("modify_ldt", 0, bytes(16), 16)),
    Attack("iopl", lambda _: call("iopl", 0)),
    Attack("ioperm", lambda _: call("ioperm", 0, 1, 0)),
    Attack("syslog", lambda _: call("syslog", 10, None, 0)),
    Attack("kexec_load", lambda _: call("kexec_load", 0, 0, None, 0)),
    Attack("reboot", lambda _: call("reboot", 0, 0, 0, None)),
    Attack("init_module", lambda _: call("init_module", None, 0, b"")),
    Attack("finit_module", lambda _: call("finit_module", -1, b"", 0)),
    Attack("delete_module", lambda _: call("delete_module", b"no-such-module", 0)),
    Attack("swapon", lambda _: call("swapon", b"/no-such-file", 0)),
    Attack("acct", lambda _: call("acct", b"/no-such-file")),
    Attack("quotactl", lambda _: call("quotactl", 0, None, 0, None)),
    Attack("clock_settime", lambda _: call("clock_settime", 99, bytes(16))),
    Attack("settimeofday", lambda _: call("settimeofday", None, None)),
    Attack("adjtimex", lambda _: call("adjtimex", ctypes.create_string_buffer(256))),
    Attack("sethostname", lambda _: call("sethostname", b"", -1)),
    Attack("executable pages", executable_pages),
    Attack("pages made executable", make_executable),
    Attack("pages made executable, with a key", remap_executable),
    Attack("shared memory, which no limit counts", lambda _: call("mmap", 0, 1 << 20, 3, 0x21, -1, 0)),
    Attack("memory that grows downwards, likewise", lambda _: call("mmap", 0, 1 << 20, 3, 0x122, -1, 0)),
    Attack("memory beyond its limit", lambda _: call("mmap", 0, 8 << 30, 3, 0x4022, -1, 0)),
    Attack("address space without end", lambda _: call("mmap", 0, 1 << 40, 0, 0x4022, -1, 0)),
    Attack("mlock", lambda _: call("mlock", ctypes.addressof(_LIBC_BYTES), 16)),
    Attack("remap_file_pages", lambda _: call("remap_file_pages", 0, 0, 0, 0, 0)),
    # another root, another user, fewer walls
    Attack("unshare of a user namespace", lambda _: call("unshare", 0x1000_0000)),
    Attack("unshare of mounts", lambda _: call("unshare", 0x2_0000)),
    Attack("setns", lambda _: call("setns", -1, 0)),
    Attack("mount", lambda _: call("mount", None, b"/no-such-place", None, 0, None)),
    Attack("umount", lambda _: call("umount2", b"/no-such-place", 0)),
    Attack("fsopen", lambda _: os.close(call("fsopen", b"tmpfs", 0))),
    Attack("open_tree", lambda _: os.close(call("open_tree", AT_FDCWD, b"/", 0))),
    Attack("move_mount", lambda _: call("move_mount", -1, b"", -1, b"", 0)),
    Attack("pivot_root", lambda _: call("pivot_root", b"/no-such-place", b"/no-such-place")),
    Attack("chroot", lambda _: call("chroot", b"/no-such-place")),
    *(Attack(f"{name} to root", lambda _, name=name: call(name, 0)) for name in ("setuid", "setgid", "setfsuid")),
    Attack("setreuid", lambda _: call("setreuid", -1, -1)),
    Attack("setresuid", lambda _: call("setresuid", -1, -1, -1)),
    Attack("setresgid", lambda _: call("setresgid", -1, -1, -1)),
    Attack("setgroups", lambda _: call("setgroups", -1, None)),
    Attack("capset", lambda _: call("capset", (ctypes.c_uint32 * 2)(0x20080522, 0), None)),
    Attack("capget", lambda _: call("capget", (ctypes.c_uint32 * 2)(0x20080522, 0), bytes(24))),
    Attack("personality", lambda _: call("personality", 0xFFFFFFFF)),
    Attack("prctl: be dumpable", lambda _: call("prctl", 4, 1, 0, 0, 0)),
    Attack("prctl: live without the parent", lambda _: call("prctl", 1, 0, 0, 0, 0)),
    Attack("prctl: keep capabilities", lambda _: call("prctl", 8, 0, 0, 0, 0)),
    Attack("prctl: no system calls but four", lambda _: call("prctl", 21, 0, 0, 0, 0)),
    Attack("arch_prctl", lambda _: call("arch_prctl", 0x1003, bytes(8))),
    Attack("another filter", lambda _: call("seccomp", 2, 0, bytes(4))),
    Attack("another rule set", lambda _: call("landlock_create_ruleset", None, 0, 1)),
    Attack("another calling convention", another_convention),
    # what tells of the machine, or outlives a call
    Attack("uname", lambda _: call("uname", bytes(400))),
    Attack("sysinfo", lambda _: call("sysinfo", bytes(128))),
    Attack("epoll_create", lambda _: os.close(call("epoll_create1", 0))),
    Attack("eventfd", lambda _: os.close(call("eventfd2", 0, 0))),
    Attack("timerfd_create", lambda _: os.close(call("timerfd_create", 1, 0))),
    Attack("alarm", lambda _: call("alarm", 0)),
    Attack("variables of the environment", environment),
    Attack("descriptors beside its channel", foreign_descriptors),
    Attack("a terminal or log to read or write", readable_descriptors),
)
"""Every attempt; names are unique."""


def attempt(target: Target) -> str:
    """Make one attempt; return the name of the error that denied it, ``allowed``, or ``absent`` on this machine."""
    attack = next(attack for attack in ATTACKS if attack.name == target.attack)
    try:
        attack.run(target)
    except AbsentError:
        return "absent"
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, str(error))
    return "allowed"
