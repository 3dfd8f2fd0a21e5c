"""Makes this process look like one on another operating system, as far as imports can tell, and says what it finds.

Run as a program: ``python elsewhere.py win32 FOLDER`` prints one JSON object. The standard library and third parties
are imported as this system has them, since theirs for another system is not here; then ``sys.platform`` is changed,
what that system lacks is taken away, and all of our own is imported anew.
"""

import contextlib
import ctypes
import importlib
import io
import json
import os
import pkgutil
import resource
import signal
import socket
import sys
import types
from functools import partial
from pathlib import Path
from typing import Any, Final

PACKAGES: Final = ("plugind_protocol", "plugind", "plugind_worker", "plugind_client", "pluginctl", "plugind_headless")
PROGRAMS: Final = (
    "plugind.__main__",
    "plugind_worker.__main__",
    "pluginctl.__main__",
    "plugind_headless.__main__",
    "plugind_client",
)
_POSIX_MODULES: Final = ("fcntl", "grp", "pwd", "resource", "termios", "tty")
_LINUX: Final[dict[Any, tuple[str, ...]]] = {
    os: ("O_PATH", "memfd_create", "pidfd_open", "posix_fallocate", "sched_getaffinity", "unshare"),
    signal: ("pidfd_send_signal",),
    socket: ("MSG_CMSG_CLOEXEC", "SO_PEERCRED"),
    resource: ("prlimit",),
}
_POSIX: Final[dict[Any, tuple[str, ...]]] = {
    os: (
        *("O_CLOEXEC", "O_DIRECTORY", "O_NOCTTY", "O_NOFOLLOW", "O_NONBLOCK", "PRIO_PROCESS", "WNOHANG"),
        *("chown", "chroot", "fchdir", "fchmod", "fchown", "fork", "forkpty", "fwalk", "getegid", "geteuid", "getgid"),
        *("getpgid", "getpriority", "getsid", "getuid", "initgroups", "killpg", "mkfifo", "posix_spawn", "pread"),
        *("pwrite", "sendfile", "setgid", "setsid", "setuid", "sysconf", "uname"),
    ),
    signal: (
        "SIGALRM",
        "SIGCHLD",
        "SIGHUP",
        "SIGKILL",
        "SIGSYS",
        "SIGUSR1",
        "SIGXCPU",
        "SIG_SETMASK",
        "pthread_sigmask",
    ),
    socket: ("AF_UNIX", "CMSG_SPACE", "MSG_DONTWAIT", "SCM_RIGHTS", "recv_fds", "send_fds"),
}
"""What Windows lacks besides, of what has ever been used here; type checkers know the rest."""


def go_to(platform: str) -> None:
    """Take away what a system lacks, and everything of ours that has been imported."""
    for name in [name for name in sys.modules if name.partition(".")[0] in PACKAGES]:
        del sys.modules[name]
    sys.platform = platform
    if platform == "win32":
        socket.socketpair = partial(socket.socketpair, socket.AF_UNIX)  # type: ignore[assignment]  # for the event loop
    lacking = [*_LINUX.items(), *(_POSIX.items() if platform == "win32" else ())]
    for module, names in lacking:
        for name in names:
            if hasattr(module, name):
                delattr(module, name)
    if platform == "win32":
        for name in _POSIX_MODULES:
            sys.modules[name] = None  # type: ignore[assignment]  # how an import is made to fail
        sys.modules["msvcrt"] = types.ModuleType("msvcrt")
        sys.modules["msvcrt"].LK_NBLCK = 2  # type: ignore[attr-defined]
        os.O_BINARY = 0  # type: ignore[attr-defined]  # here, bytes are bytes in any case
        ctypes.CDLL = partial(_library, ctypes.CDLL)  # type: ignore[assignment,misc]


def _library(real: Any, name: str | None, *arguments: Any, **options: Any) -> Any:
    if name is None:
        raise TypeError("on Windows, a process is no library")
    return real(name, *arguments, **options)


def import_all() -> dict[str, str]:
    """Import every module of ours; return those that refuse to be imported here, with the reason."""
    refusing = {}
    for package in PACKAGES:
        for found in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
            if "wasmer." not in found.name:  # its binding is not here
                try:
                    importlib.import_module(found.name)
                except (AssertionError, AttributeError, ImportError, TypeError) as exc:
                    refusing[found.name] = type(exc).__name__
    return refusing


def start(folder: Path) -> dict[str, Any]:
    """Start the daemon and the worker; return what they say."""
    words = io.StringIO()
    with contextlib.redirect_stderr(words):
        status = importlib.import_module("plugind.cli").run(["--data-dir", str(folder / "data")])
    try:
        importlib.import_module("plugind_worker.__main__").main()
    except SystemExit as exc:
        said = str(exc)
    return {"status": status, "daemon": words.getvalue(), "worker": said, "left": os.listdir(folder)}


def use(folder: Path) -> dict[str, Any]:
    """Use what every system has a way of its own for; return what comes of it."""
    sockets, disk = map(importlib.import_module, ("plugind_protocol.sockets", "plugind_protocol.disk"))
    system, base = map(importlib.import_module, ("plugind.host.files.system", "plugind.host.files.base"))
    file = folder / "file"
    file.write_bytes(b"0123456789")
    descriptor = os.open(file, os.O_RDONLY | disk.WARY)
    os.read(descriptor, 2)
    found = {"read": disk.read_at(descriptor, 3, 5).decode(), "position": os.lseek(descriptor, 0, os.SEEK_CUR)}
    os.close(descriptor)
    file.unlink()
    disk.sync_folder(folder)
    try:
        sockets.pair()
    except OSError as exc:
        found["pair"] = exc.strerror or ""
    try:
        with system.choose()(folder):
            found["files"] = "reached"
    except base.RefusedError as exc:
        found["files"] = str(exc)
    try:
        importlib.import_module("plugind_client").Client.connect(folder / "none").__enter__()
    except ConnectionError as exc:
        found["client"] = str(exc)
    return found


def main(platform: str, folder: Path) -> None:
    """Go there, and print what is found."""
    importlib.import_module("rich")  # which the daemon rules out for its own process only
    import_all()
    go_to(platform)
    for program in PROGRAMS:
        importlib.import_module(program)
    reached = sorted(name for name in sys.modules if name.partition(".")[0] in PACKAGES)
    found = {"reached": reached, **use(folder), **start(folder), "refusing": import_all()}
    print(json.dumps(found))  # noqa: T201  # what a test reads


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
