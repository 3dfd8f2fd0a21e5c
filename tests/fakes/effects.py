"""A scripted plugin with effects, for a `Peer`: works on the real shared file, fails when it is told to."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from tests.fakes.peer import LATER, Link, Peer

from plugind_client import FrameBuffers
from plugind_protocol import methods as m
from plugind_protocol.errors import PlugindError, PluginNotFound, TooLarge
from plugind_protocol.frames import PixelFormat, layout

PLUGIN = "pixels"
GUEST_US = 150


def _identity(pixels: Any, _params: Any) -> Any:
    return pixels


def _invert(pixels: Any, _params: Any) -> Any:
    out = 255 - pixels
    out[..., 3] = pixels[..., 3]
    return out


def _fill(pixels: Any, params: Any) -> Any:
    return np.full_like(pixels, params.get("level", 0))


EFFECTS: dict[str, tuple[Callable[[Any, Any], Any], list[m.EffectParameter]]] = {
    "identity": (_identity, []),
    "invert": (_invert, []),
    "fill": (_fill, [m.EffectParameter(name="level", type="int", default=0, min=0, max=255)]),
}


class ScriptedEffects:
    """Answers ``effects.*`` and ``frames.*`` of one plugin.

    Args:
        peer: The daemon to script.
        folder: Where windows are made.
    """

    def __init__(self, peer: Peer, folder: Path) -> None:
        self.folder = folder
        self.windows: dict[int, m.FrameWindow] = {}
        self.processed: list[dict[str, Any]] = []
        """Params of every ``effects.process`` that came, failed ones too."""
        self.failures: dict[int, PlugindError] = {}
        """Number of the ``effects.process`` → how it fails."""
        self.most_slots = 64
        self.parallel = False
        """Whether its effects are stateless."""
        self.degraded: dict[int, m.Degraded] = {}
        """Number of the ``effects.process`` → what was done in place of it; the output gets the level 50."""
        self.on_process: Callable[[int], None] = lambda _number: None
        self.unanswered: range = range(0)
        """Numbers of the ``effects.process`` that get no answer."""
        peer.scripts |= {
            "effects.list": self._list,
            "frames.open": self._open,
            "frames.close": self._close,
            "effects.process": self._process,
        }

    def _list(self, params: Any, _link: Link) -> Any:
        if params.get("pluginId") != PLUGIN:
            raise PluginNotFound(f"No plugin {params.get('pluginId')!r}")
        return [
            m.Effect(
                plugin_id=PLUGIN,
                effect_id=name,
                name=name.title(),
                category="",
                parameters=parameters,
                parallel=self.parallel,
            )
            for name, (_, parameters) in EFFECTS.items()
        ]

    def _open(self, params: Any, _link: Link) -> Any:
        asked = msgspec.convert(params, m.FramesOpen)
        if asked.slots > self.most_slots:
            raise TooLarge("no room")
        laid = layout(width=asked.width, height=asked.height, pixel_format=PixelFormat[asked.format], slots=asked.slots)
        number = len(self.windows) + 1
        path = self.folder / f"window-{number}"
        path.write_bytes(bytes(laid.window_bytes))
        self.windows[number] = m.FrameWindow(
            window_id=number,
            path=str(path),
            offsets=laid.offsets,
            width=laid.width,
            height=laid.height,
            format=asked.format,
            stride=laid.stride,
            slot_bytes=laid.slot_bytes,
        )
        return self.windows[number]

    def _close(self, params: Any, _link: Link) -> Any:
        Path(self.windows.pop(params["windowId"]).path).unlink()
        return False  # a script that gives None is no script

    def _process(self, params: Any, _link: Link) -> Any:
        number = len(self.processed)
        self.processed.append(params)
        self.on_process(number)
        if number in self.unanswered:
            return LATER
        frame = params["frame"]
        with FrameBuffers(self.windows[frame["windowId"]]) as buffers:
            output = buffers.array(frame["output"])
            if number in self.failures:
                output[:] = 77  # half-done work of a worker that was lost
                raise self.failures[number]
            if number in self.degraded:
                output[:] = 50
                return m.ProcessResult(output=frame["output"], guest_us=0, degraded=self.degraded[number])
            change, _ = EFFECTS[params["effectId"]]
            output[:] = change(buffers.array(frame.get("input", 0)), params["params"])
        return m.ProcessResult(output=frame["output"], guest_us=GUEST_US)
