"""Every host method by granted, not granted, changed in the middle of a call, out of scope; a real guest asks."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from tests.harness.daemon import Daemon

from plugind_client import AsyncClient
from plugind_protocol.errors import PermissionDenied, PluginError
from plugind_protocol.host import HOST_METHODS
from plugind_protocol.permissions import NAMES, ScopeKind
from plugind_protocol.table import HostMethod

pytestmark = [pytest.mark.anyio, pytest.mark.process]

GATE = "timeline.getCurrentTime"
CHECKED = [row for row in HOST_METHODS.values() if row.permission is not None]
SCOPED = [row for row in CHECKED if row.scope is not None]


def by_name(row: HostMethod) -> str:
    return row.name


class Editor:
    """Answers every method by the example in the table; the gate does what a test has put into `between` first."""

    def __init__(self) -> None:
        self.between: Callable[[], Any] | None = None

    async def __call__(self, method: str, _params: Any) -> Any:
        if method == GATE and self.between is not None:
            between, self.between = self.between, None
            await between()
        row = HOST_METHODS.get(method)
        return row.example.result if row is not None else None


@pytest.fixture
async def editor(daemon: Daemon, plugins: Path) -> AsyncIterator[tuple[AsyncClient, Editor]]:
    answering = Editor()
    handlers = dict.fromkeys(("timeline", "effects", "ui", "media"), answering)
    async with AsyncClient.connect(daemon.socket, name="editor", handlers=handlers) as client:
        if not await client.list_plugins():
            await client.install(str(plugins / "gate"))
        yield client, answering


async def denied(client: AsyncClient, row: HostMethod, **changes: Any) -> PermissionDenied | None:
    """Make the guest ask; return how it was denied, None where it was not, whatever else it was answered."""
    try:
        await client.call_plugin("gate", row.name, args={**row.example.params, **changes})
    except PluginError as exc:
        answered = exc.data.error
    else:
        return None
    assert answered is not None
    if answered.code != PermissionDenied.code:
        return None
    return PermissionDenied(answered.message, hint=answered.data["hint"])


async def only(client: AsyncClient, *permissions: str) -> None:
    """Grant these and nothing else; the gate itself is always let through."""
    await client.revoke("gate", list(NAMES))
    await client.grant("gate", ["timeline.read", *permissions])


def test_every_method_takes_a_permission_that_there_is() -> None:
    assert {row.permission for row in CHECKED} <= set(NAMES)
    assert list(HOST_METHODS.values()) == CHECKED, "what needs no permission is to be decided, not forgotten"


@pytest.mark.parametrize("row", CHECKED, ids=by_name)
async def test_granted(editor: tuple[AsyncClient, Editor], row: HostMethod) -> None:
    client, _ = editor
    assert row.permission is not None
    await only(client, row.permission)
    assert await denied(client, row) is None


@pytest.mark.parametrize("row", [row for row in CHECKED if row.permission != "timeline.read"], ids=by_name)
async def test_not_granted(editor: tuple[AsyncClient, Editor], row: HostMethod) -> None:
    client, _ = editor
    everything = {one.permission for one in CHECKED if one.permission is not None}
    await only(client, *everything - {row.permission})
    refused = await denied(client, row)
    assert refused is not None
    assert f"gate 1.0.0 called {row.name} without permission {row.permission}" in refused.message
    assert f"pluginctl grant gate {row.permission}" in refused.hint


@pytest.mark.parametrize("row", CHECKED, ids=by_name)
async def test_revoked_in_the_middle_of_a_call(editor: tuple[AsyncClient, Editor], row: HostMethod) -> None:
    client, answering = editor
    assert row.permission is not None
    await only(client, row.permission)
    answering.between = lambda: client.revoke("gate", [str(row.permission)])
    assert await denied(client, row) is not None
    assert answering.between is None, "the guest was past the gate when it was denied"


@pytest.mark.parametrize("row", CHECKED, ids=by_name)
async def test_granted_in_the_middle_of_a_call(editor: tuple[AsyncClient, Editor], row: HostMethod) -> None:
    client, answering = editor
    await only(client)
    answering.between = lambda: client.grant("gate", [str(row.permission)])
    assert await denied(client, row) is None
    assert answering.between is None


@pytest.mark.parametrize("row", SCOPED, ids=by_name)
async def test_out_of_scope(editor: tuple[AsyncClient, Editor], row: HostMethod) -> None:
    client, _ = editor
    assert NAMES[str(row.permission)] is ScopeKind.PATH
    assert row.scope is not None
    await only(client, f"{row.permission}:inside/**")
    assert await denied(client, row, **{row.scope: "inside/deep/x.bin"}) is None
    for path in ("outside/x.bin", "insider/x.bin", "inside/../outside/x.bin", "/inside/x.bin"):
        assert await denied(client, row, **{row.scope: path}) is not None, path


async def test_the_ledger_counts_each_use_and_denial(editor: tuple[AsyncClient, Editor]) -> None:
    client, _ = editor
    row = HOST_METHODS["system.getInfo"]

    async def counted() -> tuple[int, int]:
        used = (await client.get_permissions("gate")).used
        return next(((use.allowed, use.denied) for use in used if use.method == row.name), (0, 0))

    await only(client, "system.info")
    before = await counted()
    for _ in range(3):
        await denied(client, row)
    await only(client)
    for _ in range(2):
        await denied(client, row)
    after = await counted()
    assert (after[0] - before[0], after[1] - before[1]) == (3, 2)
