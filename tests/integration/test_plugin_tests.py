"""``pluginctl test``: a plugin's own cases and golden frames, in a daemon of their own."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.harness.plugins import altered, hooked
from tests.integration.test_dev import with_build

from pluginctl.__main__ import run
from pluginctl.testing import golden

pytestmark = pytest.mark.process

TIME = {"seconds": 1.5, "timecode": "00:00:01:12", "fps": 25.0}
Test = Callable[..., tuple[int, Any, str]]


@pytest.fixture
def test(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Test:
    """Run the tests of a plugin; returns status, what was said as JSON, and stderr. No daemon runs."""
    monkeypatch.setenv("PLUGIND_SOCKET", str(tmp_path / "no.sock"))
    monkeypatch.chdir(tmp_path)

    def command(*arguments: str | Path) -> tuple[int, Any, str]:
        capsys.readouterr()
        status = run(["test", "--json", *map(str, arguments)])
        said, errors = capsys.readouterr()
        return status, json.loads(said) if said else None, errors

    return command


def write(folder: Path, *cases: dict[str, Any], name: str = "cases", **fields: Any) -> Path:
    (folder / "tests").mkdir(exist_ok=True)
    (folder / "tests" / f"{name}.json").write_text(json.dumps({"cases": list(cases), **fields}))
    return folder


def problems(said: Any) -> dict[str, list[str]]:
    return {case["name"]: case["problems"] for case in said["cases"]}


def test_calls_and_errors(test: Test, examples: Path, tmp_path: Path) -> None:
    plugin = Path(altered(examples / "adder", tmp_path / "p"))
    write(
        plugin,
        {"name": "sum", "call": "add", "args": [2, 3], "expect": 5},
        {"call": "add", "args": [2, 3], "expect": 6},
        {"call": "add", "args": [2, 3], "expect": 5.4, "tolerance": 0.5},
        {"name": "none", "call": "nothing", "error": {"kind": "FunctionNotFound"}},
        {"name": "other", "call": "nothing", "error": {"kind": "Trap"}},
        {"name": "no error", "call": "add", "args": [2, 3], "error": {"kind": "Trap"}},
        {"name": "unexpected", "call": "add", "args": "x"},
    )
    status, said, _ = test(plugin)
    assert status == 1
    assert (said["plugin"], said["version"], said["passed"], said["failed"]) == ("adder", "1.0.0", 3, 4)
    found = problems(said)
    assert found["call add"] == ["the answer differs: $ is 5, expected 6"] or said["cases"][1]["problems"]
    assert said["cases"][1]["problems"] == ["the answer differs: $ is 5, expected 6"]
    assert found["other"][0].startswith("the error is FunctionNotFound, expected Trap: ")
    assert found["no error"] == ['it succeeded, expected was an error: {"kind": "Trap"}']
    assert found["unexpected"][0].startswith("it failed: adder 1.0.0: ")
    status, said, _ = test(plugin, "-k", "sum")
    assert (status, said["passed"], said["failed"]) == (0, 1, 0)
    status, _, errors = test(plugin, "-k", "no such")
    assert status == 1
    assert "No case has" in errors


def test_the_host_answers_what_the_case_says(test: Test, tmp_path: Path) -> None:
    plugin = tmp_path / "p"
    hooked(plugin)
    asked = {"method": "timeline.getCurrentTime", "params": {}, "answer": TIME}
    write(
        plugin,
        {"name": "scripted", "call": "ask", "host": [asked], "expect": TIME},
        {"name": "of the file", "call": "ask", "expect": TIME | {"seconds": 2.0}},
        {"name": "twice", "call": "ask", "host": [asked, asked], "expect": TIME},
        {"name": "refused", "call": "ask", "host": [asked | {"error": {"kind": "InvalidState", "message": "busy"}}],
         "error": {"message": "busy"}},
        host=[asked | {"answer": TIME | {"seconds": 2.0}}],
    )  # fmt: skip
    write(plugin, {"name": "nobody", "call": "ask"}, name="other", grant=["timeline.read"])
    write(plugin, {"name": "denied", "call": "ask", "error": {"kind": "PluginError"}}, name="third", grant=[])
    status, said, _ = test(plugin)
    assert status == 1
    found = problems(said)
    assert found["twice"] == ["the plugin did not ask timeline.getCurrentTime"]
    assert found["nobody"][-1] == "the plugin asked timeline.getCurrentTime {}, which no test answers"
    assert [name for name, what in found.items() if not what] == ["scripted", "of the file", "refused", "denied"]


def test_files_begin_afresh_and_cases_go_on(test: Test, plugins: Path, tmp_path: Path) -> None:
    plugin = Path(altered(plugins / "keeper", tmp_path / "p"))
    count = {"call": "count"}
    write(plugin, count | {"expect": 1}, {"reload": True}, count | {"expect": 2}, name="a")
    write(plugin, count | {"expect": 1}, name="b")
    status, said, _ = test(plugin)
    assert (status, said["passed"]) == (0, 4), said


def test_the_console_is_looked_at(test: Test, plugins: Path, tmp_path: Path) -> None:
    plugin = Path(altered(plugins / "wasi-hello", tmp_path / "p"))
    write(plugin, {"call": "hello", "console": ["hello from wasi", "oops"]})
    assert test(plugin)[0] == 0


def effect(examples: Path, folder: Path) -> tuple[Path, np.ndarray]:
    """The effect that inverts, with a golden frame and what goes in."""
    plugin = Path(altered(examples / "invert", folder, resources={"tests": ["tests"]}))
    picture = np.random.default_rng(5).integers(0, 256, (18, 33, 4), dtype=np.uint8)
    golden.write_png(plugin / "tests" / "in.png", picture)
    case = {"effect": "invert", "input": "in.png", "output": "out.png"}
    write(plugin, case, case | {"name": "floats", "format": "RGBA32F", "tolerance": 1})
    return plugin, picture


def test_golden_frames(test: Test, examples: Path, tmp_path: Path) -> None:
    plugin, picture = effect(examples, tmp_path / "p")
    status, _, errors = test(plugin)
    assert status == 1
    assert "out.png cannot be read as a PNG" in errors
    status, said, _ = test(plugin, "--update", "-k", "effect")
    assert (status, [case["updated"] for case in said["cases"]]) == (0, [True])
    made = golden.read_png(plugin / "tests" / "out.png")
    assert (made[..., :3] == 255 - picture[..., :3]).all()
    assert (made[..., 3] == picture[..., 3]).all()
    assert test(plugin)[0] == 0, "in floats as well"
    made[3, 5] = (0, 0, 0, 255)
    golden.write_png(plugin / "tests" / "out.png", made)
    status, said, _ = test(plugin, "-k", "effect")
    assert status == 1
    (case,) = said["cases"]
    assert case["problems"][0].startswith("1 pixels are off by up to ")
    assert "most at 5,3: [" in case["problems"][0]
    (drawn,) = case["pictures"]
    assert Path(drawn) == plugin / "test-differences" / "cases-out.png"
    heat = golden.read_png(Path(drawn))
    assert heat.shape == (18, 3 * 33 + 8, 4)
    assert (heat[:, 74:, 0] > 0).sum() == 1, "the third part shows where"


def test_golden_frames_travel_in_the_package(
    test: Test, examples: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plugin, _ = effect(examples, tmp_path / "p")
    assert test(plugin, "--update")[0] == 0
    assert run(["pack", str(plugin), "-o", str(tmp_path)]) == 0
    shutil.rmtree(plugin)
    package = tmp_path / "invert-1.0.0.tsplugin"
    status, said, errors = test(package)
    assert (status, said["passed"]) == (0, 2), errors
    assert test(package, "--update")[0] == 2


def test_update_writes_answers_and_leaves_the_rest(test: Test, examples: Path, tmp_path: Path) -> None:
    plugin = Path(altered(examples / "adder", tmp_path / "p"))
    write(plugin, {"call": "add", "args": [2, 3], "expect": 6}, {"call": "add", "args": [1, 1]}, grant=[])
    status, said, _ = test(plugin, "--update")
    assert (status, [case["updated"] for case in said["cases"]]) == (0, [True, False])
    written = json.loads((plugin / "tests" / "cases.json").read_text())
    assert written == {
        "cases": [{"call": "add", "args": [2, 3], "expect": 5}, {"call": "add", "args": [1, 1]}],
        "grant": [],
    }


def test_what_cannot_be_tested_says_why(test: Test, examples: Path, tmp_path: Path) -> None:
    plugin = Path(altered(examples / "adder", tmp_path / "p"))
    assert "has no tests" in test(plugin)[2]
    write(plugin, {"call": "add", "expects": 5})
    assert "tests/cases.json: Object contains unknown field `expects`" in test(plugin)[2]
    write(plugin, {"expect": 5})
    status, _, errors = test(plugin)
    assert status == 1
    assert "$.cases[0] names nothing to do; it takes one of: call, effect, event, activate, reload" in errors
    write(plugin, {"effect": "x", "input": "../../secret.png", "output": "a.png"})
    assert "must be a relative path inside the plugin's folder" in test(plugin)[2]
    assert test(plugin / "manifest.json")[0] == 1
    write(plugin, {"call": "add", "args": [1, 2]})
    (plugin / "manifest.json").write_text("{")
    assert "not valid JSON" in test(plugin)[2]


def test_it_is_built_before(test: Test, tmp_path: Path) -> None:
    plugin = with_build(tmp_path / "p")
    write(plugin, {"call": "version", "expect": "1.0.0"})
    status, said, errors = test(plugin)
    assert (status, said and said["passed"]) == (0, 1), errors
    (plugin / "source.txt").write_text("mistake")
    status, _, errors = test(plugin)
    assert status == 1
    assert "source.txt:1: a mistake" in errors
    assert test(plugin, "--no-build")[0] == 0


def test_what_was_compiled_is_there_for_the_next_run(
    test: Test, examples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    plugin = write(Path(altered(examples / "adder", tmp_path / "p")), {"call": "add", "args": [2, 3], "expect": 5})
    modules = tmp_path / "cache" / "plugind" / "compiled" / "modules"

    def artefacts() -> set[tuple[str, int]]:
        return {(found.name, found.stat().st_ino) for found in modules.iterdir() if len(found.name) == 64}

    assert test(plugin)[0] == 0
    compiled = artefacts()
    assert len(compiled) == 1
    assert test(plugin)[0] == 0
    assert artefacts() == compiled  # it was not made again
