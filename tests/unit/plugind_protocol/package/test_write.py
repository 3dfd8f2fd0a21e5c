"""Writing packages: the same plugin is the same bytes, and what is written can be read by others too."""

import hashlib
import io
import json
import os
import random
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.fakes.zips import Part, build, extra

from plugind_protocol.errors import PackageInvalid
from plugind_protocol.package import digest, folder, names, structure, write
from plugind_protocol.package.caps import Caps
from plugind_protocol.package.unpack import unpack

ROOT = Path(__file__).parents[4]
MANIFEST = {"name": "p", "version": "1.0.0", "main": "p.wasm", "resources": {"assets": ["assets/", "none"]}}
MODULE = b"\0asm\1\0\0\0"


def plugin(path: Path, **changes: object) -> Path:
    (path / "assets" / "deep").mkdir(parents=True)
    (path / "none").mkdir()
    (path / "manifest.json").write_text(json.dumps(MANIFEST | changes))
    (path / "p.wasm").write_bytes(MODULE)
    (path / "assets" / "ü.txt").write_bytes(b"umlaut " * 1000)
    (path / "assets" / "deep" / "noise").write_bytes(random.Random(1).randbytes(5000))
    (path / "README.md").write_text("hello")
    (path / "private.key").write_text("secret")
    return path


def packed(source: Path, **options: bool) -> bytes:
    stream = io.BytesIO()
    write.write(folder.read(source), stream, **options)
    return stream.getvalue()


@pytest.mark.parametrize("compress", [False, True])
def test_what_is_packed_is_what_comes_out(tmp_path: Path, *, compress: bool) -> None:
    source = plugin(tmp_path / "p")
    blob = packed(source, compress=compress)
    got = unpack(io.BytesIO(blob), tmp_path / "out")
    assert sorted(got.files) == ["README.md", "assets/deep/noise", "assets/ü.txt", "manifest.json", "p.wasm"]
    assert {name: path.read_bytes() for name, path in got.files.items()} == {
        name: (source / name).read_bytes() for name in got.files
    }
    assert got.empty == ("none",)
    assert digest.of_files(got.files) == digest.of_files(folder.read(source).files)
    assert {path.stat().st_mode & 0o777 for path in got.files.values()} == {0o600}


def test_others_read_it_too(tmp_path: Path) -> None:
    source = plugin(tmp_path / "p")
    for compress in (False, True):
        with zipfile.ZipFile(io.BytesIO(packed(source, compress=compress))) as found:
            assert found.testzip() is None
            assert found.namelist()[0] == "manifest.json"
            assert found.read("assets/ü.txt") == b"umlaut " * 1000
            methods = {one.filename: one.compress_type for one in found.infolist()}
    assert methods["assets/ü.txt"] == zipfile.ZIP_DEFLATED
    assert methods["assets/deep/noise"] == zipfile.ZIP_STORED


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_what_others_write_plainly_is_read(tmp_path: Path, method: int) -> None:
    source = plugin(tmp_path / "p")
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as made:
        for name, path in folder.read(source).files.items():
            made.write(path, name)
        made.mkdir("none")
        made.mkdir("assets")
    got = unpack(stream, tmp_path / "out")
    assert digest.of_files(got.files) == digest.of_files(folder.read(source).files)


def test_times_and_owners_that_zip_adds_are_no_matter(tmp_path: Path) -> None:
    local, central = extra(0x5455, b"\3" + bytes(8)) + extra(0x7875, bytes(11)), extra(0x5455, b"\3" + bytes(4))
    manifest = json.dumps({"name": "p", "version": "1.0.0", "main": "p.wasm"}).encode()
    parts = [Part(name=b"manifest.json", data=manifest, both={"flags": 2, "time": 1, "date": 99}), Part(name=b"p.wasm")]
    for part in parts:
        part.local_extra, part.central_extra, part.mode, part.attributes = local, central, 0o100600, 0x20
    got = unpack(io.BytesIO(build([*parts, Part(name=b"none/", mode=0o040755, attributes=0x10)])), tmp_path / "out")
    assert sorted(got.files) == ["manifest.json", "p.wasm"]


@pytest.fixture
def umask() -> Iterator[None]:
    before = os.umask(0o077)
    yield
    os.umask(before)


def test_the_same_plugin_is_the_same_bytes_wherever_and_whenever(tmp_path: Path, umask: None) -> None:
    first = packed(plugin(tmp_path / "a"))
    other = tmp_path / "elsewhere" / "b"
    shutil.copytree(tmp_path / "a", other)
    shutil.rmtree(other / "assets")
    (other / "assets" / "deep").mkdir(parents=True)  # in another order
    for name in ("assets/deep/noise", "assets/ü.txt"):
        shutil.copyfile(tmp_path / "a" / name, other / name)
    for path in other.rglob("*"):
        path.chmod(0o777)
        os.utime(path, (2**31, 2**31))
    script = (
        "import sys; from pathlib import Path; from plugind_protocol.package import folder, write\n"
        "write.write(folder.read(Path(sys.argv[1])), sys.stdout.buffer)"
    )
    for zone, locale in (("UTC", "C"), ("Pacific/Kiritimati", "C.UTF-8")):
        environ = os.environ | {"TZ": zone, "LC_ALL": locale, "PYTHONHASHSEED": "7"}
        made = subprocess.run(
            [sys.executable, "-c", script, other], capture_output=True, check=True, env=environ, cwd=tmp_path
        )
        assert made.stdout == first


def test_a_known_plugin_is_known_bytes() -> None:
    """Changes of the format show here: packages of before stay what they are only while this holds."""
    assert hashlib.sha256(packed(ROOT / "tests" / "plugins" / "truncated")).hexdigest() == KNOWN


KNOWN = "b450742f1a07821639d075fe4a8a609986e9ee5ed049485aca4c8d683587e677"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("assets/nul", "a device on Windows"),
        ("assets/x.wat", "WebAssembly text"),
        ("assets/a:b", "a colon"),
        ("assets/e\u0301", "composed form"),
        ("assets/Ü.txt", "upper and lower case"),
    ],
)
def test_what_no_reader_would_take_is_not_written(tmp_path: Path, name: str, reason: str) -> None:
    source = plugin(tmp_path / "p")
    (source / name).write_bytes(b"x")
    with pytest.raises(PackageInvalid, match=reason):
        packed(source)


def test_the_module_is_a_module(tmp_path: Path) -> None:
    source = plugin(tmp_path / "p")
    (source / "p.wasm").write_bytes(b"(module)")
    with pytest.raises(PackageInvalid, match="not a WebAssembly module"):
        packed(source)
    (source / "p.wat").write_bytes(b"(module)")
    (source / "manifest.json").write_text(json.dumps(MANIFEST | {"main": "p.wat"}))
    with pytest.raises(PackageInvalid, match="never in a package") as caught:
        packed(source)
    assert "wat2wasm" in caught.value.hint


def test_what_would_be_a_bomb_stays_as_it_is(tmp_path: Path) -> None:
    source = plugin(tmp_path / "p")
    (source / "assets" / "zeros").write_bytes(bytes(3 << 20))
    blob = packed(source, compress=True)
    assert len(blob) > 3 << 20
    assert unpack(io.BytesIO(blob), tmp_path / "out").files["assets/zeros"].stat().st_size == 3 << 20


def test_too_many_are_not_written(tmp_path: Path) -> None:
    contents = folder.read(plugin(tmp_path / "p"))
    with pytest.raises(PackageInvalid, match="6 files and folders, over the limit of 5"):
        write.write(contents, io.BytesIO(), caps=Caps(entries=5))


NAMES = st.lists(
    st.lists(st.text("aAbBüÜ .~1\\:\u0301ß", min_size=1, max_size=4), min_size=1, max_size=3).map("/".join),
    max_size=6,
    unique=True,
)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(NAMES)
def test_names_that_pass_are_distinct_on_every_file_system(paths: list[str]) -> None:
    seen = names.Names()
    taken: list[str] = []
    for path in paths:
        try:
            names.check(path)
            seen.add(path, folder=False)
        except ValueError:
            continue
        taken.append(path)
    assert len({path.casefold().upper() for path in taken}) == len(taken)
    for one in taken:
        assert not any(other.casefold().startswith(f"{one.casefold()}/") for other in taken)
        assert not {"", ".", ".."} & set(one.split("/"))


def test_an_entry_is_found_where_it_is_said_to_be(tmp_path: Path) -> None:
    blob = packed(plugin(tmp_path / "p"))
    entries = structure.read(io.BytesIO(blob))
    assert [entry.path for entry in entries] == [
        *("manifest.json", "README.md", "assets/deep/noise", "assets/ü.txt", "p.wasm", "none"),
    ]
    module = next(entry for entry in entries if entry.path == "p.wasm")
    assert blob[module.at : module.at + module.packed] == MODULE
