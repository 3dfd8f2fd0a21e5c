"""Plugind at work, from nothing to a graded video: what ``make run`` does.

Draws a clip, starts a daemon, installs the colour grade, runs it over the clip in a worker process, kills that worker
halfway, and checks and shows what came of it.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import anyio
import av
from rich.console import Console
from rich.table import Table
from sample_clip import generate

from pluginctl.rendering.job import FrameDone, Job, Summary
from pluginctl.rendering.pipeline import render
from pluginctl.rendering.progress import progress
from plugind_client import AsyncClient

HERE = Path(__file__).parent
LOOK = {"lift": 0.02, "gamma": 1.15, "gain": 1.1, "saturation": 1.6}

console = Console()


def main() -> int:
    """Run the demonstration.

    Returns:
        0 when everything came out as it should, else 1.
    """
    folder = HERE.parent / "run"
    folder.mkdir(exist_ok=True)
    source, target, picture = folder / "clip.mp4", folder / "graded.mp4", folder / "before-after.png"
    say("drawing a sample clip")
    generate(source)
    with daemon(folder) as socket:
        summary, kill, worker = anyio.run(
            grade,
            socket,
            Job(
                plugin="color-grade",
                effect="grade",
                source=source,
                target=target,
                params=LOOK,
                picture=picture,
                force=True,
            ),
        )
    faults = compare(source, target)
    console.print(results(summary, kill, worker))
    for name, path in (("before", source), ("after", target), ("picture", picture), ("daemon's log", folder / "log")):
        console.print(f"  {name:13} {os.path.relpath(path)}")
    for fault in faults:
        console.print(f"[red]not as it should be:[/] {fault}")
    return 1 if faults else 0


@contextlib.contextmanager
def daemon(folder: Path) -> Iterator[str]:
    """Run a daemon for as long as the context lasts; its socket lies in a short path."""
    with tempfile.TemporaryDirectory(prefix="plugind-") as short, (folder / "log").open("w") as log:
        command = [sys.executable, "-m", "plugind", "--socket", f"{short}/s", "--data-dir", str(folder / "data")]
        began = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            sys.exit(f"plugind did not start: {(folder / 'log').read_text()}")
        say(f"plugind is ready after {(time.perf_counter() - began) * 1000:.0f} ms, pid {json.loads(line)['pid']}")
        try:
            yield f"{short}/s"
        finally:
            process.send_signal(signal.SIGTERM)
            if process.wait(20) != 0:
                sys.exit(f"plugind did not stop gracefully: {(folder / 'log').read_text()}")
            say("plugind has stopped, and all its workers with it")


class Kill:
    """Kills the worker halfway, once, and takes the time until the next frame is done."""

    def __init__(self, client: AsyncClient, plugin_id: str) -> None:
        self._client = client
        self._plugin_id = plugin_id
        self._at: float | None = None
        self.pid = self.successor = 0
        self.frame = 0
        self.recovery_ms = 0.0

    async def halfway(self, done: FrameDone) -> None:
        """Called after each frame, before the next is sent."""
        if self._at is None and done.index >= done.expected // 2:
            self.pid = await self._worker()
            self.frame = done.index
            self._at = time.perf_counter()
            os.kill(self.pid, signal.SIGKILL)
        elif self._at is not None and not self.successor:
            self.recovery_ms = (time.perf_counter() - self._at) * 1000
            self.successor = await self._worker()

    async def _worker(self) -> int:
        pid = (await self._client.get_plugin(self._plugin_id)).pid
        assert pid is not None
        return pid


async def grade(socket: str, job: Job) -> tuple[Summary, Kill, dict[str, float]]:
    """Install the plugin and run it over the clip."""
    async with AsyncClient.connect(socket, name="first light") as client:
        began = time.perf_counter()
        installed = await client.install(str(HERE / job.plugin), grant="requested")
        say(f"installed {installed.plugin_id} {installed.version} in {(time.perf_counter() - began) * 1000:.0f} ms")
        began = time.perf_counter()
        info = await client.activate(installed.plugin_id)
        say(f"its worker is process {info.pid}, active after {(time.perf_counter() - began) * 1000:.0f} ms")
        kill = Kill(client, installed.plugin_id)
        await client.daemon_metrics()
        with progress() as show:

            async def on_frame(done: FrameDone) -> None:
                show(done)
                await kill.halfway(done)

            summary = await render(client, job, on_frame=on_frame)
        used = next(one for one in (await client.daemon_metrics()).plugins if one.plugin_id == installed.plugin_id)
        if used.crashes != 1:
            sys.exit(f"the daemon counted {used.crashes} lost workers, not 1")
        return summary, kill, {"memory": used.memory_bytes, "cpu": used.cpu_seconds}


def compare(source: Path, target: Path) -> list[str]:
    """Say in what the output differs from the input and should not."""
    before, after = facts(source), facts(target)
    return [f"{name}: {before[name]} before, {after[name]} after" for name in before if before[name] != after[name]]


def facts(path: Path) -> dict[str, object]:
    """Decode a video and count what is in it."""
    with av.open(str(path)) as container:
        video, sound = container.streams.video[0], container.streams.audio[0]
        frames, pts, packets = 0, [], []
        for packet in container.demux(video, sound):
            if packet.stream is sound:
                packets.append(bytes(packet))
            else:
                for frame in packet.decode():
                    frames += 1
                    pts.append(frame.time)
        return {
            "frames": frames,
            "size": (video.width, video.height),
            "times": pts,
            "audio packets": packets,
        }


def results(summary: Summary, kill: Kill, worker: dict[str, float]) -> Table:
    """Draw the table."""
    table = Table(title="colour grade through plugind", show_header=False, title_justify="left")
    each = summary.ms_per_frame
    for name, value in (
        ("frames", f"{summary.frames} of {summary.width}x{summary.height}, {summary.duration:.2f} s of video"),
        ("in the plugin", f"{each.plugin:.2f} ms per frame"),
        ("relay", f"{each.relay:.2f} ms per frame (daemon, sockets, waiting for a core; pixels are not sent)"),
        ("decode, convert, encode", f"{each.codec:.2f} ms per frame"),
        ("together", f"{summary.frames / summary.seconds:.1f} frames per second"),
        ("worker memory", f"{worker['memory'] / 1e6:.1f} MB private"),
        ("worker CPU", f"{worker['cpu']:.2f} s since its start"),
        ("crash", f"worker {kill.pid} killed by SIGKILL after frame {kill.frame}"),
        ("recovery", f"the next frame was done {kill.recovery_ms:.0f} ms later, by worker {kill.successor}"),
    ):
        table.add_row(name, value)
    return table


def say(text: str) -> None:
    """Tell what happens."""
    console.print(f"[bold]•[/] {text}")


if __name__ == "__main__":
    sys.exit(main())
