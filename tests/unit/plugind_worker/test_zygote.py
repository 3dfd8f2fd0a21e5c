import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from tests.unit.plugind_worker.supervisor import Launcher, Peer, Write, Zygote

from plugind_protocol.worker import Compile, Spawn
from plugind_worker import abi, lockdown
from plugind_worker.engine.base import Engine

AS_NOBODY = """
import os, sys
from plugind_worker import engine, zygote
engine.load("wasmtime")  # while its files can be read
os.setgroups([])
os.setresgid(65534, 65534, 65534)
os.setresuid(65534, 65534, 65534)
zygote.run(int(sys.argv[2]), "wasmtime")
"""

COMPILE = Compile(engine="wasmtime", text=True, memory_bytes=1 << 30, cpu_seconds=1, artefact_bytes=1 << 20)
WASMER = msgspec.structs.replace(COMPILE, engine="wasmer")

pytestmark = pytest.mark.process


def _status(pid: int, field: str) -> str:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(line.split()[1] for line in lines if line.startswith(field + ":"))


def _gone(pidfd: int) -> None:
    assert select.select([pidfd], [], [], 20)[0], "the process lives on"


def _children(zygote: Zygote) -> set[int]:
    pid = zygote.process.pid
    return set(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))


def _spare(zygote: Zygote) -> int:
    """Wait until a spare worker waits at its door, the only thing it holds then; return its id."""
    while True:
        for pid in _children(zygote):
            if _descriptors(pid) == ["socket"]:
                return pid
        os.sched_yield()


def _descriptors(pid: int) -> list[str]:
    """Say what a process holds beyond what leads nowhere, and its own root."""
    with contextlib.suppress(OSError):
        held = [str(path.readlink()).partition(":")[0] for path in Path(f"/proc/{pid}/fd").iterdir()]
        return sorted(target for target in held if target not in (os.devnull, "/"))
    return []


def test_it_says_what_engine_it_has(zygote: Zygote, engine: Engine) -> None:
    assert zygote.ready.engine == "wasmtime"
    assert zygote.ready.engine_version == engine.version
    assert zygote.ready.settings == abi.fingerprint(engine.settings), "with what ABIs put into artefacts"


def test_it_has_one_thread_its_own_session_and_no_terminal(zygote: Zygote) -> None:
    pid = zygote.process.pid
    assert _status(pid, "Threads") == "1"
    assert os.getsid(pid) == pid
    assert [str(Path(f"/proc/{pid}/fd/{n}").readlink()) for n in (0, 1)] == [os.devnull, os.devnull]


def test_it_ends_with_its_socket(new_zygote: type[Zygote]) -> None:
    assert new_zygote().close() == 0


def test_it_ends_cleanly_with_messages_unread(
    new_zygote: type[Zygote], new_peer: type[Peer], artefact: Callable[[str], int], guest_text: Write
) -> None:
    zygote = new_zygote()
    new_peer(zygote, artefact(guest_text("i64.const 0"))).close()
    assert select.select([zygote.sock], [], [], 20)[0]  # the worker's end is reported, and nobody reads it
    assert zygote.close() == 0


def test_children_that_end_while_it_does_are_not_heard(
    new_zygote: type[Zygote], capfd: pytest.CaptureFixture[str]
) -> None:
    zygote = new_zygote()
    zygote.sock.close()
    deadline = time.monotonic() + 20
    while zygote.process.poll() is None and time.monotonic() < deadline:
        zygote.process.send_signal(signal.SIGCHLD)
    assert zygote.close() == 0
    assert "wakeup" not in capfd.readouterr().err


def test_a_signal_from_the_terminal_does_not_end_it(new_zygote: type[Zygote], artefact: Callable[[str], int]) -> None:
    zygote = new_zygote()
    zygote.process.send_signal(signal.SIGINT)
    socket.send_fds(zygote.sock, [b"{}"], [])
    message, _ = zygote.receive()
    assert message.spawned is not None
    assert message.spawned.pid == 0
    assert zygote.close() == 0


def test_it_dies_with_its_parent() -> None:
    script = (
        "import socket, subprocess, sys, os\n"
        "ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)\n"
        "fd = str(theirs.fileno())\n"
        "p = subprocess.Popen([sys.executable, '-m', 'plugind_worker', '--zygote', fd, '--engine', 'wasmtime'],"
        " pass_fds=[theirs.fileno(), ours.fileno()])\n"
        "ours.recv(65536)\n"
        "print(p.pid, flush=True)\n"
        "sys.stdin.read()\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert parent.stdout is not None
    pidfd = os.pidfd_open(int(parent.stdout.readline()))
    parent.kill()
    parent.communicate()
    _gone(pidfd)
    os.close(pidfd)


@pytest.mark.parametrize(
    ("order", "fault"),
    [
        ((b"junk", 0), "malformed"),
        ((msgspec.json.encode(Spawn(number=3)), 3), "is to do one thing"),
        ((msgspec.json.encode(Spawn(number=3, compile=WASMER)), 3), "not wasmer"),
        (
            (msgspec.json.encode(Spawn(number=3, compile=COMPILE)), 2),
            "2 descriptors came",
        ),
        (
            (msgspec.json.encode(Spawn(number=3, compile=COMPILE)), 0),
            "0 descriptors came",
        ),
    ],
)
def test_a_wrong_order_is_answered_and_the_next_one_served(
    zygote: Zygote, launch: Launcher, guest_text: Write, order: tuple[bytes, int], fault: str
) -> None:
    _spare(zygote)
    before = len(os.listdir(f"/proc/{zygote.process.pid}/fd"))
    with tempfile.TemporaryFile() as file:
        data, descriptors = order
        socket.send_fds(zygote.sock, [data], [file.fileno()] * descriptors)
        message, received = zygote.receive()
    assert received == []
    assert message.spawned is not None
    assert message.spawned.pid == 0
    assert fault in message.spawned.error
    assert len(os.listdir(f"/proc/{zygote.process.pid}/fd")) == before
    launch(guest_text("i64.const 0")).ready()


def test_many_children_leave_no_descriptors_behind(
    zygote: Zygote, artefact: Callable[[str], int], guest_text: Write, new_peer: type[Peer]
) -> None:
    descriptor = artefact(guest_text("i64.const 0"))
    _spare(zygote)
    before = len(os.listdir(f"/proc/{zygote.process.pid}/fd"))
    peers = [new_peer(zygote, descriptor) for _ in range(10)]
    for peer in peers:
        peer.ready()
    assert len({peer.pid for peer in peers}) == 10
    for peer in peers:
        peer.close()
    assert [zygote.exit_status(peer.pid) for peer in peers] == [0] * 10
    _spare(zygote)
    assert len(os.listdir(f"/proc/{zygote.process.pid}/fd")) == before


def test_the_end_of_a_child_is_reported_with_its_signal(
    zygote: Zygote, new_peer: type[Peer], artefact: Callable[[str], int], guest_text: Write
) -> None:
    with closing(new_peer(zygote, artefact(guest_text("i64.const 0")))) as peer:
        peer.ready()
        signal.pidfd_send_signal(peer.pidfd, signal.SIGKILL)
        assert zygote.exit_status(peer.pid) == -signal.SIGKILL
        _gone(peer.pidfd)


def test_workers_die_with_the_zygote(
    new_zygote: type[Zygote], new_peer: type[Peer], artefact: Callable[[str], int], guest_text: Write
) -> None:
    zygote = new_zygote()
    with closing(new_peer(zygote, artefact(guest_text("(loop br 0) unreachable")))) as peer:
        peer.ready()
        peer.begin("spin")
        zygote.process.kill()
        zygote.close()
        _gone(peer.pidfd)


@pytest.mark.parametrize("ahead", [True, False])
def test_a_worker_is_confined(
    zygote: Zygote, new_peer: type[Peer], artefact: Callable[[str], int], guest_text: Write, *, ahead: bool
) -> None:
    """Whether it was forked ahead or not, and the limits are those of its plugin."""
    descriptor = artefact(guest_text("i64.const 0"))
    spare = _spare(zygote)
    taken = None if ahead else new_peer(zygote, descriptor)
    with closing(new_peer(zygote, descriptor, memory_bytes=1 << 30, file_descriptors=20, cpu_seconds=7)) as peer:
        assert (peer.pid == spare) is ahead
        _check_confined(zygote, peer)
    if taken is not None:
        assert taken.pid == spare
        taken.close()


def _check_confined(zygote: Zygote, peer: Peer) -> None:
    assert peer.ready().layers == zygote.ready.layers
    essential = {layer.name for layer in lockdown.LAYERS if layer.essential}
    assert essential <= {*zygote.ready.layers}
    assert {*zygote.ready.layers, *(layer.layer for layer in zygote.ready.missing)} == {
        layer.name for layer in lockdown.LAYERS
    }
    pid = peer.pid
    assert _status(pid, "NoNewPrivs") == "1"
    assert os.getsid(pid) == pid
    lines = Path(f"/proc/{pid}/limits").read_text().splitlines()
    limits = {line[:25].strip(): line[25:].split()[:2] for line in lines}
    assert limits["Max core file size"] == ["0", "0"]
    assert limits["Max file size"] == ["0", "0"]
    assert limits["Max processes"] == ["0", "0"]
    assert limits["Max locked memory"] == ["0", "0"]
    assert limits["Max cpu time"] == ["7", "unlimited"]
    assert limits["Max open files"] == ["20", "256"]
    assert 1 << 30 < int(limits["Max data size"][0]) < (1 << 30) + (256 << 20)
    assert _status(pid, "Seccomp") == "2"
    assert {_status(pid, f"Cap{kind}") for kind in ("Inh", "Prm", "Eff", "Bnd", "Amb")} == {"0" * 16}
    assert limits["Max address space"] == [str(64 << 30)] * 2


def test_a_spare_worker_has_given_up_what_does_not_depend_on_its_plugin(zygote: Zygote) -> None:
    spare = _spare(zygote)
    assert _status(spare, "NoNewPrivs") == "1"
    assert _status(spare, "Threads") == "1"
    assert os.getsid(spare) == spare


def test_a_spare_worker_is_replaced_when_it_was_taken(
    zygote: Zygote, new_peer: type[Peer], artefact: Callable[[str], int], guest_text: Write
) -> None:
    descriptor = artefact(guest_text("i64.const 0"))
    spare = _spare(zygote)
    with closing(new_peer(zygote, descriptor)) as peer:
        assert peer.pid == spare
        peer.ready()
        assert _spare(zygote) != spare


def test_nobody_hears_of_the_end_of_a_spare_worker(
    new_zygote: type[Zygote], new_peer: type[Peer], artefact: Callable[[str], int], guest_text: Write
) -> None:
    zygote = new_zygote()
    descriptor = artefact(guest_text("i64.const 0"))
    spare = _spare(zygote)
    pidfd = os.pidfd_open(spare)
    os.kill(spare, signal.SIGKILL)
    _gone(pidfd)
    os.close(pidfd)
    with closing(new_peer(zygote, descriptor)) as peer:  # told of anything else, it would have failed
        assert peer.pid != spare
        peer.ready()
        assert _spare(zygote) != spare
    zygote.close()


def test_a_spare_worker_dies_with_the_zygote(new_zygote: type[Zygote]) -> None:
    zygote = new_zygote()
    pidfd = os.pidfd_open(_spare(zygote))
    zygote.process.kill()
    zygote.close()
    _gone(pidfd)
    os.close(pidfd)


def test_a_worker_holds_its_channel_and_its_module_and_nothing_else(
    zygote: Zygote, launch: Launcher, guest_text: Write
) -> None:
    peer = launch(guest_text("i64.const 0"))
    peer.ready()
    held = {int(path.name): str(path.readlink()) for path in Path(f"/proc/{peer.pid}/fd").iterdir()}
    beyond = sorted(target for number, target in held.items() if number > 2)
    assert [target.partition(":")[0] for target in beyond[-2:]] == ["socket", "socket"]
    assert len(beyond) == 3  # the engine keeps the file that it has mapped


def test_a_worker_as_an_ordinary_user(
    artefact: Callable[[str], int], guest_text: Write, new_peer: type[Peer], new_zygote: type[Zygote]
) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody else; as an ordinary user, every other test shows this")
    zygote = new_zygote(program=("-c", AS_NOBODY))
    with closing(new_peer(zygote, artefact(guest_text("i64.const 0")))) as peer:
        assert {layer.name for layer in lockdown.LAYERS if layer.essential} <= {*peer.ready().layers}
        assert _status(peer.pid, "Uid") == "65534"
    zygote.close()
