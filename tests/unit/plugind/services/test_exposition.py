"""Figures as Prometheus reads them: each family once, with its kind, and a sample for each plugin."""

import re

from plugind.services import exposition
from plugind_protocol.methods import CacheInfo, PluginMetrics, State

CACHE = CacheInfo(bytes=1, max_bytes=2, artefacts=3, hits=4, misses=5, evicted=6, refused=7)


def plugin(plugin_id: str) -> PluginMetrics:
    return PluginMetrics(
        plugin_id=plugin_id,
        state=State.LOADED,
        pid=1,
        cpu_percent=0.0,
        cpu_seconds=0.0,
        memory_bytes=0,
        workers=1,
        calls=0,
        errors=0,
        host_calls=0,
        frames=0,
        crashes=2,
        traps=0,
        p50_us=40.0,
        p99_us=2500.0,
        frame_us=0.0,
        console_dropped=0,
    )


def test_each_family_has_its_kind_and_a_sample_for_each_plugin() -> None:
    lines = exposition.text(
        [plugin("one"), plugin("@acme/two")], CACHE, clients=3, memory_bytes=4096, cpu_seconds=1.5
    ).splitlines()
    kinds = dict(re.fullmatch(r"# TYPE (\w+) (\w+)", line).groups() for line in lines if line.startswith("#"))
    assert len(kinds) == len([line for line in lines if line.startswith("#")]) == 21
    assert {name.endswith("_total") for name, kind in kinds.items() if kind == "counter"} == {True}
    for line in (
        "plugind_clients 3",
        "plugind_memory_bytes 4096",
        "plugind_cpu_seconds_total 1.5",
        "plugind_cache_refused_total 7",
        'plugind_plugin_crashes_total{plugin="@acme/two"} 2',
        'plugind_plugin_call_seconds{plugin="one",quantile="0.5"} 4e-05',
        'plugind_plugin_call_seconds{plugin="one",quantile="0.99"} 0.0025',
    ):
        assert line in lines
