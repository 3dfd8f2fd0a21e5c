"""Rendering against a scripted plugin: what goes in, what comes out, and what is left when it fails."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from tests.fakes.clips import FULL, LIMITED, add_subtitles, describe, planes, write_clip
from tests.fakes.effects import GUEST_US, PLUGIN, ScriptedEffects
from tests.fakes.peer import Peer

from pluginctl.rendering.colour import target_format
from pluginctl.rendering.degraded import ranges
from pluginctl.rendering.job import FrameDone, Job
from pluginctl.rendering.pipeline import frames_ahead, render
from plugind_client import AsyncClient
from plugind_protocol.errors import Timeout, WorkerCrashed
from plugind_protocol.methods import Degraded, Effect

Command = Callable[..., int]


@pytest.fixture
def effects(daemon: Peer, tmp_path: Path) -> ScriptedEffects:
    return ScriptedEffects(daemon, tmp_path / "daemon")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where videos are; nothing else may be left in it."""
    (tmp_path / "videos").mkdir()
    return tmp_path / "videos"


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


# --- what is kept


@pytest.mark.parametrize(
    ("times", "time_base"),
    [
        ([512 * n for n in range(30)], Fraction(1, 12_800)),
        ([1001 * n for n in range(10)], Fraction(1, 30_000)),
        ([0, 3000, 9000, 9900, 20_000, 40_000], Fraction(1, 90_000)),
    ],
    ids=["constant", "ntsc", "variable"],
)
def test_mp4_keeps_times_size_and_every_other_packet(
    effects: ScriptedEffects, pluginctl: Command, folder: Path, times: list[int], time_base: Fraction
) -> None:
    source = write_clip(folder / "in.mp4", codec="libx264", times=times, time_base=time_base)
    assert pluginctl("render", PLUGIN, "invert", str(source), str(folder / "out.mp4")) == 0
    before, after = describe(source), describe(folder / "out.mp4")
    assert [pts for pts, _ in before.times] == times
    assert [pts for pts, _ in after.times] == times
    assert (after.size, after.time_base, after.duration) == (before.size, time_base, before.duration)
    assert after.packets == before.packets
    assert len(after.packets[1]) > 10
    assert (after.colour, after.streams) == (before.colour, before.streams)
    assert not effects.windows
    assert names(folder) == {"in.mp4", "out.mp4"}


def test_the_last_frame_keeps_its_duration(effects: ScriptedEffects, pluginctl: Command, folder: Path) -> None:
    source = write_clip(
        folder / "in.mp4", codec="libx264", audio=False, time_base=Fraction(1, 12_800), times=[0, 512, 1024]
    )
    assert pluginctl("render", PLUGIN, "identity", str(source), str(folder / "out.mp4")) == 0
    durations = []
    for path in (source, folder / "out.mp4"):
        with av.open(str(path)) as container:
            durations.append(container.streams.video[0].duration)
    assert durations[0] == durations[1]


@pytest.mark.parametrize("suffix", [".mkv", ".mov"])
def test_other_containers(effects: ScriptedEffects, pluginctl: Command, folder: Path, suffix: str) -> None:
    source = write_clip(
        folder / f"in{suffix}", codec="libx264", time_base=Fraction(1, 1000), times=[40 * n for n in range(12)]
    )
    assert pluginctl("render", PLUGIN, "identity", str(source), str(folder / f"out{suffix}")) == 0
    before, after = describe(source), describe(folder / f"out{suffix}")
    assert (after.times, after.time_base, after.duration) == (before.times, before.time_base, before.duration)
    assert [packet[-1] for packet in after.packets[1]] == [packet[-1] for packet in before.packets[1]]
    assert [packet[:2] for packet in after.packets[1]] == [packet[:2] for packet in before.packets[1]]


def test_subtitles_pass_where_the_container_holds_them(
    effects: ScriptedEffects, pluginctl: Command, folder: Path, capsys: Any
) -> None:
    source = add_subtitles(write_clip(folder / "plain.mkv"), folder / "in.mkv")
    assert pluginctl("render", PLUGIN, "identity", str(source), str(folder / "out.mkv")) == 0
    before, after = describe(source), describe(folder / "out.mkv")
    assert [packet[-1] for packet in before.packets[0]] == [b"hello", b"world"]
    assert after.packets[0] == before.packets[0]
    assert [kind.split()[0] for kind in after.streams] == ["subtitle", "video", "audio"]
    capsys.readouterr()
    assert pluginctl("render", PLUGIN, "identity", str(source), str(folder / "out.mp4")) == 1
    assert "mp4 cannot hold the subtitle stream 0 (srt)" in capsys.readouterr().err
    assert names(folder) == {"plain.mkv", "in.mkv", "out.mkv"}


@pytest.mark.parametrize("matrix", [1, 5, 6, 9], ids=["bt709", "bt470bg", "smpte170m", "bt2020"])
@pytest.mark.parametrize("levels", [LIMITED, FULL], ids=["limited", "full"])
def test_an_identity_does_not_shift_colours(
    effects: ScriptedEffects, pluginctl: Command, folder: Path, matrix: int, levels: int
) -> None:
    colour = (levels, matrix, 1, 1)
    source = write_clip(folder / "in.mkv", width=96, height=64, colour=colour, frames=2, audio=False)
    assert pluginctl("render", PLUGIN, "identity", str(source), str(folder / "out.mkv"), "--codec", "ffv1") == 0
    assert describe(folder / "out.mkv").colour == colour
    for before, after in zip(planes(source), planes(folder / "out.mkv"), strict=True):
        for index, (one, other) in enumerate(zip(before, after, strict=True)):
            difference = other.astype(int) - one
            # swscale rounds full-range chroma down; all else comes back exactly
            assert np.abs(difference).max() <= (1 if index and levels == FULL else 0)


def test_the_plugin_sees_the_colours_that_players_show(
    effects: ScriptedEffects, pluginctl: Command, folder: Path
) -> None:
    """BT.709 limited: Y=63, U=102, V=240 is red (255, 0, 0); a wrong matrix or range is off by dozens."""
    source = folder / "in.mkv"
    with av.open(str(source), "w") as container:
        video: Any = container.add_stream("ffv1", rate=25)
        video.width = video.height = 32
        video.pix_fmt = "yuv444p"
        video.codec_context.color_range, video.codec_context.colorspace = LIMITED, 1
        frame = av.VideoFrame(32, 32, "yuv444p")
        for plane, level in zip(frame.planes, (63, 102, 240), strict=True):
            plane.update(bytes([level]) * plane.buffer_size)
        container.mux([*video.encode(frame), *video.encode(None)])
    picture = folder / "picture.png"
    assert pluginctl("render", PLUGIN, "invert", str(source), str(folder / "out.mkv"), "--picture", str(picture)) == 0
    with av.open(str(picture)) as container:
        rgb = next(container.decode(video=0)).to_ndarray(format="rgb24").astype(int)
    assert rgb.shape == (32, 66, 3)
    assert np.abs(rgb[:, :32] - [255, 0, 0]).max() <= 2
    assert (rgb[:, 32:34] == 255).all()
    assert np.abs(rgb[:, 34:] - [0, 255, 255]).max() <= 2


def test_rgb_becomes_yuv_that_says_how(effects: ScriptedEffects, pluginctl: Command, folder: Path) -> None:
    source = write_clip(folder / "in.mkv", codec="ffv1", pix_fmt="bgr0", colour=(0, 0, 2, 2), frames=2, audio=False)
    assert pluginctl("render", PLUGIN, "identity", str(source), str(folder / "out.mp4"), "--crf", "1") == 0
    after = describe(folder / "out.mp4")
    assert (after.pix_fmt, after.colour[:2]) == ("yuv444p", (LIMITED, 6))
    with av.open(str(source)) as one, av.open(str(folder / "out.mp4")) as other:
        for before, shown in zip(one.decode(video=0), other.decode(video=0), strict=True):
            rgb = shown.to_ndarray(format="rgb24", src_colorspace=5, src_color_range=LIMITED, dst_color_range=FULL)
            assert np.abs(before.to_ndarray(format="rgb24").astype(int) - rgb).mean() < 2


def test_streams_begin_when_they_did(effects: ScriptedEffects, pluginctl: Command, folder: Path) -> None:
    """Audio of MPEG-TS begins at 58.667 ms here: MP4 rounds that to ms unless it is told not to."""
    source = write_clip(folder / "in.ts", codec="libx264")
    assert pluginctl("render", PLUGIN, "identity", str(source), str(folder / "out.mp4")) == 0
    before, after = describe(source), describe(folder / "out.mp4")
    assert after.times == before.times
    assert before.times[0][0] > 0
    for one, other in zip(before.packets[1], after.packets[1], strict=True):
        assert one[0] == pytest.approx(other[0], abs=1 / 90_000)


def test_parameters_reach_the_plugin(effects: ScriptedEffects, pluginctl: Command, folder: Path) -> None:
    source = write_clip(folder / "in.mkv", frames=3)
    arguments = ["--param", "level=126", "--codec", "ffv1"]
    assert pluginctl("render", PLUGIN, "fill", str(source), str(folder / "out.mkv"), *arguments) == 0
    assert [each["params"] for each in effects.processed] == [{"level": 126}] * 3
    assert [each["frame"].get("ptsUs", 0) for each in effects.processed] == [0, 40_000, 80_000]
    luma = round(16 + 126 * 219 / 255)
    assert all(abs(int(frame[0][0, 0]) - luma) <= 1 for frame in planes(folder / "out.mkv"))


def test_odd_sizes(effects: ScriptedEffects, pluginctl: Command, folder: Path, capsys: Any) -> None:
    source = write_clip(folder / "in.mkv", width=63, height=47)
    assert pluginctl("render", PLUGIN, "identity", str(source), str(folder / "out.mp4"), "--json") == 0
    after = describe(folder / "out.mp4")
    assert (after.size, after.pix_fmt, len(after.times)) == ((63, 47), "yuv444p", 12)
    assert json.loads(capsys.readouterr().out)["notes"] == ["pixels are yuv444p in place of yuv420p"]


def test_odd_sizes_that_the_encoder_cannot_do(
    effects: ScriptedEffects, pluginctl: Command, folder: Path, capsys: Any
) -> None:
    source = write_clip(folder / "in.mkv", width=63, height=47)
    assert pluginctl("render", PLUGIN, "identity", str(source), str(folder / "out.mp4"), "--codec", "mpeg4") == 1
    assert "mpeg4 has no pixel format for yuv420p at 63x47" in capsys.readouterr().err
    assert names(folder) == {"in.mkv"}


def test_rotation_stays_metadata(effects: ScriptedEffects, pluginctl: Command, folder: Path) -> None:
    source = write_clip(folder / "in.mp4", codec="libx264", rotation=90)
    assert pluginctl("render", PLUGIN, "identity", str(source), str(folder / "out.mp4")) == 0
    with av.open(str(folder / "out.mp4")) as container:
        frame = next(container.decode(video=0))
        assert (frame.rotation, frame.width, frame.height) == (90, 64, 48)


def test_the_shape_of_pixels_stays(effects: ScriptedEffects, pluginctl: Command, folder: Path) -> None:
    source = write_clip(folder / "in.mp4", codec="libx264", pixel_aspect=Fraction(16, 11), audio=False)
    assert pluginctl("render", PLUGIN, "identity", str(source), str(folder / "out.mp4")) == 0
    with av.open(str(folder / "out.mp4")) as container:
        assert container.streams.video[0].sample_aspect_ratio == Fraction(16, 11)


def test_webm_gets_its_own_codec(effects: ScriptedEffects, pluginctl: Command, folder: Path) -> None:
    source = write_clip(folder / "in.mkv", frames=3, audio=False)
    assert pluginctl("render", PLUGIN, "identity", str(source), str(folder / "out.webm")) == 0
    assert describe(folder / "out.webm").streams == ["video vp9"]


@pytest.mark.parametrize(
    ("source", "size", "offered", "chosen"),
    [
        ("yuv420p", (64, 48), ["yuv420p", "yuv444p"], "yuv420p"),
        ("yuv420p10le", (64, 48), ["yuv420p", "yuv444p"], "yuv420p"),
        ("yuv422p", (64, 47), ["yuv420p", "yuv422p", "yuv444p"], "yuv422p"),
        ("yuv420p", (63, 48), ["yuv420p", "yuv444p"], "yuv444p"),
        ("yuv420p", (63, 48), ["yuv420p"], None),
        ("yuv444p", (64, 48), ["yuv420p"], "yuv420p"),
        ("yuva420p", (64, 48), ["yuv420p", "yuva420p"], "yuva420p"),
        ("yuva420p", (64, 48), ["yuv420p"], "yuv420p"),
        ("rgb24", (64, 48), ["yuv420p", "yuv444p"], "yuv444p"),
        ("gray", (64, 48), ["gray", "yuv420p", "yuv444p"], "yuv420p"),
    ],
)
def test_the_pixel_format_keeps_the_sampling(
    source: str, size: tuple[int, int], offered: list[str], chosen: str | None
) -> None:
    found = target_format(av.VideoFormat(source, *size), offered=offered, width=size[0], height=size[1])
    assert found == chosen


# --- workers that are lost


def test_a_lost_worker_costs_no_frame(effects: ScriptedEffects, pluginctl: Command, folder: Path, capsys: Any) -> None:
    source = write_clip(folder / "in.mkv", frames=6)
    effects.failures = {2: WorkerCrashed("lost"), 3: WorkerCrashed("lost again"), 6: WorkerCrashed("and again")}
    assert (
        pluginctl("--json", "render", PLUGIN, "identity", str(source), str(folder / "out.mkv"), "--codec", "ffv1") == 0
    )
    summary = json.loads(capsys.readouterr().out)
    assert (summary["frames"], summary["crashes"], len(effects.processed)) == (6, 3, 9)
    assert summary["recoveryMs"] > 0
    tried = [each["frame"].get("ptsUs", 0) // 40_000 for each in effects.processed]
    assert tried == [0, 1, 2, 2, 2, 3, 4, 4, 5]
    for before, after in zip(planes(source), planes(folder / "out.mkv"), strict=True):
        assert (before[0] == after[0]).all()


def test_too_many_lost_workers_fail(effects: ScriptedEffects, pluginctl: Command, folder: Path, capsys: Any) -> None:
    source = write_clip(folder / "in.mkv", frames=6)
    effects.failures = {2: WorkerCrashed("lost"), 3: WorkerCrashed("lost for good")}
    assert pluginctl("render", PLUGIN, "identity", str(source), str(folder / "out.mkv"), "--retries", "1") == 1
    assert "lost for good [WorkerCrashed -32008]" in capsys.readouterr().err
    assert names(folder) == {"in.mkv"}
    assert not effects.windows


def test_another_failure_is_not_retried(effects: ScriptedEffects, pluginctl: Command, folder: Path) -> None:
    source = write_clip(folder / "in.mkv", frames=6)
    effects.failures = {2: Timeout("too slow")}
    assert pluginctl("render", PLUGIN, "identity", str(source), str(folder / "out.mkv")) == 1
    assert len(effects.processed) == 3
    assert names(folder) == {"in.mkv"}


def degraded(kind: str = "Timeout", fallback: Any = "bypass") -> Degraded:
    return Degraded(fallback=fallback, kind=kind, cause=None, message=f"p: {kind}", capsule=None)


def test_degraded_frames_are_listed(effects: ScriptedEffects, pluginctl: Command, folder: Path, capsys: Any) -> None:
    source = write_clip(folder / "in.mkv", frames=8)
    effects.degraded = {2: degraded(), 3: degraded(), 5: degraded("Trap", "lastGood"), 7: degraded()}
    command = ["render", PLUGIN, "identity", str(source), str(folder / "out.mkv"), "--fallback", "lastGood"]
    assert pluginctl("--json", *command, "--fps-deadline") == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary["frames"] == 8
    assert [(one["frame"], one["kind"], one["fallback"]) for one in summary["degraded"]] == [
        (2, "Timeout", "bypass"),
        (3, "Timeout", "bypass"),
        (5, "Trap", "lastGood"),
        (7, "Timeout", "bypass"),
    ]
    assert {one["message"] for one in summary["degraded"]} == {"p: Timeout", "p: Trap"}
    assert all((one["deadlineMs"], one["fallback"]) == (40, "lastGood") for one in effects.processed)
    effects.processed.clear()
    assert pluginctl(*command, "--force", "--deadline", "7") == 0
    told = capsys.readouterr().out
    assert "degraded: 3 frames got the input as it is (Timeout): 2-3, 7\n" in told
    assert "degraded: 1 frames got the last good frame (Trap): 5\n" in told
    assert all(one["deadlineMs"] == 7 for one in effects.processed)
    assert pluginctl(*command, "--force", "--deadline", "7", "--fps-deadline") == 2


def test_a_frame_whose_worker_was_lost_is_tried_again_before_it_is_degraded(
    effects: ScriptedEffects, pluginctl: Command, folder: Path, capsys: Any
) -> None:
    source = write_clip(folder / "in.mkv", frames=4)
    lost = degraded("WorkerCrashed")
    effects.degraded = {1: lost, 4: lost, 5: lost}
    command = ["render", PLUGIN, "identity", str(source), str(folder / "out.mkv"), "--fallback", "bypass"]
    assert pluginctl("--json", *command, "--retries", "1") == 0
    summary = json.loads(capsys.readouterr().out)
    assert [one["frame"] for one in summary["degraded"]] == [3]
    assert (summary["frames"], summary["crashes"], len(effects.processed)) == (4, 2, 6)


def test_frames_of_a_stateless_effect_are_sent_ahead_and_written_in_order(
    effects: ScriptedEffects, pluginctl: Command, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    effects.parallel = True
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    source = write_clip(folder / "in.mkv", frames=9)
    effects.failures = {2: WorkerCrashed("lost"), 3: WorkerCrashed("lost"), 4: WorkerCrashed("lost")}
    out = folder / "out.mkv"
    assert pluginctl("render", PLUGIN, "identity", str(source), str(out), "--codec", "ffv1") == 0
    tried = [each["frame"].get("ptsUs", 0) // 40_000 for each in effects.processed]
    assert sorted(tried) == sorted([*range(9), *tried[2:5]])
    for before, after in zip(planes(source), planes(out), strict=True):
        assert (before[0] == after[0]).all()


def test_how_many_frames_are_with_the_plugin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 16)
    for parallel, timed, ahead in ((False, False, 1), (True, False, 5), (False, True, 1), (True, True, 1)):
        effect = Effect(plugin_id="p", effect_id="e", name="", category="", parameters=[], parallel=parallel)
        assert frames_ahead(effect, timed=timed) == ahead


def test_long_lists_of_frames_are_cut() -> None:
    assert ranges([1, 2, 3, 5, 7, 8]) == "1-3, 5, 7-8"
    assert ranges(range(0, 40, 2)).endswith("20, 22 and 8 runs more")


@pytest.mark.parametrize("slots", [4, 2])
def test_little_room_for_frames(effects: ScriptedEffects, pluginctl: Command, folder: Path, slots: int) -> None:
    effects.most_slots = slots
    source = write_clip(folder / "in.mkv", frames=6)
    assert pluginctl("render", PLUGIN, "identity", str(source), str(folder / "out.mkv"), "--codec", "ffv1") == 0
    for before, after in zip(planes(source), planes(folder / "out.mkv"), strict=True):
        assert (before[0] == after[0]).all()
    effects.most_slots = 1
    assert pluginctl("render", PLUGIN, "identity", str(source), str(folder / "out.mkv"), "--force") == 1


@pytest.mark.anyio
async def test_the_hook_sees_each_frame_before_the_next(daemon: Peer, effects: ScriptedEffects, folder: Path) -> None:
    source = write_clip(folder / "in.mkv", frames=5)
    seen: list[tuple[FrameDone, int]] = []

    async def on_frame(done: FrameDone) -> None:
        seen.append((done, len(effects.processed)))

    job = Job(plugin=PLUGIN, effect="identity", source=source, target=folder / "out.mkv")
    async with AsyncClient.connect(daemon.path) as client:
        summary = await render(client, job, on_frame=on_frame)
    assert [(done.index, count) for done, count in seen] == [(n, n + 1) for n in range(5)]
    assert all(done.guest_us == GUEST_US and done.round_trip_us > GUEST_US for done, _ in seen)
    assert (summary.frames, summary.duration) == (5, 0.2)
    assert summary.ms_per_frame.plugin == pytest.approx(GUEST_US / 1000)


# --- what is refused


def test_refusals(effects: ScriptedEffects, pluginctl: Command, folder: Path, capsys: Any) -> None:
    source = write_clip(folder / "in.mkv", frames=2)
    (folder / "there.mkv").write_bytes(b"mine")
    (folder / "text.mkv").write_text("not a video")
    with av.open(str(folder / "sound.mka"), "w") as container:
        sound: Any = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        block = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        block.sample_rate = 8000
        container.mux([*sound.encode(block), *sound.encode(None)])
    left = names(folder)
    out = str(folder / "out.mkv")
    cases = [
        (["identity", str(source), str(folder / "there.mkv")], "exists already"),
        (["identity", str(folder / "none.mkv"), out], "No such file"),
        (["identity", str(folder / "text.mkv"), out], "Cannot read"),
        (["identity", str(folder / "sound.mka"), out], "has no video"),
        (["identity", str(folder), out], "Cannot read"),
        (["identity", str(source), str(folder / "no" / "out.mkv")], "not a place for a file"),
        (["identity", str(source), str(folder / "out.unknown")], "No container is known"),
        (["identity", str(source), out, "--codec", "nonsense"], "nonsense cannot be used"),
        (["identity", str(source), out, "--codec", "aac"], "aac"),
        (["identity", str(source), out, "--codec", "ffv1", "--crf", "20"], "no constant rate factor"),
        (["identity", str(source), out, "--codec", "ffv1", "--preset", "fast"], "no presets"),
        (["nothing", str(source), out], "no effect 'nothing'"),
        (["fill", str(source), out, "--param", "lvel=3"], "no parameter 'lvel'"),
    ]
    for arguments, words in cases:
        assert pluginctl("render", PLUGIN, *arguments) == 1, arguments
        error = capsys.readouterr().err
        assert words in error, error
        assert "Traceback" not in error
    assert pluginctl("render", "unknown", "identity", str(source), out) == 1
    assert names(folder) == left
    assert (folder / "there.mkv").read_bytes() == b"mine"
    assert not effects.windows


def test_force_replaces_even_the_source(effects: ScriptedEffects, pluginctl: Command, folder: Path) -> None:
    source = write_clip(folder / "in.mkv", frames=3)
    picture = folder / "p.png"
    picture.write_bytes(b"old")
    arguments = ["render", PLUGIN, "fill", str(source), str(source), "--param", "level=0", "--picture", str(picture)]
    assert pluginctl(*arguments) == 1
    assert pluginctl(*arguments, "--force") == 0
    assert all(frame[0].max() <= 18 for frame in planes(source))
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert names(folder) == {"in.mkv", "p.png"}


def test_a_damaged_source_fails_or_ends_but_leaves_no_half(
    effects: ScriptedEffects, pluginctl: Command, folder: Path, capsys: Any
) -> None:
    source = write_clip(folder / "in.mp4", codec="libx264", frames=12)
    data = source.read_bytes()
    source.write_bytes(data[: len(data) // 2])  # the index of an MP4 is at its end
    assert pluginctl("render", PLUGIN, "identity", str(source), str(folder / "out.mp4")) == 1
    assert "Cannot read" in capsys.readouterr().err
    assert names(folder) == {"in.mp4"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted(daemon: Peer, effects: ScriptedEffects, folder: Path, number: signal.Signals) -> None:
    source = write_clip(folder / "in.mkv", frames=12)
    command = [sys.executable, "-m", "pluginctl", "--socket", str(daemon.path), "render", PLUGIN, "identity"]
    with subprocess.Popen(
        [*command, str(source), str(folder / "out.mkv")], stderr=subprocess.PIPE, text=True
    ) as process:
        effects.unanswered = range(3, 12)  # it cannot be done before the signal is taken
        effects.on_process = lambda count: process.send_signal(number) if count == 3 else None
        assert process.stderr is not None
        assert re.sub(r"frame \d+ of \d+, .* fps\n", "", process.stderr.read()) == ""
        assert process.wait(20) == 130
    assert len(effects.processed) < 12
    assert names(folder) == {"in.mkv"}


def test_lines_of_progress_where_there_is_no_terminal(
    effects: ScriptedEffects, pluginctl: Command, folder: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pluginctl.rendering.progress.LINE_SECONDS", 0.0)
    source = write_clip(folder / "in.mp4", codec="libx264", frames=4)
    assert pluginctl("render", PLUGIN, "identity", str(source), str(folder / "out.mp4")) == 0
    out, error = capsys.readouterr()
    assert error.splitlines()[-1].startswith("frame 4 of 4, ")
    assert "4 frames, 0.2s at 64x48" in out
    assert f"wrote {folder / 'out.mp4'}" in out


def test_a_bar_on_a_terminal(daemon: Peer, effects: ScriptedEffects, folder: Path) -> None:
    source = write_clip(folder / "in.mp4", codec="libx264", frames=4)
    controller, terminal = os.openpty()
    command = [sys.executable, "-m", "pluginctl", "--socket", str(daemon.path), "render", PLUGIN, "identity"]
    environ = os.environ | {"TERM": "xterm", "COLUMNS": "120"}
    arguments = [*command, str(source), str(folder / "out.mp4")]
    with subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=terminal, env=environ) as process:
        os.close(terminal)
        seen = b""
        while b"4/4" not in seen:
            seen += os.read(controller, 65536)
        assert process.wait(20) == 0
    os.close(controller)


def test_without_pyav(daemon: Peer, effects: ScriptedEffects, folder: Path) -> None:
    code = "import sys; sys.modules['av'] = None; from pluginctl.__main__ import run; sys.exit(run(sys.argv[1:]))"
    arguments = ["--socket", str(daemon.path), "render", PLUGIN, "identity", "in.mkv", str(folder / "out.mkv")]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 1
    assert 'pip install "plugind[media]"' in done.stderr
