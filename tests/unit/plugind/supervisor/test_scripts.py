"""The module that runs scripts, as it is checked in, and how a worker gets its script."""

import os
from pathlib import Path

import pytest

from plugind.policy.plan import ScriptPlan
from plugind.supervisor import scripts
from plugind_protocol.errors import PackageInvalid
from plugind_protocol.package import script
from plugind_worker import imports, sections
from plugind_worker.abi import recognise
from plugind_worker.engine.wasmtime.engine import create


def contents(plan: ScriptPlan) -> bytes:
    descriptor = scripts.open_program(plan)
    try:
        assert os.lseek(descriptor, 0, os.SEEK_CUR) == 0
        return os.read(descriptor, 1 << 20)
    finally:
        os.close(descriptor)


def test_a_worker_gets_what_was_installed(tmp_path: Path) -> None:
    (tmp_path / "index.js").write_text("import './lib.js'")
    (tmp_path / "lib.js").write_text("export default 1")
    plan = scripts.plan(tmp_path, "index.js")
    assert contents(plan) == script.pack(tmp_path, "index.js")
    assert scripts.plan(tmp_path, "index.js") == plan


def test_a_script_that_was_changed_on_disk_is_not_run(tmp_path: Path) -> None:
    (tmp_path / "index.js").write_text("import './lib.js'")
    (tmp_path / "lib.js").write_text("export default 1")
    plan = scripts.plan(tmp_path, "index.js")
    (tmp_path / "lib.js").write_text("export default 2")
    with pytest.raises(PackageInvalid, match=r"index\.js is not what was installed"):
        scripts.open_program(plan)


def test_the_runtime_is_a_module_that_any_plugin_could_bring() -> None:
    wasm = scripts.RUNTIME.read_bytes()
    sections.measure(wasm)
    module = create().compile(wasm)
    imports.check(module.imports)
    assert recognise(module.exports, module.imports)[0] == "timeline"
    names = {export.name for export in module.exports}
    assert "script_load" in names
    assert names.isdisjoint({"script_prepare", "_initialize"})
