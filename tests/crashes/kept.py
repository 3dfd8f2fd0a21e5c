"""What may be killed of what plugins keep: their values, their files, and the removal of both.

Files and the removal survive the loss of power too. Values that were acknowledged survive every kill, and the loss of
power once they were synced, which the daemon does within a second.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import anyio
from tests.crashes.harness import Acknowledge, Scenario
from tests.fakes.daemon import running
from tests.fakes.pool import plugin

from plugind.host.caller import Caller
from plugind.host.files import beneath
from plugind.host.files.tree import Tree
from plugind.host.storage.store import Store
from plugind.policy.files import TEMPORARY
from plugind_protocol.host import file as files
from plugind_protocol.host import storage
from plugind_protocol.methods import Install

LARGE: Final = b"x" * 20_000
"""Several pages."""

# --- values -----------------------------------------------------------------------------------------------------------

Change = tuple[str, str, bytes]
"""What is done, a key, and the value."""
CHANGES: Final[tuple[Change, ...]] = (
    *(("put", f"k{number}", b"%d" % number) for number in range(6)),
    ("put", "large", LARGE),
    ("put", "k1", b"replaced"),
    ("remove", "k2", b""),
    ("sync", "", b""),
    ("put", "large", LARGE[::-1] + b"y"),
    ("remove", "large", b""),
    ("put", "after", LARGE),
    ("sync", "", b""),
    ("clear", "", b""),
    ("put", "last", b"1"),
    ("sync", "", b""),
)


def _after(changes: Sequence[Change]) -> dict[str, bytes]:
    state: dict[str, bytes] = {"old": b"0"}
    for what, key, value in changes:
        if what == "put":
            state[key] = value
        elif what == "remove":
            del state[key]
        elif what == "clear":
            state.clear()
    return state


STATES: Final = [_after(CHANGES[:count]) for count in range(len(CHANGES) + 1)]
"""What may be there, after each change."""


def _values(folder: Path) -> None:
    store = Store(folder / "storage.db")
    store.put("old", b"0")
    store.sync()
    store.close()


def _change_values(folder: Path, acknowledge: Acknowledge, *, synced: bool) -> None:
    store = Store(folder / "storage.db")
    uses: dict[str, Any] = {
        "put": store.put,
        "remove": lambda key, _value: store.remove(key),
        "clear": lambda _key, _value: store.clear(),
        "sync": lambda _key, _value: store.sync(),
    }
    for number, (what, key, value) in enumerate(CHANGES, 1):
        uses[what](key, value)
        if what == "sync" or not synced:
            acknowledge(str(number))
    store.close()


def _look_at_values(folder: Path, acknowledged: Sequence[str]) -> None:
    store = Store(folder / "storage.db")
    there = {key: store.get(key, most=1 << 20).value for key in store.keys("", after="", most=100)}  # type: ignore[union-attr]  # it was just listed
    least = int(acknowledged[-1]) if acknowledged else 0
    assert there in STATES[least:], (sorted(there), acknowledged)
    assert store._rows("PRAGMA integrity_check") == [("ok",)]
    store.close()


# --- files ------------------------------------------------------------------------------------------------------------

WRITES: Final[tuple[tuple[str, bytes], ...]] = (
    ("there", b"new"),
    ("d/e/made", b"1"),
    ("there", LARGE),
    ("d/e/made", b"22"),
    ("f/made", b"3"),
    *((path, b"%d" % number) for number in range(8) for path in ("there", "g/again")),
)


def _files(folder: Path) -> None:
    (folder / "there").write_bytes(b"old")
    (folder / "log").write_bytes(b"line\n")


def _free(_bytes: int, _entries: int) -> None:
    """Nothing is counted here."""


def _write_files(folder: Path, acknowledge: Acknowledge) -> None:
    with Tree(folder, beneath.choose()) as tree:
        for number, (path, data) in enumerate(WRITES, 1):
            tree.write(path.split("/"), data, append=False, create_parents=True, charge=_free)
            acknowledge(f"write {number}")
        tree.write(("log",), b"more\n", append=True, create_parents=False, charge=_free)
        acknowledge("append")
        tree.remove(("d", "e", "made"))
        acknowledge("remove")


def _look_at_files(folder: Path, acknowledged: Sequence[str]) -> None:
    with Tree(folder, beneath.choose()) as tree:
        tree.clean()
    assert not [path for path in folder.rglob("*") if path.name.startswith(TEMPORARY)]
    done = sum(word.startswith("write") for word in acknowledged)
    for path in {path for path, _ in WRITES} - ({"d/e/made"} if "append" in acknowledged else set()):
        versions = [b"old"] if path == "there" else [None]
        versions += [data for name, data in WRITES if name == path]
        least = sum(name == path for name, _ in WRITES[:done])
        file = folder / path
        assert (file.read_bytes() if file.exists() else None) in versions[least:], (path, acknowledged)
    log = (folder / "log").read_bytes()
    assert b"line\nmore\n".startswith(log)
    assert len(log) >= (10 if "append" in acknowledged else 5)
    assert "remove" not in acknowledged or not (folder / "d" / "e" / "made").exists()


# --- removal ----------------------------------------------------------------------------------------------------------

P: Final = Caller("p", "1.0.0")


def _installed(folder: Path) -> None:
    async def main() -> None:
        async with running(folder / "data") as daemon:
            await daemon.catalog.install(Install(source=plugin(folder / "source", "1.0.0"), grant="requested"))
            await _keep(daemon.own.answers)

    anyio.run(main)


async def _keep(answers: Any) -> None:
    await answers["storage.set"](P, storage.SetValue(key="k", value=json.dumps("kept").encode()))
    await answers["file.write"](P, files.WriteFile(path="d/f", data="kept", create_parents=True))


def _uninstall(folder: Path, acknowledge: Acknowledge) -> None:
    async def main() -> None:
        async with running(folder / "data") as daemon:
            await daemon.catalog.uninstall("p")
            acknowledge("done")

    anyio.run(main)


def _look_at_both(folder: Path, acknowledged: Sequence[str]) -> None:
    async def main() -> None:
        async with running(folder / "data") as daemon:
            private = folder / "data" / "private"
            if "p" not in daemon.catalog.runtimes:
                assert list(private.iterdir()) == []
                return
            assert not acknowledged
            answers: Any = daemon.own.answers
            assert (await answers["file.read"](P, files.ReadFile(path="d/f"))).data == "kept"
            value = answers["storage.get"](P, storage.GetValue(key="k"))
            assert (await value).exists

    anyio.run(main)


SCENARIOS: Final = (
    Scenario(
        "values",
        _values,
        lambda folder, acknowledge: _change_values(folder, acknowledge, synced=False),
        _look_at_values,
        power=False,
    ),
    Scenario(
        "values, synced",
        _values,
        lambda folder, acknowledge: _change_values(folder, acknowledge, synced=True),
        _look_at_values,
    ),
    Scenario("files", _files, _write_files, _look_at_files),
    Scenario("removal of what a plugin keeps", _installed, _uninstall, _look_at_both),
)
