"""Daemons for attacks, and a bystander that measures what others notice of them."""

from tests.harness.fixtures import client, daemon, examples, plugins, start

__all__ = ["client", "daemon", "examples", "plugins", "start"]
