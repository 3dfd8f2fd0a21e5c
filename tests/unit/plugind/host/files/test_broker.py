"""``file.*`` as the daemon answers it: a plugin's tree on a real disk."""

import base64
import os
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest

from plugind.host.allowance import Allowance
from plugind.host.caller import Caller
from plugind.host.files import beneath, system
from plugind.host.files.broker import ENTRY_BYTES, MAX_ENTRIES, FileBroker
from plugind.host.files.content import MAX_READ_BYTES, MAX_WRITE_BYTES
from plugind.host.files.paths import Paths
from plugind.host.files.picked import Picks
from plugind.host.files.places import Places
from plugind.host.private import PrivateFolders
from plugind.host.threads import HostThreads
from plugind.policy.files import Need
from plugind_protocol.errors import (
    HostUnavailable,
    InternalError,
    InvalidParams,
    NotFound,
    PermissionDenied,
    PlugindError,
    TooLarge,
)
from plugind_protocol.host import file as api
from plugind_protocol.host import media, ui
from plugind_protocol.permissions import Permission, parse

pytestmark = pytest.mark.anyio


class Bench:
    """A broker with a package, a project, a folder to pick from, and a plugin that may do everything."""

    def __init__(self, root: Path, open_: beneath.Open | None = None, *, limit: int | None = 10**9) -> None:
        self.package, self.folder, self.pickable = root / "package", root / "project", root / "pickable"
        for folder in (self.package / "assets", self.folder, self.pickable):
            folder.mkdir(parents=True, exist_ok=True)
        self.project: Path | None = self.folder
        self.private = PrivateFolders(root / "private")
        self.threads = HostThreads()
        self.picks = Picks()
        self.allowance = Allowance(lambda _plugin_id: limit, lambda *_warning: None)
        places = Places(lambda _plugin_id: self.package, lambda: self.project, picks=self.picks, private=self.private)
        self.broker = FileBroker(places, self.private, self.threads, self.allowance, reach=open_ and system.by(open_))
        self.paths = Paths(self.broker, self.picks, self.threads)
        self.caller = self.granted("file.read", "file.write", "media.read")

    @staticmethod
    def granted(*names: str, plugin_id: str = "p") -> Caller:
        return Caller(plugin_id, "1.0.0", frozenset(map(parse, names)))

    async def read(self, path: str, **options: Any) -> api.FileData:
        return await self.broker.read(self.caller, api.ReadFile(path=path, **options))

    async def write(self, path: str, data: str = "x", **options: Any) -> int:
        return (await self.broker.write(self.caller, api.WriteFile(path=path, data=data, **options))).size

    async def list(self, path: str = "", caller: Caller | None = None, **options: Any) -> list[str]:
        found = await self.broker.list(caller or self.caller, api.ListFolder(path=path, **options))
        return [entry.path for entry in found.entries]

    async def stat(self, path: str) -> api.FileStat:
        return await self.broker.stat(self.caller, api.StatFile(path=path))

    async def remove(self, path: str) -> None:
        await self.broker.remove(self.caller, api.RemoveFile(path=path))


@pytest.fixture
def bench(tmp_path: Path, open_: beneath.Open) -> Bench:
    return Bench(tmp_path, open_)


async def test_the_private_folder_is_each_plugins_own(bench: Bench) -> None:
    assert await bench.write("presets/ä.json", "{}", create_parents=True) == 2
    assert (await bench.read("presets/ä.json")) == api.FileData(data="{}", encoding="utf8", size=2)
    assert await bench.list(recursive=True) == ["presets", "presets/ä.json"]
    other = bench.granted("file.read", plugin_id="@s/p")
    assert await bench.list(caller=other) == []
    with pytest.raises(NotFound):
        await bench.broker.read(other, api.ReadFile(path="presets/ä.json"))
    assert (await bench.stat("presets")).kind == "directory"
    found = await bench.stat("presets/ä.json")
    assert (found.kind, found.size, found.path) == ("file", 2, "presets/ä.json")
    await bench.remove("presets/ä.json")
    await bench.remove("presets")
    assert await bench.list() == []


async def test_reading_makes_no_folder(bench: Bench, tmp_path: Path) -> None:
    assert await bench.list() == []
    with pytest.raises(NotFound):
        await bench.read("x")
    assert not (tmp_path / "private").exists()


async def test_the_package_is_read_by_both_names_and_never_written(bench: Bench) -> None:
    (bench.package / "assets" / "a").write_text("in assets")
    (bench.package / "a").write_text("beside")
    (bench.package / "b").write_text("only beside")
    assert (await bench.read("assets/a")).data == "in assets"
    assert (await bench.read("assets/b")).data == "only beside"
    assert await bench.list("assets") == ["assets/a"]
    for write in (partial(bench.write, "assets/a"), partial(bench.remove, "assets/a")):
        with pytest.raises(PermissionDenied, match="read-only"):
            await write()
    with pytest.raises(NotFound):
        await bench.read("assets/c")


async def test_the_project_is_there_when_one_is_open(bench: Bench) -> None:
    (bench.folder / "media").mkdir()
    await bench.write("project/media/a", "1")
    assert (bench.folder / "media" / "a").read_text() == "1"
    assert await bench.list("project", recursive=True) == ["project/media", "project/media/a"]
    bench.project = None
    with pytest.raises(HostUnavailable, match="no project is open"):
        await bench.read("project/media/a")


@pytest.mark.parametrize("path", ["", "project", "assets"])
async def test_the_places_themselves_cannot_be_written(bench: Bench, path: str) -> None:
    with pytest.raises((InvalidParams, PermissionDenied)):
        await bench.write(path)
    with pytest.raises((InvalidParams, PermissionDenied)):
        await bench.remove(path)
    assert bench.folder.is_dir()


def needed(need: Need, path: str) -> Permission | None:
    return FileBroker.needed(need, Bench.granted(), api.StatFile(path=path))


def test_which_permission_is_asked_for() -> None:
    assert needed(Need.READ, "assets/x") is None
    assert needed(Need.WRITE, "project/x") == Permission("file.write", "project/x")
    assert needed(Need.READ, "../x") == Permission("file.read")


async def test_only_what_may_be_read_is_listed(bench: Bench) -> None:
    for path in ("a/1", "a/b/2", "c/3"):
        await bench.write(path, create_parents=True)
    some = bench.granted("file.read:a/*")
    assert await bench.list("a", caller=some, recursive=True) == ["a/1", "a/b"]


async def test_encodings(bench: Bench) -> None:
    data = bytes(range(256))
    assert await bench.write("f", base64.b64encode(data).decode(), encoding="base64") == 256
    assert base64.b64decode((await bench.read("f", encoding="base64")).data) == data
    assert (await bench.read("f", offset=65, length=3)).data == "ABC"
    with pytest.raises(InvalidParams, match="not UTF-8"):
        await bench.read("f")
    for wrong in ("a", "ab=c", "ä"):
        with pytest.raises(InvalidParams, match="not base64"):
            await bench.write("f", wrong, encoding="base64")
    await bench.write("t", "aäb")
    with pytest.raises(InvalidParams, match="not UTF-8"):
        await bench.read("t", length=2)


async def test_large_files_are_read_and_written_in_parts(bench: Bench) -> None:
    part = "x" * MAX_WRITE_BYTES
    with pytest.raises(TooLarge, match="are written at once"):
        await bench.write("f", part + "x")
    assert await bench.write("f", part) == MAX_WRITE_BYTES
    assert len((await bench.read("f")).data) == MAX_READ_BYTES
    assert await bench.write("f", "yz", append=True) == MAX_WRITE_BYTES + 2
    with pytest.raises(TooLarge, match="are read at once"):
        await bench.read("f")
    tail = await bench.read("f", offset=MAX_READ_BYTES)
    assert (tail.data, tail.size) == ("yz", MAX_WRITE_BYTES + 2)
    await bench.write("control", "\x01" * (MAX_READ_BYTES // 2))
    with pytest.raises(TooLarge):
        await bench.read("control")


async def test_many_entries_are_cut(bench: Bench) -> None:
    for number in range(MAX_ENTRIES + 5):
        (bench.folder / f"{number:05}").touch()
    found = await bench.broker.list(bench.caller, api.ListFolder(path="project"))
    assert (len(found.entries), found.truncated) == (MAX_ENTRIES, True)


@pytest.mark.threat("Files", "more than a plugin may keep")
async def test_the_private_folder_is_bounded(tmp_path: Path, open_: beneath.Open) -> None:
    bench = Bench(tmp_path, open_, limit=10_000)
    await bench.write("a", "x" * 5000)
    with pytest.raises(TooLarge, match="may keep 10000"):
        await bench.write("b", "x" * 5000)
    for number in range(3):
        await bench.write(f"n{number}", "")
    with pytest.raises(TooLarge):
        await bench.write("n4", "")  # names count too
    await bench.write("project/big", "x" * 50_000)  # the user's own disk
    await bench.remove("a")
    await bench.write("b", "x" * 4000)
    assert bench.allowance.used("p") == 4000 + 4 * ENTRY_BYTES
    (tmp_path / "private" / "p" / "files" / ".plugind-00").write_bytes(b"x" * 5000)
    again = Bench(tmp_path, open_, limit=10_000)
    assert again.allowance.used("p") == 4000 + 4 * ENTRY_BYTES


@pytest.mark.threat("Files", "links in the way")
async def test_links_are_refused_and_told_without_real_paths(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    (bench.folder / "link").symlink_to(tmp_path / "secret")
    (bench.folder / "folder").symlink_to(tmp_path)
    for use in (
        partial(bench.read, "project/link"),
        partial(bench.write, "project/link"),
        partial(bench.stat, "project/link"),
        partial(bench.remove, "project/link"),
        partial(bench.read, "project/folder/secret"),
        partial(bench.write, "project/folder/new", create_parents=True),
        partial(bench.list, "project/folder"),
    ):
        with pytest.raises((PermissionDenied, NotFound)) as caught:
            await use()
        assert str(tmp_path) not in repr((caught.value.message, caught.value.hint))
    assert await bench.list("project", recursive=True) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["package", "pickable", "project", "secret"]
    assert (tmp_path / "secret").read_text() == "secret"


@pytest.mark.threat("Files", "pipes, devices and sockets")
async def test_a_pipe_keeps_nobody_waiting(bench: Bench) -> None:
    os.mkfifo(bench.folder / "pipe")
    with anyio.fail_after(40):
        for use in (bench.read, bench.write, bench.stat, bench.remove):
            with pytest.raises(PermissionDenied, match="neither a file nor a folder"):
                await use("project/pipe")


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (lambda bench: bench.read("project"), InvalidParams),
        (lambda bench: bench.read("project/no/file"), NotFound),
        (lambda bench: bench.write("no/file"), NotFound),
        (lambda bench: bench.list("project/file"), NotFound),
        (lambda bench: bench.read("project/file/more"), NotFound),
        (lambda bench: bench.write("project/folder"), InvalidParams),
        (lambda bench: bench.remove("project/folder"), InvalidParams),
        (lambda bench: bench.write("project/read-only"), PermissionDenied),
        (lambda bench: bench.read("picked"), NotFound),
        (lambda bench: bench.read("picked/0000/x"), NotFound),
    ],
)
async def test_what_guests_are_told(bench: Bench, make: Any, kind: type[PlugindError]) -> None:
    (bench.folder / "file").write_text("x")
    (bench.folder / "folder").mkdir()
    (bench.folder / "folder" / "x").touch()
    (bench.folder / "read-only").touch(0o444)
    with pytest.raises(kind) as caught:
        await make(bench)
    assert type(caught.value) is kind
    assert "p" in caught.value.message
    assert caught.value.hint or kind is PermissionDenied


async def test_what_the_machine_refuses(bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def broken(*_arguments: object, **_options: object) -> None:
        raise OSError(5, "Input/output error", str(tmp_path))

    monkeypatch.setattr(os, "pread", broken)
    (bench.folder / "f").write_text("x")
    with pytest.raises(InternalError, match=r"file.read of p failed: Input/output error") as caught:
        await bench.read("project/f")
    assert str(tmp_path) not in caught.value.message


# --- picked -----------------------------------------------------------------------------------------------------------


async def pick(bench: Bench, *paths: Path, save: bool = False) -> list[str]:
    params = ui.PickFile(save=save, multiple=True)
    return (await bench.paths.picked_files(bench.caller, params, ui.PickedFiles(files=[*map(str, paths)]))).files


async def test_picked_files_are_read_and_nothing_beside_them(bench: Bench) -> None:
    one, two = bench.pickable / "warm.cube", bench.pickable / "b.cube"
    one.write_text("1")
    two.write_text("2")
    paths = await pick(bench, one, two)
    assert [path.rpartition("/")[2] for path in paths] == ["warm.cube", "b.cube"]
    assert [(await bench.read(path)).data for path in paths] == ["1", "2"]
    token = paths[0].rpartition("/")[0]
    for path in (token, f"{token}/b.cube", f"{token}/../b.cube", f"{token}/warm.cube/x", "picked"):
        with pytest.raises((NotFound, InvalidParams)):
            await bench.read(path)
    with pytest.raises(PermissionDenied, match="picked to be read"):
        await bench.write(paths[0])
    with pytest.raises(NotFound):
        await bench.broker.read(bench.granted(plugin_id="other"), api.ReadFile(path=paths[0]))
    bench.picks.forget("p")
    with pytest.raises(NotFound, match="nothing was picked"):
        await bench.read(paths[0])


async def test_a_file_picked_to_be_written_may_be_new(bench: Bench) -> None:
    (path,) = await pick(bench, bench.pickable / "out.json", save=True)
    assert await bench.write(path, "{}") == 2
    assert os.listdir(bench.pickable) == ["out.json"]
    assert (await bench.read(path)).data == "{}"


async def test_a_picked_link_is_what_it_led_to_when_it_was_picked(bench: Bench, tmp_path: Path) -> None:
    (bench.pickable / "real").write_text("real")
    (bench.pickable / "link").symlink_to("real")
    (path,) = await pick(bench, bench.pickable / "link")
    assert (await bench.read(path)).data == "real"
    (bench.pickable / "real").unlink()
    (bench.pickable / "real").symlink_to(tmp_path)
    with pytest.raises(PermissionDenied):
        await bench.read(path)


async def test_a_picked_folder_with_all_that_is_in_it(bench: Bench) -> None:
    (bench.pickable / "in").mkdir()
    found = await bench.paths.picked_directory(
        bench.caller, ui.PickDirectory(), ui.PickedDirectory(directory=str(bench.pickable))
    )
    assert found.directory is not None
    await bench.write(f"{found.directory}/in/f", "1")
    assert await bench.list(found.directory, recursive=True) == [f"{found.directory}/in", f"{found.directory}/in/f"]
    dismissed = await bench.paths.picked_directory(bench.caller, ui.PickDirectory(), ui.PickedDirectory(directory=None))
    assert dismissed.directory is None


async def test_names_that_a_plugin_cannot_say_are_replaced(bench: Bench) -> None:
    (bench.pickable / "a\\b").write_text("1")
    (path,) = await pick(bench, bench.pickable / "a\\b")
    assert path.endswith("/file")
    assert (await bench.read(path)).data == "1"


async def test_an_editor_answers_with_absolute_paths(bench: Bench) -> None:
    with pytest.raises(HostUnavailable):
        await pick(bench, Path("relative"))
    with pytest.raises(HostUnavailable):
        await bench.paths.picked_directory(bench.caller, ui.PickDirectory(), ui.PickedDirectory(directory="x"))


async def test_picks_are_bounded(bench: Bench) -> None:
    (bench.pickable / "f").write_text("1")
    (first,) = await pick(bench, bench.pickable / "f")
    for _ in range(1000):
        bench.picks.file("p", str(bench.pickable / "f"), save=False)
    with pytest.raises(NotFound):
        await bench.read(first)


# --- media ------------------------------------------------------------------------------------------------------------


async def test_media_paths_become_real_and_come_back_as_they_were(bench: Bench) -> None:
    (bench.folder / "a.mp4").write_text("1")
    params = media.GetInfo(path="project/a.mp4")
    asked = await bench.paths.media_request(bench.caller, params)
    assert asked.path == str((bench.folder / "a.mp4").resolve())
    answer = media.MediaInfo(path=asked.path, duration=1, container="mp4", size=1, streams=[])
    assert bench.paths.media_result(bench.caller, params, answer).path == "project/a.mp4"
    with pytest.raises(NotFound):
        await bench.paths.media_request(bench.caller, media.GetInfo(path="project/b.mp4"))
    with pytest.raises(InvalidParams):
        await bench.paths.media_request(bench.caller, media.GetInfo(path="project/../b.mp4"))


@pytest.mark.parametrize("path", ["/a/b.mp4", "https://example.com/a.mp4", "C:/a.mp4", "\\\\server\\a", "file:a"])
async def test_absolute_paths_and_urls_go_as_they_are_and_need_it_all(bench: Bench, path: str) -> None:
    params = media.GetInfo(path=path)
    assert await bench.paths.media_request(bench.caller, params) is params
    assert bench.paths.media_needed(bench.granted("media.read:**"), params) == Permission("media.read")


def test_which_permission_media_takes(bench: Bench) -> None:
    narrow = bench.granted("media.read:project/**")
    ask = lambda path, caller=narrow: bench.paths.media_needed(caller, media.GetInfo(path=path))  # noqa: E731
    assert ask("project/a") == Permission("media.read", "project/a")
    assert ask("picked/0/a") == Permission("media.read", "project/**")
    assert ask("assets/a", bench.granted()) == Permission("media.read")
