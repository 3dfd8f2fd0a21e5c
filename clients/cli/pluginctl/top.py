"""``pluginctl top``: a live table of plugins and what they use."""

import sys
import time
from typing import Final

import click
from rich.console import Group
from rich.live import Live
from rich.text import Text

from pluginctl import keyboard, tables
from pluginctl.context import Invocation, pass_invocation
from pluginctl.terminal import duration, micros, size
from plugind_client import Client
from plugind_protocol.methods import DaemonMetrics, PluginMetrics

HEADINGS: Final = ["PLUGIN", "STATE", "PID", "CPU", "MEM", "CALLS", "ERR", "P50", "P99", "FRAMES", "EACH", "LOST"]
"""P50, P99: of calls; EACH: median time of a frame in the guest; LOST: workers that crashed."""


@click.command()
@click.option("--once", is_flag=True, help="Print the table once; so it is too where stdout is no terminal.")
@click.option(
    "--interval", type=click.FloatRange(0.1, 60), default=1.0, show_default=True, metavar="SECONDS", help="Refresh."
)
@pass_invocation
def top(invocation: Invocation, /, *, once: bool, interval: float) -> None:
    """Show a live table of plugins: state, process, CPU, memory, calls and latency. q ends it.

    With --json, one line of JSON for each reading.
    """
    with invocation.connect() as client:
        if once or not (sys.stdout.isatty() or invocation.as_json):
            metrics = client.daemon_metrics()
            return invocation.show(metrics) if invocation.as_json else tables.console().print(view(metrics))
        try:
            return _stream(invocation, client, interval) if invocation.as_json else _live(client, interval)
        except KeyboardInterrupt:  # one of the two usual ways out
            return None


def view(metrics: DaemonMetrics) -> Group:
    """Lay out one reading: plugins that use most CPU first."""
    order = sorted(metrics.plugins, key=lambda plugin: (-plugin.cpu_percent, plugin.plugin_id))
    workers = sum(plugin.pid is not None for plugin in order)
    memory = sum(plugin.memory_bytes for plugin in order)
    head = f"plugind {size(metrics.memory_bytes)}, CPU {duration(metrics.cpu_seconds)} · "
    head += f"{len(order)} plugins, {workers} workers with {size(memory)}"
    return Group(Text(head), tables.table(HEADINGS, map(_row, order), right=HEADINGS[2:]))


def _row(plugin: PluginMetrics) -> tuple[str | Text, ...]:
    return (
        plugin.plugin_id,
        tables.state(plugin.state, plugin.rest),
        str(plugin.pid or "-"),
        f"{plugin.cpu_percent:.1f}%" if plugin.pid else "-",
        size(plugin.memory_bytes) if plugin.pid else "-",
        str(plugin.calls),
        Text(str(plugin.errors), style="red" if plugin.errors else ""),
        micros(plugin.p50_us),
        micros(plugin.p99_us),
        str(plugin.frames),
        micros(plugin.frame_us),
        Text(str(plugin.crashes), style="bold red" if plugin.crashes else ""),
    )


def _stream(invocation: Invocation, client: Client, interval: float) -> None:
    while True:
        invocation.show(client.daemon_metrics())
        time.sleep(interval)


def _live(client: Client, interval: float) -> None:
    with keyboard.single_keys(), Live(screen=True, auto_refresh=False) as live:
        while True:
            live.update(view(client.daemon_metrics()), refresh=True)
            if keyboard.pressed(interval) in keyboard.QUIT:
                return


COMMANDS: Final = {"top": top}
