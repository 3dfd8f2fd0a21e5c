"""The machine is no friend either: clocks jump, descriptors and disks run out, memory ends, the daemon is killed."""

import contextlib
import os
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Final

import anyio
import psutil
import pytest
from tests.harness.daemon import Daemon
from tests.harness.waiting import until
from tests.hostile.report import Report

from plugind_client import AsyncClient, Disconnected
from plugind_protocol import errors
from plugind_protocol.methods import State

pytestmark = [pytest.mark.anyio, pytest.mark.process]

CLOCK: Final = Path(__file__).with_name("clock.c")
TEN_YEARS: Final = 10 * 365 * 24 * 3600


# --- clocks -----------------------------------------------------------------------------------------------------------


class Clock:
    """A wall clock for programs started under it, which the test can move; monotonic clocks stay as they are."""

    def __init__(self, folder: Path) -> None:
        compiler = shutil.which("cc")
        if compiler is None:
            pytest.skip("needs a C compiler, for a wall clock that can be moved")
        library = folder / "clock.so"
        subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, CLOCK, "-ldl"], check=True)
        self._offset = folder / "offset"
        self.move(0)
        self.environment = {**os.environ, "LD_PRELOAD": str(library), "MOVED_CLOCK": str(self._offset)}

    def move(self, seconds: int) -> None:
        """Let it be this much later than it is, or earlier."""
        fresh = self._offset.with_suffix(".new")
        fresh.write_bytes(seconds.to_bytes(8, "little", signed=True))
        if self._offset.exists():
            with self._offset.open("r+b") as shared:  # mapped by the programs: written in place
                shared.write(fresh.read_bytes())
        else:
            fresh.rename(self._offset)


@pytest.mark.threat("Supervision", "clock jumps of ten years")
async def test_nothing_depends_on_the_wall_clock(
    start: Callable[..., Daemon], plugins: Path, tmp_path: Path, report: Report
) -> None:
    clock = Clock(tmp_path)
    daemon = start(env=clock.environment)
    async with AsyncClient.connect(daemon.socket) as client:
        changes = client.notifications("plugins.stateChanged", capacity=1000)
        await client.install(str(plugins / "probe"))
        await client.install(str(plugins / "spin"))
        await client.load("spin")
        jumps = (TEN_YEARS, -TEN_YEARS, 0)
        for jump in jumps:
            clock.move(jump)
            began = time.monotonic()
            with pytest.raises(errors.Timeout):
                await client.call_plugin("spin", "spin", timeout_ms=200)
            assert 0.19 <= time.monotonic() - began < 2
            pid = (await client.load("probe")).pid
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            await until(partial(replaced, client, pid))
            assert await client.call_plugin("probe", "echo", args=jump) == jump
            await client.unload("probe")
    years = {change.at[:4] async for change in changes}
    assert len(years) == 3, years  # so the daemon did see the clock jump
    report.cases(len(jumps))


async def replaced(client: AsyncClient, pid: int) -> bool:
    """Whether the probe has another worker than this one, or none."""
    return (await client.get_plugin("probe")).pid != pid


# --- descriptors ------------------------------------------------------------------------------------------------------


@pytest.mark.threat("Supervision", "64 descriptors")
async def test_a_full_table_of_descriptors_pauses_accepting(
    start: Callable[..., Daemon], plugins: Path, report: Report
) -> None:
    daemon = start(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)))
    process = psutil.Process(daemon.process.pid)
    async with AsyncClient.connect(daemon.socket) as client:
        await client.install(str(plugins / "probe"))
        await client.load("probe")
        async with contextlib.AsyncExitStack() as crowd:
            for _ in range(100):
                await crowd.enter_async_context(await anyio.connect_unix(daemon.socket))
            assert await client.call_plugin("probe", "echo", args=1) == 1
            before = process.cpu_times()
            await anyio.sleep(1)  # the time over which it must not spin
            after = process.cpu_times()
            spent = after.user + after.system - before.user - before.system
            assert spent < 0.5, "it spins"
            with contextlib.suppress(errors.PlugindError):  # there may be no descriptor left for a worker
                await client.load("probe")
            assert process.num_fds() <= 64
        with anyio.fail_after(10):
            async with AsyncClient.connect(daemon.socket) as late:
                await late.unload("probe")
                assert await late.call_plugin("probe", "echo", args=2) == 2
    report.seen(f"{max(0, round(spent * 1000))} ms of processor time in a second of waiting")


# --- disks ------------------------------------------------------------------------------------------------------------


class Disk:
    """A file system of 8 MiB: for root an ordinary mount, for others one in a namespace of theirs.

    Args:
        folder: Where it is mounted.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.data = ("--data-dir", str(folder / "data"))
        self.enter: tuple[str, ...] = ()
        """Runs a command where the disk is."""
        self.seen = folder
        """The disk from outside."""
        self._folder = folder
        self._keeper: subprocess.Popen[str] | None = None
        if os.geteuid() != 0:
            self._in_a_namespace()
        done = self._run("mount", "-t", "tmpfs", "-o", "size=8m,mode=0700", "tmpfs", folder)
        if done.returncode:
            self.close()
            pytest.skip(f"needs the right to mount: {done.stderr.strip()}")

    def remount(self, how: str) -> None:
        """Make it read-only (``ro``) or not (``rw``)."""
        options = ("--options-mode=ignore", "-o", f"remount,{how}")  # its owner is not among what may be said again
        done = self._run("mount", *options, self._folder)
        assert done.returncode == 0, done.stderr

    def close(self) -> None:
        """Let go of it."""
        if self._keeper is None:
            self._run("umount", self._folder)
        else:
            self._keeper.communicate()

    def _in_a_namespace(self) -> None:
        command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", "echo ready; read end"]
        self._keeper = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._keeper.stdout is not None
        if not self._keeper.stdout.readline():
            self.close()
            pytest.skip("needs the right to mount, or user namespaces")
        number = str(self._keeper.pid)
        self.enter = ("nsenter", "--user", "--mount", "--preserve-credentials", "--target", number)
        self.seen = Path(f"/proc/{number}/root") / self._folder.relative_to("/")

    def _run(self, *command: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*self.enter, *map(str, command)], capture_output=True, text=True, check=False)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    made = Disk(tmp_path / "disk")
    yield made
    made.close()


def fill(folder: Path) -> Path:
    """Leave no byte free; return the file that takes all the room."""
    path = folder / "filler"
    with path.open("wb", buffering=0) as filler, contextlib.suppress(OSError):
        while True:
            filler.write(bytes(4096))
    return path


async def outcomes_of(client: AsyncClient, plugins: Path) -> list[str]:
    """Try what writes to the data folder; each attempt is done or a typed error."""
    outcomes = []
    for attempt in (
        client.install(str(plugins / "spin")),
        client.install(str(plugins / "liar")),
        client.revoke("probe", ["timeline.read"]),
        client.disable("probe"),
        client.uninstall("grower"),
    ):
        try:
            await attempt
        except errors.PlugindError as error:
            outcomes.append(type(error).__name__)
        else:
            outcomes.append("done")
    return outcomes


async def known(client: AsyncClient) -> dict[str, object]:
    """What the daemon says of each plugin that has to survive a restart."""
    return {one.plugin_id: (one.version, one.permissions, one.enabled) for one in await client.list_plugins()}


def starts(start: Callable[..., Daemon], disk: Disk) -> bool:
    """Whether a daemon starts; if not, it must say in words why."""
    try:
        start(*disk.data, enter=disk.enter)
    except AssertionError as error:
        words = str(error)
    else:
        return True
    assert "did not start" in words
    assert "Traceback" not in words
    return False


@pytest.mark.threat("Supervision", "disk full")
async def test_a_full_disk(disk: Disk, start: Callable[..., Daemon], plugins: Path, report: Report) -> None:
    daemon = start(*disk.data, enter=disk.enter)
    async with AsyncClient.connect(daemon.socket) as client:
        await client.install(str(plugins / "probe"), grant="requested")
        await client.install(str(plugins / "grower"))
        filler = fill(disk.seen)
        outcomes = await outcomes_of(client, plugins)
        assert "done" not in outcomes[:2]
        acknowledged = await known(client)
        if outcomes[3] != "done":
            assert await client.call_plugin("probe", "echo", args=1) == 1
    assert daemon.stop() == 0
    assert "Traceback" not in daemon.log.read_text(), daemon.log.read_text()
    started = starts(start, disk)
    filler.unlink()
    if not started:
        daemon = start(*disk.data, enter=disk.enter)
    await works_again(daemon, acknowledged, plugins)
    report.cases(len(outcomes) + 1)
    report.seen(f"{', '.join(outcomes)}; at start: {'starts' if started else 'says why it does not'}")


@pytest.mark.threat("Supervision", "read-only data folder")
async def test_a_read_only_data_folder(disk: Disk, start: Callable[..., Daemon], plugins: Path, report: Report) -> None:
    daemon = start(*disk.data, enter=disk.enter)
    async with AsyncClient.connect(daemon.socket) as client:
        await client.install(str(plugins / "probe"), grant="requested")
        acknowledged = await known(client)
    assert daemon.stop() == 0
    disk.remount("ro")
    started = starts(start, disk)
    assert not started
    disk.remount("rw")
    await works_again(start(*disk.data, enter=disk.enter), acknowledged, plugins)
    report.seen("says why it does not start")


async def works_again(daemon: Daemon, acknowledged: dict[str, object], plugins: Path) -> None:
    """The trouble is over: what was acknowledged is there, and everything goes on."""
    async with AsyncClient.connect(daemon.socket) as client:
        assert await known(client) == acknowledged
        await client.enable("probe")
        assert await client.call_plugin("probe", "echo", args=2) == 2
        await client.install(str(plugins / "trapper"))


# --- memory -----------------------------------------------------------------------------------------------------------


@pytest.mark.threat("Supervision", "worker out of memory")
async def test_a_worker_that_gets_no_more_memory(client: AsyncClient, plugins: Path, report: Report) -> None:
    """The system refuses the process what the guest's own limit would allow."""
    await client.install(str(plugins / "probe"))
    pid = (await client.load("probe")).pid
    assert pid is not None
    used = psutil.Process(pid).memory_info().data
    resource.prlimit(pid, resource.RLIMIT_DATA, (used + (4 << 20), resource.RLIM_INFINITY))
    outcomes = []
    for _ in range(20):
        try:
            await client.call_plugin("probe", "alloc", args={"bytes": 1 << 20})
        except (errors.MemoryLimit, errors.Trap, errors.WorkerCrashed, errors.PluginError) as error:
            outcomes.append(type(error).__name__)
    assert outcomes
    report.seen(", ".join(sorted(set(outcomes))))
    assert await client.call_plugin("probe", "echo", args="still here") == "still here"


# --- the daemon itself ------------------------------------------------------------------------------------------------


@pytest.mark.threat("Supervision", "daemon killed with -9")
@pytest.mark.parametrize(
    "after", [pytest.param(0.02, marks=pytest.mark.long), 0.1, pytest.param(0.3, marks=pytest.mark.long)]
)
async def test_the_daemon_killed_in_the_middle_of_everything(
    start: Callable[..., Daemon], plugins: Path, examples: Path, after: float
) -> None:
    """Installs, loads, calls and frames are under way; what was acknowledged is there when the next one starts."""
    daemon = start()
    acknowledged = {"probe"}
    async with AsyncClient.connect(daemon.socket) as client:
        await client.install(str(plugins / "probe"))
        frames = (await client.install(str(examples / "invert"), grant="requested")).plugin_id
        acknowledged.add(frames)

        async def change() -> None:
            while True:
                for name in ("spin", "grower", "trapper", "liar"):
                    await client.install(str(plugins / name))
                    acknowledged.add(name)
                    await client.load(name)
                for name in ("spin", "grower"):
                    acknowledged.discard(name)  # from now on either is right
                    maybe.add(name)
                    await client.uninstall(name)

        maybe = {"spin", "grower", "trapper", "liar"}
        async with anyio.create_task_group() as tasks:
            for work in (change, _calls(client), _calls(client), _frames(client, frames)):
                tasks.start_soon(_until_lost, work)
            await anyio.sleep(after)  # the moment is what is tried
            assert daemon.stop(signal.SIGKILL) == -9
    again = start()
    assert not list(again.windows().iterdir())
    async with AsyncClient.connect(again.socket) as client:
        there = {plugin.plugin_id for plugin in await client.list_plugins()}
        assert acknowledged <= there <= acknowledged | maybe
        for name in there - {"spin"}:
            assert (await client.load(name)).state == State.LOADED
        assert await client.call_plugin("probe", "echo", args=1) == 1


def _calls(client: AsyncClient) -> Callable[[], Awaitable[None]]:
    async def call() -> None:
        while True:
            await client.call_plugin("probe", "echo", args="x" * 10_000)

    return call


def _frames(client: AsyncClient, plugin: str) -> Callable[[], Awaitable[None]]:
    async def show() -> None:
        while True:
            window = await client.frames_open(plugin, width=64, height=64)
            await client.frames_close(window.window_id)

    return show


async def _until_lost(work: Callable[[], Awaitable[None]]) -> None:
    with contextlib.suppress(Disconnected):
        await work()
