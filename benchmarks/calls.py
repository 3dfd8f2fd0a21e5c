"""The call path: how long ``plugins.call`` takes, and how many calls are answered in a second."""

import json
import statistics
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from typing import Any, Final

from benchmarks.compare import Comparison, Missing, present
from benchmarks.findings import Finding, Row, at_least, at_most
from benchmarks.measure import Candidate, Sample, alternate, request
from benchmarks.peers.extism_sdk import extism_plugin
from benchmarks.peers.grpc_echo import grpc_echo
from benchmarks.peers.guest import Guest
from benchmarks.peers.node_host import one_hop
from benchmarks.peers.relay import relay
from benchmarks.peers.rpyc_echo import rpyc_echo
from benchmarks.plugins import PROBE, ROOT, SCRIPT, copies
from benchmarks.setting import Hosted, Setting, daemon

PAYLOAD: Final = {"text": "x" * 1011}
"""1 KB as JSON."""
_SCRIPT_GOAL_US: Final = 1000.0
IN_FLIGHT: Final = 64
PLUGINS: Final = 8


def calls(setting: Setting) -> Iterator[Finding]:
    """Measure latency against all peers, then throughput."""
    with ExitStack() as stack:
        hosted = stack.enter_context(daemon(PROBE))
        yield from _latency(setting, hosted, stack)
    with ExitStack() as stack:
        hosted = stack.enter_context(daemon(PROBE))
        yield from _throughput(setting, hosted, stack)


def echo(plugin: str = "probe", *, number: int = 1) -> bytes:
    """Return the request that is timed."""
    return request("plugins.call", {"pluginId": plugin, "function": "echo", "args": PAYLOAD}, number=number)


def _hosted(method: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """Params of a call in which the guest makes one host call."""
    return {"pluginId": "probe", "function": "host", "args": {"method": method, "params": params}}


def _latency(setting: Setting, hosted: Hosted, stack: ExitStack) -> Iterator[Finding]:
    line, args = echo(), json.dumps(PAYLOAD).encode()
    hosted.lines.ask("plugins.call", _hosted("storage.set", {"key": "k", "value": PAYLOAD}))
    stored = request("plugins.call", _hosted("storage.get", {"key": "k"}))
    hosted.install(SCRIPT)
    script = echo("ts-echo")
    guest = Guest(ROOT / PROBE / "plugin.wasm")
    candidates: dict[str, Candidate | Missing] = {
        "plugind": lambda: hosted.lines.exchange(line),
        "stored": lambda: hosted.lines.exchange(stored),
        "script": lambda: hosted.lines.exchange(script),
        "in process": lambda: guest.call("echo", args),
        **dict(_peers(stack, line, args)),
    }
    there = {name: one for name, one in candidates.items() if not isinstance(one, Missing)}
    rounds = 10 if setting.part == 1 else 5
    found = alternate(there, rounds=rounds, runs=setting.runs(1000, 40), warm_up=setting.runs(500, 50))
    for name in ("plugind", "relay", "in process", "extism", "vscode-jsonrpc", "grpc", "rpyc"):
        if name in found:
            yield found[name].spread("calls", name)
    missing = {name: one for name, one in candidates.items() if isinstance(one, Missing)}
    yield from _latency_rows(found["plugind"], {**found, **missing})
    host_call = found["stored"].p50 - found["plugind"].p50
    yield Row(
        key="calls.host",
        what="host call from the guest (`storage.get` of 1 KB), beyond the call around it",
        value=host_call,
        unit="µs",
        against="`plugins.call`",
        peer=found["plugind"].p50,
        ratio=host_call / found["plugind"].p50,
        goal=at_most(1.2),
    )
    yield Row(
        key="calls.script",
        what="`plugins.call` of a function in TypeScript, 1 KB, one in flight: p50",
        value=found["script"].p50,
        unit="µs",
        against="1 ms",
        peer=_SCRIPT_GOAL_US,
        ratio=found["script"].p50 / _SCRIPT_GOAL_US,
        goal=at_most(1),
    )


def _peers(stack: ExitStack, line: bytes, args: bytes) -> Iterator[tuple[str, Candidate | Missing]]:
    """Start the peers; each answers with the 1 KB that it is sent."""
    text = args.decode()
    limit = present(stack, relay())
    yield "relay", limit if isinstance(limit, Missing) else lambda: limit.exchange(line)
    plugin = present(stack, extism_plugin())
    yield "extism", plugin if isinstance(plugin, Missing) else lambda: plugin.call("echo", args)
    yield "vscode-jsonrpc", present(stack, one_hop(PAYLOAD))
    stub = present(stack, grpc_echo())
    yield "grpc", stub if isinstance(stub, Missing) else lambda: stub(args)
    remote = present(stack, rpyc_echo())
    yield "rpyc", remote if isinstance(remote, Missing) else lambda: remote.echo(text)


def _latency_rows(own: Sample, peers: Mapping[str, Sample | Missing]) -> Iterator[Row]:
    one = Comparison(own, peers)
    what = "`plugins.call`, 1 KB, one in flight"
    limit = "relay in C between three processes"
    yield one.row("calls.relay.p50", f"{what}: p50", "relay", against=limit, goal=at_most(1.5))
    yield one.row("calls.relay.p99", f"{what}: p99", "relay", against=limit, goal=at_most(2), of="p99")
    yield one.row(
        "calls.extism", f"{what}: p50", "extism", against="Extism's Python SDK, in process", goal=at_most(2.5)
    )
    node = "`vscode-jsonrpc` to a child process, one hop"
    yield one.row("calls.vscode.p50", f"{what}: p50", "vscode-jsonrpc", against=node)
    yield one.row("calls.vscode.p99", f"{what}: p99", "vscode-jsonrpc", against=node, goal=at_most(1), of="p99")
    grpc = "Python gRPC over a Unix socket, one hop"
    yield one.row("calls.grpc", f"{what}: p50, times faster", "grpc", against=grpc, goal=at_least(4), faster=True)
    rpyc = "RPyC over a Unix socket, one hop"
    yield one.row("calls.rpyc", f"{what}: p50, times faster", "rpyc", against=rpyc, faster=True)
    yield one.row("calls.inside", f"{what}: p50", "in process", against="the same module in process, in wasmtime")


def _throughput(setting: Setting, hosted: Hosted, stack: ExitStack) -> Iterator[Finding]:
    folders = stack.enter_context(copies(PROBE, PLUGINS))
    hosted.install(*folders)
    count = setting.runs(8000, 500)
    # A number for each request: one whose number is in use, since another plugin is slow, would only be refused.
    one = [echo(number=number) for number in range(count)]
    many = [echo(folders[number % PLUGINS].name, number=number) for number in range(count)]
    for warm in (one[0], *many[:PLUGINS]):  # requests that wait for a plugin to be loaded are overtaken by later ones
        hosted.lines.exchange(warm)
    limit, remote = present(stack, relay()), present(stack, rpyc_echo())
    rates: dict[str, Callable[[], float]] = {
        "one": lambda: hosted.lines.per_second(*one, in_flight=IN_FLIGHT, count=count),
        "eight": lambda: hosted.lines.per_second(*many, in_flight=IN_FLIGHT, count=count),
    }
    if not isinstance(limit, Missing):
        rates["relay"] = lambda: limit.per_second(*one, in_flight=IN_FLIGHT, count=count)
    if not isinstance(remote, Missing):
        text = json.dumps(PAYLOAD)
        rates["rpyc"] = lambda: remote.per_second(text, in_flight=IN_FLIGHT, count=count // 4)
    found: dict[str, list[float]] = {name: [] for name in rates}
    for _ in range(5):
        for name, measure in rates.items():
            found[name].append(measure())
    medians = {name: statistics.median(values) for name, values in found.items()}
    yield _rate("rate.one", "one plugin", medians, "relay", against="relay in C, pipelined", missing=limit)
    yield _rate("rate.rpyc", "one plugin", medians, "rpyc", against="RPyC, asynchronous calls", missing=remote)
    yield Row(
        key="rate.eight",
        what=f"calls per second, {IN_FLIGHT} in flight, {PLUGINS} plugins",
        value=medians["eight"],
        unit="/s",
        against="one plugin",
        peer=medians["one"],
        ratio=medians["eight"] / medians["one"],
        goal=at_least(1),
    )


def _rate(key: str, whose: str, medians: Mapping[str, float], peer: str, *, against: str, missing: object) -> Row:
    theirs = medians.get(peer)
    return Row(
        key=key,
        what=f"calls per second, {IN_FLIGHT} in flight, {whose}",
        value=medians["one"],
        unit="/s",
        against=against,
        peer=theirs,
        ratio=None if theirs is None else medians["one"] / theirs,
        goal=at_least(20_000, of="value") if key == "rate.one" else None,
        missing=str(missing) if isinstance(missing, Missing) else "",
    )
