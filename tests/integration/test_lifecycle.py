"""Versions that come, go back and are tried out; and clients that miss nothing of it."""

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.harness.daemon import Daemon
from tests.harness.plugins import altered, hooked

from plugind_client import AsyncClient
from plugind_protocol import errors
from plugind_protocol.methods import State, StateChanged

pytestmark = [pytest.mark.anyio, pytest.mark.process]

TIME = {"seconds": 1.5, "timecode": "00:00:01:12", "fps": 25.0}


async def told(client: AsyncClient, since: int) -> list[StateChanged]:
    answer = await client.changes(since)
    assert answer.complete
    return answer.changes


async def states(client: AsyncClient, since: int) -> list[State]:
    return [change.to for change in await told(client, since)]


async def seq(client: AsyncClient) -> int:
    return (await client.changes()).seq


async def test_versions_are_kept_and_gone_back_to(client: AsyncClient, tmp_path: Path) -> None:
    for number in (1, 2, 3):
        await client.install(hooked(tmp_path / str(number), f"{number}.0.0"), grant=["timeline.read"])
    await client.activate("hooked")
    found = await client.versions("hooked")
    assert found.current == "3.0.0"
    assert [(one.version, one.current, one.source) for one in found.versions] == [
        ("3.0.0", True, str(tmp_path / "3")),
        ("2.0.0", False, str(tmp_path / "2")),
        ("1.0.0", False, str(tmp_path / "1")),
    ]
    assert all(one.installed_at and len(one.package) == 64 for one in found.versions)
    back = await client.rollback("hooked")
    assert (back.version, back.state, back.permissions.granted) == ("2.0.0", State.ACTIVE, ["timeline.read"])
    assert await client.call_plugin("hooked", "version") == "2.0.0"
    assert (await client.rollback("hooked", "1.0.0")).version == "1.0.0"
    assert [one.version for one in (await client.versions("hooked")).versions] == ["1.0.0", "2.0.0", "3.0.0"]
    with pytest.raises(errors.InvalidParams, match=r"4\.0\.0") as caught:
        await client.rollback("hooked", "4.0.0")
    assert "2.0.0" in caught.value.hint
    for call in (client.versions("nobody"), client.rollback("nobody")):
        with pytest.raises(errors.PluginNotFound):
            await call


async def test_without_an_earlier_version_there_is_nothing_to_go_back_to(client: AsyncClient, tmp_path: Path) -> None:
    await client.install(hooked(tmp_path / "1"))
    with pytest.raises(errors.InvalidState, match="no earlier version"):
        await client.rollback("hooked")


async def test_contents_are_kept_apart_that_call_themselves_the_same(client: AsyncClient, tmp_path: Path) -> None:
    await client.install(hooked(tmp_path / "1", "1.0.0"))
    await client.install(hooked(tmp_path / "2", "1.0.0", description="another"))
    found = (await client.versions("hooked")).versions
    assert [one.version for one in found] == ["1.0.0", "1.0.0"]
    assert found[0].package != found[1].package
    await client.rollback("hooked", "1.0.0")
    assert [one.package for one in (await client.versions("hooked")).versions] == [found[1].package, found[0].package]


@pytest.mark.parametrize("hook", ["lifecycle.load", "lifecycle.activate", "main"])
async def test_a_version_whose_hooks_fail_is_not_taken(client: AsyncClient, tmp_path: Path, hook: str) -> None:
    await client.install(hooked(tmp_path / "1"), grant=["timeline.read"])
    before = await client.activate("hooked")
    since = await seq(client)
    with pytest.raises(errors.Trap, match=r"hooked 1\.0\.0 is back as it was") as caught:
        await client.install(hooked(tmp_path / "2", "2.0.0", traps=hook), grant=["timeline.write"])
    assert caught.value.data.version == "2.0.0" or "2.0.0" in caught.value.message
    after = await client.get_plugin("hooked")
    assert (after.version, after.state, after.permissions) == ("1.0.0", State.ACTIVE, before.permissions)
    assert await client.call_plugin("hooked", "version") == "1.0.0"
    assert [one.version for one in (await client.versions("hooked")).versions] == ["1.0.0"]
    changes = await told(client, since)
    assert [(change.to, change.version) for change in changes] == [
        (State.UPDATING, "2.0.0"),
        (State.ACTIVE, "1.0.0"),
    ]
    assert changes[-1].reason is not None
    assert "2.0.0 was not taken" in changes[-1].reason
    assert any("2.0.0 was not taken" in line.message for line in (await client.console_get("hooked")).messages)


async def test_a_hook_that_never_ends_is_a_failure_too(start: Callable[..., Daemon], tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text("[supervision]\nhook_timeout_seconds = 0.3\n")
    daemon = start("--config", str(tmp_path / "c.toml"))
    async with AsyncClient.connect(daemon.socket) as client:
        await client.install(hooked(tmp_path / "1"))
        await client.load("hooked")
        with pytest.raises(errors.Timeout, match="is back as it was"):
            await client.install(hooked(tmp_path / "2", "2.0.0", spins="lifecycle.load"))
        assert await client.call_plugin("hooked", "version") == "1.0.0"
        # a failing hook on the way out does not keep it from going
        await client.install(hooked(tmp_path / "3", "3.0.0", spins="lifecycle.unload", traps="lifecycle.deactivate"))
        await client.activate("hooked")
        await client.install(hooked(tmp_path / "4", "4.0.0"))
        assert await client.call_plugin("hooked", "version") == "4.0.0"


async def test_a_hook_that_fails_by_itself_ends_in_error(client: AsyncClient, tmp_path: Path) -> None:
    await client.install(hooked(tmp_path / "1", traps="lifecycle.activate"))
    assert (await client.load("hooked")).state == State.LOADED
    with pytest.raises(errors.Trap):
        await client.activate("hooked")
    info = await client.get_plugin("hooked")
    assert info.state == State.ERROR
    assert info.reason
    # whoever failed is not gone back to, and whoever comes gets where it should have been
    await client.install(hooked(tmp_path / "2", "2.0.0"))
    info = await client.get_plugin("hooked")
    assert (info.version, info.state) == ("2.0.0", State.ACTIVE)


async def test_an_update_of_what_does_not_run_does_not_start_it(client: AsyncClient, tmp_path: Path) -> None:
    await client.install(hooked(tmp_path / "1"))
    since = await seq(client)
    await client.install(hooked(tmp_path / "2", "2.0.0", traps="lifecycle.load"))
    assert await states(client, since) == [State.UPDATING, State.INSTALLED]
    assert (await client.get_plugin("hooked")).pid is None
    assert (await client.rollback("hooked")).state == State.INSTALLED


async def test_calls_in_flight_end_on_the_version_they_began_on(daemon: Daemon, tmp_path: Path) -> None:
    asked, may_answer = anyio.Event(), anyio.Event()

    async def timeline(_method: str, _params: Any) -> Any:
        asked.set()
        await may_answer.wait()
        return TIME

    async with AsyncClient.connect(daemon.socket, handlers={"timeline": timeline}) as client:
        await client.install(hooked(tmp_path / "1"), grant="requested")
        answers: list[Any] = []

        async def ask() -> None:
            answers.append(await client.call_plugin("hooked", "ask"))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask)
            await asked.wait()
            changes = client.notifications("plugins.stateChanged")
            tasks.start_soon(client.install, hooked(tmp_path / "2", "2.0.0"))
            while (await anext(changes)).to is not State.UPDATING:
                pass
            assert (await client.get_plugin("hooked")).version == "1.0.0"  # the other has not shown yet that it runs
            assert answers == []
            may_answer.set()
        assert answers == [TIME]
        assert await client.call_plugin("hooked", "version") == "2.0.0"
        await client.uninstall("hooked")


async def test_what_was_revoked_stays_so_in_versions_that_are_kept(client: AsyncClient, tmp_path: Path) -> None:
    await client.install(hooked(tmp_path / "1"), grant="requested")
    await client.install(hooked(tmp_path / "2", "2.0.0"))
    await client.revoke("hooked", ["timeline.write"])
    assert (await client.rollback("hooked")).permissions.granted == ["timeline.read"]
    await client.grant("hooked", ["timeline.write"])
    assert (await client.rollback("hooked")).permissions.granted == ["timeline.read", "timeline.write"]


async def test_operations_on_one_plugin_queue_and_on_others_do_not(daemon: Daemon, tmp_path: Path) -> None:
    asked, may_answer = anyio.Event(), anyio.Event()

    async def timeline(_method: str, _params: Any) -> Any:
        asked.set()
        await may_answer.wait()
        return TIME

    async with AsyncClient.connect(daemon.socket, handlers={"timeline": timeline}) as client:
        for name in ("one", "two"):
            await client.install(hooked(tmp_path / name, name=name), grant="requested")
            await client.load(name)
        done: list[str] = []

        async def disable() -> None:
            await client.disable("one")
            done.append("disable")

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client.call_plugin, "one", "ask")
            await asked.wait()
            changes = client.notifications("plugins.stateChanged")
            tasks.start_soon(client.install, hooked(tmp_path / "one2", "2.0.0", name="one"))
            while (await anext(changes)).to is not State.UPDATING:
                pass
            tasks.start_soon(disable)
            # the update of one waits for its call; two is not kept waiting, not even for an update of its own
            await client.install(hooked(tmp_path / "two2", "2.0.0", name="two"))
            assert await client.call_plugin("two", "version") == "2.0.0"
            assert done == []
            may_answer.set()
        info = await client.get_plugin("one")
        assert (info.version, info.enabled, info.state) == ("2.0.0", False, State.INSTALLED)
        for name in ("one", "two"):
            await client.uninstall(name)


async def test_many_installs_at_once_all_arrive(client: AsyncClient, tmp_path: Path) -> None:
    since = await seq(client)
    async with anyio.create_task_group() as tasks:
        for name in "abcdef":
            for version in ("1.0.0", "2.0.0"):
                tasks.start_soon(client.install, hooked(tmp_path / f"{name}{version}", version, name=name))
    assert [info.plugin_id for info in await client.list_plugins()] == list("abcdef")
    for name in "abcdef":
        assert len((await client.versions(name)).versions) == 2
    changes = await told(client, since)
    assert [change.seq for change in changes] == list(range(since + 1, since + len(changes) + 1))


async def test_an_uninstalled_plugin_is_not_brought_back_by_a_call(client: AsyncClient, tmp_path: Path) -> None:
    await client.install(hooked(tmp_path / "1"))
    outcomes: list[object] = []

    async def call() -> None:
        try:
            outcomes.append(await client.call_plugin("hooked", "version"))
        except errors.PlugindError as error:
            outcomes.append(type(error))

    async with anyio.create_task_group() as tasks:
        for _ in range(20):
            tasks.start_soon(call)
        tasks.start_soon(client.uninstall, "hooked")
        for _ in range(20):
            tasks.start_soon(call)
    assert set(outcomes) <= {"1.0.0", errors.PluginNotFound, errors.WorkerCrashed}
    assert await client.get_state("hooked") == State.NOT_INSTALLED
    assert await client.list_plugins() == []


# --- clients that were away


async def test_a_client_catches_up(client: AsyncClient, daemon: Daemon, tmp_path: Path) -> None:
    everything = await client.changes()
    assert (everything.complete, everything.changes, everything.plugins) == (False, [], [])
    heard = client.notifications("plugins.stateChanged")
    await client.install(hooked(tmp_path / "1"))
    await client.activate("hooked")
    missed = await client.changes(everything.seq, epoch=everything.epoch)
    assert (missed.complete, missed.plugins) == (True, None)
    assert missed.changes == [await anext(heard) for _ in missed.changes]
    assert [change.to for change in missed.changes] == [
        State.INSTALLING,
        State.INSTALLED,
        State.LOADING,
        State.LOADED,
        State.ACTIVE,
    ]
    for since, epoch in ((missed.seq + 1, None), (-1, None), (missed.seq, "another")):
        again = await client.changes(since, epoch=epoch)
        assert not again.complete
        assert again.plugins is not None
        assert [info.state for info in again.plugins] == [State.ACTIVE]


async def test_what_is_too_long_ago_is_said_to_be(start: Callable[..., Daemon], tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text("changes_kept = 4\n")
    async with AsyncClient.connect(start("--config", str(tmp_path / "c.toml")).socket) as client:
        await client.install(hooked(tmp_path / "1"))
        await client.load("hooked")
        assert [change.seq for change in (await client.changes(0)).changes] == [1, 2, 3, 4]
        await client.unload("hooked")
        too_long = await client.changes(0)
        assert (too_long.complete, too_long.seq) == (False, 5)
        assert too_long.plugins is not None
        assert [info.plugin_id for info in too_long.plugins] == ["hooked"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
async def test_numbers_and_changes_go_on_over_a_restart(
    start: Callable[..., Daemon], tmp_path: Path, number: signal.Signals
) -> None:
    daemon = start()
    async with AsyncClient.connect(daemon.socket) as client:
        await client.install(hooked(tmp_path / "1"))
        await client.activate("hooked")
        before = await client.changes()
    daemon.stop(number)
    async with AsyncClient.connect(start().socket) as client:
        missed = await client.changes(before.seq, epoch=before.epoch)
        assert missed.complete
        assert [(change.from_, change.to) for change in missed.changes] == [(State.ACTIVE, State.INSTALLED)]
        assert [change.seq for change in missed.changes] == [before.seq + 1]
        await client.load("hooked")
        assert [change.seq for change in await told(client, before.seq)] == [before.seq + n for n in (1, 2, 3)]


async def test_a_journal_that_is_lost_is_another_epoch(start: Callable[..., Daemon], tmp_path: Path) -> None:
    daemon = start()
    async with AsyncClient.connect(daemon.socket) as client:
        await client.install(hooked(tmp_path / "1"))
        before = await client.changes()
    assert daemon.stop() == 0
    (daemon.data_dir / "journal.jsonl").write_bytes(b"lost")
    async with AsyncClient.connect(start().socket) as client:
        after = await client.changes(before.seq, epoch=before.epoch)
        assert not after.complete
        assert after.epoch != before.epoch
        assert after.plugins is not None
        assert [info.plugin_id for info in after.plugins] == ["hooked"]


async def test_an_update_under_load_answers_every_call(client: AsyncClient, plugins: Path, tmp_path: Path) -> None:
    await client.install(str(plugins / "probe"))
    await client.load("probe")
    stop = False
    answered = 0

    async def call() -> None:
        nonlocal answered
        while not stop:
            assert await client.call_plugin("probe", "echo", args=answered) is not None
            answered += 1

    async with anyio.create_task_group() as tasks:
        for _ in range(4):
            tasks.start_soon(call)
        for number in range(2, 6):
            source = altered(plugins / "probe", tmp_path / str(number), version=f"{number}.0.0")
            await client.install(source)
            await client.reload("probe")
        stop = True
    assert answered > 8
