"""Settings: precedence, and errors that name the key."""

from pathlib import Path

import pytest

from plugind.config import Config, default_data_dir, load
from plugind.errors import ConfigError


def test_defaults() -> None:
    assert load({}, {}) == Config()


def test_arguments_win_over_environment_over_file(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text('socket = "file"\ndata_dir = "file"\nengine = "wasmtime"\n[supervision]\nmax_restarts = 7\n')
    config = load({"socket": "argument", "config": str(file), "engine": None}, {"PLUGIND_DATA_DIR": "environment"})
    assert (config.socket, config.data_dir, config.supervision.max_restarts) == ("argument", "environment", 7)
    assert load({"config": str(file)}, {"PLUGIND_SOCKET": "environment"}).socket == "environment"


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("nonsense = 1", "nonsense"),
        ('engine = "v8"', "engine"),
        ("[wire]\nmessage_bytes = 'x'", "message_bytes"),
        ("=", "c.toml"),
    ],
)
def test_a_wrong_file_is_refused_naming_the_key(tmp_path: Path, text: str, key: str) -> None:
    file = tmp_path / "c.toml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=key):
        load({"config": str(file)}, {})


def test_data_dir_follows_xdg() -> None:
    assert default_data_dir({"XDG_DATA_HOME": "/x"}) == Path("/x/plugind")
    assert default_data_dir({"HOME": "/home/u"}) == Path("/home/u/.local/share/plugind")
