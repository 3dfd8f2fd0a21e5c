"""Rendering: what an effect takes per frame of a video beside the same effect in a PyAV loop, and on two workers."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple

import av
import numpy as np
from benchmarks.findings import Finding, Row, at_least, at_most
from benchmarks.measure import request
from benchmarks.peers.guest import Frame, Guest
from benchmarks.plugins import ROOT
from benchmarks.setting import Hosted, Setting, daemon

from plugind_protocol.frames import PixelFormat, layout

PLUGIN: Final = "color-grade"
EFFECT: Final = "grade"
PARAMS: Final = {"gamma": 1.2, "saturation": 0.8}
WIDTH, HEIGHT = 1920, 1080
FRAMES_PER_SECOND: Final = 25
WORKERS: Final = 2
ROUNDS: Final = 3


class Took(NamedTuple):
    """What a frame took, in ms."""

    effect: float
    whole: float
    """With decoding, encoding and all between."""


def rendering(setting: Setting) -> Iterator[Finding]:
    """Render a clip with `pluginctl render` and in this process, in turns; then frames on one worker and on two."""
    with TemporaryDirectory(prefix="plugind-bench-") as name, daemon(f"examples/{PLUGIN}") as hosted:
        clip = Path(name) / "clip.mp4"
        size = ["--width", str(WIDTH), "--height", str(HEIGHT), "--seconds", str(setting.runs(2, 1))]
        subprocess.run([sys.executable, str(ROOT / "examples/sample_clip.py"), str(clip), *size], check=True, stdout=-3)
        inside = Guest(ROOT / "examples" / PLUGIN / "plugin.wasm").frame(
            layout(width=WIDTH, height=HEIGHT, pixel_format=PixelFormat.RGBA8, slots=2), json.dumps(PARAMS).encode()
        )
        ours, theirs = [], []
        for _ in range(setting.runs(ROUNDS, 1)):
            ours.append(rendered(hosted, clip, clip.with_name("ours.mp4")))
            theirs.append(in_process(inside, clip, clip.with_name("theirs.mp4")))
        yield from _rows(ours, theirs)
        yield _parallel(setting, hosted)


def _rows(ours: list[Took], theirs: list[Took]) -> Iterator[Row]:
    for key, what, part, goal in (
        ("render.effect", f"`pluginctl render`, 1080p, {EFFECT}: effect per frame", "effect", at_most(1.1)),
        ("render.whole", f"`pluginctl render`, 1080p, {EFFECT}: everything per frame", "whole", None),
    ):
        own, peer = (median(getattr(took, part) for took in taken) for taken in (ours, theirs))
        against = "a PyAV loop with the module in process"
        yield Row(key=key, what=what, value=own, unit="ms", against=against, peer=peer, ratio=own / peer, goal=goal)


def rendered(hosted: Hosted, clip: Path, target: Path) -> Took:
    """Render a clip as users do."""
    socket = ["--socket", str(hosted.folder / "plugind.sock"), "--json"]
    params = [part for name, value in PARAMS.items() for part in ("--param", f"{name}={value}")]
    command = [sys.executable, "-m", "pluginctl", *socket, "render", PLUGIN, EFFECT, str(clip), str(target), "--force"]
    done = subprocess.run([*command, *params], check=True, capture_output=True)
    summary = json.loads(done.stdout)
    each = summary["msPerFrame"]
    return Took(each["plugin"] + each["relay"], summary["seconds"] * 1000 / summary["frames"])


def in_process(inside: Frame, clip: Path, target: Path) -> Took:
    """Do the same in a loop of PyAV: decode, effect in the engine, encode."""
    effect, frames, began = 0.0, 0, time.perf_counter()
    with av.open(str(clip)) as source, av.open(str(target), "w") as sink:
        stream = sink.add_stream("libx264", rate=FRAMES_PER_SECOND)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for frame in source.decode(video=0):
            inside.put(frame.to_ndarray(format="rgba").tobytes())
            start = time.perf_counter()
            inside.process()
            effect += time.perf_counter() - start
            pixels = np.frombuffer(inside.take(), np.uint8).reshape(HEIGHT, WIDTH, 4)
            sink.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgba").reformat(format="yuv420p")))
            frames += 1
        sink.mux(stream.encode())
    return Took(effect * 1000 / frames, (time.perf_counter() - began) * 1000 / frames)


def _parallel(setting: Setting, hosted: Hosted) -> Row:
    """Keep one frame in flight, and then one for each processor and one that waits, as `pluginctl render` does."""
    hosted.install("examples/gaussian-blur")
    ring = 4 * WORKERS  # so that a frame is never sent into slots that are in use
    asked = {"pluginId": "gaussian-blur", "width": WIDTH, "height": HEIGHT, "slots": 2 * ring}
    window: Any = hosted.lines.ask("frames.open", asked)
    frames = [{"windowId": window["windowId"], "input": 2 * slot, "output": 2 * slot + 1} for slot in range(ring)]
    effect = {"pluginId": "gaussian-blur", "effectId": "blur", "params": {"radius": 5}}
    lines = [
        request("effects.process", {**effect, "frame": frame}, number=number) for number, frame in enumerate(frames)
    ]
    count = setting.runs(30, 10)
    most = WORKERS + 1
    hosted.lines.per_second(*lines, in_flight=most, count=10)
    rates: dict[int, list[float]] = {1: [], most: []}
    for _ in range(5):
        for in_flight, found in rates.items():
            found.append(hosted.lines.per_second(*lines, in_flight=in_flight, count=count))
    one, all_of_them = median(rates[1]), median(rates[most])
    return Row(
        key="render.parallel",
        what=f"`effects.process`, 1080p blur, frames per second on {WORKERS} workers",
        value=all_of_them,
        unit="/s",
        against="on one",
        peer=one,
        ratio=all_of_them / one,
        goal=at_least(1.7),
    )
