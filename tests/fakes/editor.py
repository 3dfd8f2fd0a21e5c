"""An editor with a timeline that can be edited and undone, connected to a real daemon."""

import copy
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio

from plugind_client import AsyncClient
from plugind_protocol.errors import InvalidParams, MethodNotFound

PROVIDED = ("timeline", "effects", "ui", "media")
TIME = {"seconds": 1.48, "timecode": "00:00:01:12", "fps": 25.0}


class TimelineEditor:
    """What one editor has, and what it was asked.

    Args:
        transactions: Whether it has them.
    """

    def __init__(self, *, transactions: bool = True) -> None:
        self.transactions = transactions
        self.clips: dict[str, dict[str, Any]] = {"c1": _clip("c1", 5.0)}
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.answers: dict[str, Any] = {}
        """By method: what to answer, or raise, instead; an `anyio.Event` is waited for, ``None`` never answered."""
        self.nulls: set[str] = set()
        """Methods that are answered with null."""
        self.reached: dict[str, anyio.Event] = {}
        """By method: set when it is asked."""
        self._before: dict[str, dict[str, Any]] = {}
        self._number = 1

    @property
    def methods(self) -> list[str]:
        """What it was asked, in order, without namespaces."""
        return [method.partition(".")[2] for method, _ in self.asked]

    async def handle(self, method: str, params: Any) -> Any:
        """Answer one request of the daemon."""
        self.asked.append((method, params))
        if method in self.reached:
            self.reached[method].set()
        if method in self.answers:
            answer = self.answers[method]
            if isinstance(answer, Exception):
                raise answer
            if not isinstance(answer, anyio.Event):
                return answer if answer is not None else await anyio.sleep_forever()
            await answer.wait()
        if method in self.nulls:
            return None
        return self._do(method, params)

    def _do(self, method: str, params: Any) -> Any:
        if method in ("timeline.begin", "timeline.commit", "timeline.rollback"):
            return self._bracket(method, params)
        if method == "timeline.addClip":
            self._number += 1
            added = self.clips[f"c{self._number}"] = _clip(f"c{self._number}", params["clip"]["start"])
            return {"clipId": added["id"]}
        if method == "timeline.getCurrentTime":
            return TIME
        clip = self.clips.get(params.get("clipId"))
        if clip is None:
            raise InvalidParams(f"no clip {params.get('clipId')!r}")
        if method == "timeline.removeClip":
            del self.clips[clip["id"]]
            return None
        if method == "timeline.updateClip":
            clip.update(params["changes"])
            return {"clip": clip}
        clip["effects"] = [params["effect"]]
        return {"clipId": clip["id"], "effect": params["effect"]}

    def _bracket(self, method: str, params: Any) -> None:
        if not self.transactions:
            raise MethodNotFound(method)
        if method == "timeline.begin":
            self._before[params["transaction"]] = copy.deepcopy(self.clips)
        elif (before := self._before.pop(params["transaction"], None)) and method == "timeline.rollback":
            self.clips = before

    @asynccontextmanager
    async def connected(
        self, path: str | os.PathLike[str], *, name: str = "editor", provides: tuple[str, ...] = PROVIDED
    ) -> AsyncIterator[AsyncClient]:
        """Connect to a daemon."""
        handlers = dict.fromkeys(provides, self.handle)
        async with AsyncClient.connect(path, name=name, version="1.0", handlers=handlers) as client:
            yield client


def _clip(clip_id: str, start: float) -> dict[str, Any]:
    return {"id": clip_id, "name": clip_id, "track": 0, "start": start, "duration": 1.0}
