"""In CI no test is skipped: what would be, fails, and says what the machine lacks. Elsewhere the summary lists it.

Hooks for ``tests/conftest.py``. A report is made where its test runs, so that this counts for each process of xdist.
"""

import os
from collections.abc import Generator
from typing import Final

import pytest

IN_CI: Final = bool(os.environ.get("CI"))


@pytest.hookimpl(wrapper=True, tryfirst=True)  # outermost: what is expected to fail has been told from a skip by then
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let a test fail that was skipped."""
    report = yield
    if IN_CI and report.skipped and not hasattr(report, "wasxfail"):
        _fail(report)
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Let a module fail that was skipped as a whole."""
    report = yield
    if IN_CI and report.skipped:
        _fail(report)
    return report


def reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    """Return why something was skipped."""
    where = report.longrepr
    return str(where[2]).removeprefix("Skipped: ") if isinstance(where, tuple) else "skipped"


def _fail(report: pytest.TestReport | pytest.CollectReport) -> None:
    words = reason(report)
    report.outcome = "failed"
    report.longrepr = f"CI runs every test, but this one was to be skipped: {words}"
