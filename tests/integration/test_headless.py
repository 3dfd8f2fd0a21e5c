"""The whole system without an editor: a real project, real media, and a guest that uses the whole host API."""

import base64
import contextlib
import fcntl
import json
import os
import pty
import signal
import subprocess
import sys
import termios
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import opentimelineio as otio
import psutil
import pytest
from opentimelineio.opentime import RationalTime, TimeRange
from tests.fakes.media import film
from tests.harness.daemon import ROOT, Daemon
from tests.harness.waiting import wait_until
from tests.integration.test_daemon import refused

from plugind_client import Client
from plugind_protocol import errors
from plugind_protocol.host import HOST_METHODS

pytestmark = pytest.mark.process

GUEST = "all-methods"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project of 25 frames per second, with one clip from 2 s to 4 s, and a film beside it."""
    folder = tmp_path / "film"
    folder.mkdir()
    film(folder / "clip.mp4", frames=50)
    timeline = otio.schema.Timeline(name="Holidays", global_start_time=RationalTime(0, 25))
    span = TimeRange(RationalTime(0, 25), RationalTime(50, 25))
    media = otio.schema.ExternalReference(target_url="clip.mp4", available_range=span)
    track = otio.schema.Track(name="V1", kind="Video")
    track.extend([otio.schema.Gap(source_range=span), otio.schema.Clip("beach", media, span)])
    timeline.tracks.append(track)
    otio.adapters.write_to_file(timeline, str(folder / "film.otio"))
    return folder / "film.otio"


Start = Callable[..., Daemon]


def clips(path: Path) -> list[tuple[str, float, float]]:
    """What OpenTimelineIO reads of the first track: name, start and end in s."""
    track = otio.adapters.read_from_file(str(path)).tracks[0]
    return [
        (child.name, span.start_time.to_seconds(), span.end_time_exclusive().to_seconds())
        for child in track
        if isinstance(child, otio.schema.Clip)
        for span in [track.range_of_child(child)]
    ]


def host_pid(daemon: Daemon) -> int:
    (process,) = [one for one in daemon.descendants() if "plugind_headless" in one.cmdline()]
    return process.pid


def client_of(daemon: Daemon) -> Any:
    return Client.connect(daemon.socket)


@contextlib.contextmanager
def concurrently(function: Callable[..., object], *arguments: object) -> Iterator[None]:
    """Call it shortly after the block has begun: nobody can see from outside that a request has been sent."""
    timer = threading.Timer(0.3, function, arguments)
    timer.start()
    yield
    timer.join()


def add(client: Client, start: float) -> Any:
    """Let a guest put a clip on the timeline."""
    client.install(str(ROOT / "tests" / "plugins" / "probe"), grant="requested")
    params = {"clip": {"source": "project/clip.mp4", "start": start, "duration": 1.0}, "track": 0}
    return client.call_plugin("probe", "host", args={"method": "timeline.addClip", "params": params})


# --- starting


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("missing.otio", None, "cannot open the project"),
        ("broken.otio", "{", "is not an OpenTimelineIO file"),
        ("film.xml", "<fcpxml/>", "does not end with .otio"),
    ],
)
def test_a_project_that_cannot_be_opened(tmp_path: Path, name: str, text: str | None, words: str) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)
    said = refused(tmp_path, "--host", "headless", "--project", str(tmp_path / name))
    assert words in said.splitlines()[-1]
    assert name in said.splitlines()[-1]
    assert not (tmp_path / "plugind.sock").exists()


def test_answers_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "answers.json").write_text('[{"titel": "x"}]')
    said = refused(tmp_path, "--host", "headless", "--dialogs", str(tmp_path / "answers.json"))
    assert "answers.json: Object contains unknown field `titel`" in said.splitlines()[-1]


@pytest.mark.parametrize("arguments", [("--project", "x.otio"), ("--dialogs", "accept")])
def test_its_options_are_for_it_alone(tmp_path: Path, arguments: tuple[str, str]) -> None:
    assert f"{arguments[0]} is for the headless host" in refused(tmp_path, *arguments)


def test_a_terminal_is_needed_to_ask_at(tmp_path: Path) -> None:
    command = ("-m", "plugind", "--socket", str(tmp_path / "s"), "--data-dir", str(tmp_path / "data"))
    done = subprocess.run(
        [sys.executable, *command, "--host", "headless", "--dialogs", "prompt"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        start_new_session=True,
    )
    assert (done.returncode, "needs a terminal to ask at" in done.stderr) == (1, True)


def test_relative_paths_are_those_of_whoever_starts_it(start: Start, project: Path) -> None:
    daemon = start("--host", "headless", "--project", "film.otio", cwd=project.parent)
    with Client.connect(daemon.socket) as client:
        assert client.headless_state().project == str(project)
        assert client.daemon_status().host == "headless"


def test_without_a_project_there_is_an_empty_timeline(start: Start) -> None:
    daemon = start("--host", "headless")
    with Client.connect(daemon.socket) as client:
        state = client.headless_state()
        assert (state.project, [track.name for track in state.timeline.tracks]) == (None, ["V1", "A1"])
        with pytest.raises(errors.InvalidState, match="in memory only"):
            client.headless_reload()


def test_a_daemon_without_it_says_so(start: Start) -> None:
    daemon = start()
    with (
        Client.connect(daemon.socket) as client,
        pytest.raises(errors.HostUnavailable, match="no headless host") as caught,
    ):
        client.headless_state()
    assert "--host headless" in caught.value.hint


# --- working


def test_edits_are_saved_and_found_again(start: Start, project: Path) -> None:
    daemon = start("--host", "headless", "--project", str(project))
    with Client.connect(daemon.socket) as client:
        added = add(client, 5.0)["clipId"]
        with pytest.raises(errors.PluginError, match="clip 'clip' is there from 5 to 6 s"):
            add(client, 5.5)
    assert clips(project) == [("beach", 2.0, 4.0), ("clip", 5.0, 6.0)]
    daemon.stop()
    again = start("--host", "headless", "--project", str(project))
    with Client.connect(again.socket) as client:
        (track,) = client.headless_state().timeline.tracks
        assert [clip.id for clip in track.clips][1:] == [added]


def test_what_another_program_writes_is_kept(start: Start, project: Path) -> None:
    daemon = start("--host", "headless", "--project", str(project))
    with Client.connect(daemon.socket) as client:
        add(client, 5.0)
        other = otio.schema.Timeline(name="other")
        other.tracks.append(otio.schema.Track(name="V1", kind="Video"))
        otio.adapters.write_to_file(other, str(project))
        with pytest.raises(errors.InvalidState, match="another program has changed the project") as caught:
            add(client, 8.0)
        assert "headless.reload" in caught.value.hint
        assert clips(project) == []
        client.headless_reload()
        add(client, 8.0)
    assert clips(project) == [("clip", 8.0, 9.0)]


def test_playhead_and_selection(start: Start, project: Path) -> None:
    daemon = start("--host", "headless", "--project", str(project))
    with Client.connect(daemon.socket) as client:
        (beach,) = client.headless_state().timeline.tracks[0].clips
        client.headless_set(current_time=2.5, selection=[beach.id])
        state = client.headless_state()
        assert (state.timeline.current_time, state.timeline.selection) == (2.5, [beach.id])
        with pytest.raises(errors.InvalidParams, match="no clip 'nobody'"):
            client.headless_set(selection=["nobody"])


def test_an_editor_that_connects_takes_over_and_gives_back(start: Start, plugins: Path) -> None:
    daemon = start("--host", "headless")

    def timeline(_method: str, _params: Any) -> Any:
        return {"seconds": 7.0, "timecode": "00:00:07:00", "fps": 24.0}

    def asked(client: Client) -> float:
        args = {"method": "timeline.getCurrentTime", "params": {}}
        return float(client.call_plugin("probe", "host", args=args)["fps"])

    with Client.connect(daemon.socket) as client:
        client.install(str(plugins / "probe"), grant="requested")
        assert asked(client) == 30.0
        with Client.connect(daemon.socket, name="editor", handlers={"timeline": timeline}):
            assert asked(client) == 24.0
            os.kill(host_pid(daemon), signal.SIGKILL)  # its successor is newer than the editor, and stands back
            wait_until(lambda: daemon.log.read_text().count("headless host is ready") == 2)
            assert asked(client) == 24.0
        wait_until(lambda: asked(client) == 30.0)


# --- when it breaks


def test_one_that_dies_is_replaced_and_what_was_committed_is_there(start: Start, project: Path) -> None:
    daemon = start("--host", "headless", "--project", str(project))
    with Client.connect(daemon.socket) as client:
        add(client, 5.0)
        first = host_pid(daemon)
        os.kill(first, signal.SIGSTOP)
        with (
            pytest.raises(errors.HostUnavailable),
            client_of(daemon) as other,
            concurrently(os.kill, first, signal.SIGKILL),
        ):
            other.headless_state()

        def there() -> bool:
            try:
                return [one.name for one in client.headless_state().timeline.tracks[0].clips] == ["beach", "clip"]
            except errors.HostUnavailable:
                return False

        wait_until(there)
        assert host_pid(daemon) != first


def test_one_that_dies_again_and_again_stays_down(start: Start, tmp_path: Path) -> None:
    (tmp_path / "plugind.toml").write_text("[supervision]\nmax_restarts = 1\nbackoff_first_seconds = 0.01\n")
    daemon = start("--host", "headless", "--config", str(tmp_path / "plugind.toml"))
    os.kill(host_pid(daemon), signal.SIGKILL)
    wait_until(lambda: daemon.log.read_text().count("headless host is ready") == 2)
    os.kill(host_pid(daemon), signal.SIGKILL)
    wait_until(lambda: "stays down" in daemon.log.read_text())
    with Client.connect(daemon.socket) as client, pytest.raises(errors.HostUnavailable, match="is not running"):
        client.headless_state()


def test_it_dies_with_the_daemon(start: Start, project: Path) -> None:
    daemon = start("--host", "headless", "--project", str(project))
    with Client.connect(daemon.socket) as client:
        add(client, 5.0)  # starts the decoder
    children = daemon.descendants()
    assert any("plugind_headless.media" in one.cmdline() for one in children)
    daemon.process.kill()
    _, alive = psutil.wait_procs(children, timeout=5)
    assert alive == []


# --- the whole host API


def test_every_host_method_on_a_real_project(start: Start, plugins: Path, project: Path, tmp_path: Path) -> None:
    answers = tmp_path / "answers.json"
    answers.write_text(json.dumps([{"title": "Go *", "button": "On", "values": {"how": "fast"}}]))
    daemon = start("--host", "headless", "--project", str(project), "--dialogs", str(answers))
    with Client.connect(daemon.socket) as client:
        client.install(str(plugins / GUEST), grant="requested")
        client.headless_set(current_time=1.48)
        toured = client.call_plugin(GUEST, "tour", args={"media": "project/clip.mp4"})
        state = client.headless_state()
    assert set(HOST_METHODS) - {"network.request"} <= set(toured)  # it needs a server, which test_extism.py has
    assert {name: answer for name, answer in toured.items() if isinstance(answer, dict) and "error" in answer} == {}
    assert toured["media.getInfo"]["streams"][0]["codec"] == "h264"
    assert (toured["media.getInfo"]["duration"], toured["media.getInfo"]["path"]) == (2.0, "project/clip.mp4")
    assert base64.b64decode(toured["media.generateThumbnail"]["data"]).startswith(b"\xff\xd8\xff")
    assert toured["timeline.getCurrentTime"] == {"seconds": 1.48, "timecode": "00:00:01:12", "fps": 25.0}
    (track,) = toured["timeline.getState"]["tracks"]
    assert [(one["name"], one["start"], one["duration"]) for one in track["clips"]] == [
        ("toured", 0.52, 0.24),
        ("beach", 2.0, 2.0),
    ]
    assert track["clips"][0]["source"] == "project/clip.mp4"
    assert track["clips"][0]["metadata"] == {"tour": [1, 2]}
    (effect,) = track["clips"][0]["effects"]
    assert (effect["effectId"], effect["pluginId"], effect["params"]) == ("glow", GUEST, {"radius": 4})
    assert toured["ui.showDialog"] == {"button": "On", "values": {"how": "fast"}}
    assert (toured["ui.pickFile"], toured["ui.pickDirectory"]) == ({"files": []}, {"directory": None})
    assert [one.message for one in state.notifications] == ["Toured"]
    assert [(one.id, one.menu) for one in state.menu] == [("grade", "Clip")]
    assert ([one.title for one in state.questions], state.panels) == (["Go on?", "Choose a look", "Where to"], [])
    assert (state.project, state.transactions, state.unconfined) == (str(project), 0, [])
    assert clips(project) == [("toured", 0.52, 0.76), ("beach", 2.0, 4.0)]
    saved = otio.adapters.read_from_file(str(project)).tracks[0][1]
    assert saved.effects[0].metadata["plugind"]["params"]["radius"] == 4


def test_what_people_do_reaches_plugins(start: Start, plugins: Path, project: Path) -> None:
    daemon = start("--host", "headless", "--project", str(project))
    with client_of(daemon) as client:
        client.install(str(plugins / GUEST), grant="requested")
        client.activate(GUEST)
        toured = client.call_plugin(GUEST, "tour", args={"media": "project/clip.mp4"})
        clip = toured["timeline.updateClip"]["clip"]
        client.headless_set(selection=[clip["id"]])
        client.headless_choose_menu("grade")
        heard: list[Any] = []

        def both() -> bool:
            heard[:] = client.call_plugin(GUEST, "heard")
            return len(heard) == 2

        wait_until(both)
        assert [(one["name"], one["payload"]) for one in heard][1] == ("ui.menu", {"id": "grade"})
        assert heard[0]["name"] == "timeline.selectionChange"
        assert [one["id"] for one in heard[0]["payload"]] == [clip["id"]]
        assert client.call_plugin(GUEST, "tour", args={"media": "project/clip.mp4"})["timeline.addClip"]["error"]
        client.unload(GUEST)
        wait_until(lambda: client.headless_state().menu == [])
        with pytest.raises(errors.InvalidParams, match="there is no menu item 'grade'"):
            client.headless_choose_menu("grade")


def test_a_person_at_the_terminal_is_asked_and_ends_it(start: Start, plugins: Path, project: Path) -> None:
    ours, theirs = pty.openpty()

    def own_the_terminal() -> None:
        fcntl.ioctl(theirs, termios.TIOCSCTTY, 0)

    arguments = ("--host", "headless", "--project", str(project), "--dialogs", "prompt")
    daemon = start(*arguments, stdin=theirs, start_new_session=True, preexec_fn=own_the_terminal)
    with client_of(daemon) as client:
        client.install(str(plugins / "probe"), grant="requested")
        asked = {"title": "Grade all?", "kind": "question", "buttons": ["Grade", "Leave"]}
        os.write(ours, b"2\n")  # typed ahead
        args = {"method": "ui.showDialog", "params": asked}
        assert client.call_plugin("probe", "host", args=args) == {"button": "Leave"}
        said = b""
        while b"Grade all?" not in said:  # a terminal gives what is written to it in parts
            said += os.read(ours, 10_000)
        add(client, 5.0)
    os.write(ours, b"\x03")  # Ctrl-C, to everybody there
    assert daemon.process.wait(20) == 0
    assert clips(project) == [("beach", 2.0, 4.0), ("clip", 5.0, 6.0)]
    os.close(theirs)
    os.close(ours)


# --- transactions


@pytest.mark.parametrize("how", ["editAndFail", "editAndCrash", "editAndSpin"])
def test_edits_of_a_call_that_fails_are_taken_back(start: Start, plugins: Path, project: Path, how: str) -> None:
    daemon = start("--host", "headless", "--project", str(project))
    before = project.read_bytes()
    with Client.connect(daemon.socket) as client:
        client.install(str(plugins / GUEST), grant="requested")
        edit = {"media": "project/clip.mp4", "start": 10.0}
        with pytest.raises((errors.PluginError, errors.Trap, errors.Timeout)):
            client.call_plugin(GUEST, how, args=edit, timeout_ms=2000)
        state = client.headless_state()
        assert [one.name for one in state.timeline.tracks[0].clips] == ["beach"]
        assert state.transactions == 0
        assert project.read_bytes() == before
        client.call_plugin(GUEST, "edit", args=edit)
    assert clips(project) == [("beach", 2.0, 4.0), ("clip", 10.0, 12.0)]


def test_edits_of_a_worker_that_is_killed_are_taken_back(start: Start, plugins: Path, project: Path) -> None:
    daemon = start("--host", "headless", "--project", str(project))
    before = project.read_bytes()
    with client_of(daemon) as client, client_of(daemon) as watching:
        client.install(str(plugins / GUEST), grant="requested")
        worker = client.load(GUEST).pid
        assert worker is not None

        def kill_amid_the_edit() -> None:
            wait_until(lambda: watching.headless_state().transactions == 1)
            os.kill(worker, signal.SIGKILL)

        killer = threading.Thread(target=kill_amid_the_edit)
        killer.start()
        with pytest.raises(errors.WorkerCrashed):
            client.call_plugin(GUEST, "editAndSpin", args={"media": "project/clip.mp4", "start": 10.0})
        killer.join()
        wait_until(lambda: watching.headless_state().transactions == 0)
        assert [clip.name for clip in client.headless_state().timeline.tracks[0].clips] == ["beach"]
    assert project.read_bytes() == before


def test_a_host_that_dies_amid_a_transaction_leaves_the_file_as_it_was(
    start: Start, plugins: Path, project: Path
) -> None:
    daemon = start("--host", "headless", "--project", str(project))
    before = project.read_bytes()
    with client_of(daemon) as client, client_of(daemon) as watching:
        client.install(str(plugins / GUEST), grant="requested")

        def kill_amid_the_edit() -> None:
            wait_until(lambda: watching.headless_state().transactions == 1)
            os.kill(host_pid(daemon), signal.SIGKILL)

        killer = threading.Thread(target=kill_amid_the_edit)
        killer.start()
        with pytest.raises(errors.HostUnavailable, match="left in the middle of the call"):
            client.call_plugin(GUEST, "editAndSpin", args={"media": "project/clip.mp4", "start": 10.0}, timeout_ms=5000)
        killer.join()
        wait_until(lambda: daemon.log.read_text().count("headless host is ready") == 2)
        assert [clip.name for clip in client.headless_state().timeline.tracks[0].clips] == ["beach"]
        assert project.read_bytes() == before
        client.call_plugin(GUEST, "edit", args={"media": "project/clip.mp4", "start": 10.0})
    assert clips(project) == [("beach", 2.0, 4.0), ("clip", 10.0, 12.0)]
