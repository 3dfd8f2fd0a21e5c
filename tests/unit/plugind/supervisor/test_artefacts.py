"""The artefact cache: nothing is loaded that we did not seal, and it stays within its bound."""

import contextlib
import hashlib
import os
import resource
import shutil
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from plugind.errors import StartupError
from plugind.supervisor.artefacts import ArtefactCache
from plugind_protocol.worker import Compiled

COMPILED = Compiled("numeric", ["add"])
Open = Callable[..., ArtefactCache]


def named(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


A, B = named("a"), named("b")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "modules"


@pytest.fixture
def daemon(folder: Path) -> Iterator[Open]:
    """Open the cache as another daemon would."""
    opened: list[ArtefactCache] = []

    def run(*, max_bytes: int = 1 << 20) -> ArtefactCache:
        opened.append(ArtefactCache(folder, max_bytes=max_bytes))
        return opened[-1]

    yield run
    for cache in opened:
        cache.close()
    assert list((folder / "staging").iterdir()) == []


@pytest.fixture
def cache(daemon: Open) -> ArtefactCache:
    return daemon()


def fill(cache: ArtefactCache, name: str, content: bytes) -> None:
    with cache.stage() as staged:
        os.write(staged.descriptor, content)
        os.close(cache.add(name, staged, COMPILED))


def content(cache: ArtefactCache, name: str) -> bytes | None:
    found = cache.open(name)
    if found is None:
        return None
    descriptor, compiled = found
    assert compiled == COMPILED
    with os.fdopen(descriptor, "rb") as stream:
        return stream.read()


def test_what_was_added_is_found_also_by_another_daemon(cache: ArtefactCache, daemon: Open) -> None:
    assert cache.open(A) is None
    fill(cache, A, b"code")
    assert content(cache, A) == b"code"
    assert content(daemon(), A) == b"code"


def test_the_name_depends_on_module_engine_version_and_settings() -> None:
    name = ArtefactCache.name
    names = {
        name("m", engine="e", version="1", settings="s"),
        name("n", engine="e", version="1", settings="s"),
        name("m", engine="f", version="1", settings="s"),
        name("m", engine="e", version="2", settings="s"),
        name("m", engine="e", version="1", settings="t"),
        name("me", engine="", version="1", settings="s"),
    }
    assert len(names) == 6


def swap(folder: Path) -> None:
    (folder / A).rename(folder / "x")
    (folder / B).rename(folder / A)


def cross(folder: Path) -> None:
    """The halves of two pairs."""
    (folder / B / "seal").replace(folder / A / "seal")


def overwrite(path: Path, data: bytes) -> None:
    path.chmod(0o600)
    path.write_bytes(data)


def link(folder: Path) -> None:
    (folder / A / "artefact").unlink()
    (folder / A / "artefact").symlink_to(folder / B / "artefact")


def fifo(folder: Path) -> None:
    (folder / A / "artefact").unlink()
    os.mkfifo(folder / A / "artefact")


def folder_link(folder: Path) -> None:
    (folder / A).rename(folder / "elsewhere")
    (folder / A).symlink_to(folder / "elsewhere")


def plain_file(folder: Path) -> None:
    (folder / A).rename(folder / "elsewhere")
    (folder / A).write_bytes(b"code")


def change_seal(folder: Path) -> None:
    seal = folder / A / "seal"
    seal.write_bytes(seal.read_bytes().replace(b"add", b"sub"))


DAMAGE: dict[str, Callable[[Path], object]] = {
    "changed": lambda folder: overwrite(folder / A / "artefact", b"evil code"),
    "cut": lambda folder: overwrite(folder / A / "artefact", b"good"),
    "emptied by a power cut": lambda folder: overwrite(folder / A / "artefact", b""),
    "both emptied": lambda folder: [overwrite(folder / A / name, b"") for name in ("artefact", "seal")],
    "longer": lambda folder: overwrite(folder / A / "artefact", b"good code and more"),
    "another one, whole": swap,
    "halves of two": cross,
    "seal changed": change_seal,
    "seal no JSON": lambda folder: overwrite(folder / A / "seal", b"\xff"),
    "seal of another shape": lambda folder: overwrite(folder / A / "seal", b'{"mac":1}'),
    "seal too large": lambda folder: os.truncate(folder / A / "seal", 17 << 20),
    "a link": link,
    "a FIFO": fifo,
    "a link to a folder": folder_link,
    "a file": plain_file,
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_artefact_is_refused_and_replaced(cache: ArtefactCache, folder: Path, damage: str) -> None:
    fill(cache, A, b"good code")
    fill(cache, B, b"other code")
    DAMAGE[damage](folder)
    assert cache.open(A) is None
    assert cache.refused == 1
    assert not os.path.lexists(folder / A)
    fill(cache, A, b"good code")
    assert content(cache, A) == b"good code"


@pytest.mark.parametrize("half", ["artefact", "seal"])
def test_half_an_artefact_is_none(cache: ArtefactCache, folder: Path, half: str) -> None:
    fill(cache, A, b"good code")
    (folder / A / half).unlink()
    assert cache.open(A) is None
    fill(cache, A, b"good code")
    assert content(cache, A) == b"good code"


@pytest.mark.parametrize("damage", [b"short", b"x" * 33, None])
def test_without_its_key_everything_is_foreign(
    cache: ArtefactCache, daemon: Open, folder: Path, damage: bytes | None
) -> None:
    fill(cache, A, b"code")
    if damage is None:
        (folder / "mac.key").unlink()
    else:
        (folder / "mac.key").write_bytes(damage)
    after = daemon()
    assert after.open(A) is None
    fill(after, A, b"code")
    assert content(daemon(), A) == b"code"


def test_a_key_that_others_could_read_is_made_anew(cache: ArtefactCache, daemon: Open, folder: Path) -> None:
    fill(cache, A, b"code")
    (folder / "mac.key").chmod(0o644)
    assert daemon().open(A) is None
    assert stat.S_IMODE((folder / "mac.key").stat().st_mode) == 0o600


def test_files_are_the_users_own(cache: ArtefactCache, folder: Path) -> None:
    fill(cache, A, b"code")
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (folder, *folder.rglob("*"))}
    assert (modes["modules"], modes["mac.key"], modes["artefact"], modes["staging"]) == (0o700, 0o600, 0o400, 0o700)
    assert modes[A] == 0o700


@pytest.mark.parametrize("mode", [0o755, 0o770])
def test_a_folder_open_to_others_is_not_used(folder: Path, mode: int) -> None:
    folder.mkdir(parents=True)
    folder.chmod(mode)
    with pytest.raises(StartupError, match="not this user's alone"):
        ArtefactCache(folder, max_bytes=1)


def test_a_folder_that_is_a_file_is_refused(folder: Path) -> None:
    folder.parent.mkdir()
    folder.write_bytes(b"")
    with pytest.raises(StartupError, match="choose another by cache_dir"):
        ArtefactCache(folder, max_bytes=1)


def test_leftovers_of_a_killed_daemon_are_removed_and_nobody_elses(daemon: Open, folder: Path) -> None:
    dead = ArtefactCache(folder, max_bytes=1 << 20)
    left = dead._staging.path()
    left.mkdir()
    (left / "artefact").write_bytes(b"half")
    os.close(dead._staging._lock)  # as the system does when a daemon is killed
    alive = daemon()
    assert not left.exists()
    with alive.stage() as staged:
        os.write(staged.descriptor, b"code")
        other = daemon()
        os.close(alive.add(A, staged, COMPILED))
    assert content(other, A) == b"code"


def test_a_staged_artefact_that_was_not_added_leaves_nothing(cache: ArtefactCache, folder: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    with cache.stage() as staged:
        os.write(staged.descriptor, b"half")
    assert not staged.folder.exists()
    assert len(os.listdir("/proc/self/fd")) == before
    assert cache.fill().artefacts == 0


def test_the_cache_may_be_deleted_at_any_time(cache: ArtefactCache, daemon: Open, folder: Path) -> None:
    fill(cache, A, b"code")
    shutil.rmtree(folder)
    assert cache.open(A) is None
    fill(cache, A, b"code")
    assert content(cache, A) == b"code"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    after = daemon()
    fill(after, B, b"code")
    assert content(after, B) == b"code"


def test_without_descriptors_nothing_is_refused(cache: ArtefactCache, folder: Path) -> None:
    fill(cache, A, b"code")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(map(int, os.listdir("/proc/self/fd"))) - 1, hard))
    held: list[int] = []
    try:
        with contextlib.suppress(OSError):
            while True:
                held.append(os.open(os.devnull, os.O_RDONLY))
        found = cache.open(A)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for descriptor in held:
            os.close(descriptor)
    assert (found, cache.refused) == (None, 0)
    assert content(cache, A) == b"code"


def test_what_was_used_longest_ago_goes_first(daemon: Open, folder: Path) -> None:
    cache = daemon(max_bytes=5700)
    names = [named(str(i)) for i in range(4)]
    for i, name in enumerate(names):
        fill(cache, name, bytes(1000))
        os.utime(folder / name, ns=(i, i))
    assert content(cache, names[0]) is not None  # used again
    fill(cache, A, bytes(2000))
    assert [content(cache, name) is not None for name in names] == [True, False, True, True]
    assert content(cache, A) is not None
    assert cache.evicted == 1
    assert cache.fill().bytes <= cache.max_bytes


def test_what_is_installed_goes_last_and_new_comes_before_it_stays(daemon: Open, folder: Path) -> None:
    cache = daemon(max_bytes=5000)
    current, other = named("current"), named("other")
    cache.prefer(frozenset([current]))
    for i, name in enumerate((current, other)):
        fill(cache, name, bytes(2000))
        os.utime(folder / name, ns=(i, i))
    fill(cache, A, bytes(2000))
    assert [content(cache, name) is not None for name in (current, other, A)] == [True, False, True]
    fill(cache, B, bytes(4000))
    assert [content(cache, name) is not None for name in (current, A, B)] == [False, False, True]


def test_one_that_is_too_large_is_still_handed_out(daemon: Open) -> None:
    cache = daemon(max_bytes=100)
    with cache.stage() as staged:
        os.write(staged.descriptor, bytes(1000))
        descriptor = cache.add(A, staged, COMPILED)
    assert cache.fill().artefacts == 0
    with os.fdopen(descriptor, "rb") as stream:
        assert stream.read() == bytes(1000)


def test_an_opened_artefact_outlives_its_eviction(cache: ArtefactCache, folder: Path) -> None:
    fill(cache, A, b"code")
    found = cache.open(A)
    assert found is not None
    cache._staging.discard(folder / A)
    with os.fdopen(found[0], "rb") as stream:
        assert stream.read() == b"code"


def test_daemons_may_write_read_and_evict_at_once(daemon: Open, folder: Path) -> None:
    """Every open gives a whole artefact or none, whatever the others do."""
    names = {named(str(i)): f"code {i} ".encode() * 200 for i in range(6)}
    caches = [daemon(max_bytes=4000) for _ in range(4)]
    seen: list[bytes] = []

    def hammer(cache: ArtefactCache, offset: int) -> None:
        for turn in range(60):
            name = sorted(names)[(turn + offset) % len(names)]
            found = content(cache, name)
            if found is None:
                fill(cache, name, names[name])
            elif found != names[name]:
                seen.append(found)

    threads = [threading.Thread(target=hammer, args=(cache, i)) for i, cache in enumerate(caches)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == []
    assert [cache.refused for cache in caches] == [0] * len(caches)
    assert {path.name for path in folder.iterdir()} <= {"mac.key", "staging", *names}
    assert caches[0].fill().artefacts >= 1


def test_daemons_that_start_at_once_agree_on_the_key(daemon: Open) -> None:
    caches: list[ArtefactCache] = []
    threads = [threading.Thread(target=lambda: caches.append(daemon())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i, cache in enumerate(caches):
        fill(cache, named(str(i)), b"code")
        assert all(content(other, named(str(i))) == b"code" for other in caches)
