"""Commands that show what there is: ``status``, ``list``, ``info``, ``effects``."""

from collections.abc import Iterator
from typing import Final

import click
import msgspec

from pluginctl import tables
from pluginctl.arguments import PLUGIN_ID, plugin_argument
from pluginctl.context import Invocation, pass_invocation
from pluginctl.terminal import duration, size
from plugind_protocol.methods import CacheInfo, Effect, EffectParameter, PluginInfo, SandboxInfo, StateInfo

NONE: Final = "-"


@click.command()
@pass_invocation
def status(invocation: Invocation, /) -> None:
    """Show the daemon's health."""
    with invocation.connect() as client:
        found = client.daemon_status()
    if invocation.as_json:
        return invocation.show(found)
    engines = [
        f"{engine.name} {engine.version}" if engine.available else f"{engine.name} (not available: {engine.reason})"
        for engine in found.engines
    ]
    plugins = ", ".join(f"{count} {state}" for state, count in found.plugins.items() if count)
    return click.echo(
        tables.fields(
            [
                ("daemon", f"{found.daemon.name} {found.daemon.version}, protocol {found.protocol_version}"),
                ("pid", str(found.pid)),
                ("up", duration(found.uptime_seconds)),
                ("socket", found.socket),
                ("data", found.data_dir),
                ("host", found.host),
                ("clients", str(found.clients)),
                ("plugins", plugins or "none"),
                ("sandbox", ", ".join(found.sandbox.layers) or "none"),
                *(("", line) for line in _missing(found.sandbox)),
                ("engines", ", ".join(engines)),
                ("cache", _cache(found.cache)),
                *(("state", line) for line in _trouble(found.state)),
            ]
        )
    )


def _trouble(state: StateInfo | None) -> Iterator[str]:
    """Say what is not as it should be about the daemon's state."""
    if state is None:
        return
    if (recovered := state.recovered) is not None:
        yield f"REBUILT from the packages at the start ({recovered.reason}): grants and limits are to be given anew"
    yield from (f"damaged and kept: {path}" for path in state.set_aside)
    yield from (f"LOST {one.plugin_id} {one.version}: {one.reason}; install it again" for one in state.lost)
    if state.journal_fault is not None:
        yield f"state changes are not written down: {state.journal_fault}"


def _cache(cache: CacheInfo) -> str:
    kept = f"{cache.artefacts} compiled modules, {size(cache.bytes)} of {size(cache.max_bytes)}"
    refused = f", {cache.refused} refused" if cache.refused else ""
    return f"{kept}; {cache.hits} hits, {cache.misses} misses, {cache.evicted} evicted{refused}"


@click.command("list")
@pass_invocation
def list_plugins(invocation: Invocation, /) -> None:
    """List the installed plugins."""
    with invocation.connect() as client:
        found = client.list_plugins()
    if invocation.as_json:
        return invocation.show(found)
    if not found:
        return click.echo("No plugins are installed. Install one with: pluginctl install FOLDER")
    rows = [
        (p.plugin_id, p.version, tables.state(p.state, p.rest), p.type, p.abi, str(p.pid or NONE), _note(p))
        for p in found
    ]
    return tables.show(tables.table(["PLUGIN", "VERSION", "STATE", "TYPE", "ABI", "PID", ""], rows, right=["PID"]))


def _note(plugin: PluginInfo) -> str:
    notes = [] if plugin.enabled else ["disabled"]
    if plugin.quarantine is not msgspec.UNSET:
        notes.append(f"quarantined: {plugin.quarantine.cause}")
    elif plugin.reason:
        notes.append(plugin.reason)
    return "; ".join(notes)


@click.command()
@plugin_argument
@pass_invocation
def info(invocation: Invocation, /, plugin: str) -> None:
    """Show what the daemon knows of PLUGIN."""
    with invocation.connect() as client:
        found = client.get_plugin(plugin)
    return invocation.show(found) if invocation.as_json else click.echo(tables.fields(list(_info(found))))


def _info(found: PluginInfo) -> Iterator[tuple[str, str]]:
    yield "plugin", f"{found.plugin_id} {found.version}"
    if found.description:
        yield "description", found.description
    yield "state", found.state + (f", its worker {found.rest}" if found.rest is not None else "")
    if note := _note(found):
        yield "note", note
    yield "type", f"{found.type}, ABI {found.abi}, engine {found.engine}"
    yield (
        "pid",
        str(found.pid or NONE) + (f" (shared with {', '.join(found.shared_with)})" if found.shared_with else ""),
    )
    yield "requested", ", ".join(found.permissions.requested) or NONE
    yield "granted", ", ".join(found.permissions.granted) or NONE
    for name, value in msgspec.to_builtins(found.limits).items():
        yield name, size(value) if name.endswith("Bytes") else str(value)
    if found.quarantine is not msgspec.UNSET:
        held = found.quarantine
        yield "quarantine", f"{held.version} until {held.until or 'released'}: {held.reason or held.cause}"
        if held.capsule is not None:
            yield "capsule", f"{held.capsule}, see: pluginctl capsule {held.capsule}"
        if held.fallback is not None:
            yield "fallback", f"{held.fallback}, by: pluginctl release --fallback {found.plugin_id}"


@click.command()
@click.argument("plugin", type=PLUGIN_ID, required=False)
@pass_invocation
def effects(invocation: Invocation, /, plugin: str | None) -> None:
    """List the effects of active plugins, or of PLUGIN, which is activated on demand."""
    with invocation.connect() as client:
        found = client.effects_list(plugin)
    if invocation.as_json:
        return invocation.show(found)
    if not found:
        return click.echo(f"{plugin} offers no effects." if plugin else "No active plugin offers effects.")
    headings = ["PLUGIN", "EFFECT", "NAME", "PARAMETER", "TYPE", "DEFAULT", "RANGE"]
    return tables.show(tables.table(headings, [row for effect in found for row in _effect(effect)]))


def _missing(sandbox: SandboxInfo) -> Iterator[str]:
    """Say which layers do not hold, and what that means where one is essential."""
    for layer in sandbox.missing:
        yield f"without {layer.layer}: {layer.reason}"
    if any(layer.essential for layer in sandbox.missing):
        yield (
            "INCOMPLETE: plugins run all the same (--sandbox degrade)"
            if sandbox.mode == "degrade"
            else "INCOMPLETE: no plugin runs (--sandbox require)"
        )


def _effect(effect: Effect) -> Iterator[tuple[str, ...]]:
    head = (effect.plugin_id, effect.effect_id, effect.name)
    if not effect.parameters:
        yield (*head, NONE, "", "", "")
    for parameter in effect.parameters:
        default = "" if parameter.default is None else msgspec.json.encode(parameter.default).decode()
        yield (*head, parameter.name, parameter.type, default, _range(parameter))
        head = ("", "", "")


def _range(parameter: EffectParameter) -> str:
    if parameter.choices:
        return " | ".join(parameter.choices)
    low, high = parameter.min, parameter.max
    if low is None and high is None:
        return ""
    return f"{'' if low is None else f'{low:g}'} … {'' if high is None else f'{high:g}'}"


COMMANDS: Final = {"status": status, "list": list_plugins, "info": info, "effects": effects}
