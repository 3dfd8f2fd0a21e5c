from typing import Any

import hypothesis
import pytest
from tests.harness.skips import pytest_make_collect_report, pytest_runtest_makereport
from tests.hostile.rows import BY_KEY
from tests.hostile.table import keys

__all__ = ["pytest_make_collect_report", "pytest_runtest_makereport"]

# How long one example may take says more of what else the machine does; a test that hangs meets its own timeout.
hypothesis.settings.register_profile("suite", deadline=None)
hypothesis.settings.load_profile("suite")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse a test that claims to show what is on no list."""
    for item in items:
        if unknown := set(keys(item)) - BY_KEY.keys():
            raise pytest.UsageError(f"{item.nodeid}: no such row in tests/hostile/rows.py: {unknown}")


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "asyncio", {"use_uvloop": True}
