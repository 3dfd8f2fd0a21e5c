"""A kernel without Landlock, without seccomp, without namespaces: refused or degraded, as configured, and said so."""

import errno
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.harness.daemon import ROOT, Daemon

from plugind_client import AsyncClient
from plugind_protocol import errors

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.process,
    pytest.mark.threat("Supervision", "kernel without Landlock or seccomp"),
]

NO_LANDLOCK = {"landlock_create_ruleset": errno.ENOSYS}
LANDLOCK_OFF = {"landlock_create_ruleset": errno.EOPNOTSUPP}
NO_SECCOMP = {"seccomp": errno.ENOSYS}
NO_NAMESPACES = {"unshare": errno.EPERM}
ESSENTIAL = [
    pytest.param(NO_LANDLOCK, {"landlock": "this kernel has no Landlock"}, id="no Landlock"),
    pytest.param(LANDLOCK_OFF, {"landlock": "Landlock is switched off at boot"}, id="Landlock off"),
    pytest.param(NO_SECCOMP, {"seccomp": "this kernel has no seccomp"}, id="no seccomp"),
    pytest.param(
        NO_LANDLOCK | NO_SECCOMP,
        {"landlock": "this kernel has no Landlock", "seccomp": "this kernel has no seccomp"},
        id="neither",
    ),
]


def poorer(without: dict[str, int]) -> dict[str, object]:
    """Options that start a daemon on a poorer kernel."""
    program = ("-m", "tests.hostile.poorer", json.dumps(without), sys.executable, "-m", "plugind")
    return {"program": program, "cwd": ROOT}


@pytest.mark.parametrize(("without", "missing"), ESSENTIAL)
async def test_required_and_missing_means_that_no_plugin_runs(
    start: Callable[..., Daemon], plugins: Path, without: dict[str, int], missing: dict[str, str]
) -> None:
    daemon = start(**poorer(without))
    async with AsyncClient.connect(daemon.socket) as client:
        assert client.session is not None
        sandbox = client.session.sandbox
        assert {layer.layer: layer.reason for layer in sandbox.missing} == missing
        assert sandbox.mode == "require"
        assert (await client.daemon_status()).sandbox == sandbox
        with pytest.raises(errors.SandboxIncomplete) as caught:
            await client.install(str(plugins / "probe"))
    for layer, reason in missing.items():
        assert f"{layer} ({reason})" in caught.value.message
    assert "--sandbox degrade" in caught.value.hint
    assert "no plugin will run" in daemon.log.read_text()


@pytest.mark.parametrize(("without", "missing"), ESSENTIAL)
async def test_degraded_plugins_run_with_the_rest_and_it_is_said(
    start: Callable[..., Daemon], plugins: Path, without: dict[str, int], missing: dict[str, str]
) -> None:
    daemon = start("--sandbox", "degrade", **poorer(without))
    async with AsyncClient.connect(daemon.socket) as client:
        await client.install(str(plugins / "probe"))
        assert await client.call_plugin("probe", "echo", args=1) == 1
        sandbox = (await client.daemon_status()).sandbox
    assert {layer.layer for layer in sandbox.missing} == {*missing}
    assert not {*missing} & {*sandbox.layers}
    assert {"rlimits", "parent-death", "no-new-privs"} <= {*sandbox.layers}
    assert sandbox.mode == "degrade"
    assert "plugins run all the same" in daemon.log.read_text()


async def test_a_container_without_user_namespaces_is_enough(start: Callable[..., Daemon], plugins: Path) -> None:
    daemon = start(**poorer(NO_NAMESPACES))
    async with AsyncClient.connect(daemon.socket) as client:
        await client.install(str(plugins / "probe"))
        assert await client.call_plugin("probe", "echo", args=1) == 1
        sandbox = (await client.daemon_status()).sandbox
    assert {layer.layer: layer.reason for layer in sandbox.missing} == {
        "namespaces": "unshare: Operation not permitted",
        "empty-root": "needs namespaces",
    }
    assert not any(layer.essential for layer in sandbox.missing)
    assert "the sandbox is incomplete" not in daemon.log.read_text()


async def test_a_plugin_installed_earlier_does_not_run_either(start: Callable[..., Daemon], plugins: Path) -> None:
    daemon = start()
    async with AsyncClient.connect(daemon.socket) as client:
        await client.install(str(plugins / "probe"))
    assert daemon.stop() == 0
    daemon = start(**poorer(NO_SECCOMP))
    async with AsyncClient.connect(daemon.socket) as client:
        with pytest.raises(errors.SandboxIncomplete, match=r"probe 1\.0\.0: .* without seccomp"):
            await client.call_plugin("probe", "echo", args=1)
