"""The frame path: one frame through ``effects.process``, against the same module without any process between."""

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import Any, Final, NamedTuple

from benchmarks.calls import echo
from benchmarks.compare import Comparison, Missing, present
from benchmarks.findings import Finding, Row, at_least, at_most
from benchmarks.measure import Candidate, Sample, alternate, request
from benchmarks.peers.extism_sdk import extism_plugin
from benchmarks.peers.guest import Guest
from benchmarks.plugins import PROBE, ROOT
from benchmarks.setting import Hosted, Setting, daemon

from plugind_protocol.frames import PixelFormat, layout


class Effect(NamedTuple):
    """An effect that is measured."""

    plugin: str
    name: str
    params: Mapping[str, object]
    weight: str


LIGHT: Final = Effect("invert", "invert", {}, "light")
HEAVY: Final = Effect("gaussian-blur", "blur", {"radius": 5}, "heavy")
SIZES: Final = {"1080p": (1920, 1080), "4K": (3840, 2160)}


def frames(setting: Setting) -> Iterator[Finding]:
    """Measure each effect at each size."""
    with daemon(PROBE, "examples/invert", "examples/gaussian-blur") as hosted, ExitStack() as stack:
        extism = present(stack, extism_plugin())
        hosted.lines.exchange(echo())
        for effect in (LIGHT, HEAVY):
            for size in SIZES:
                yield from _measured(setting, hosted, effect, size, extism)


def _measured(setting: Setting, hosted: Hosted, effect: Effect, size: str, extism: Any) -> Iterator[Finding]:
    width, height = SIZES[size]
    shape = layout(width=width, height=height, pixel_format=PixelFormat.RGBA8, slots=2)
    line, window = _window(hosted, effect, width, height)
    guest = Guest(ROOT / "examples" / effect.plugin / "plugin.wasm")
    inside = guest.frame(shape, json.dumps(effect.params).encode())
    call = echo()
    candidates: dict[str, Candidate] = {
        "plugind": lambda: hosted.lines.exchange(line),
        "in process": inside.process,
        "call": lambda: hosted.lines.exchange(call),
    }
    compared = effect is LIGHT and size == "1080p"
    if compared and not isinstance(extism, Missing):
        frame = bytes(range(256)) * (width * height * 4 // 256)
        candidates["extism"] = lambda: extism.call("invert", frame)
    runs = setting.runs(20 if effect is LIGHT else 4)
    found = alternate(candidates, rounds=8 if setting.part == 1 else 4, runs=runs, warm_up=3)
    hosted.lines.ask("frames.close", {"windowId": window})
    yield _against_inside(effect, size, found)
    if compared:
        for name in ("plugind", "in process", "extism"):
            if name in found:
                yield found[name].spread("frames", name)
        peers = {"extism": found.get("extism", extism)}
        yield Comparison(found["plugind"], peers, unit="ms").row(
            "frames.extism",
            f"`effects.process`, {size} RGBA8, light (invert): p50, times faster",
            "extism",
            against="Extism, the frame as input and output",
            goal=at_least(3),
            faster=True,
        )


def _window(hosted: Hosted, effect: Effect, width: int, height: int) -> tuple[bytes, int]:
    """Open a window of two slots; return the request that processes its frame, and the window."""
    opened: Any = hosted.lines.ask("frames.open", {"pluginId": effect.plugin, "width": width, "height": height})
    frame = {"windowId": opened["windowId"], "input": 0, "output": 1}
    asked = {"pluginId": effect.plugin, "effectId": effect.name, "frame": frame, "params": effect.params}
    hosted.lines.ask("effects.process", asked)
    return request("effects.process", asked), opened["windowId"]


def _against_inside(effect: Effect, size: str, found: Mapping[str, Sample]) -> Row:
    own, inside, call = found["plugind"], found["in process"], found["call"]
    small = size == "1080p"
    limit = inside.p50 + (call.p50 if small else 0)
    return Row(
        key=f"frames.{size.lower()}.{effect.name}",
        what=f"`effects.process`, {size} RGBA8, {effect.weight} ({effect.name}): p50",
        value=own.p50 / 1000,
        unit="ms",
        p99=own.p99 / 1000,
        against="the same module in process" + (", plus one call" if small else ""),
        peer=limit / 1000,
        peer_p99=(inside.p99 + (call.p99 if small else 0)) / 1000,
        ratio=own.p50 / limit,
        goal=at_most(1 if small else 1.1),
    )
