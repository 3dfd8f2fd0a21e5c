from pathlib import Path

import pytest

from plugind_headless.timeline.sources import Sources
from plugind_protocol.errors import InvalidParams

FOLDER = Path("/films/one")


@pytest.mark.parametrize(
    ("source", "url", "back"),
    [
        ("project/a.mp4", "a.mp4", "project/a.mp4"),
        ("project/raw/a b#1.mp4", "raw/a%20b%231.mp4", "project/raw/a b#1.mp4"),
        ("project/raw/../a.mp4", "a.mp4", "project/a.mp4"),
        ("/films/one/raw/a.mp4", "raw/a.mp4", "project/raw/a.mp4"),
        ("/footage/ä.mp4", "file:///footage/%C3%A4.mp4", "/footage/ä.mp4"),
        ("https://x.example/a.mp4?b=c", "https://x.example/a.mp4?b=c", "https://x.example/a.mp4?b=c"),
    ],
)
def test_names_for_plugins_and_names_in_the_file(source: str, url: str, back: str) -> None:
    sources = Sources(FOLDER)
    assert sources.to_url(source) == url
    assert sources.from_url(url) == back


@pytest.mark.parametrize(
    ("url", "source"),
    [
        ("./media/a.mov", "project/media/a.mov"),
        ("../two/a.mov", "/films/two/a.mov"),
        ("file:///films/one/a.mov", "project/a.mov"),
        ("file://localhost/films/one/a.mov", "project/a.mov"),
        ("", ""),
    ],
)
def test_names_that_other_programs_wrote(url: str, source: str) -> None:
    assert Sources(FOLDER).from_url(url) == source


@pytest.mark.parametrize("source", ["a.mp4", "picked/1/a.mp4", "project/../../etc/passwd", "", "project\0/x"])
def test_what_is_in_no_folder_that_the_host_knows(source: str) -> None:
    with pytest.raises(InvalidParams):
        Sources(FOLDER).to_url(source)


def test_urls_are_not_files() -> None:
    with pytest.raises(InvalidParams, match="reads files only"):
        Sources(FOLDER).to_path("https://x.example/a.mp4")


def test_without_a_project_there_is_no_project_folder(tmp_path: Path) -> None:
    sources = Sources(None)
    assert sources.to_url("/a/b.mp4") == "file:///a/b.mp4"
    assert sources.from_url("b.mp4") == "b.mp4"
    with pytest.raises(InvalidParams, match="not in the project"):
        sources.to_path("project/b.mp4")
    assert not sources.owns(tmp_path)


def test_a_link_out_of_the_project_is_not_in_the_project(tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "secret").touch()
    (tmp_path / "project" / "link").symlink_to(tmp_path / "secret")
    (tmp_path / "project" / "own").touch()
    sources = Sources(tmp_path / "project")
    assert sources.owns(sources.to_path("project/own"))
    assert not sources.owns(sources.to_path("project/link"))
