"""The command line of the daemon: arguments to `Config`, start-up errors to words and an exit status."""

import argparse
import os
import sys
from collections.abc import Sequence

from plugind import app, log
from plugind.config import Config, load
from plugind.errors import StartupError
from plugind_protocol import __version__


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the daemon until it is told to stop.

    Args:
        arguments: The command line without the program's name; default ``sys.argv``.

    Returns:
        The exit status: 0 after a graceful stop, 1 when it could not start.
    """
    given = vars(_parser().parse_args(arguments))
    try:
        config = load(given, os.environ)
        log.configure(config.log_format)
        app.run(config, os.environ)
    except StartupError as exc:
        print(f"plugind: {exc}", file=sys.stderr)  # noqa: T201  # a start-up error is for the person who started it
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="plugind",
        description="The plugin daemon of Timeline Studio. Prints one JSON line on stdout when it is ready; "
        "logs go to stderr. SIGTERM or SIGINT stops it gracefully.",
    )
    parser.add_argument("--socket", metavar="PATH", help="Unix socket to listen on (default: in $XDG_RUNTIME_DIR)")
    parser.add_argument("--data-dir", metavar="PATH", help="installed plugins, state and caches (default: per user)")
    parser.add_argument(
        "--host", choices=("headless", "editor"), help=f"who provides the timeline (default: {Config().host})"
    )
    parser.add_argument("--project", metavar="FILE.otio", help="timeline that the headless host opens")
    parser.add_argument(
        "--dialogs",
        metavar="cancel|accept|prompt|FILE.json",
        help=f"how the headless host answers dialogs (default: {Config().dialogs})",
    )
    parser.add_argument("--engine", choices=("wasmtime", "wasmer"), help=f"wasm engine (default: {Config().engine})")
    parser.add_argument(
        "--sandbox",
        choices=("require", "degrade"),
        help=f"without an essential layer: run no plugin, or run it all the same (default: {Config().sandbox})",
    )
    parser.add_argument(
        "--isolation",
        choices=("dedicated", "publisher"),
        help=f"a process for each plugin, or for the plugins of each publisher (default: {Config().isolation})",
    )
    parser.add_argument("--config", metavar="FILE.toml", help="further settings")
    parser.add_argument("--log-format", choices=("console", "json"), help=f"(default: {Config().log_format})")
    parser.add_argument(
        "--exit-with-stdin", action="store_true", default=None, help="stop when stdin closes (for a sidecar)"
    )
    parser.add_argument("--version", action="version", version=f"plugind {__version__}")
    return parser
