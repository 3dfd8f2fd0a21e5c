"""Daemons for the tests that need a real one."""

from tests.harness.fixtures import client, daemon, examples, plugins, start

__all__ = ["client", "daemon", "examples", "plugins", "start"]
