import pytest

from plugind.listen.endpoint import resolve
from plugind.listen.errors import ListenError


def test_default_is_what_clients_expect() -> None:
    assert (
        resolve(None, {"XDG_RUNTIME_DIR": "/run/user/7"}, platform="linux").path == "/run/user/7/plugind/plugind.sock"
    )


def test_configured_wins_and_becomes_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.chdir(str(tmp_path))
    assert resolve("a.sock", {"PLUGIND_SOCKET": "/b.sock"}, platform="linux").path == f"{tmp_path}/a.sock"


@pytest.mark.parametrize(("platform", "longest"), [("linux", 107), ("darwin", 103), ("freebsd14", 103)])
def test_length_is_counted_in_bytes(platform: str, longest: int) -> None:
    fits = "/" + "é" * ((longest - 1) // 2)
    assert resolve(fits, {}, platform=platform).path == fits
    with pytest.raises(ListenError, match=rf"{longest} fit"):
        resolve(fits + "é", {}, platform=platform)


def test_nul() -> None:
    with pytest.raises(ListenError, match="NUL"):
        resolve("/a\0b", {}, platform="linux")


def test_windows_takes_names_of_pipes_only() -> None:
    assert resolve(r"\\.\pipe\x", {}, platform="win32").path == r"\\.\pipe\x"
    assert resolve(None, {"USERNAME": "mia"}, platform="win32").path == r"\\.\pipe\plugind-mia"
    with pytest.raises(ListenError, match="not the name of a pipe"):
        resolve("/tmp/x.sock", {}, platform="win32")
