import struct
import time
import tracemalloc
from pathlib import Path

import pytest

from plugind_protocol.errors import PackageInvalid
from plugind_protocol.package import folder, script


def written(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def unpacked(packed: bytes) -> dict[str, str]:
    """Read a program as the runtime does."""
    count, at = struct.unpack_from("<I", packed)[0], 4
    found: dict[str, str] = {}
    for _ in range(count):
        name, text = struct.unpack_from("<II", packed, at)
        at += 8
        assert packed[at + name] == packed[at + name + 1 + text] == 0
        found[packed[at : at + name].decode()] = packed[at + name + 1 : at + name + 1 + text].decode()
        at += name + text + 2
    assert at == len(packed)
    return found


def test_modules_are_what_the_main_module_leads_to(tmp_path: Path) -> None:
    files = {
        "src/index.ts": """
            import { a } from "./a"; import './b.js'
            export * from "../lib/c.mjs"; const d = await import("./d");
            import data from './data.json' with { type: 'json' };
            import fs from "fs"; // import "./commented"
        """,
        "src/a.ts": "import type { T } from './types.js'",
        "src/types.ts": "",
        "src/b.ts": "import './a'",
        "src/b.js": "",
        "lib/c.mts": "",
        "src/d/index.js": "",
        "src/data.json": '{"main": "import \'./unread\'"}',
        "src/commented.ts": "",
        "src/unread.ts": "",
        "other.js": "",
        "node_modules/fs/index.js": "",
    }
    found = unpacked(script.pack(written(tmp_path, files), "src/index.ts"))
    assert next(iter(found)) == "src/index.ts"
    kept = {"src/index.ts", "src/a.ts", "src/types.ts", "src/b.ts", "src/b.js", "lib/c.mts", "src/d/index.js"}
    assert set(found) == kept | {"src/data.json", "src/commented.ts"}
    assert found["src/a.ts"] == files["src/a.ts"]


def test_what_leads_out_of_the_folder_is_no_module(tmp_path: Path) -> None:
    written(tmp_path, {"secret.js": "", "plugin/index.js": "import '../secret.js'; import './x/../../secret.js'"})
    plugin = tmp_path / "plugin"
    (plugin / "link.js").symlink_to(tmp_path / "secret.js")
    written(plugin, {"index.js": (plugin / "index.js").read_text() + "; import './link.js'; import './'"})
    assert list(unpacked(script.pack(plugin, "index.js"))) == ["index.js"]


def test_a_source_map_comes_along_where_a_module_names_it(tmp_path: Path) -> None:
    files = {
        "dist/index.js": "x\n//# sourceMappingURL=index.js.map\n",
        "dist/index.js.map": "{}",
        "dist/inline.js.map": "{}",
    }
    assert list(unpacked(script.pack(written(tmp_path, files), "dist/index.js"))) == list(files)[:2]
    (tmp_path / "dist/index.js").write_text("//# sourceMappingURL=../../index.js.map")
    assert list(unpacked(script.pack(tmp_path, "dist/index.js"))) == ["dist/index.js"]


def test_modules_have_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path, {"index.js": "import './a.js'; import './b.js'", "a.js": "1" * 500, "b.js": "1" * 500})
    monkeypatch.setattr(script, "MAX_BYTES", 1000)
    with pytest.raises(PackageInvalid, match="more than") as raised:
        script.pack(tmp_path, "index.js")
    assert raised.value.data.cause == "limit"
    monkeypatch.undo()
    monkeypatch.setattr(script, "MAX_MODULES", 2)
    with pytest.raises(PackageInvalid, match="more than 2 modules"):
        script.pack(tmp_path, "index.js")
    with pytest.raises(PackageInvalid, match="not there"):
        script.pack(tmp_path, "missing.js")


@pytest.mark.threat("Packages", "bombs")
@pytest.mark.parametrize(
    "text",
    [b"import" + b" " * 3_000_000, b"import(" + b"\n" * 3_000_000, b"from(" * 600_000, b"import './" * 300_000,
     b"//# sourceMappingURL=" * 150_000],
    ids=["spaces", "lines", "words", "paths", "maps"],
)  # fmt: skip
def test_a_text_that_is_made_to_be_slow_to_search_is_not(text: bytes) -> None:
    """The search holds all of the daemon up: a few thousand blanks once took it seconds, a million days."""
    began = time.process_time()
    assert list(script.modules("index.js", {"index.js": text}.get)) == ["index.js"]
    assert time.process_time() - began < 5


@pytest.mark.threat("Packages", "bombs")
def test_a_text_that_names_a_million_modules_is_refused() -> None:
    text = b"".join(b"import'./%d';" % number for number in range(1_000_000))
    tracemalloc.start()
    try:
        with pytest.raises(PackageInvalid, match="name more than 100000 files") as raised:
            script.modules("index.js", {"index.js": text}.get)
        assert tracemalloc.get_traced_memory()[1] < 64 << 20
    finally:
        tracemalloc.stop()
    assert raised.value.data.cause == "limit"


@pytest.mark.threat("Packages", "what is not plain files")
def test_what_lies_beyond_a_link_is_no_module(tmp_path: Path) -> None:
    written(tmp_path, {"home/settings.json": '{"password": 1}', "plugin/index.js": "import './link/settings.json'"})
    (tmp_path / "plugin" / "link").symlink_to("../home")
    assert list(unpacked(script.pack(tmp_path / "plugin", "index.js"))) == ["index.js"]


def test_what_can_be_no_files_name_is_no_module(tmp_path: Path) -> None:
    written(tmp_path, {"index.js": f"import './{'x' * 300}'; import './index.js/y'"})
    assert list(unpacked(script.pack(tmp_path, "index.js"))) == ["index.js"]


def test_modules_belong_to_the_package(tmp_path: Path) -> None:
    manifest = '{"name": "a", "version": "1.0.0", "main": "src/index.ts", "resources": {"looks": ["looks"]}}'
    files = {
        "manifest.json": manifest,
        "src/index.ts": "import './lib'",
        "src/lib.ts": "",
        "looks/a.cube": "",
        "x.ts": "",
    }
    contents = folder.read(written(tmp_path, files))
    assert set(contents.files) == {"manifest.json", "src/index.ts", "src/lib.ts", "looks/a.cube"}
