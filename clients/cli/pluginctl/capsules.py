"""Commands that show crash capsules: ``capsules`` and ``capsule``."""

from collections.abc import Iterator
from typing import Final

import click

from pluginctl import tables
from pluginctl.arguments import PLUGIN_ID
from pluginctl.context import Invocation, pass_invocation
from pluginctl.replaying.source import find
from pluginctl.terminal import one_line, size
from plugind_protocol.capsule import CallRecord, Capsule, ExitRecord, Payload

NONE: Final = "-"
_SHOWN: Final = 60
"""Characters shown of params."""


@click.command()
@click.argument("plugin", type=PLUGIN_ID, required=False)
@pass_invocation
def capsules(invocation: Invocation, /, plugin: str | None) -> None:
    """List what is left of crashes, newest first; of PLUGIN only, if one is named."""
    with invocation.connect() as client:
        found = client.capsules_list(plugin)
    if invocation.as_json:
        return invocation.show(found)
    if not found:
        return click.echo("There are no capsules: nothing has crashed.")
    rows = [(one.id, one.plugin_id, one.version, one.at[:19], one.kind, one.cause, one.during or NONE) for one in found]
    return tables.show(tables.table(["CAPSULE", "PLUGIN", "VERSION", "AT (UTC)", "ERROR", "CAUSE", "DURING"], rows))


@click.command()
@click.argument("capsule", metavar="CAPSULE")
@pass_invocation
def capsule(invocation: Invocation, /, capsule: str) -> None:
    """Show CAPSULE, a file or an id: what happened, the guest's stack, the last calls."""
    found = find(invocation, capsule).capsule
    if invocation.as_json:
        return invocation.show(found)
    click.echo(tables.fields(list(_head(found))))
    if found.stack:
        click.echo(f"\n{click.style('guest stack, innermost first', bold=True)}")
        click.echo("\n".join(f"  {one_line(name)}" for name in found.stack))
    if found.calls:
        click.echo(f"\n{click.style('last calls, newest last', bold=True)}")
        headings = ["", "CALL", "PARAMS", "OUTCOME", "MS", "HOST CALLS"]
        tables.show(tables.table(headings, [_call(call) for call in found.calls], right=["MS"]))
    if found.console:
        click.echo(f"\n{click.style('console', bold=True)}")
        click.echo("\n".join(f"  {line.level:5} {one_line(line.message)}" for line in found.console))
    return None


def _head(found: Capsule) -> Iterator[tuple[str, str]]:
    yield "capsule", found.id
    yield "plugin", f"{found.plugin_id} {found.version}, ABI {found.abi}, state {found.state}"
    yield "at", found.at
    yield "what", f"{found.kind}, cause {found.cause}"
    yield "reason", found.reason
    yield "during", found.during or "nothing: the worker was idle"
    if found.exit is not None:
        yield "worker", _exit(found.exit)
    if (running := found.running) is not None and running.frame is not None:
        frame = running.frame
        kept = ", kept" if found.frame_kept else ""
        yield "frame", f"slot {frame.input} to {frame.output}, {frame.pts_us} µs, SHA-256 {frame.sha256 or NONE}{kept}"
    yield "module", found.module_hash
    yield "engine", f"{found.engine.name} {found.engine.version}"
    yield "daemon", f"{found.daemon_version}, protocol {found.protocol_version}"
    yield "machine", f"{found.machine.os} {found.machine.kernel} {found.machine.arch}, {found.machine.cpus} processors"
    yield "sandbox", ", ".join(found.layers) or "none"
    yield "hooks", ", ".join(found.hooks) or "none"
    yield "granted", ", ".join(found.granted) or "none"
    if found.redacted:
        yield "redacted", "something was taken out that looks like a secret"


def _exit(end: ExitRecord) -> str:
    by = ", by the daemon" if end.by_daemon else ""
    return f"ended by {end.signal}{by}" if end.signal is not None else f"exited with status {end.status}{by}"


def _call(call: CallRecord) -> tuple[str, ...]:
    asked = [one.method for one in call.host_calls] + ["…"] * bool(call.host_calls_lost)
    mark = "→" if call.running else ""
    return mark, call.name, _payload(call.params), call.outcome, f"{call.ms:.1f}", ", ".join(asked)


def _payload(payload: Payload) -> str:
    if not payload.text and payload.redacted:
        return f"(taken out, {size(payload.size)})"
    shown = payload.text[:_SHOWN]
    return shown if len(shown) == len(payload.text) and not payload.cut else f"{shown}… ({size(payload.size)})"


COMMANDS: Final = {"capsules": capsules, "capsule": capsule}
