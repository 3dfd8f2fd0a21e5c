"""Scaling curves: how times grow with payload, plugins, clients, frame and module size."""

import itertools
import json
import selectors
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import wasmtime
from benchmarks.calls import echo
from benchmarks.density import beside_one, load
from benchmarks.findings import Curve, Finding
from benchmarks.measure import Lines, Sample, request, timed
from benchmarks.plugins import PROBE, copies
from benchmarks.setting import Hosted, Setting, daemon

PAYLOADS: Final = (16, 256, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20, 15 << 20)
"""Bytes; a message may have 16 MiB."""
PLUGINS: Final = (1, 10, 50, 100, 200)
CLIENTS: Final = (1, 2, 4, 8, 16, 32, 64)
FRAMES: Final = (
    (426, 240),
    (640, 360),
    (854, 480),
    (1280, 720),
    (1920, 1080),
    (2560, 1440),
    (3840, 2160),
    (7680, 4320),
)
FUNCTIONS: Final = (1, 100, 1_000, 4_000, 16_000)
"""Of the modules; each has some 250 bytes."""


def scaling(setting: Setting) -> Iterator[Finding]:
    """Measure all curves."""
    yield _payloads(setting)
    yield _plugins(setting)
    yield _clients(setting)
    yield _frames(setting)
    yield from _modules(setting)


def _payloads(setting: Setting) -> Curve:
    with daemon(PROBE) as hosted:
        lines = [
            request("plugins.call", {"pluginId": "probe", "function": "echo", "args": "x" * (size - 2)})
            for size in PAYLOADS
        ]
        taken: list[list[int]] = [[] for _ in lines]
        for _ in range(setting.runs(10, 1)):
            for line, times in zip(lines, taken, strict=True):
                runs = min(100, max(1, (8 << 20) // (len(line) + (32 << 10))))
                times.extend(timed(lambda line=line: hosted.lines.exchange(line))(runs))  # type: ignore[misc]
    return Curve(
        key="scaling.payload",
        shape="linear",
        what="plugins.call: payload, 16 B to 15 MiB",
        x="echoed, KiB",
        per="KiB",
        y="p50",
        unit="µs",
        points=[(size / 1024, Sample.of(times).p50) for size, times in zip(PAYLOADS, taken, strict=True)],
    )


def _plugins(setting: Setting) -> Curve:
    """Call the first plugin while more and more others are loaded, in turns with a daemon that has only one."""
    points = []
    with copies(PROBE, PLUGINS[-1]) as folders, daemon(PROBE) as one, daemon() as many:
        for loaded, count in itertools.pairwise((0, *PLUGINS)):
            load(many, folders[loaded:count])
            found = beside_one(one, many, folders[0].name, runs=setting.runs(200, 30))
            points.append((float(count), found["many"].p50 / found["one"].p50))
    return Curve(
        key="scaling.plugins",
        shape="flat",
        what="plugins.call, 1 KB: loaded plugins",
        x="loaded plugins",
        per="plugin",
        y="p50",
        unit="× that with one",
        points=points,
    )


def _clients(setting: Setting) -> Curve:
    """Let each client have one call in flight: the more there are, the longer each waits for its turn."""
    points = []
    line = echo()
    with daemon(PROBE) as hosted:
        hosted.lines.exchange(line)
        for count in CLIENTS:
            clients = [hosted.connect() for _ in range(count)]
            taken = waiting(clients, line, runs=setting.runs(4000, 200))
            points.append((float(count), Sample.of(taken).p50))
            for client in clients:
                client.close()
    return Curve(
        key="scaling.clients",
        shape="linear",
        what="plugins.call, 1 KB: clients, one call in flight each",
        x="clients",
        per="client",
        y="p50",
        unit="µs",
        points=points,
    )


def waiting(clients: list[Lines], line: bytes, *, runs: int) -> list[int]:
    """Keep one request of each client in flight; return how long each took, in ns.

    Args:
        clients: Their connections.
        line: The request.
        runs: How many answers to wait for, of all clients together.
    """
    taken: list[int] = []
    began = dict.fromkeys(clients, 0)
    with selectors.DefaultSelector() as selector:
        for client in clients:
            selector.register(client, selectors.EVENT_READ, client)
            began[client] = time.perf_counter_ns()
            client.send(line)
        in_flight = len(clients)
        while in_flight:
            for key, _ in selector.select():
                client = key.data
                if not client.arrived():
                    continue
                now = time.perf_counter_ns()
                taken.append(now - began[client])
                if len(taken) + in_flight > runs:
                    in_flight -= 1
                    continue
                began[client] = now
                client.send(line)
    return taken


def _frames(setting: Setting) -> Curve:
    points = []
    with daemon("examples/invert") as hosted:
        for width, height in FRAMES:
            asked = {"pluginId": "invert", "width": width, "height": height, "slots": 1}
            window: Any = hosted.lines.ask("frames.open", asked)
            frame = {"windowId": window["windowId"], "input": 0, "output": 0}
            line = request("effects.process", {"pluginId": "invert", "effectId": "invert", "frame": frame})
            pixels = width * height
            runs = setting.runs(max(10, 100_000_000 // pixels), 5)
            took = _p50(lambda line=line: hosted.lines.exchange(line), runs)  # type: ignore[misc]
            points.append((pixels / 1e6, took / 1000))
            hosted.lines.ask("frames.close", {"windowId": window["windowId"]})
    return Curve(
        key="scaling.frame",
        shape="linear",
        what="effects.process, invert in place: frame, 240p to 8K",
        x="frame, megapixels",
        per="megapixel",
        y="p50",
        unit="ms",
        points=points,
    )


def _p50(run: Callable[[], object], runs: int) -> float:
    """Run something so often, after a few runs that do not count; return the median in µs."""
    take = timed(run)
    take(2)
    return Sample.of(take(runs)).p50


def _modules(setting: Setting) -> Iterator[Curve]:
    """Install modules of several sizes: the first call compiles them, later loads take them from the cache."""
    compiled, loaded = [], []
    with TemporaryDirectory(prefix="plugind-bench-") as name, daemon() as hosted:
        for functions in FUNCTIONS:
            folder = Path(name) / f"sized-{functions}"
            size = module(folder, functions) / 1024
            began = time.perf_counter()
            hosted.install(folder)
            call = request("plugins.call", {"pluginId": folder.name, "function": "answer", "args": []})
            _answered(hosted, call)
            compiled.append((size, (time.perf_counter() - began) * 1000))
            unload = request("plugins.unload", {"pluginId": folder.name})
            loaded.append((size, _loads(hosted, unload, call, setting.runs(12))))
    for key, what, points in (
        ("scaling.compile", "install and first answer: module size", compiled),
        ("scaling.load", "load → first answer, from the cache: module size", loaded),
    ):
        yield Curve(key=key, what=what, x="module, KiB", per="KiB", y="time", unit="ms", points=points, shape="linear")


def _loads(hosted: Hosted, unload: bytes, call: bytes, runs: int) -> float:
    def load() -> None:
        hosted.lines.exchange(unload)
        _answered(hosted, call)

    return _p50(load, runs) / 1000


def _answered(hosted: Hosted, call: bytes) -> None:
    answer = hosted.lines.exchange(call)
    if b'"result"' not in answer:
        raise RuntimeError(f"a module of the scaling curve does not answer: {answer[:300]!r}")


def module(folder: Path, functions: int) -> int:
    """Write a plugin whose module has so many functions; return the module's size in bytes.

    Args:
        folder: Becomes the plugin's; its name is the plugin's.
        functions: How many there are besides the one that is called. None is like another.
    """
    parts = (_function(number) for number in range(functions))
    text = f'(module (func (export "answer") (result i32) (i32.const 42)) {" ".join(parts)})'
    wasm = bytes(wasmtime.wat2wasm(text))
    folder.mkdir()
    (folder / "plugin.wasm").write_bytes(wasm)
    manifest = {"name": folder.name, "version": "1.0.0", "main": "plugin.wasm", "abi": "numeric"}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return len(wasm)


def _function(number: int) -> str:
    turn = "(i32.rotl (local.get $a) (local.get $b))"
    steps = (f"(i32.add (i32.mul (local.get $a) (i32.const {number + step})) {turn})" for step in range(16))
    body = " ".join(f"(local.set $a {step})" for step in steps)
    return f"(func (param $a i32) (param $b i32) (result i32) {body} (local.get $a))"
