"""Plugins of one publisher in one process, where the user wants it so: each is still a plugin of its own."""

import os
import resource
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import anyio
import anyio.lowlevel
import psutil
import pytest
from tests.harness.daemon import Daemon, alive
from tests.harness.plugins import altered
from tests.harness.waiting import until

from plugind_client import AsyncClient
from plugind_protocol import errors
from plugind_protocol.methods import LimitChanges, PluginInfo, State

pytestmark = [pytest.mark.anyio, pytest.mark.process]

MIB = 1024 * 1024
SPIN, PROBE, TRAPPER = "@acme/spin", "@acme/probe", "@acme/trapper"


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A daemon under which plugins of a publisher share."""
    folder = tmp_path_factory.mktemp("plugind")
    settings = folder / "plugind.toml"
    settings.write_text("[supervision]\nhook_timeout_seconds = 1.0\n")  # for one that computes to be unloaded soon
    running = Daemon(folder, "--config", str(settings), "--isolation", "publisher")
    yield running
    assert running.stop() == 0, running.log.read_text()
    assert "Traceback" not in running.log.read_text(), running.log.read_text()


Scoped = Callable[[str], str]


@pytest.fixture
def scoped(plugins: Path, tmp_path: Path) -> Scoped:
    """Return the folder of a test plugin that goes by another name."""
    return lambda name: altered(plugins / name.rpartition("/")[2], tmp_path / name.replace("/", "-"), name=name)


@pytest.fixture
async def both(client: AsyncClient, scoped: Scoped) -> int:
    """Load two plugins of one publisher; return the process that runs them."""
    for name in (SPIN, PROBE):
        await client.install(scoped(name))
    pids = {(await client.load(name)).pid for name in (SPIN, PROBE)}
    assert len(pids) == 1
    pid = pids.pop()
    assert pid is not None
    return pid


async def restarted(client: AsyncClient, plugin_id: str, *, after: int) -> PluginInfo:
    """Wait until a plugin runs in another process."""

    async def elsewhere() -> PluginInfo | None:
        info = await client.get_plugin(plugin_id)
        return info if info.state == State.LOADED and info.pid not in (None, after) else None

    info = await until(elsewhere)
    assert info is not None
    return info


async def computing(pid: int) -> None:
    """Wait until a process has computed for a while."""
    process = psutil.Process(pid)
    before = process.cpu_times().user
    await until(lambda: process.cpu_times().user >= before + 0.1)


def writable_code(pid: int) -> int:
    """Count mappings that are writable and executable at once."""
    return sum(" rwx" in line for line in Path(f"/proc/{pid}/maps").read_text().splitlines())


def soft_memory(pid: int) -> int:
    return resource.prlimit(pid, resource.RLIMIT_DATA)[0]


async def crashes(client: AsyncClient) -> dict[str, int]:
    return {one.plugin_id: one.crashes for one in (await client.daemon_metrics()).plugins}


async def test_plugins_of_a_publisher_share_a_process_and_others_do_not(
    client: AsyncClient, both: int, scoped: Scoped, plugins: Path
) -> None:
    await client.install(str(plugins / "probe"))
    await client.install(scoped("@other/probe"))
    pids = {both, (await client.load("probe")).pid, (await client.load("@other/probe")).pid}
    assert len(pids) == 3
    assert (await client.get_plugin(SPIN)).shared_with == [PROBE]
    assert (await client.get_plugin(PROBE)).shared_with == [SPIN]
    assert (await client.get_plugin("probe")).shared_with == []


async def test_one_that_computes_does_not_keep_the_other_from_answering(client: AsyncClient, both: int) -> None:
    async def spin() -> None:
        with pytest.raises(errors.Timeout, match="1000 ms; it was stopped"):
            await client.call_plugin(SPIN, "spin", timeout_ms=1000)
        over.set()

    over = anyio.Event()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(spin)
        await computing(both)
        answers = [await client.call_plugin(PROBE, "echo", args=number) for number in range(20)]
        assert not over.is_set()
    assert answers == list(range(20))
    assert {(await client.get_plugin(name)).pid for name in (SPIN, PROBE)} == {both}


async def test_an_interrupt_stops_one_and_not_the_other(client: AsyncClient, both: int) -> None:
    async def spin_probe() -> None:
        with pytest.raises(errors.Timeout, match="3000 ms"):
            await client.call_plugin(PROBE, "spin", timeout_ms=3000)
        over.set()

    over = anyio.Event()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(spin_probe)
        await computing(both)
        for _ in range(3):
            with pytest.raises(errors.Timeout, match="50 ms"):
                await client.call_plugin(SPIN, "spin", timeout_ms=50)
        assert not over.is_set()
    assert await client.call_plugin(PROBE, "count") == 1  # the one whose call was stopped is fresh


async def test_a_trap_leaves_the_neighbour_as_it_is(client: AsyncClient, both: int, scoped: Scoped) -> None:
    assert [await client.call_plugin(PROBE, "count") for _ in range(2)] == [1, 2]
    await client.install(scoped(TRAPPER))
    assert (await client.load(TRAPPER)).pid == both
    for function in ("unreachable", "bounds", "recurse"):
        with pytest.raises(errors.Trap) as caught:
            await client.call_plugin(TRAPPER, function)
        assert caught.value.data.plugin_id == TRAPPER
        assert caught.value.data.stack
    assert await client.call_plugin(PROBE, "count") == 3
    assert await client.call_plugin(PROBE, "pages") > 0


async def test_host_calls_and_logs_are_each_ones_own(client: AsyncClient, both: int, scoped: Scoped) -> None:
    await client.install(scoped("@acme/wasi-hello"))
    assert (await client.load("@acme/wasi-hello")).pid == both
    logged = client.notifications("plugins.console")
    await client.call_plugin("@acme/wasi-hello", "hello")
    await client.call_plugin(PROBE, "log", args={"message": "from probe"})
    seen = []
    with anyio.fail_after(40):
        async for one in logged:
            seen.append((one.plugin_id, one.message))
            if len(seen) == 3:
                break
    assert seen == [
        ("@acme/wasi-hello", "hello from wasi"),
        ("@acme/wasi-hello", "oops"),
        (PROBE, "from probe"),
    ]


async def test_a_lost_process_counts_against_the_one_with_a_call(client: AsyncClient, both: int) -> None:
    failures: list[errors.WorkerCrashed] = []

    async def spin() -> None:
        with pytest.raises(errors.WorkerCrashed) as caught:
            await client.call_plugin(SPIN, "spin")
        failures.append(caught.value)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(spin)
        await computing(both)
        os.kill(both, signal.SIGSEGV)
    assert "its worker, shared with @acme/probe, was killed by SIGSEGV during a call of @acme/spin" in str(failures[0])
    assert failures[0].data.plugin_id == SPIN
    again = {(await restarted(client, name, after=both)).pid for name in (SPIN, PROBE)}
    assert len(again) == 1
    assert await crashes(client) == {SPIN: 1, PROBE: 0}
    assert await client.call_plugin(PROBE, "echo", args="back") == "back"


async def test_a_process_lost_between_calls_counts_against_all(client: AsyncClient, both: int) -> None:
    os.kill(both, signal.SIGKILL)
    for name in (SPIN, PROBE):
        await restarted(client, name, after=both)
    assert await crashes(client) == {SPIN: 1, PROBE: 1}


async def test_all_calls_of_a_lost_process_are_answered(client: AsyncClient, both: int) -> None:
    failures: dict[str, errors.WorkerCrashed] = {}

    async def spin(name: str) -> None:
        with pytest.raises(errors.WorkerCrashed) as caught:
            await client.call_plugin(name, "spin")
        failures[name] = caught.value

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(spin, SPIN)
        await computing(both)
        tasks.start_soon(spin, PROBE)
        await computing(both)
        await computing(both)
        os.kill(both, signal.SIGKILL)
    assert {name: error.data.plugin_id for name, error in failures.items()} == {SPIN: SPIN, PROBE: PROBE}
    assert "shared with @acme/spin" in str(failures[PROBE])
    for name in (SPIN, PROBE):
        await restarted(client, name, after=both)
    assert await crashes(client) == {SPIN: 1, PROBE: 1}


async def test_a_kill_for_one_takes_its_neighbour_along_without_blame(client: AsyncClient, both: int) -> None:
    os.kill(both, signal.SIGSTOP)
    with pytest.raises(errors.Timeout, match="killed"):
        await client.call_plugin(SPIN, "spin", timeout_ms=50)
    for name in (SPIN, PROBE):
        await restarted(client, name, after=both)
    assert await crashes(client) == {SPIN: 1, PROBE: 0}


async def test_unloading_one_keeps_the_other_and_the_process_ends_with_the_last(client: AsyncClient, both: int) -> None:
    assert await client.call_plugin(PROBE, "count") == 1
    descriptors = psutil.Process(both).num_fds()
    for _ in range(20):  # more often than there is room at once
        await client.unload(SPIN)
        assert (await client.get_plugin(PROBE)).shared_with == []
        assert (await client.load(SPIN)).pid == both
    assert psutil.Process(both).num_fds() == descriptors
    assert await client.call_plugin(PROBE, "count") == 2
    await client.unload(SPIN)
    assert alive(both)
    await client.unload(PROBE)
    await until(lambda: not alive(both))


async def test_one_that_computes_can_be_unloaded(client: AsyncClient, both: int) -> None:
    async def spin() -> None:
        with pytest.raises((errors.WorkerCrashed, errors.Timeout)):
            await client.call_plugin(SPIN, "spin", timeout_ms=20_000)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(spin)
        await computing(both)
        with anyio.fail_after(15):
            await client.uninstall(SPIN)
    assert (await client.get_plugin(PROBE)).pid == both
    assert await client.call_plugin(PROBE, "echo", args=1) == 1


async def test_a_publisher_with_more_plugins_than_room_gets_another_process(
    client: AsyncClient, both: int, scoped: Scoped, plugins: Path, tmp_path: Path
) -> None:
    pids = []
    for number in range(7):
        name = f"@acme/spin{number}"
        await client.install(altered(plugins / "spin", tmp_path / str(number), name=name))
        pids.append((await client.load(name)).pid)
    assert pids[:6] == [both] * 6
    assert pids[6] != both


async def test_memory_of_each_ends_at_its_own_limit(client: AsyncClient, both: int, scoped: Scoped) -> None:
    await client.install(scoped("@acme/grower"))
    await client.set_resource_limits("@acme/grower", LimitChanges(memory_bytes=64 * MIB))
    assert (await client.load("@acme/grower")).pid == both
    before = soft_memory(both)
    assert 900 < await client.call_plugin("@acme/grower", "touch", timeout_ms=60_000) <= 1024  # pages of 64 KiB
    assert await client.call_plugin(PROBE, "alloc", args={"bytes": 100 * MIB}, timeout_ms=60_000) > 0
    await client.set_resource_limits("@acme/grower", LimitChanges(memory_bytes=80 * MIB))
    assert soft_memory(both) == before + 16 * MIB
    assert await client.call_plugin("@acme/grower", "touch", timeout_ms=60_000) > 0
    await client.unload("@acme/grower")
    assert soft_memory(both) == before - (64 + 64) * MIB  # its own, and what the process needs for it


async def test_the_sandbox_holds_in_a_shared_process(client: AsyncClient, both: int, plugins: Path) -> None:
    status = dict(line.split(":", 1) for line in Path(f"/proc/{both}/status").read_text().splitlines() if ":" in line)
    assert status["Seccomp"].strip() == "2"
    assert status["NoNewPrivs"].strip() == "1"
    assert int(status["CapEff"], 16) == int(status["CapBnd"], 16) == 0
    for thread in Path(f"/proc/{both}/task").iterdir():
        assert "Seccomp:\t2" in (thread / "status").read_text()
    await client.install(str(plugins / "probe"))
    alone = (await client.load("probe")).pid
    assert alone is not None
    assert writable_code(both) <= writable_code(alone)


@pytest.mark.parametrize(
    ("settings", "shared"),
    [
        ("", False),
        ('[isolation_of]\n"@acme" = "publisher"\n', True),
        ('isolation = "publisher"\n[isolation_of]\n"@acme/spin" = "dedicated"\n', False),
    ],
)
async def test_the_user_chooses(
    start: Callable[..., Daemon], scoped: Scoped, tmp_path: Path, settings: str, *, shared: bool
) -> None:
    file = tmp_path / "plugind.toml"
    file.write_text(settings)
    async with AsyncClient.connect(start("--config", str(file)).socket) as client:
        pids = set()
        for name in (SPIN, PROBE):
            await client.install(scoped(name))
            pids.add((await client.load(name)).pid)
        assert len(pids) == (1 if shared else 2)
