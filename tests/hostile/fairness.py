"""``python -m tests.hostile.fairness``: what somebody else's calls notice of each attack, measured so that it repeats.

A quiet phase and a phase of the attack take turns, so that what else the machine does falls on both alike, and the
times of all phases of a kind are pooled. The attacker is a process of its own, as is the bystander.
"""

import argparse
import contextlib
import functools
import json
import os
import select
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import opentimelineio as otio
from tests.fakes.media import film
from tests.fakes.zips import Part, build
from tests.harness.bystander import Bystander, Latencies
from tests.harness.daemon import ROOT, Daemon
from tests.harness.plugins import altered
from tests.hostile import bad_media, impostor
from tests.hostile.packages import good
from tests.hostile.stand_in import PLUGIN

from plugind_client import Client
from plugind_protocol import errors
from plugind_protocol.methods import LimitChanges

PLUGINS: Final = ROOT / "tests" / "plugins"
_DEADLINE_MS: Final = 60
_PROGRAM: Final = "import sys, time; end = time.monotonic() + float(sys.argv[1])\nwhile time.monotonic() < end: pass"
_STRANGER: Final = (sys.executable, "-I", "-S", "-c", _PROGRAM, str(_DEADLINE_MS / 1000))
_SHORT_STRANGER: Final = (*_STRANGER[:-1], "0.002")
_LARGEST: Final = 1 << 18
_REQUEST: Final = (
    b'{"jsonrpc":"2.0","id":1,"method":"plugins.call","params":{"pluginId":"probe","function":"echo","args":1}}\n'
)


class Attacker:
    """A client that does harm, a short while at a time.

    Args:
        path: The daemon's socket.
        client: Connected to it.
    """

    def __init__(self, path: str, client: Client) -> None:
        self._path = path
        self._client = client
        self._folder = Path(path).parent

    @functools.cached_property
    def _damaged(self) -> Iterator[bytes]:
        return bad_media.damaged(self._folder / "film" / "film.mp4", 1_000_000)

    def runaway(self) -> None:
        """Let a guest spin until its deadline."""
        self._spin("spin", _DEADLINE_MS)

    def bulk(self) -> None:
        """The same in one instruction that takes long."""
        self._spin("spin-memory", _DEADLINE_MS)

    def marathon(self) -> None:
        """Let a guest spin for as long as a phase lasts."""
        self._spin("spin", 500)

    def logs(self) -> None:
        """Let a guest print without end."""
        self._client.call_plugin("wasi-hello", "flood", timeout_ms=30_000)

    def rude(self) -> None:
        """Let a worker that was taken over log past its own rate."""
        self._client.call_plugin(PLUGIN, "log-flood", timeout_ms=30_000)

    def hosts(self) -> None:
        """Let a guest ask its host without end."""
        self._burst("flooding", "host", {"method": "system.getInfo", "params": {}}, count=200, at_once=16)

    def pipeline(self) -> None:
        """Ask 10 000 times in one breath."""
        self._burst("other", "echo", "x" * 1000, count=10_000, at_once=10_000)

    def neighbour(self) -> None:
        """Ask the bystander's own plugin 10 000 times in one breath."""
        self._burst("probe", "echo", "x" * 1000, count=10_000, at_once=10_000)

    def crowd(self) -> None:
        """Connect 300 times, and be of no use."""
        with ExitStack() as crowd:
            for number in range(300):
                bad = crowd.enter_context(socket.socket(socket.AF_UNIX))
                bad.connect(self._path)  # waits where the backlog is full
                match number % 5:
                    case 0:
                        bad.send(_REQUEST[:40])
                    case 1:
                        bad.send(b"Content-Length: 1000000\r\n\r\n{")
                    case 2:
                        bad.send(os.urandom(2000) + b"\n")
                        bad.shutdown(socket.SHUT_RD)
                    case 3:
                        bad.send(_REQUEST)
                        bad.shutdown(socket.SHUT_WR)
                    case _:
                        pass  # silent
            time.sleep(0.2)

    def deaf(self) -> None:
        """Ask as much as can be sent, ten times, and read none of it."""
        unsent = b"".join(_requests("other", "echo", json.dumps(1), 10_000))
        with ExitStack() as crowd:
            for _ in range(10):
                deaf = crowd.enter_context(socket.socket(socket.AF_UNIX))
                deaf.connect(self._path)
                while select.select([], [deaf], [], 0)[1]:
                    deaf.send(unsent, socket.MSG_DONTWAIT)
            time.sleep(0.2)

    def bombs(self) -> None:
        """Let a guest take all the memory it gets, and load it anew."""
        self._client.reload("grower")
        self._client.call_plugin("grower", "touch", timeout_ms=20_000)

    def package(self) -> None:
        """Install what is refused when 3 000 files have been unpacked."""
        package = self._folder / "many.tsplugin"
        if not package.exists():
            files = [Part(name=b"assets/%d" % number, data=b"x" * 50) for number in range(3_000)]
            package.write_bytes(build([*good(), *files, Part(name=b"payload")]))
        try:
            self._client.install(str(package))
        except errors.PackageInvalid:
            return
        raise AssertionError("a package with what does not belong into it cannot be installed")

    def media(self) -> None:
        """Let a guest have the host look at a damaged film, and at a whole one."""
        film = self._folder / "film" / "film.mp4"
        for data in (next(self._damaged), film.read_bytes()):
            (film.parent / "bad.mp4").write_bytes(data)
            for method in ("media.getInfo", "media.generateThumbnail"):
                asked = {"method": method, "params": {"path": "project/bad.mp4"}}
                with contextlib.suppress(errors.PluginError):
                    self._client.call_plugin("looking", "host", args=asked, timeout_ms=30_000)

    def traps(self) -> None:
        """Let a guest trap again and again."""
        try:
            self._client.call_plugin("trapper", "unreachable")
        except errors.Quarantined:
            self._client.release("trapper")
        except errors.PlugindError:
            pass

    def strangers(self) -> None:
        """Have nothing to do with the daemon: a program computes for 60 ms, another starts meanwhile and ends soon."""
        with subprocess.Popen(_STRANGER):
            time.sleep(_DEADLINE_MS / 2000)
            subprocess.run(_SHORT_STRANGER, check=True)

    def _spin(self, function: str, timeout_ms: int) -> None:
        try:
            self._client.call_plugin("spin", function, timeout_ms=timeout_ms)
        except errors.Timeout:
            return
        raise AssertionError("a guest that spins cannot return")

    def _burst(self, plugin_id: str, function: str, args: object, *, count: int, at_once: int) -> None:
        """Send so many requests, each as early as may be, and read the answers."""
        lines = _requests(plugin_id, function, json.dumps(args), count)
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(self._path)
            unsent, sent, answered, rest = b"".join(lines[:at_once]), at_once, 0, b""
            while answered < count:
                _, writable, _ = select.select([sock], [sock] if unsent else [], [])
                if writable:
                    unsent = unsent[sock.send(unsent[:_LARGEST], socket.MSG_DONTWAIT) :]
                    continue
                *answers, rest = (rest + sock.recv(_LARGEST)).split(b"\n")
                now = sum(b'"method":' not in one[:40] for one in answers)
                answered += now
                unsent += b"".join(lines[sent : sent + now])
                sent += now


class Attack(NamedTuple):
    """One row."""

    strike: Callable[[Attacker], None]
    plugins: tuple[str, ...] = ()
    """Test plugins beside the bystander's."""
    copies: tuple[str, ...] = ()
    """Further names that the bystander's plugin is installed under."""
    taken_over: bool = False
    """The daemon's workers may be taken over."""
    engine: str = "wasmtime"
    """Of the test plugins."""
    headless: bool = False
    """The daemon has the headless host, with a project."""


ATTACKS: Final[dict[str, Attack]] = {
    "control: other programs": Attack(Attacker.strangers),
    "infinite loop, 60 ms": Attack(Attacker.runaway, ("spin",)),
    "bulk memory, 60 ms": Attack(Attacker.bulk, ("spin",)),
    "infinite loop, 500 ms": Attack(Attacker.marathon, ("spin",)),
    "log flood": Attack(Attacker.logs, ("wasi-hello",)),
    "log flood, taken over": Attack(Attacker.rude, copies=(PLUGIN,), taken_over=True),
    "host-call flood": Attack(Attacker.hosts, copies=("flooding",)),
    "10 000 requests": Attack(Attacker.pipeline, copies=("other",)),
    "10 000 requests, same plugin": Attack(Attacker.neighbour),
    "300 bad clients": Attack(Attacker.crowd),
    "10 deaf clients": Attack(Attacker.deaf, copies=("other",)),
    "traps": Attack(Attacker.traps, ("trapper",)),
    "memory bomb": Attack(Attacker.bombs, ("grower",)),
    "package bomb": Attack(Attacker.package),
    "damaged media": Attack(Attacker.media, copies=("looking",), headless=True),
    "infinite loop, wasmer": Attack(Attacker.runaway, ("spin",), engine="wasmer"),
    "memory bomb, wasmer": Attack(Attacker.bombs, ("grower",), engine="wasmer"),
}


class Compared(NamedTuple):
    """What was measured."""

    quiet: Latencies
    attack: Latencies


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.hostile.fairness", description=__doc__)
    parser.add_argument("-k", default="", help="only attacks whose name has this in it")
    parser.add_argument("--rounds", type=int, default=10, help="phases of each kind")
    parser.add_argument("--seconds", type=float, default=0.6, help="how long a phase lasts, at least")
    parser.add_argument("--strike", nargs=2, help=argparse.SUPPRESS, metavar=("ATTACK", "SOCKET"))
    given = parser.parse_args()
    if given.strike:
        _strike(*given.strike)
        return
    columns = " ".join(f"{what:>7}" for what in ("calls", "p50", "p99", "max"))
    _say(f"{'ms':30} {'quiet':31}   attack\n{'':30} {columns}   {columns}   p99")
    for name, attack in ATTACKS.items():
        if given.k not in name:
            continue
        quiet, hit = compare(name, attack, rounds=given.rounds, seconds=given.seconds)
        _say(f"{name:30} {_cells(quiet)}   {_cells(hit)}   x {hit.p99 / quiet.p99:.1f}")


def compare(name: str, attack: Attack, *, rounds: int, seconds: float) -> Compared:
    """Measure one attack.

    Args:
        name: Its name.
        attack: What it is.
        rounds: Phases of each kind.
        seconds: How long a phase lasts, at least.
    """
    quiet: list[float] = []
    hit: list[float] = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="plugind-fair-")))
        daemon = stack.enter_context(_daemon(folder, attack))
        bystander = stack.enter_context(Bystander(daemon.socket))
        strike = stack.enter_context(_attacker(name, daemon))
        strike()  # loads what is attacked
        for _ in range(rounds):
            time.sleep(0.1)  # what the attack has left to do
            bystander.times()
            time.sleep(seconds)
            quiet += bystander.times()
            until = time.monotonic() + seconds
            while time.monotonic() < until:
                strike()
            hit += bystander.times()
    return Compared(Latencies.of(quiet), Latencies.of(hit))


@contextmanager
def _daemon(folder: Path, attack: Attack) -> Iterator[Daemon]:
    program = impostor.program(folder) if attack.taken_over else ("-m", "plugind")
    daemon = Daemon(folder, *(_project(folder / "film") if attack.headless else ()), program=program)
    try:
        with Client.connect(daemon.socket) as client:
            client.install(str(PLUGINS / "probe"), grant="requested")
            for plugin in attack.plugins:
                client.install(altered(PLUGINS / plugin, folder / plugin, engine=attack.engine), grant="requested")
            for copy in attack.copies:
                client.install(altered(PLUGINS / "probe", folder / copy, name=copy), grant="requested")
                client.set_resource_limits(copy, LimitChanges(host_calls_per_second=500))
        yield daemon
    finally:
        daemon.stop()


def _project(folder: Path) -> tuple[str, ...]:
    """Write a project with a film; return what a daemon is told of it."""
    folder.mkdir()
    film(folder / "film.mp4", frames=12)
    otio.adapters.write_to_file(otio.schema.Timeline(name="film"), str(folder / "film.otio"))
    return ("--host", "headless", "--project", str(folder / "film.otio"))


@contextmanager
def _attacker(name: str, daemon: Daemon) -> Iterator[Callable[[], None]]:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.hostile.fairness", "--strike", name, str(daemon.socket)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        stdin, stdout = process.stdin, process.stdout
        assert stdin is not None
        assert stdout is not None

        def strike() -> None:
            stdin.write("\n")
            stdin.flush()
            assert stdout.readline(), "the attacker failed; its words are above"

        yield strike
        process.kill()


def _strike(name: str, path: str) -> None:
    with Client.connect(Path(path)) as client:
        attacker = Attacker(path, client)
        for _ in sys.stdin:
            ATTACKS[name].strike(attacker)
            _say("done")


@functools.cache
def _requests(plugin_id: str, function: str, args_text: str, count: int) -> list[bytes]:
    params = {"pluginId": plugin_id, "function": function, "args": json.loads(args_text), "timeoutMs": 30_000}
    message = {"jsonrpc": "2.0", "method": "plugins.call", "params": params}
    return [json.dumps({**message, "id": number}).encode() + b"\n" for number in range(count)]


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _cells(found: Latencies) -> str:
    return f"{found.calls:7} {found.p50:7.2f} {found.p99:7.2f} {found.worst:7.1f}"


if __name__ == "__main__":
    main()
