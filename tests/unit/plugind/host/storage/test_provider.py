"""``storage.*`` as the daemon answers it: real files, one per plugin, few of them open."""

import inspect
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest
from tests.harness.waiting import until

from plugind.host.allowance import Allowance
from plugind.host.caller import Caller
from plugind.host.private import PrivateFolders
from plugind.host.storage.files import StorageFiles
from plugind.host.storage.provider import MAX_KEY, MAX_KEYS, MAX_VALUE_BYTES, Storage
from plugind.host.storage.store import cost
from plugind.host.threads import HostThreads
from plugind_protocol.errors import InternalError, InvalidParams, InvalidState, TooLarge
from plugind_protocol.host import storage as api
from plugind_protocol.table import Empty

pytestmark = pytest.mark.anyio


def caller(plugin_id: str) -> Caller:
    return Caller(plugin_id, "1.0.0")


class Bench:
    """A provider on a folder of its own."""

    def __init__(self, root: Path, *, limit: int | None = 1_000_000, most_open: int = 2) -> None:
        self.folders = PrivateFolders(root / "private")
        self.threads = HostThreads()
        self.damaged: list[str] = []
        self.warned: list[tuple[str, int, int]] = []
        self.allowance = Allowance(lambda _plugin_id: limit, lambda *warning: self.warned.append(warning))
        self.files = StorageFiles(
            self.folders, self.threads, self.allowance, damaged=self.damaged.append, most_open=most_open
        )
        self.storage = Storage(self.files)

    async def get(self, key: str, plugin_id: str = "p") -> Any:
        answer = self.storage.get(caller(plugin_id), api.GetValue(key=key))
        found = await answer if inspect.isawaitable(answer) else answer
        return msgspec.json.decode(found.value) if found.exists else None

    async def set(self, key: str, value: Any, plugin_id: str = "p") -> None:
        await self.storage.set(caller(plugin_id), api.SetValue(key=key, value=msgspec.Raw(msgspec.json.encode(value))))

    async def keys(self, plugin_id: str = "p", **params: str) -> api.Keys:
        return await self.storage.keys(caller(plugin_id), api.ListKeys(**params))

    def open(self) -> list[str]:
        return list(self.files._open)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.files.close_all()


async def test_values_are_each_plugins_own(bench: Bench) -> None:
    await bench.set("k", {"a": 1})
    await bench.set("k", [2], "@s/p")
    assert (await bench.get("k"), await bench.get("k", "@s/p"), await bench.get("k", "s+p")) == ({"a": 1}, [2], None)
    assert (await bench.storage.remove(caller("p"), api.RemoveValue(key="k"))).removed
    assert not (await bench.storage.remove(caller("p"), api.RemoveValue(key="k"))).removed
    assert (await bench.get("k"), await bench.get("k", "@s/p")) == (None, [2])
    await bench.storage.clear(caller("@s/p"), Empty())
    assert (await bench.keys("@s/p")).keys == []


async def test_null_is_a_value_and_not_its_absence(bench: Bench) -> None:
    await bench.set("k", None)
    stored, absent = (bench.storage.get(caller("p"), api.GetValue(key=key)) for key in ("k", "other"))
    assert stored == api.StoredValue(value=msgspec.Raw(b"null"), exists=True)
    assert absent == api.StoredValue(value=msgspec.Raw(b"null"), exists=False)


async def test_reading_makes_no_file(bench: Bench, tmp_path: Path) -> None:
    assert await bench.get("k") is None
    assert await bench.keys() == api.Keys(keys=[])
    assert list(tmp_path.iterdir()) == []


async def test_small_values_of_an_open_file_are_answered_at_once(bench: Bench) -> None:
    await bench.set("small", "x" * 1000)
    await bench.set("large", "x" * 100_000)
    assert isinstance(bench.storage.get(caller("p"), api.GetValue(key="small")), api.StoredValue)
    assert not isinstance(later := bench.storage.get(caller("p"), api.GetValue(key="large")), api.StoredValue)
    assert len((await later).value) == 100_002


async def test_a_get_comes_after_a_set_that_was_given_up(bench: Bench) -> None:
    await bench.set("k", 1)
    with anyio.CancelScope() as given_up:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(bench.set, "k", 2)
            await anyio.lowlevel.checkpoint()
            given_up.cancel()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(bench.set, "k", 3)
        await anyio.lowlevel.checkpoint()
        assert await bench.get("k") == 3


async def test_few_files_stay_open_and_all_answer(bench: Bench) -> None:
    for number in range(6):
        await bench.set("k", number, f"p{number}")
    assert bench.open() == ["p4", "p5"]
    assert await bench.get("k", "p4") == 4
    assert [await bench.get("k", f"p{number}") for number in range(6)] == list(range(6))
    assert len(bench.open()) == 2


async def test_what_a_plugin_may_keep_is_bounded_and_warned_of_before(tmp_path: Path) -> None:
    bench = Bench(tmp_path, limit=10_000)
    await bench.set("a", "x" * 7_800)
    assert bench.warned == []
    await bench.set("b", "x" * 600)
    assert bench.warned == [("p", used := cost("a", 7802) + cost("b", 602), 10_000)]
    assert bench.allowance.used("p") == used
    with pytest.raises(TooLarge, match=r"p would keep .* may keep 10000") as caught:
        await bench.set("c", "secret" * 1000)
    assert caught.value.data.cause == "limit"
    assert "secret" not in caught.value.message
    assert await bench.get("c") is None
    await bench.set("a", "y" * 7_800)  # replacing takes no more
    await bench.storage.remove(caller("p"), api.RemoveValue(key="a"))
    await bench.set("c", "z" * 8_000)
    assert len(bench.warned) == 2
    await bench.files.close("p")
    again = Bench(tmp_path, limit=10_000)
    with pytest.raises(TooLarge):
        await again.set("d", "x" * 2000)
    assert again.allowance.used("p") == cost("b", 602) + cost("c", 8002)
    again.files.close_all()


async def test_a_failed_set_counts_nothing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    await bench.set("k", 1)
    used = bench.allowance.used("p")
    store = bench.files.ready("p")
    assert store is not None
    store._connection.execute("PRAGMA max_page_count=8")
    with pytest.raises(InternalError, match=r"storage.set of p failed: No space left") as caught:
        await bench.set("k", "x" * 100_000)
    assert "Make room" in caught.value.hint
    assert bench.allowance.used("p") == used
    assert await bench.get("k") == 1


@pytest.mark.parametrize("key", ["", "x" * (MAX_KEY + 1), "a\0b"])
async def test_keys_that_are_refused(bench: Bench, key: str) -> None:
    with pytest.raises(InvalidParams):
        await bench.set(key, 1)
    with pytest.raises(InvalidParams):
        await bench.get(key)
    with pytest.raises(InvalidParams):
        await bench.storage.remove(caller("p"), api.RemoveValue(key=key))


async def test_a_value_has_a_bound(tmp_path: Path) -> None:
    bench = Bench(tmp_path, limit=None)
    await bench.set("k", "x" * (MAX_VALUE_BYTES - 2))
    assert len(await bench.get("k")) == MAX_VALUE_BYTES - 2
    with pytest.raises(TooLarge):
        await bench.set("k", "x" * (MAX_VALUE_BYTES - 1))
    bench.files.close_all()


async def test_many_keys_come_in_parts(bench: Bench) -> None:
    bench.allowance._limit = lambda _plugin_id: None
    await bench.set("k", 0)

    def fill(store: Any) -> None:
        store._connection.executemany(
            "INSERT INTO entry VALUES (?, x'30')", ((f"k{number:05}",) for number in range(MAX_KEYS + 4))
        )

    await bench.files.use("p", fill)
    first = await bench.keys()
    assert (len(first.keys), first.truncated) == (MAX_KEYS, True)
    rest = await bench.keys(after=first.keys[-1])
    assert (rest.keys, rest.truncated) == ([f"k{number:05}" for number in range(MAX_KEYS - 1, MAX_KEYS + 4)], False)


async def test_a_damaged_file_is_set_aside_and_reported(bench: Bench) -> None:
    await bench.set("k", "x" * 20_000)
    path = bench.folders.storage("p")
    await bench.files.close("p")
    path.write_bytes(b"garbage" * 1000)
    assert await bench.get("k") is None
    assert bench.damaged == ["p"]
    assert path.with_name("storage.db.damaged").read_bytes() == b"garbage" * 1000
    await bench.set("k", 2)
    assert await bench.get("k") == 2
    assert bench.allowance.used("p") == cost("k", 1)


async def test_damage_under_an_open_file_too(bench: Bench) -> None:
    for number in range(50):
        await bench.set(f"k{number}", "x" * 15_000)
    await bench.files.sync()
    store = bench.files.ready("p")
    assert store is not None
    store._connection.execute("PRAGMA cache_size=0")
    with bench.folders.storage("p").open("r+b") as file:
        size = file.seek(0, 2)
        for page in range(2, size // 4096):
            file.seek(page * 4096)
            file.write(b"\xa5" * 4096)
    assert [await bench.get(f"k{number}") for number in range(50)] == [None] * 50
    assert bench.damaged == ["p"]


async def test_the_file_of_a_later_version_is_left_alone(bench: Bench) -> None:
    await bench.set("k", 1)

    def later(store: Any) -> None:
        store._connection.execute("PRAGMA user_version=2")

    await bench.files.use("p", later)
    await bench.files.close("p")
    with pytest.raises(InvalidState, match="later version of plugind"):
        await bench.get("k")
    assert bench.damaged == []


async def test_a_folder_that_takes_no_changes(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "private").write_bytes(b"")
    with pytest.raises(InternalError, match=r"storage.set of p failed") as caught:
        await bench.set("k", 1)
    assert str(tmp_path) not in caught.value.message


@pytest.fixture
async def syncing(bench: Bench) -> AsyncIterator[None]:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(bench.storage.keep_synced)
        yield
        tasks.cancel_scope.cancel()


@pytest.mark.usefixtures("syncing")
async def test_changes_are_brought_to_the_disk_soon(bench: Bench) -> None:
    await bench.set("k", 1)
    store = bench.files.ready("p")
    assert store is not None
    assert store.unsynced
    journal = bench.folders.storage("p").with_name("storage.db-wal")
    assert journal.stat().st_size > 0
    with anyio.fail_after(40):
        await until(lambda: not store.unsynced)
    assert journal.stat().st_size == 0
    await bench.set("k", 2)
    with anyio.fail_after(40):
        await until(lambda: not store.unsynced)
