"""Daemons for attacks."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.harness.engines import engine, expect, pytest_generate_tests
from tests.harness.fixtures import client, daemon, examples, plugins, start
from tests.hostile.report import Report

__all__ = ["client", "daemon", "engine", "examples", "expect", "plugins", "pytest_generate_tests", "start"]


@pytest.fixture
def settings(tmp_path: Path) -> Callable[[str], str]:
    """Write a configuration file and return its path."""

    def write(text: str) -> str:
        file = tmp_path / "plugind.toml"
        file.write_text(text)
        return str(file)

    return write


@pytest.fixture
def report(record_property: Callable[[str, object], None]) -> Report:
    """The table's ear."""
    return Report(record_property)
