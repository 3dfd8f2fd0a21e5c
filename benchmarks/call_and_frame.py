"""Measures the call path and the frame path of plugind against limits and peers, in one run on one machine.

Prints a table and writes it as JSON into ``benchmarks/results/``. Figures are for reading: nothing is asserted. The
ratios say more than the times, since all candidates take turns on the same machine.
"""

import argparse
import datetime as dt
import json
import os
import platform
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import peers
from benchmarks.measure import Lines, alternate, request

from plugind_protocol import __version__
from plugind_protocol.frames import PixelFormat, layout

ROOT = Path(__file__).parent.parent
RESULTS = Path(__file__).parent / "results"
WIDTH, HEIGHT = 1920, 1080
IN_FLIGHT = 64
PAYLOAD = {"text": "x" * 1011}
"""1 KB as JSON."""


class Row(NamedTuple):
    """One line of the table."""

    what: str
    value: float
    unit: str
    p99: float | None = None
    ratio: float | None = None
    """For a peer: how many times as long plugind takes as it does."""


def main() -> None:
    """Measure everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the runs")
    scale = 10 if parser.parse_args().quick else 1
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="plugind-bench-") as name, daemon(Path(name)) as lines:
        print(f"{'':44} {'p50':>10} {'p99':>10} {'':8} plugind takes")
        for measure in (calls, frames, start_up):
            found = measure(lines, Path(name), scale)
            show(found)
            rows += found
    print(f"\nwritten to {keep(rows).relative_to(ROOT)}")


@contextmanager
def daemon(folder: Path) -> Iterator[Lines]:
    """Start a daemon with the plugins that are measured; yield a connection to it."""
    command = [sys.executable, "-m", "plugind", "--socket", f"{folder}/plugind.sock", "--data-dir", f"{folder}/data"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([*command, "--exit-with-stdin"], stdin=-1, stdout=-1, stderr=log)
    assert process.stdin is not None
    assert process.stdout is not None
    with process.stdout, process.stdin:
        if not process.stdout.readline():
            sys.exit((folder / "log").read_text())
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(f"{folder}/plugind.sock")
        lines = Lines(sock)
        for plugin in ("tests/plugins/probe", "examples/invert", "examples/gaussian-blur", "examples/color-grade"):
            lines.ask("plugins.install", {"source": str(ROOT / plugin), "grant": "requested"})
        yield lines
        lines.close()
    process.wait(20)


def calls(lines: Lines, folder: Path, scale: int) -> list[Row]:
    """Latency and throughput of ``plugins.call``."""
    line = request("plugins.call", {"pluginId": "probe", "function": "echo", "args": PAYLOAD})
    guest = peers.Guest(ROOT / "tests/plugins/probe/plugin.wasm")
    args = json.dumps(PAYLOAD).encode()
    lines.ask("plugins.call", _hosted("storage.set", {"key": "k", "value": PAYLOAD}))
    stored = request("plugins.call", _hosted("storage.get", {"key": "k"}))
    candidates: dict[str, Callable[[], object]] = {
        "plugind": lambda: lines.exchange(line),
        "in process": lambda: guest.call("echo", args),
        "stored": lambda: lines.exchange(stored),
        "ping": lambda: lines.exchange(request("plugins.getState", {"pluginId": "probe"})),
    }
    with ExitStack() as stack:
        relay = stack.enter_context(peers.c_relay(folder))
        if isinstance(relay, str):
            print(f"skipped: relay in C: {relay}")
        else:
            candidates["C relay"] = lambda: relay.exchange(line)
        found = alternate(candidates, rounds=10, runs=2000 // scale, warm_up=500)
        own = found["plugind"]
        rows = [Row("plugins.call, 1 KB echo", own.p50, "µs", own.p99)]
        for name, what in (
            ("C relay", "three processes in C, blocking sockets"),
            ("in process", "the module in process"),
        ):
            if name in found:
                peer = found[name]
                rows.append(Row(f"  {what}", peer.p50, "µs", peer.p99, own.p50 / peer.p50))
        host_call = found["stored"].p50 - own.p50
        rows.append(Row("storage.get of 1 KB, beyond the call around it", host_call, "µs"))
        rows.append(Row("  a call of the guest", own.p50, "µs", None, host_call / own.p50))
        rows.append(Row("plugins.getState (a control method)", found["ping"].p50, "µs", found["ping"].p99))
        rate = lines.per_second(line, in_flight=IN_FLIGHT, count=20_000 // scale)
        rows.append(Row(f"plugins.call, {IN_FLIGHT} in flight", rate, "calls/s"))
        if not isinstance(relay, str):
            raw = relay.per_second(line, in_flight=IN_FLIGHT, count=20_000 // scale)
            rows.append(Row("  three processes in C", raw, "calls/s", None, raw / rate))
    return rows


def _hosted(method: str, params: dict[str, Any]) -> dict[str, Any]:
    """Params of a call in which the guest makes one host call."""
    return {"pluginId": "probe", "function": "host", "args": {"method": method, "params": params}}


def frames(lines: Lines, _folder: Path, scale: int) -> list[Row]:
    """Frames of 1080p through effects."""
    shape = layout(width=WIDTH, height=HEIGHT, pixel_format=PixelFormat.RGBA8, slots=2)
    rows = []
    for plugin, effect, params in (
        ("invert", "invert", {}),
        ("color-grade", "grade", {"gamma": 1.2, "saturation": 0.8}),
        ("gaussian-blur", "blur", {"radius": 5}),
    ):
        window: Any = lines.ask("frames.open", {"pluginId": plugin, "width": WIDTH, "height": HEIGHT})
        frame = {"windowId": window["windowId"], "input": 0, "output": 1}
        asked = {"pluginId": plugin, "effectId": effect, "frame": frame, "params": params}
        lines.ask("effects.process", asked)
        line = request("effects.process", asked)
        inside = peers.Guest(ROOT / "examples" / plugin / "plugin.wasm").frame(shape, json.dumps(params).encode())
        found = alternate(
            {"plugind": lambda line=line: lines.exchange(line), "in process": inside.process},
            rounds=10,
            runs=max(2, 20 // scale),
            warm_up=3,
        )
        own, peer = found["plugind"], found["in process"]
        rows.append(Row(f"effects.process, 1080p {effect}", own.p50 / 1000, "ms", own.p99 / 1000))
        rows.append(Row("  the module in process", peer.p50 / 1000, "ms", peer.p99 / 1000, own.p50 / peer.p50))
        lines.ask("frames.close", {"windowId": window["windowId"]})
    return rows


def start_up(lines: Lines, _folder: Path, scale: int) -> list[Row]:
    """From no worker to the first answer, the compiled module being in the cache."""
    unload = request("plugins.unload", {"pluginId": "probe"})
    call = request("plugins.call", {"pluginId": "probe", "function": "echo", "args": 1})

    def first_answer() -> None:
        lines.exchange(unload)
        lines.exchange(call)

    found = alternate(
        {"plugind": first_answer, "fresh": peers.fresh_interpreter},
        rounds=5,
        runs=max(2, 10 // scale),
        warm_up=2,
    )
    own, peer = found["plugind"], found["fresh"]
    return [
        Row("unload, load, first answer", own.p50 / 1000, "ms", own.p99 / 1000),
        Row("  a fresh Python importing wasmtime", peer.p50 / 1000, "ms", peer.p99 / 1000, own.p50 / peer.p50),
    ]


def show(rows: list[Row]) -> None:
    """Print lines of the table."""
    for row in rows:
        p99 = "" if row.p99 is None else f"{row.p99:.2f}"
        ratio = "" if row.ratio is None else f"{row.ratio:.2f} times as long"
        print(f"{row.what:44} {row.value:10.2f} {p99:>10} {row.unit:8} {ratio}")


def keep(rows: list[Row]) -> Path:
    """Write the figures with what they were measured on."""
    RESULTS.mkdir(exist_ok=True)
    now = dt.datetime.now(dt.UTC)
    about = {
        "at": now.isoformat(timespec="seconds"),
        "plugind": __version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "cpus": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "load": os.getloadavg()[0],
    }
    path = RESULTS / f"{now:%Y-%m-%d-%H%M%S}.json"
    path.write_text(json.dumps({**about, "figures": [row._asdict() for row in rows]}, indent=2) + "\n")
    return path


if __name__ == "__main__":
    main()
