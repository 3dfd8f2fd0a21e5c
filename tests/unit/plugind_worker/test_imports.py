from collections.abc import Sequence

import pytest

from plugind_protocol.errors import UnsupportedAbi
from plugind_worker import imports
from plugind_worker.engine.base import Engine, Import


def _imports(engine: Engine, text: str) -> Sequence[Import]:
    return engine.compile(engine.assemble(f"(module {text})".encode())).imports


def test_everything_on_the_list_is_allowed(engine: Engine) -> None:
    text = " ".join(
        f'(import "{module}" "{name}" (func'
        f" (param {' '.join(t.value for t in s.params)}) (result {' '.join(t.value for t in s.results)})))"
        for (module, name), s in imports.ALLOWED.items()
    )
    imports.check(_imports(engine, text))


@pytest.mark.threat("Guest", "import outside the list")
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('(import "env" "abort" (func (param i32)))', r"imports env\.abort, which this host does not offer"),
        ('(import "timeline" "exec" (func))', r"timeline\.exec, which this host does not offer"),
        ('(import "wasi_snapshot_preview1" "path_open" (func))', r"wasi_snapshot_preview1\.path_open"),
        ('(import "wasi_snapshot_preview1" "sock_send" (func))', r"sock_send"),
        (
            '(import "timeline" "log" (func (param i32)))',
            r"timeline\.log as \(i32\) -> \(\), but it is \(i32, i32, i32\)",
        ),
        ('(import "timeline" "log" (func (param i32 i32 i32) (result i32)))', r"timeline\.log as"),
        ('(import "timeline" "host_call" (func (param i32 i32 i32 v128) (result i64)))', "reference or vector"),
        ('(import "env" "memory" (memory 1))', r"the memory env\.memory"),
        ('(import "timeline" "log" (global i32))', r"the global timeline\.log"),
        ('(import "env" "t" (table 1 funcref))', r"the table env\.t"),
    ],
)
def test_anything_else_is_named(engine: Engine, text: str, message: str) -> None:
    with pytest.raises(UnsupportedAbi, match=message):
        imports.check(_imports(engine, text))
