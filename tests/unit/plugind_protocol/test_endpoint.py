import pytest

from plugind_protocol.endpoint import default_path


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"PLUGIND_SOCKET": "/a/b.sock", "XDG_RUNTIME_DIR": "/run/user/7"}, "/a/b.sock"),
        ({"PLUGIND_SOCKET": "here.sock"}, "here.sock"),
        ({"PLUGIND_SOCKET": "", "XDG_RUNTIME_DIR": "/run/user/7"}, "/run/user/7/plugind/plugind.sock"),
        ({"XDG_RUNTIME_DIR": "relative"}, "/tmp/plugind-7/plugind.sock"),
        ({"XDG_RUNTIME_DIR": "", "TMPDIR": "/var/tmp"}, "/var/tmp/plugind-7/plugind.sock"),
        ({"TMPDIR": "relative"}, "/tmp/plugind-7/plugind.sock"),
        ({}, "/tmp/plugind-7/plugind.sock"),
    ],
)
def test_posix(environ: dict[str, str], expected: str) -> None:
    assert default_path(environ=environ, uid=7, platform="linux") == expected


def test_windows_names_a_pipe() -> None:
    assert default_path(environ={"USERNAME": "mia"}, uid=0, platform="win32") == r"\\.\pipe\plugind-mia"
