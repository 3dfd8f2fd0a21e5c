"""Daemons for the tests that need a real one."""

from tests.harness.engines import engine, expect, pytest_generate_tests
from tests.harness.fixtures import client, daemon, examples, plugins, shelf, start

__all__ = ["client", "daemon", "engine", "examples", "expect", "plugins", "pytest_generate_tests", "shelf", "start"]
