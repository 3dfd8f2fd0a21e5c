"""What may be killed of the plugins' life: each operation on them, on a real registry with workers in memory.

What is found afterwards is the state before or the one after, whole: every version's package is what its name says,
nothing else lies about, and whatever was acknowledged is there. The journal ends where the plugins are.
"""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import anyio
import anyio.lowlevel
from msgspec.structs import replace
from tests.crashes.harness import Acknowledge, Scenario
from tests.fakes.daemon import FakeDaemon, running
from tests.fakes.pool import plugin
from tests.harness.waiting import until

from plugind.config import Config, Supervision
from plugind.policy import grants
from plugind.registry import store
from plugind_protocol.errors import Trap
from plugind_protocol.manifest import Limits
from plugind_protocol.methods import Install, State

CONFIG: Final = Config(supervision=Supervision(kept_versions=2))

Work = Callable[[FakeDaemon, Path], Awaitable[None]]
Found = dict[str, Any]
"""What is known of each plugin."""


async def install(daemon: FakeDaemon, folder: Path, version: str, *, grant: Any = "requested", **what: Any) -> None:
    """Install from a folder that lies beside the data."""
    source = folder / "sources" / f"{what.get('name', 'p')}-{version}"
    await daemon.catalog.install(Install(source=plugin(source, version, **what), grant=grant))


async def hold(daemon: FakeDaemon, folder: Path) -> None:
    """An update that asks for more, which waits."""
    await install(daemon, folder, "4.0.0", grant=[], permissions=["storage", "ui.dialog"])


async def holding(daemon: FakeDaemon, folder: Path) -> None:
    await several(daemon, folder)
    await hold(daemon, folder)


async def accept(daemon: FakeDaemon, _folder: Path) -> None:
    await daemon.catalog.consent.accept("p", frozenset)


async def reject(daemon: FakeDaemon, _folder: Path) -> None:
    await daemon.catalog.consent.reject("p")


def found(daemon: FakeDaemon) -> Found:
    """Return all that has to survive."""
    return {
        plugin_id: (
            runtime.installed.record.version,
            [one.version for one in daemon.catalog.shelf.versions(plugin_id).versions[1:]],
            runtime.installed.record.granted,
            runtime.installed.record.enabled,
            runtime.installed.record.limits.storage_bytes,
            runtime.crashes.quarantine is not None,
            getattr(runtime.held, "version", None),
        )
        for plugin_id, runtime in daemon.catalog.runtimes.items()
    }


def whole(daemon: FakeDaemon, data: Path) -> None:
    """Look whether everything fits together."""
    versions = [
        one for plugin_id in daemon.catalog.runtimes for one in daemon.catalog.shelf.versions(plugin_id).versions
    ]
    packages = {one.package for one in versions} | {one.package for one in daemon.catalog.held.records()}
    assert {path.name for path in (data / "packages").iterdir()} == packages
    assert {path.stem for path in (data / "labels").iterdir()} == packages
    for package in packages:
        assert store._digest(data / "packages" / package) == package
    for rest in ("staging", "incoming"):
        assert list((data / rest).iterdir()) == []
    assert daemon.catalog.shelf.lost == {}
    states = {plugin_id: runtime.state for plugin_id, runtime in daemon.catalog.runtimes.items()}
    told = {plugin_id: state for plugin_id, state in daemon.journal.states().items() if state != State.NOT_INSTALLED}
    assert {plugin_id: state for plugin_id, state in told.items() if states.get(plugin_id) != state} == {}
    changes = daemon.journal.since(daemon.journal.seq - len(daemon.journal._changes))
    assert changes is not None
    last: dict[str, State] = {}
    for change in changes:
        assert change.from_ == last.get(change.plugin_id, change.from_)
        last[change.plugin_id] = change.to


def scenario(
    name: str, before: Work, change: Work, *, damage: Callable[[Path], None] | None = None, recovers: bool = False
) -> Scenario:
    """Make a scenario of what was there before and one change.

    Args:
        name: Its name.
        before: Brings about what is there before.
        change: What is killed.
        damage: What is done to the data folder in between.
        recovers: The state file is rebuilt.
    """

    def prepare(folder: Path) -> None:
        data = folder / "data"

        async def main() -> None:
            async with running(data, CONFIG) as daemon:
                await before(daemon, folder)
            if damage is not None:
                damage(data)
            async with running(folder / "twin", CONFIG) as daemon:  # what it is to be
                await before(daemon, folder)
                first = found(daemon)
                await change(daemon, folder)
                await anyio.lowlevel.checkpoint()
            async with running(folder / "twin", CONFIG) as daemon:
                second = found(daemon)
            (folder / "expected").write_text(repr((first, second)))

        anyio.run(main)

    def act(folder: Path, acknowledge: Acknowledge) -> None:
        async def main() -> None:
            async with running(folder / "data", CONFIG) as daemon:
                acknowledge("started")
                await change(daemon, folder)
                acknowledge("done")
                acknowledge(f"{daemon.journal.epoch} {daemon.journal.seq}")

        anyio.run(main)

    def check(folder: Path, acknowledged: Sequence[str]) -> None:
        anyio.run(partial(_look, folder, acknowledged, recovers=recovers))

    return Scenario(name, prepare, act, check)


async def _look(folder: Path, acknowledged: Sequence[str], *, recovers: bool) -> None:
    first, second = eval((folder / "expected").read_text())
    async with running(folder / "data", CONFIG) as daemon:
        whole(daemon, folder / "data")
        assert recovers or daemon.recovered is None
        now = found(daemon)
        if recovers:
            now, first, second = _certain(now), _certain(first), _certain(second)
        assert now == second or ("done" not in acknowledged and now == first), (now, first, second)
        if "done" in acknowledged and len(acknowledged) > 2:
            epoch, seq = acknowledged[2].split()
            assert epoch != daemon.journal.epoch or daemon.journal.seq >= int(seq)


def _certain(plugins: Found) -> Found:
    """Return what outlives the loss of the state file: versions and their order."""
    return {plugin_id: (version, kept) for plugin_id, (version, kept, *_) in plugins.items()}


# --- what is there before, and what changes ---------------------------------------------------------------------------


async def nothing(_daemon: FakeDaemon, _folder: Path) -> None:
    """No plugin at all."""


async def one(daemon: FakeDaemon, folder: Path) -> None:
    await install(daemon, folder, "1.0.0")


async def several(daemon: FakeDaemon, folder: Path) -> None:
    """A plugin with as many versions as are kept, and another plugin."""
    for version in ("1.0.0", "2.0.0", "3.0.0"):
        await install(daemon, folder, version)
    await install(daemon, folder, "1.0.0", name="q")


async def next_version(daemon: FakeDaemon, folder: Path) -> None:
    await install(daemon, folder, "4.0.0", grant=[])


async def running_update(daemon: FakeDaemon, folder: Path) -> None:
    await daemon.catalog.get("p").ensure(State.ACTIVE)
    await next_version(daemon, folder)


async def failing_update(daemon: FakeDaemon, folder: Path) -> None:
    await daemon.catalog.get("p").ensure(State.ACTIVE)
    try:
        await install(daemon, folder, "4.0.0", fails="lifecycle.activate")
    except Trap:
        return
    raise AssertionError("it was taken")


async def the_same_again(daemon: FakeDaemon, folder: Path) -> None:
    await install(daemon, folder, "3.0.0")


async def rollback(daemon: FakeDaemon, _folder: Path) -> None:
    await daemon.catalog.rollback("p")


async def rollback_to_the_first(daemon: FakeDaemon, _folder: Path) -> None:
    await daemon.catalog.get("p").ensure(State.LOADED)
    await daemon.catalog.rollback("p", "1.0.0")


async def uninstall(daemon: FakeDaemon, _folder: Path) -> None:
    await daemon.catalog.uninstall("p")


async def uninstall_what_runs(daemon: FakeDaemon, _folder: Path) -> None:
    await daemon.catalog.get("p").ensure(State.ACTIVE)
    await daemon.catalog.uninstall("p")


async def disable(daemon: FakeDaemon, _folder: Path) -> None:
    await daemon.catalog.change("p", lambda record: replace(record, enabled=False))


async def limit(daemon: FakeDaemon, _folder: Path) -> None:
    await daemon.catalog.change("p", lambda record: replace(record, limits=Limits(storage_bytes=4096)))


async def revoke(daemon: FakeDaemon, _folder: Path) -> None:
    def less(record: Any) -> Any:
        return replace(record, granted=sorted(map(str, grants.revoke(grants.parsed(record.granted), ["storage"]))))

    await daemon.catalog.change("p", less, earlier=less)


async def life(daemon: FakeDaemon, _folder: Path) -> None:
    """Everything that is journaled and nothing else."""
    runtime = daemon.catalog.get("p")
    await runtime.ensure(State.ACTIVE)
    await runtime.deactivate()
    await runtime.reload()
    await runtime.unload()


async def quarantine(daemon: FakeDaemon, _folder: Path) -> None:
    """Let it crash until it is given up, and wait until that is durable."""
    runtime = daemon.catalog.get("p")
    while runtime.crashes.quarantine is None:
        worker = await runtime.ensure(State.LOADED)
        worker.end()
    await until(lambda: anyio.to_thread.run_sync(daemon.database.quarantined))


async def quarantined(daemon: FakeDaemon, folder: Path) -> None:
    await several(daemon, folder)
    await quarantine(daemon, folder)


async def release(daemon: FakeDaemon, _folder: Path) -> None:
    await daemon.catalog.quarantine.release("p", fallback=False)


async def fall_back(daemon: FakeDaemon, _folder: Path) -> None:
    await daemon.catalog.quarantine.release("p", fallback=True)


def lose_the_state_file(data: Path) -> None:
    for path in data.glob("state.db*"):
        path.write_bytes(b"damaged" * 100)


def remove_the_state_file(data: Path) -> None:
    for path in data.glob("state.db*"):
        path.unlink()


SCENARIOS: Final = (
    scenario("the first install", nothing, one),
    scenario("an install beside others", several, partial(install, version="1.0.0", name="r")),
    scenario("an update", several, next_version),
    scenario("an update of what runs", several, running_update),
    scenario("an update that fails", several, failing_update),
    scenario("the same version again", several, the_same_again),
    scenario("a rollback", several, rollback),
    scenario("a rollback of what runs, to the first", several, rollback_to_the_first),
    scenario("an uninstall", several, uninstall),
    scenario("an uninstall of what runs", several, uninstall_what_runs),
    scenario("disabling", several, disable),
    scenario("limits", several, limit),
    scenario("revoking", several, revoke),
    scenario("loading, activating, reloading, unloading", one, life),
    scenario("a quarantine", several, quarantine),
    scenario("an update that is held", several, hold),
    scenario("accepting it", holding, accept),
    scenario("rejecting it", holding, reject),
    scenario("releasing", quarantined, release),
    scenario("falling back", quarantined, fall_back),
    scenario("a start with a damaged state file", several, nothing, damage=lose_the_state_file, recovers=True),
    scenario("a start without a state file", several, nothing, damage=remove_the_state_file, recovers=True),
)
