"""Edits a project from the terminal: a plugin puts clips on a timeline, and OpenTimelineIO reads what came of it.

python examples/headless_edit.py [FOLDER]    # FOLDER keeps the project and its film; default: a temporary one

Starts a plugind of its own, with a headless host. Needs the extras ``headless`` and ``media``; no editor.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import opentimelineio as otio
import sample_clip

EXAMPLES = Path(__file__).resolve().parent
FPS = 25


def main(arguments: list[str] | None = None) -> None:
    """Runs the command line.

    Args:
        arguments: The arguments after the program's name; those of the process by default.
    """
    parser = argparse.ArgumentParser(description="Let a plugin edit a project, without an editor.")
    parser.add_argument("folder", type=Path, nargs="?", help="where the project and its film are made")
    folder: Path | None = parser.parse_args(arguments).folder
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="plugind-") as scratch:
        edit(make_project(folder or Path(scratch)), Path(scratch))


def make_project(folder: Path) -> Path:
    """Makes a film of two seconds and an empty project beside it.

    Args:
        folder: Where to.

    Returns:
        The project.
    """
    sample_clip.generate(folder / "film.mp4", width=320, height=180, fps=FPS, seconds=2)
    timeline = otio.schema.Timeline("Holidays", global_start_time=otio.opentime.RationalTime(0, FPS))
    timeline.tracks.append(otio.schema.Track("V1", kind=otio.schema.TrackKind.Video))
    project = folder / "holidays.otio"
    otio.adapters.write_to_file(timeline, str(project))
    return project


def edit(project: Path, scratch: Path) -> None:
    """Starts plugind on a project, lets a plugin edit it, and reads it again.

    Args:
        project: The project.
        scratch: For the daemon's socket and data.
    """
    sock = str(scratch / "plugind.sock")
    command = [sys.executable, "-m", "plugind", "--socket", sock, "--data-dir", str(scratch / "data")]
    with (scratch / "plugind.log").open("wb") as log:
        daemon = subprocess.Popen(
            [*command, "--host", "headless", "--project", str(project)], stdout=subprocess.PIPE, stderr=log
        )
    assert daemon.stdout is not None
    try:
        if not daemon.stdout.readline():
            sys.exit((scratch / "plugind.log").read_text().strip())
        pluginctl(sock, "install", str(EXAMPLES / "append-clips"), "--grant-requested")
        pluginctl(sock, "call", "append-clips", "append", json.dumps({"source": "project/film.mp4", "times": 3}))
        pluginctl(sock, "timeline")
    finally:
        daemon.terminate()
        daemon.wait()
        daemon.stdout.close()
    timeline = otio.adapters.read_from_file(str(project))
    for clip in timeline.find_clips():
        span = clip.range_in_parent()
        print(f"{clip.name}: {span.start_time.to_seconds():g} s to {span.end_time_exclusive().to_seconds():g} s")


def pluginctl(sock: str, *arguments: str) -> None:
    """Runs a command of pluginctl, and shows it."""
    print("$ pluginctl", *arguments[:-1], arguments[-1] if " " not in arguments[-1] else f"'{arguments[-1]}'")
    sys.stdout.flush()
    subprocess.run([sys.executable, "-m", "pluginctl", "--socket", sock, *arguments], check=True)


if __name__ == "__main__":
    main()
