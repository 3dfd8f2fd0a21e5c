"""Figures as Prometheus reads them. Pure."""

from collections.abc import Iterable, Iterator
from typing import Final

from plugind_protocol.methods import CacheInfo, PluginMetrics

_CACHE: Final = (
    ("bytes", "gauge", "bytes"),
    ("artefacts", "gauge", "artefacts"),
    ("hits_total", "counter", "hits"),
    ("misses_total", "counter", "misses"),
    ("evicted_total", "counter", "evicted"),
    ("refused_total", "counter", "refused"),
)
"""Name, kind, and the figure's field."""

_PLUGIN: Final = (
    ("calls_total", "counter", "calls"),
    ("errors_total", "counter", "errors"),
    ("host_calls_total", "counter", "host_calls"),
    ("frames_total", "counter", "frames"),
    ("crashes_total", "counter", "crashes"),
    ("traps_total", "counter", "traps"),
    ("memory_bytes", "gauge", "memory_bytes"),
    ("cpu_seconds_total", "counter", "cpu_seconds"),
    ("console_dropped_total", "counter", "console_dropped"),
    ("events_total", "counter", "events"),
    ("events_dropped_total", "counter", "events_dropped"),
)
"""The same of each plugin."""

_QUANTILES: Final = (("0.5", "p50_us"), ("0.99", "p99_us"))

Sample = tuple[str, float]
"""Labels, in braces if there are any, and the value."""


def text(
    plugins: Iterable[PluginMetrics], cache: CacheInfo, *, clients: int, memory_bytes: int, cpu_seconds: float
) -> str:
    """Return figures in Prometheus's text format.

    Args:
        plugins: Of each plugin.
        cache: Of the compiled modules.
        clients: How many are connected.
        memory_bytes: Private memory of the daemon.
        cpu_seconds: Processor time that it has used.
    """
    plugins = list(plugins)
    lines = [
        *_family("clients", "gauge", [("", clients)]),
        *_family("memory_bytes", "gauge", [("", memory_bytes)]),
        *_family("cpu_seconds_total", "counter", [("", cpu_seconds)]),
    ]
    for name, kind, field in _CACHE:
        lines += _family(f"cache_{name}", kind, [("", getattr(cache, field))])
    for name, kind, field in _PLUGIN:
        samples = [(f'{{plugin="{one.plugin_id}"}}', getattr(one, field)) for one in plugins]
        lines += _family(f"plugin_{name}", kind, samples)
    lines += _family("plugin_call_seconds", "summary", _call_seconds(plugins))
    return "\n".join(lines) + "\n"


def _call_seconds(plugins: Iterable[PluginMetrics]) -> Iterator[Sample]:
    for one in plugins:
        for quantile, field in _QUANTILES:
            yield f'{{plugin="{one.plugin_id}",quantile="{quantile}"}}', getattr(one, field) / 1e6


def _family(name: str, kind: str, samples: Iterable[Sample]) -> list[str]:
    return [f"# TYPE plugind_{name} {kind}", *(f"plugind_{name}{labels} {value}" for labels, value in samples)]
