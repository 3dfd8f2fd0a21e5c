"""From inside a real worker, by real system calls: every attempt to get out is denied, whoever the daemon's user is."""

import errno
import json
import os
import signal
import socket
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from tests.harness.daemon import ROOT
from tests.harness.engines import require
from tests.hostile.escape.attacks import ATTACKS, Target
from tests.hostile.escape.engine import FAULT, STAY
from tests.unit.plugind_worker.supervisor import ERROR, Peer, Zygote

from plugind.supervisor.engines import homes
from plugind_protocol.worker import Compile, Decoder, House, Join, Kind, Launch
from plugind_worker import lockdown

pytestmark = [pytest.mark.process, pytest.mark.threat("Guest", "escape from inside a worker")]

NOBODY = 65534
DENIED = {"EPERM", "EACCES", "ENOSYS", "SIGSYS", "ENOMEM"}
NOTHING = {"ENOENT"}
"""What the attempts that look for something answer where there is nothing; nothing else ends so where it is denied."""
WITHOUT_NAMESPACES = {"unshare": errno.EPERM}
NAMES = [layer.name for layer in lockdown.LAYERS]
FOUND_NOTHING = ("variables of the environment", "descriptors beside its channel", "a terminal or log to read or write")
COMPILERS_MAY = {"a thread", "pages made executable", "descriptors beside its channel"}
"""Compilers run in threads and publish what they made; they hold the source and the artefact."""
SHARED_PROCESSES_MAY = {"pages made executable", "descriptors beside its channel"}
"""Modules come when the filter is in force; the door and the channels of neighbours are there."""
FILES = (
    "open of /etc/passwd",
    "open of a user's file",
    "open of a user's file to write",
    "a new file in another plugin's folder",
    "open of another plugin's folder",
    "open of the memory of the parent",
    "rename",
    "truncate",
)
CONNECTIONS = ("connect by TCP", "connect to an abstract socket")
LANDLOCK_STOPS = (*FILES, *CONNECTIONS, "kill of the parent", "kill of a sibling", "ptrace: attach to the parent")
GONE = {"ENOENT", "ENETUNREACH", "ECONNREFUSED"}
"""What is answered where there is no such thing."""
LAUNCH = Launch(
    plugin_id="probe",
    version="1.2.3",
    engine="",
    abi="timeline",
    memory_bytes=1 << 20,
    table_elements=1,
    max_result_bytes=1 << 20,
)
Record = Callable[[str, object], None]
USERS = [
    pytest.param({"user": user, "without": without}, id=f"{name}, {kind} namespaces")
    for user, name in ((None, "root"), (NOBODY, "ordinary user"))
    for without, kind in (({}, "with"), (WITHOUT_NAMESPACES, "without"))
]


COMPILE = Compile(engine="", text=True, memory_bytes=1 << 30, cpu_seconds=10, artefact_bytes=1 << 20)


class Prey:
    """What there is to attack around a zygote."""

    def __init__(self, folder: Path, engine: str, options: dict[str, object]) -> None:
        self.engine = engine
        user = options.get("user")
        if user is not None and os.geteuid() != 0:
            pytest.skip("only root can become somebody else")
        self.folder = folder
        self.secret = folder / "secret"
        self.secret.write_text("secret")
        self.others = folder / "other-plugin"
        self.others.mkdir()
        if user is not None:
            for path in (folder, self.secret, self.others):
                os.chown(path, NOBODY, NOBODY)
        self.tcp = socket.create_server(("127.0.0.1", 0))
        self.abstract = socket.socket(socket.AF_UNIX)
        self.name = f"plugind-{os.getpid()}-{id(self)}"
        self.abstract.bind("\0" + self.name)
        self.abstract.listen()
        paths = os.pathsep.join([str(ROOT), *homes()])
        program = (str(ROOT / "tests/hostile/escape/zygote.py"), paths, json.dumps(options))
        self.zygote = Zygote(program=program, interpreter=require(engine), engine=engine)
        self.sibling = 0
        self._staying = self.start(STAY)
        self.sibling = self._staying.pid

    @property
    def _launch(self) -> Launch:
        return msgspec.structs.replace(LAUNCH, engine=self.engine)

    def close(self) -> None:
        self.tcp.close()
        self.abstract.close()
        self._staying.close()
        self.zygote.close()

    def target(self, attack: str) -> bytes:
        """What an attack gets to know."""
        target = Target(
            attack=attack,
            parent=self.zygote.process.pid,
            sibling=self.sibling,
            daemon=os.getpid(),
            secret=str(self.secret),
            folder=str(self.others),
            abstract=self.name,
            port=self.tcp.getsockname()[1],
        )
        return json.dumps(target._asdict()).encode()

    def launch(self, attack: str) -> str:
        """Make an attack from a worker; return its outcome."""
        with closing(self.start(attack)) as peer:
            while data := peer.messages.recv(1 << 16):
                for kind, _, body in Decoder().feed(data):
                    assert kind == Kind.FAILED, (attack, kind, body)
                    outcome = ERROR.decode(body).message.removeprefix("probe 1.2.3: cannot be instantiated: ")
                    assert self.zygote.exit_status(peer.pid) == 0
                    return outcome
        return signal.Signals(-self.zygote.exit_status(peer.pid)).name

    def lodge(self, attack: str) -> str:
        """Make an attack from a process that plugins share; return its outcome."""
        door, their_door = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours, theirs = socket.socketpair()
        control, their_control = socket.socketpair()
        with door, ours, control, tempfile.TemporaryFile() as file:
            file.write(self.target(attack))
            file.flush()
            with their_door:
                order = House(engine=self.engine, rooms=2)
                pid, pidfd = self.zygote.spawn([their_door.fileno()], house=order)
            os.close(pidfd)
            with theirs, their_control:
                descriptors = [theirs.fileno(), their_control.fileno(), file.fileno()]
                socket.send_fds(door, [msgspec.json.encode(Join(1, self._launch))], descriptors)
            data = b"".join(iter(lambda: ours.recv(1 << 16), b""))
        status = self.zygote.exit_status(pid)
        if status:
            return signal.Signals(-status).name
        ((kind, _, body),) = Decoder().feed(data)
        assert kind == Kind.FAILED
        return ERROR.decode(body).message.rpartition("cannot be instantiated: ")[2]

    def start(self, attack: str) -> Peer:
        with tempfile.TemporaryFile() as file:
            file.write(self.target(attack))
            file.flush()
            return Peer(self.zygote, file.fileno(), engine=self.engine)

    def compile(self, attack: str) -> str:
        """Make an attack from a child that compiles; return its outcome."""
        ours, theirs = socket.socketpair()
        with ours, theirs, tempfile.TemporaryFile() as file, tempfile.TemporaryFile() as output:
            file.write(self.target(attack))
            file.flush()
            file.seek(0)
            descriptors = [theirs.fileno(), file.fileno(), output.fileno()]
            pid, pidfd = self.zygote.spawn(descriptors, compile=msgspec.structs.replace(COMPILE, engine=self.engine))
            theirs.close()
            os.close(pidfd)
            data = b"".join(iter(lambda: ours.recv(65536), b""))
        status = self.zygote.exit_status(pid)
        if status:
            return signal.Signals(-status).name
        ((kind, _, body),) = Decoder().feed(data)
        assert kind == Kind.FAILED
        return ERROR.decode(body).message.rpartition(": ")[2]


@pytest.fixture
def prey(tmp_path: Path, engine: str, request: pytest.FixtureRequest) -> Iterator[Prey]:
    found = Prey(tmp_path, engine, request.param)
    yield found
    found.close()


@pytest.mark.parametrize("prey", USERS, indirect=True)
def test_no_attempt_from_a_worker_succeeds(prey: Prey, record_property: Record) -> None:
    outcomes = {attack.name: prey.launch(attack.name) for attack in ATTACKS}
    tried = {name: outcome for name, outcome in outcomes.items() if outcome != "absent"}
    assert {name: outcome for name, outcome in tried.items() if outcome not in DENIED | NOTHING} == {}
    assert {outcomes[name] for name in FOUND_NOTHING} == NOTHING
    assert prey.secret.read_text() == "secret"
    assert list(prey.others.iterdir()) == []
    record_property("cases", len(tried))
    record_property("seen", ", ".join(f"{n} {outcome}" for outcome, n in sorted(Counter(tried.values()).items())))


@pytest.mark.parametrize("prey", USERS[::2], indirect=True)
def test_no_attempt_from_a_compiling_child_succeeds(prey: Prey, record_property: Record) -> None:
    outcomes = {attack.name: prey.compile(attack.name) for attack in ATTACKS}
    got = {name for name, outcome in outcomes.items() if outcome not in DENIED | NOTHING | {"absent"}}
    assert got == COMPILERS_MAY
    record_property("cases", len(outcomes))


@pytest.mark.parametrize("prey", USERS[::2], indirect=True)
def test_no_attempt_from_a_shared_process_succeeds(prey: Prey, record_property: Record) -> None:
    """No process on wasmer is ever shared; were one, it would hold as well."""
    outcomes = {attack.name: prey.lodge(attack.name) for attack in ATTACKS}
    got = {name for name, outcome in outcomes.items() if outcome not in DENIED | NOTHING | {"absent"}}
    assert got == SHARED_PROCESSES_MAY
    assert prey.secret.read_text() == "secret"
    record_property("cases", len(outcomes))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root could do all of it")
@pytest.mark.parametrize("prey", [{"layers": [layer for layer in NAMES if layer != "parent-death"]}], indirect=True)
def test_without_the_layers_the_attempts_get_somewhere(prey: Prey) -> None:
    outcomes = {attack.name: prey.launch(attack.name) for attack in ATTACKS if attack.harmless}
    tried = {name: outcome for name, outcome in outcomes.items() if outcome != "absent"}
    stopped = {name for name, outcome in tried.items() if outcome in DENIED}
    assert len(stopped) <= len(tried) / 10, stopped  # what this kernel does not have, or does not even let root do
    assert {outcomes[name] for name in LANDLOCK_STOPS} == {"allowed"}


@pytest.mark.parametrize("prey", [{"layers": ["seccomp", "no-processes", "namespaces", "empty-root"]}], indirect=True)
def test_landlock_alone_stops_files_connections_and_signals(prey: Prey) -> None:
    outcomes = {name: prey.launch(name) for name in LANDLOCK_STOPS}
    assert {name for name, outcome in outcomes.items() if outcome not in DENIED} == set()
    assert prey.secret.read_text() == "secret"


@pytest.mark.parametrize("prey", [{"layers": ["seccomp", "no-processes", "landlock"]}], indirect=True)
def test_namespaces_alone_leave_no_file_and_no_network(prey: Prey) -> None:
    if "empty-root" not in prey.zygote.ready.layers:
        pytest.skip("this system allows no user namespaces")
    outcomes = {name: prey.launch(name) for name in (*FILES, *CONNECTIONS)}
    assert {name for name, outcome in outcomes.items() if outcome not in GONE} == set()


def test_what_a_worker_holds(tmp_path: Path, engine: str) -> None:
    prey = Prey(tmp_path, engine, {})
    with closing(prey):
        process = Path(f"/proc/{prey.sibling}")
        deadline = time.monotonic() + 10
        while "Seccomp:\t2" not in (process / "status").read_text():
            assert time.monotonic() < deadline, "it never came under the filter"
        held = {int(path.name): str(path.readlink()) for path in (process / "fd").iterdir()}
        assert [held.pop(number) for number in (0, 1, 2)] == [os.devnull] * 3
        assert [target.partition(":")[0] for target in held.values()] == ["socket", "socket"]
        assert os.getsid(prey.sibling) == prey.sibling


def test_a_fault_of_the_workers_own_is_told_where_nothing_can_be_printed(tmp_path: Path, engine: str) -> None:
    prey = Prey(tmp_path, engine, {})
    with closing(prey), closing(prey.start(FAULT)) as peer:
        kind, _, body = peer.receive()
        assert kind == Kind.FAULT
        assert body.startswith(b"RuntimeError (at engine.py:")
        assert b"child.py" in body
        assert prey.zygote.exit_status(peer.pid) == 1
