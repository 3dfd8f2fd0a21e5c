"""What Extism's guests are offered of WASI besides: functions of files, of which there are none."""

import pytest
from tests.unit.plugind_worker.supervisor import Instantiate, function

from plugind_worker import imports, wasi, wasi_files


@pytest.mark.parametrize("name", wasi_files.SIGNATURES)
def test_there_are_no_files(instantiate: Instantiate, name: str) -> None:
    signature = wasi_files.SIGNATURES[name]
    params = " ".join(kind.value for kind in signature.params)
    values = " ".join(f"({kind.value}.const 1)" for kind in signature.params)
    instance, module = instantiate(
        f"""(module (import "wasi_snapshot_preview1" "{name}" (func $f (param {params}) (result i32)))
          (func (export "f") (result i32) (call $f {values})))""",
        wasi_files.functions(),
    )
    (item,) = module.imports
    assert imports.EXTISM[item.module, item.name] == item.signature
    assert (item.module, item.name) not in imports.ALLOWED
    assert function(instance, "f")()[0] == wasi.EBADF
