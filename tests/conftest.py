from typing import Any

import pytest
from tests.hostile.rows import KEYS
from tests.hostile.table import keys


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse a test that claims to show what is on no list."""
    for item in items:
        if unknown := set(keys(item)) - KEYS:
            raise pytest.UsageError(f"{item.nodeid}: no such row in tests/hostile/rows.py: {unknown}")


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "asyncio", {"use_uvloop": True}
