"""The editor on one page: its edits, its undo steps, and what becomes of them when a plugin or the daemon fails."""

from typing import Any

import pytest
from mini_editor import MiniEditor

from plugind_client import Caller
from plugind_protocol.errors import InvalidParams
from plugind_protocol.host import timeline
from plugind_protocol.table import Empty

pytestmark = pytest.mark.anyio


def clips(editor: MiniEditor) -> dict[str, tuple[float, int]]:
    return {clip.id: (clip.start, clip.track) for clip in editor.clips.values()}


async def begin(editor: MiniEditor, name: str) -> Caller:
    await editor.timeline_begin(
        Caller("p", name), timeline.BeginTransaction(plugin_id="p", transaction=name, label=f"p: {name}")
    )
    return Caller("p", name)


async def commit(editor: MiniEditor, caller: Caller) -> None:
    await editor.timeline_commit(caller, timeline.CommitTransaction(plugin_id="p", transaction=str(caller.transaction)))


async def add(editor: MiniEditor, caller: Caller, **fields: Any) -> str:
    clip = timeline.NewClip(source="a.mp4", **fields)
    return (await editor.timeline_add_clip(caller, timeline.AddClip(clip=clip, track=0))).clip_id


async def test_edits_of_a_transaction_are_one_step() -> None:
    editor = MiniEditor()
    caller = await begin(editor, "t1")
    first, second = await add(editor, caller, start=0), await add(editor, caller, start=5, duration=2)
    changes = timeline.ClipChanges(start=9.0, track=1)
    updated = await editor.timeline_update_clip(caller, timeline.UpdateClip(clip_id=second, changes=changes))
    assert (updated.clip.start, updated.clip.track, updated.clip.duration) == (9.0, 1, 2)
    await editor.timeline_remove_clip(caller, timeline.ClipId(clip_id=first))
    await commit(editor, caller)
    assert clips(editor) == {second: (9.0, 1)}
    assert [(label, len(steps)) for label, steps in editor.undo] == [("p: t1", 4)]
    state = await editor.timeline_get_state(caller, Empty())
    assert (state.duration, [len(track.clips) for track in state.tracks]) == (11.0, [0, 1])


async def test_a_rollback_takes_back_its_own_edits_and_no_others() -> None:
    editor = MiniEditor()
    base = await begin(editor, "t0")
    kept = await add(editor, base, start=0)
    await commit(editor, base)
    failing, other = await begin(editor, "t1"), await begin(editor, "t2")
    await add(editor, failing, start=5)
    also = await add(editor, other, start=7)
    await editor.timeline_remove_clip(failing, timeline.ClipId(clip_id=kept))
    rollback = timeline.RollbackTransaction(plugin_id="p", transaction="t1", reason="trap")
    await editor.timeline_rollback(failing, rollback)
    await commit(editor, other)
    assert clips(editor) == {kept: (0.0, 0), also: (7.0, 0)}
    assert len(editor.undo) == 2


async def test_what_was_begun_is_taken_back_when_the_daemon_is_gone() -> None:
    editor = MiniEditor()
    await add(editor, await begin(editor, "t1"), start=1)
    await add(editor, await begin(editor, "t2"), start=2)
    editor.abandon()
    assert (clips(editor), editor.undo) == ({}, [])


async def test_a_clip_that_is_not_there_is_said_to_be_missing() -> None:
    editor = MiniEditor()
    caller = await begin(editor, "t1")
    with pytest.raises(InvalidParams, match="no clip 'c9'"):
        await editor.timeline_remove_clip(caller, timeline.ClipId(clip_id="c9"))
