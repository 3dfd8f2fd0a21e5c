"""Which engines are found, and what is said of those that are not."""

import sys
from pathlib import Path

import pytest

from plugind.supervisor.engines import Engines, command, homes
from plugind_protocol.errors import PackageInvalid

pytestmark = pytest.mark.anyio


async def reason(interpreter: str) -> str:
    """Look for wasmer; return why it is not available."""
    engines = Engines(wasmer=interpreter)
    await engines.find()
    found = {info.name: info for info in engines.infos}
    assert found["wasmtime"].available
    assert engines.interpreter("wasmtime", who="a test") == sys.executable
    assert not found["wasmer"].available
    with pytest.raises(PackageInvalid, match="a test wants engine wasmer, which is not available: ") as caught:
        engines.interpreter("wasmer", who="a test")
    assert "make wasmer" in caught.value.hint
    return found["wasmer"].reason


async def test_an_interpreter_that_is_not_there() -> None:
    assert "/nonexistent/python cannot be started: No such file" in await reason("/nonexistent/python")


async def test_an_interpreter_without_the_binding() -> None:
    assert "cannot run it: ModuleNotFoundError: No module named 'wasmer'" in await reason(sys.executable)


async def test_an_interpreter_that_fails_without_a_word() -> None:
    assert "/bin/false cannot run it: status 1" in await reason("/bin/false")


async def test_a_prepared_environment_is_found_without_starting_it(tmp_path: Path) -> None:
    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    python.write_text("#!/bin/sh\nexit 1\n")
    packages = tmp_path / "lib" / "python3.10" / "site-packages"
    for name, version in (("wasmer", "1.1.0"), ("msgspec", "0.22.0"), ("wasmer-compiler-cranelift", "1.1.0")):
        assert "cannot" in await reason(str(python))
        folder = packages / f"{name.replace('-', '_')}-{version}.dist-info"
        folder.mkdir(parents=True)
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        python.chmod(0o755)
    engines = Engines(wasmer=str(python))
    await engines.find()
    assert engines.interpreter("wasmer", who="a test") == str(python)
    assert [info.version for info in engines.infos if info.name == "wasmer"] == ["1.1.0"]


def test_another_interpreter_is_told_where_the_worker_is() -> None:
    assert command(sys.executable)[1:] == ["-I", "-m", "plugind_worker"]
    line = command("/other/python")
    assert line[:3] == ["/other/python", "-I", "-c"]
    assert all(
        (Path(home) / "plugind_worker").is_dir() or (Path(home) / "plugind_protocol").is_dir() for home in homes()
    )
    assert line[4].split(":") == homes()
