"""An editor on one page: a timeline in memory that plugins may edit, with undo, and dialogs in the terminal.

python examples/mini_editor.py                                  # serves plugins until Ctrl-C
python examples/mini_editor.py --call PLUGIN FUNCTION [ARGS]    # one call, then the timeline as it is
"""

import argparse
import itertools
import json

import anyio
from msgspec.structs import asdict, replace

from plugind_client import AsyncClient, Caller, HostProvider, Reconnect
from plugind_protocol.errors import InvalidParams
from plugind_protocol.host import timeline, ui
from plugind_protocol.table import Empty

FPS = 25.0


class MiniEditor(HostProvider):
    """Keeps clips by id; every change remembers how it was before, for undo and for plugins that fail halfway."""

    def __init__(self) -> None:
        self.clips: dict[str, timeline.Clip] = {}
        self.undo: list[tuple[str, list[tuple[str, timeline.Clip | None]]]] = []
        self._open: dict[str | None, tuple[str, list[tuple[str, timeline.Clip | None]]]] = {}
        self._ids = itertools.count(1)

    async def timeline_get_state(self, caller: Caller, params: Empty) -> timeline.TimelineState:
        """Show all of it: track 0 is video, track 1 audio."""
        clips = sorted(self.clips.values(), key=lambda clip: clip.start)
        tracks = [
            timeline.Track(index=index, name=name, kind=kind, clips=[clip for clip in clips if clip.track == index])
            for index, (name, kind) in enumerate((("V1", "video"), ("A1", "audio")))
        ]
        end = max((clip.start + clip.duration for clip in clips), default=0.0)
        return timeline.TimelineState(
            name="mini", duration=end, fps=FPS, current_time=0, tracks=tracks, selection=[clip.id for clip in clips[:1]]
        )

    async def timeline_add_clip(self, caller: Caller, params: timeline.AddClip) -> timeline.ClipAdded:
        """Put a clip on a track; without a duration it gets five seconds."""
        new = params.clip
        clip = timeline.Clip(
            id=f"c{next(self._ids)}",
            name=new.name or new.source,
            track=params.track,
            start=new.start,
            duration=new.duration or 5.0,
            source=new.source,
            source_start=new.source_start,
            metadata=new.metadata or {},
        )
        self._change(caller, clip.id, clip)
        return timeline.ClipAdded(clip_id=clip.id)

    async def timeline_remove_clip(self, caller: Caller, params: timeline.ClipId) -> None:
        """Take a clip away."""
        self._change(caller, self._clip(params.clip_id).id, None)

    async def timeline_update_clip(self, caller: Caller, params: timeline.UpdateClip) -> timeline.ClipUpdated:
        """Change what is given of a clip."""
        changes = {name: value for name, value in asdict(params.changes).items() if value is not None}
        clip = replace(self._clip(params.clip_id), **changes)
        self._change(caller, clip.id, clip)
        return timeline.ClipUpdated(clip=clip)

    async def timeline_begin(self, caller: Caller, params: timeline.BeginTransaction) -> None:
        """Begin a step of the undo history."""
        self._open[params.transaction] = (params.label, [])

    async def timeline_commit(self, caller: Caller, params: timeline.CommitTransaction) -> None:
        """Keep the step."""
        self.undo.append(self._open.pop(params.transaction))
        print(f"{self.undo[-1][0]}: {len(self.undo[-1][1])} edits")

    async def timeline_rollback(self, caller: Caller, params: timeline.RollbackTransaction) -> None:
        """Take the step back: the plugin failed in the middle of it."""
        label, steps = self._open.pop(params.transaction)
        self._take_back(steps)
        print(f"{label}: taken back, {params.reason}")

    def abandon(self) -> None:
        """Take back what was begun: the daemon that would end it is gone."""
        while self._open:
            self._take_back(self._open.popitem()[1][1])

    async def ui_show_notification(self, caller: Caller, params: ui.ShowNotification) -> None:
        """Print it."""
        print(f"[{caller.plugin_id}] {params.message!r}")

    async def ui_show_dialog(self, caller: Caller, params: ui.ShowDialog) -> ui.DialogResult:
        """Ask in the terminal; an empty line dismisses it."""
        question = f"[{caller.plugin_id}] {params.title!r} {params.message!r} {params.buttons or ['OK']} "
        answer = await anyio.to_thread.run_sync(input, question, abandon_on_cancel=True)
        return ui.DialogResult(button=answer or None)

    def _clip(self, clip_id: str) -> timeline.Clip:
        if clip_id not in self.clips:
            raise InvalidParams(f"there is no clip {clip_id!r}", hint="timeline.getState has the clips there are.")
        return self.clips[clip_id]

    def _change(self, caller: Caller, clip_id: str, clip: timeline.Clip | None) -> None:
        self._open[caller.transaction][1].append((clip_id, self.clips.get(clip_id)))
        self._put(clip_id, clip)

    def _take_back(self, steps: list[tuple[str, timeline.Clip | None]]) -> None:
        for clip_id, before in reversed(steps):
            self._put(clip_id, before)

    def _put(self, clip_id: str, clip: timeline.Clip | None) -> None:
        self.clips.pop(clip_id, None)
        if clip is not None:
            self.clips[clip_id] = clip


async def main() -> None:
    """Serve plugins, or make one call."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--socket", help="of the daemon; default: where it listens by default")
    parser.add_argument("--call", nargs="+", metavar="WORD", help="PLUGIN FUNCTION [ARGS as JSON]")
    options = parser.parse_args()
    editor = MiniEditor()
    connected = AsyncClient.connect(options.socket, name="mini-editor", provider=editor, reconnect=Reconnect())
    async with connected as client:
        if options.call is None:
            print(f"serving the plugins of {client.session.daemon.name}; Ctrl-C ends it")
            async for change in client.link_changes():
                print(f"connection: {change.state} {change.reason}")
                editor.abandon()
        plugin, function, *args = options.call
        print(json.dumps(await client.call_plugin(plugin, function, args=json.loads(args[0]) if args else None)))
    for clip in sorted(editor.clips.values(), key=lambda clip: (clip.track, clip.start)):
        print(f"{clip.id}  track {clip.track}  {clip.start:g} s to {clip.start + clip.duration:g} s  {clip.name}")


if __name__ == "__main__":
    anyio.run(main)
