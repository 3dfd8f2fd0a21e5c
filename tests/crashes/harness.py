"""Kills whatever writes files before each of its steps, and looks at what is left.

A scenario is three functions: ``prepare(folder)`` once, ``act(folder, acknowledge)`` under the knife, and
``check(folder, acknowledged)`` on what is left, twice, since a start after a crash must leave what another start takes.
Each runs in a process of its own, forked from this one, in which ``preload.c`` counts writes, syncs, truncations,
renames and removals below the folder. ``acknowledge(word)`` notes what somebody outside was promised.
"""

import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

SOURCE: Final = Path(__file__).with_name("preload.c")
_FAILED: Final = 70
_MEMORY: Final = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
"""Where syncing costs nothing: what is lost with the power is what the library says, not what a disk does."""

Acknowledge = Callable[[str], None]


class Scenario(NamedTuple):
    """Something that writes files."""

    name: str
    prepare: Callable[[Path], None]
    act: Callable[[Path, Acknowledge], None]
    check: Callable[[Path, Sequence[str]], None]
    power: bool = True
    """Whether it is to survive the loss of power too."""


class Outcome(NamedTuple):
    """What came of killing one scenario everywhere."""

    name: str
    steps: int
    """How many there are in one run."""
    kills: int
    """How often it was killed."""
    failures: list[str]


def library(folder: Path) -> Path:
    """Compile the library that counts.

    Raises:
        FileNotFoundError: There is no C compiler.
    """
    compiler = shutil.which("cc")
    if compiler is None:
        raise FileNotFoundError("crash points need a C compiler")
    built = folder / "preload.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", built, SOURCE, "-ldl"], check=True)
    return built


def run(
    module: str,
    *,
    stride: int = 1,
    only: str = "",
    report: Callable[[Outcome], object] = lambda _: None,
) -> list[Outcome]:
    """Run the scenarios of a module in a program that is counted.

    Args:
        module: Name of a module with ``SCENARIOS``.
        stride: Kill before every so-manieth step; 1 for all.
        only: The scenario of this name; default: all.
        report: Told of each scenario that is done.
    """
    with tempfile.TemporaryDirectory(dir=_MEMORY) as root:
        return _run(module, Path(root), stride=stride, only=only, report=report)


def _run(module: str, root: Path, *, stride: int, only: str, report: Callable[[Outcome], object]) -> list[Outcome]:
    work = root / "work"
    work.mkdir()
    environment = os.environ | {"LD_PRELOAD": str(library(root)), "CRASH_FOLDER": str(work)}
    command = [sys.executable, "-m", "tests.crashes.harness", module, str(work), str(stride), only]
    outcomes = []
    with (
        (root / "log").open("w+") as log,
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=log, text=True) as running,
    ):
        assert running.stdout is not None
        for line in running.stdout:
            outcomes.append(Outcome(*json.loads(line)))
            report(outcomes[-1])
        if running.wait() != 0:
            log.seek(0)
            raise AssertionError(log.read())
    return outcomes


class _Killer:
    """Runs one scenario again and again.

    Args:
        scenario: What is run.
        work: Where it writes files, which are counted.
        notes: A folder for what is noted about it, which is not.
    """

    def __init__(self, scenario: Scenario, work: Path, notes: Path) -> None:
        self._scenario = scenario
        self._base = notes / "base"
        self._folder = work / "now"
        self._acknowledged = notes / "acknowledged"
        self._words = notes / "words"
        self._count = notes / "count"
        self._preload: Any = ctypes.CDLL(None)

    def prepare(self) -> None:
        self._folder.mkdir()
        status = self._forked(lambda: self._scenario.prepare(self._folder))
        assert status == 0, f"{self._scenario.name}: prepare failed: {self._words.read_text()}"
        self._folder.rename(self._base)

    def count(self) -> int:
        """Run it whole and count its steps."""
        self._again()

        def whole() -> None:
            self._preload.crash_arm(ctypes.c_long(0), 0)
            self._act()
            self._count.write_text(str(self._preload.crash_count()))

        status = self._forked(whole)
        assert status == 0, f"{self._scenario.name}: act failed without a kill: {self._words.read_text()}"
        self._look("whole")
        return int(self._count.read_text())

    def kill(self, step: int, *, lose: bool) -> str | None:
        """Kill it before a step; return what is wrong with what is left."""
        self._again()

        def until_killed() -> None:
            self._preload.crash_arm(ctypes.c_long(step), int(lose))
            self._act()

        where = f"{self._scenario.name}, before step {step}{' with what was not synced lost' if lose else ''}"
        status = self._forked(until_killed)
        if status == _FAILED:
            return f"{where}: {self._words.read_text()}"
        if status not in (0, -signal.SIGKILL):
            return f"{where}: it ended with {status}"
        try:
            self._look(where)
        except AssertionError as exc:
            return str(exc)
        return None

    def _again(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)
        shutil.copytree(self._base, self._folder, symlinks=True)
        self._acknowledged.write_bytes(b"")

    def _act(self) -> None:
        with self._acknowledged.open("ab", buffering=0) as said:
            os.set_inheritable(said.fileno(), False)
            self._scenario.act(self._folder, lambda word: (said.write(word.encode() + b"\n"), None)[1])

    def _look(self, where: str) -> None:
        words = self._acknowledged.read_text().splitlines()
        for time in ("first", "second"):
            status = self._forked(lambda: self._scenario.check(self._folder, words))
            assert status == 0, f"{where}, {time} look after {words}: {self._words.read_text()}"

    def _forked(self, work: Callable[[], None]) -> int:
        """Run something in a process of its own; return how that ended."""
        child = os.fork()
        if child == 0:
            status = _FAILED
            try:
                work()
                status = 0
            except BaseException:  # whatever it is, it must not go on in a copy of us
                self._words.write_text(traceback.format_exc())
            finally:
                os._exit(status)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def killed_everywhere(scenario: Scenario, work: Path, notes: Path, *, stride: int) -> Outcome:
    """Kill a scenario before each step, once so that all is there that was written, and once so that it is not.

    With a stride above 1 the two take turns. What is not to survive the loss of power is only killed.
    """
    killer = _Killer(scenario, work, notes)
    killer.prepare()
    steps = killer.count()
    failures = []
    kills = 0
    for turn, step in enumerate(_spread(steps, stride)):
        ways = (False,) if not scenario.power else (False, True) if stride == 1 else (turn % 2 == 1,)
        for lose in ways:
            kills += 1
            if (failure := killer.kill(step, lose=lose)) is not None:
                failures.append(failure)
    return Outcome(scenario.name, steps, kills, failures)


def _spread(steps: int, stride: int) -> Iterator[int]:
    """Steps to kill before, one beyond the last among them: the kill right after the end."""
    yield from range(1, steps + 1, stride)
    yield steps + 1


def _main(module: str, work: str, stride: str, only: str) -> None:
    out = os.fdopen(os.dup(1), "w")  # for outcomes alone
    os.dup2(2, 1)
    __import__(module)
    for scenario in sys.modules[module].SCENARIOS:
        if only in ("", scenario.name):
            with tempfile.TemporaryDirectory(dir=work) as folder, tempfile.TemporaryDirectory(dir=_MEMORY) as notes:
                outcome = killed_everywhere(scenario, Path(folder).resolve(), Path(notes), stride=int(stride))
            out.write(json.dumps(outcome) + "\n")
            out.flush()


if __name__ == "__main__":
    _main(*sys.argv[1:])
