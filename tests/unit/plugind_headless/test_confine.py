"""What the confinement of the decoder forbids, tried by a process under it: the error, or ``ok`` for an escape."""

import subprocess
import sys

import pytest

from plugind_headless import layers

pytestmark = pytest.mark.process

_TRY = """
import ctypes, errno, os, socket, sys
from plugind_headless import confine
libc = ctypes.CDLL(None, use_errno=True)
pipe = os.pipe()
missing = confine.decoder()
assert not missing, missing
def attempt():
    {attempt}
try:
    attempt()
except OSError as exc:
    print(errno.errorcode[exc.errno])
except Exception as exc:
    print(type(exc).__name__)
else:
    print("ok")
"""


def attempt(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", _TRY.format(attempt=code)], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0, (done.returncode, done.stderr)
    return done.stdout.strip()


@pytest.mark.threat("Media", "escape from the decoder")
@pytest.mark.parametrize(
    ("code", "result"),
    [
        ("open('/etc/passwd')", "EACCES"),
        ("open('/tmp/plugind-escape', 'w')", "EACCES"),
        ("os.listdir('/')", "EACCES"),
        ("os.mkdir('/tmp/plugind-escape')", "EACCES"),
        ("os.unlink(sys.executable)", "EACCES"),
        ("socket.socket(socket.AF_INET, socket.SOCK_DGRAM)", "EPERM"),
        ("socket.socket(socket.AF_UNIX)", "EPERM"),
        ("socket.socketpair()", "EPERM"),
        ("os.fork()", "EPERM"),
        ("os.execv('/bin/true', ['true'])", "EACCES"),
        ("os.kill(os.getppid(), 0)", "EPERM"),
        ("__import__('_thread').start_new_thread(print, ())", "RuntimeError"),
        ("bytearray(2 * 1024**3)", "MemoryError"),
        ("[os.dup(0) for _ in range(100)]", "EMFILE"),
        ("os.write(pipe[1], b'x')", "ok"),
    ],
)
def test_forbidden(code: str, result: str) -> None:
    assert attempt(code) in {result, "EPERM" if result == "EACCES" else result}


def test_the_filter_lets_everything_else_through() -> None:
    program = layers._program(0xC000_003E, [1, 2, 3])
    assert len(program) == 8 * (5 + 3 + 2)


def test_a_process_may_compute_for_so_long_and_no_longer() -> None:
    code = "from plugind_headless import confine; confine.allow_processor_time(0)\nwhile True: pass"
    done = subprocess.run([sys.executable, "-c", code], timeout=30, check=False)
    assert done.returncode == -24, "SIGXCPU"


def test_the_host_keeps_what_it_needs(tmp_path: object) -> None:
    code = (
        "from plugind_headless import confine; print(confine.host());"
        "import subprocess, sys; subprocess.run([sys.executable, '-c', ''], check=True);"
        f"open({str(tmp_path) + '/f'!r}, 'w').write('x');"
        "import socket; socket.socketpair();"
        "print([name for _, name in socket.if_nameindex()])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout.splitlines() == ["[]", "['lo']"]
