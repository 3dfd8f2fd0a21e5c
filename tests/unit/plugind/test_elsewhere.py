"""On other operating systems: what is imported there, what refuses to be, what is said, and which modules choose.

No other system is here: `tests.fakes.elsewhere` pretends to be one. See ``docs/platforms.md``.
"""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.fakes import elsewhere

from plugind_protocol import systems

ROOT = Path(__file__).parents[3]
SOURCES = ("protocol", "daemon", "clients/python", "clients/cli", "clients/headless")
GUARD = 'assert sys.platform != "win32"'
SYSTEMS = {"darwin": "macOS", "win32": "Windows"}

pytestmark = pytest.mark.process


def modules() -> dict[str, str]:
    """Name and text of each module of ours."""
    found = {}
    for source in SOURCES:
        for package in elsewhere.PACKAGES:
            for file in (ROOT / source / package).rglob("*.py"):
                name = ".".join(file.relative_to(ROOT / source).with_suffix("").parts)
                found[name.removesuffix(".__init__")] = file.read_text()
    return found


@pytest.fixture(scope="module", params=SYSTEMS)
def system(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What is found there."""
    folder = tmp_path_factory.mktemp("elsewhere")
    command = [sys.executable, elsewhere.__file__, request.param, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode == 0, done.stderr
    return {"name": request.param, **json.loads(done.stdout)}


def test_programs_import_nothing_that_is_not_for_windows(system: dict[str, Any]) -> None:
    guarded = {name for name, text in modules().items() if GUARD in text}
    assert {"plugind.services.catalog", "plugind.supervisor.pool", "plugind_client"} <= {*system["reached"]}
    if system["name"] == "win32":
        assert guarded & {*system["reached"]} == set()
        assert {*system["refusing"]} == {name for name in guarded if ".wasmer." not in name}
    else:
        assert system["refusing"] == {}


def test_daemon_and_worker_refuse_to_start_and_say_why(system: dict[str, Any]) -> None:
    why = systems.why_no_workers(system["name"])
    assert why is not None
    assert f"do not run on {SYSTEMS[system['name']]} yet" in why
    assert (system["status"], system["daemon"], system["worker"]) == (1, f"plugind: {why}\n", why)
    assert system["left"] == []


def test_files_are_read_at_a_place_and_keep_their_position(system: dict[str, Any]) -> None:
    assert (system["read"], system["position"]) == ("567", 2)


def test_what_is_missing_on_windows_says_so(system: dict[str, Any]) -> None:
    if system["name"] == "win32":
        assert system["pair"] == "open files cannot be sent to another process on Windows yet"
        assert system["files"] == "files below a folder cannot be reached safely on this system yet"
        assert "descriptors over sockets" in system["client"]
    else:
        assert system["files"] == "reached"


def test_plugins_run_on_linux_only() -> None:
    assert systems.why_no_workers("linux") is None
    assert "do not run on plan9 yet: nobody has tried" in str(systems.why_no_workers("plan9"))


def test_every_module_that_asks_where_it_runs_is_listed() -> None:
    page = (ROOT / "docs" / "platforms.md").read_text()
    listed = re.findall(r"`(plugin\w+(?:\.\w+)+)`", page)
    asking = [name for name, text in modules().items() if re.search(r"\bsys\.platform\b|\bos\.name\b", text)]
    assert [name for name in asking if not any(f"{name}.".startswith(f"{one}.") for one in listed)] == []
    assert [name for name in listed if name not in modules()] == []
