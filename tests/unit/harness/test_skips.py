import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.harness.daemon import ROOT

CONFTEST = "from tests.harness.skips import pytest_make_collect_report, pytest_runtest_makereport\n"
TESTS = """
import pytest

def test_runs(): pass

@pytest.mark.skip(reason="marked")
def test_marked(): pass

@pytest.fixture
def lacking(): pytest.skip("no such engine")

def test_set_up(lacking): pass

def test_halfway(): pytest.skip("no right to mount")

@pytest.mark.xfail(strict=True)
def test_expected_to_fail(): assert False
"""
MODULE = 'import pytest\npytest.skip("another system", allow_module_level=True)\n'


def suite(folder: Path, *arguments: str, ci: str | None) -> str:
    """Run a small suite; return the closing lines."""
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "test_tests.py").write_text(TESTS)
    (folder / "test_module.py").write_text(MODULE)
    environment = {name: value for name, value in os.environ.items() if name != "CI"}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--rootdir", folder, "-ra", "-p", "no:cacheprovider", *arguments, folder],
        env=environment | {"PYTHONPATH": str(ROOT)} | ({} if ci is None else {"CI": ci}),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    return done.stdout.partition("short test summary")[2]


@pytest.mark.parametrize("processes", [(), ("-n", "2")], ids=["one process", "two processes"])
def test_in_ci_what_is_skipped_fails_and_says_why(tmp_path: Path, processes: tuple[str, ...]) -> None:
    summary = suite(tmp_path, "--continue-on-collection-errors", *processes, ci="true")
    assert "skipped" not in re.sub("to be skipped", "", summary)
    for reason in ("marked", "no such engine", "no right to mount"):
        assert f"CI runs every test, but this one was to be skipped: {reason}" in summary, summary
    assert re.search(r"ERROR .*test_module\.py.*another system", summary), summary
    assert re.search("1 failed, 1 passed, 1 xfailed, 3 errors", summary), summary


@pytest.mark.parametrize("ci", [None, ""])
def test_elsewhere_it_is_listed_with_its_reason(tmp_path: Path, ci: str | None) -> None:
    summary = suite(tmp_path, ci=ci)
    for reason in ("marked", "no such engine", "no right to mount", "another system"):
        assert re.search(rf"SKIPPED .*{reason}", summary), summary
    assert "1 passed, 4 skipped, 1 xfailed" in summary
