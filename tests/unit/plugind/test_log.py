"""What the log shows, and what starting costs that nobody needs."""

import subprocess
import sys

import pytest
import structlog

from plugind import log


def _fail(secret: str) -> None:
    raise ValueError(len(secret))


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_a_traceback_shows_no_variables(log_format: log.LogFormat, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        log.configure(log_format)
        try:
            _fail("hunter2" + "!")
        except ValueError:
            structlog.get_logger().exception("it failed")
    finally:
        structlog.reset_defaults()
    shown = capsys.readouterr().err
    assert "ValueError: 8" in shown
    assert "hunter2!" not in shown


def test_the_daemon_does_not_load_what_draws_on_terminals() -> None:
    program = "import plugind.__main__, sys; print([name for name in sys.modules if name.startswith('rich.')])"
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert shown == "[]\n"
