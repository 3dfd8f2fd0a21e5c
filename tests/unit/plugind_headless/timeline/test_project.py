import json
import os
import stat
from pathlib import Path
from typing import Any

import opentimelineio as otio
import pytest
from opentimelineio.opentime import RationalTime
from opentimelineio.schema import Clip, Gap, Marker, Stack, Timeline, Track, Transition
from tests.unit.plugind_headless.timeline.timelines import RATE, clip, gap, laid, span, timeline

from plugind_headless.errors import ProjectError
from plugind_headless.timeline import ids, project
from plugind_headless.timeline.edits import AddClip
from plugind_protocol.errors import InvalidState


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "film.otio"


def write(path: Path, made: Any) -> Path:
    path.write_text(otio.core.serialize_json_to_string(made))
    return path


def test_what_is_saved_opens_in_opentimelineio(path: Path) -> None:
    file, made = project.open_project(write(path, timeline([clip("a", 30)])))
    AddClip(clip_id="b", name="b", url="b.mp4", track=0, start=1.0, duration=1.0).apply(made, RATE)
    file.save(made)
    read = otio.adapters.read_from_file(str(path))
    assert laid(read.tracks[0]) == [("a", 0, 30), ("b", 30, 60)]
    assert file.folder == path.parent


def test_what_we_do_not_know_is_kept_untouched(path: Path) -> None:
    strange = timeline(
        [
            clip("a", 30, markers=[Marker(name="m", marked_range=span(3, 1), metadata={"x": [1, None, 2.5]})]),
            Transition(name="mix", in_offset=RationalTime(2, RATE), out_offset=RationalTime(2, RATE)),
            clip("b", 30, effects=[otio.schema.LinearTimeWarp(time_scalar=2.0)]),
            Stack(name="nested", children=[Track(children=[gap(10), clip("c", 5)])]),
        ]
    )
    strange.metadata["resolve"] = {"deep": {"er": ["é", 1e300, -5, True]}}
    strange.tracks[0][2].media_reference = otio.schema.GeneratorReference(generator_kind="SMPTEBars")
    text = json.loads(otio.core.serialize_json_to_string(strange))
    text["metadata"]["future"] = {"OTIO_SCHEMA": "Hologram.7", "depth": 3}
    path.write_text(json.dumps(text))
    file, made = project.open_project(path)
    AddClip(clip_id="new", name="new", url="n.mp4", track=0, start=10.0, duration=1.0).apply(made, RATE)
    file.save(made)
    saved = json.loads(path.read_text())
    added = saved["tracks"]["children"][0]["children"][4:]
    del saved["tracks"]["children"][0]["children"][4:]
    assert saved == text
    assert [one["OTIO_SCHEMA"] for one in added] == ["Gap.1", "Clip.2"]


def test_ids_are_given_kept_and_never_doubled(path: Path) -> None:
    bare = Timeline(name="t")
    bare.tracks.append(Track(children=[Clip(name="x", source_range=span(0, 10)) for _ in range(3)]))
    copied = clip("y", 10)
    bare.tracks[0].extend([copied, copied.deepcopy()])
    bare.tracks[0][0].metadata[ids.OURS] = "not a dictionary"
    bare.tracks[0][1].metadata[ids.OURS] = {"id": "x" * 257}
    write(path, bare)

    def read() -> list[str]:
        file, made = project.open_project(path)
        found = [ids.id_of(one) for _, _, one in ids.clips(made)]
        file.save(made)
        return found

    first = read()
    assert len(set(first)) == 5
    assert first[3] == "y"
    assert read() == first
    path.write_text(otio.core.serialize_json_to_string(bare))
    assert read() == first, "the same before anything was saved"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is not an OpenTimelineIO file: JSON parse error"),
        ("{", "is not an OpenTimelineIO file"),
        ("[1]", "not a timeline"),
        ('{"OTIO_SCHEMA": "Clip.2"}', "is not an OpenTimelineIO file"),
        ('{"OTIO_SCHEMA": "Gap.1", "metadata": {}}', "holds a Gap, not a timeline"),
        ("[" * 100_000, "nested deeper than"),
        ('"\udce9"', "not UTF-8"),
    ],
)
def test_a_file_that_is_no_timeline(path: Path, text: str, words: str) -> None:
    path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(ProjectError, match=words):
        project.open_project(path)


def test_other_things_that_opentimelineio_writes(path: Path) -> None:
    with pytest.raises(ProjectError, match="holds a SerializableCollection, not a timeline"):
        project.open_project(write(path, otio.schema.SerializableCollection()))
    unmeasured = Timeline()
    unmeasured.tracks.append(Track(children=[Clip(name="endless")]))
    with pytest.raises(ProjectError, match="track 0 cannot be measured"):
        project.open_project(write(path, unmeasured))


def test_a_missing_file_a_folder_and_another_kind_of_file(path: Path, tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=r"cannot open the project .*: No such file"):
        project.open_project(path)
    with pytest.raises(ProjectError, match=r"does not end with \.otio"):
        project.open_project(tmp_path / "film.xml")
    path.mkdir()
    with pytest.raises(ProjectError, match="not a file"):
        project.open_project(path)


def test_a_file_that_is_too_large(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(project, "MAX_BYTES", 10)
    with pytest.raises(ProjectError, match="projects of more than 10"):
        project.open_project(write(path, timeline()))


def test_it_is_replaced_whole_with_its_mode_and_through_links(path: Path, tmp_path: Path) -> None:
    write(path, timeline([clip("a", 30)])).chmod(0o640)
    link = tmp_path / "link.otio"
    link.symlink_to(path)
    file, made = project.open_project(link)
    before = path.stat().st_ino
    file.save(made)
    assert path.stat().st_ino != before
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert link.is_symlink()
    assert sorted(os.listdir(tmp_path)) == ["film.otio", "link.otio"]


def test_what_another_program_wrote_is_not_overwritten(path: Path) -> None:
    file, made = project.open_project(write(path, timeline([clip("a", 30)])))
    file.save(made)
    file.save(made)
    other = otio.core.serialize_json_to_string(timeline([clip("b", 30)]))
    path.write_text(other)
    with pytest.raises(InvalidState, match=r"another program has changed the project film\.otio") as caught:
        file.save(made)
    assert "headless.reload" in caught.value.hint
    assert path.read_text() == other
    assert laid(file.read().tracks[0]) == [("b", 0, 30)]
    file.save(made)
    path.unlink()
    with pytest.raises(InvalidState, match="was removed or moved"):
        file.save(made)
    assert not path.exists()


def test_a_touched_file_is_the_same_file(path: Path) -> None:
    file, made = project.open_project(write(path, timeline()))
    os.utime(path, (1, 1))
    file.save(made)


def test_a_folder_that_cannot_be_written(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, made = project.open_project(write(path, timeline([clip("a", 30)])))
    before = path.read_text()

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InvalidState, match="cannot be written: No space left"):
        file.save(made)
    assert path.read_text() == before
    assert os.listdir(path.parent) == [path.name]


@pytest.mark.parametrize(
    ("made", "rate"),
    [
        (project.empty(), 30.0),
        (timeline([clip("a", 5, rate=24)]), 30.0),
        (Timeline(global_start_time=RationalTime(0, 25)), 25.0),
        (Timeline(), project.DEFAULT_RATE),
    ],
)
def test_the_rate_of_a_timeline(made: Timeline, rate: float) -> None:
    assert project.rate_of(made) == rate


def test_the_rate_of_a_timeline_that_does_not_say_is_that_of_its_first_picture() -> None:
    made = Timeline()
    made.tracks.append(Track(kind="Audio", children=[Clip(source_range=span(0, 10, 48000))]))
    made.tracks.append(Track(kind="Video", children=[Gap(source_range=span(0, 10, 24))]))
    assert project.rate_of(made) == 24


def test_samples_of_sound_are_no_frames() -> None:
    made = Timeline(global_start_time=RationalTime(0, 48000))
    made.tracks.append(Track(kind="Audio", children=[Clip(source_range=span(0, 10, 48000))]))
    assert project.rate_of(made) == project.DEFAULT_RATE


def test_the_empty_timeline() -> None:
    made = project.empty()
    assert [(track.name, track.kind) for track in made.tracks] == [("V1", "Video"), ("A1", "Audio")]
