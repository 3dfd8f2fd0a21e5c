"""What a source is, and what is left of it afterwards."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest
from tests.fakes.unpacking import extract
from tests.fakes.zips import Part, build

from plugind.registry.sources import Local, Remote, Report, Sources, Wanted, classify
from plugind_protocol.errors import InvalidParams, PackageInvalid, PluginNotFound
from plugind_protocol.methods import InstallProgress

pytestmark = pytest.mark.anyio

PACKAGE = build(
    [
        Part(name=b"manifest.json", data=json.dumps({"name": "p", "version": "1.0.0", "main": "p.wasm"}).encode()),
        Part(name=b"p.wasm", data=b"\0asm\1\0\0\0"),
    ]
)
DIGEST = hashlib.sha256(PACKAGE).hexdigest()


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("/home/u/p", Local(Path("/home/u/p"))),
        ("examples/adder", Local(Path("examples/adder"))),
        ("./p", Local(Path("p"))),
        ("p.tsplugin", Local(Path("p.tsplugin"))),
        (r"C:\plugins\p", Local(Path(r"C:\plugins\p"))),
        ("file:///home/u/a%20b.tsplugin", Local(Path("/home/u/a b.tsplugin"))),
        ("file://localhost/p", Local(Path("/p"))),
        ("FILE:///p", Local(Path("/p"))),
        ("file:///C:/p", Local(Path("C:/p"))),
        ("https://example.com/p.tsplugin", Remote("https://example.com/p.tsplugin")),
        ("HTTPS://example.com/p", Remote("HTTPS://example.com/p")),
        ("grain", Wanted("grain", "*")),
        ("grain@^1.2 || 3", Wanted("grain", "^1.2 || 3")),
        ("@studio/grain", Wanted("@studio/grain", "*")),
        ("@studio/grain@~1.2", Wanted("@studio/grain", "~1.2")),
    ],
)
async def test_a_source_is_known_by_its_form(text: str, source: object) -> None:
    assert classify(text) == source


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "must not be empty"),
        ("a\0b", "NUL"),
        ("http://example.com/p", "not over http"),
        ("ftp://example.com/p", "not over ftp"),
        ("file://server/share/p", "file:///absolute/path"),
        ("file:p", "file:///absolute/path"),
        ("file:///%ff", "in UTF-8"),
        ("file:///a%00b", "NUL"),
        ("file:///p?x", "file:///absolute/path"),
        ("file://[x", "file:///absolute/path"),
    ],
)
async def test_other_forms_are_refused(text: str, problem: str) -> None:
    with pytest.raises(InvalidParams, match=problem) as caught:
        classify(text)
    assert caught.value.data.path == "$.source"


async def no_download(url: str, file: Path, report: Report) -> None:
    raise AssertionError("nothing is to be fetched")


@pytest.fixture
def sources(tmp_path: Path) -> Callable[..., Sources]:
    def make(**changes: object) -> Sources:
        return Sources(tmp_path / "incoming", **({"unpack": extract, "download": no_download} | changes))  # type: ignore[arg-type]

    return make


async def test_a_folder_is_used_where_it_is(sources: Callable[..., Sources], tmp_path: Path) -> None:
    async with sources().open(str(tmp_path)) as found:
        assert found == tmp_path
        assert list((tmp_path / "incoming").iterdir()) == []


@pytest.mark.parametrize("prefix", ["", "file://"])
@pytest.mark.parametrize("pin", [None, DIGEST, DIGEST.upper()])
async def test_a_package_is_a_folder_while_it_is_needed(
    sources: Callable[..., Sources], tmp_path: Path, prefix: str, pin: str | None
) -> None:
    (tmp_path / "p.tsplugin").write_bytes(PACKAGE)
    told: list[InstallProgress] = []
    async with sources().open(f"{prefix}{tmp_path}/p.tsplugin", sha256=pin, report=told.append) as found:
        assert (found / "p.wasm").read_bytes() == b"\0asm\1\0\0\0"
        assert found.is_relative_to(tmp_path / "incoming")
    assert [one.stage for one in told] == ["extracting"]
    assert list((tmp_path / "incoming").iterdir()) == []


async def test_a_package_that_is_another_one_is_not_unpacked(sources: Callable[..., Sources], tmp_path: Path) -> None:
    (tmp_path / "p.tsplugin").write_bytes(PACKAGE)
    with pytest.raises(PackageInvalid, match=f"{DIGEST}, not {'0' * 64}"):
        async with sources().open(str(tmp_path / "p.tsplugin"), sha256="0" * 64):
            pass
    for source, pin in ((str(tmp_path), DIGEST), (str(tmp_path / "p.tsplugin"), "12")):
        with pytest.raises(InvalidParams):
            async with sources().open(source, sha256=pin):
                pass
    assert list((tmp_path / "incoming").iterdir()) == []


async def test_nothing_stays_when_what_uses_it_fails(sources: Callable[..., Sources], tmp_path: Path) -> None:
    (tmp_path / "p.tsplugin").write_bytes(PACKAGE)
    opened = sources()
    with pytest.raises(ZeroDivisionError):
        async with opened.open(str(tmp_path / "p.tsplugin")):
            raise ZeroDivisionError
    with anyio.CancelScope() as scope:
        async with opened.open(str(tmp_path / "p.tsplugin")):
            scope.cancel()
            await anyio.sleep_forever()
    assert list((tmp_path / "incoming").iterdir()) == []


async def test_leftovers_of_an_earlier_daemon_go(sources: Callable[..., Sources], tmp_path: Path) -> None:
    (tmp_path / "incoming" / "old").mkdir(parents=True)
    sources()
    assert list((tmp_path / "incoming").iterdir()) == []


async def test_an_id_is_looked_for_where_one_can_look(sources: Callable[..., Sources], tmp_path: Path) -> None:
    asked = []

    async def find(plugin_id: str, wanted: str) -> Path:
        asked.append((plugin_id, wanted))
        return tmp_path if wanted == "*" else tmp_path / "p.tsplugin"

    (tmp_path / "p.tsplugin").write_bytes(PACKAGE)
    opened = sources(find=find)
    async with opened.open("grain") as found:
        assert found == tmp_path
    async with opened.open("grain@^1", sha256=DIGEST) as found:
        assert (found / "p.wasm").is_file()
    assert asked == [("grain", "*"), ("grain", "^1")]
    with pytest.raises(PluginNotFound, match="nowhere to look for 'grain'"):
        async with sources().open("grain"):
            pass


async def test_what_was_fetched_is_unpacked(sources: Callable[..., Sources], tmp_path: Path) -> None:
    async def download(url: str, file: Path, report: Report) -> None:
        assert url == "https://example.com/p"
        await anyio.Path(file).write_bytes(PACKAGE)

    for pin in (None, DIGEST):
        async with sources(download=download).open("https://example.com/p", sha256=pin) as found:
            assert (found / "manifest.json").is_file()
    with pytest.raises(PackageInvalid, match="not the package that was asked for"):
        async with sources(download=download).open("https://example.com/p", sha256="1" * 64):
            pass
    assert list((tmp_path / "incoming").iterdir()) == []
