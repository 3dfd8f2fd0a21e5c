"""``pluginctl render``: the command around `pluginctl.rendering`, its progress and its summary."""

from contextlib import nullcontext
from pathlib import Path
from typing import Any, Final

import anyio
import click
import msgspec

from pluginctl.arguments import EFFECT_ID, plugin_argument
from pluginctl.context import CLIENT_NAME, PROVIDES, Invocation, pass_invocation
from pluginctl.failure import CommandFailed
from pluginctl.interrupts import sigterm_as_ctrl_c
from pluginctl.rendering.degraded import degradations
from pluginctl.rendering.job import DEFAULT_RETRIES, Job, Summary
from pluginctl.rendering.progress import Show, progress
from pluginctl.terminal import duration, printable
from plugind_client import AsyncClient
from plugind_protocol import __version__


class Parameter(click.ParamType):  # type: ignore[type-arg]  # generic in newer releases of click only
    """``name=value``; the value is JSON if it reads as JSON, else a string."""

    name = "name=value"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, Any]:
        """Split it.

        Raises:
            click.BadParameter: There is no name, or no equals sign.
        """
        if isinstance(value, tuple):
            return value
        name, equals, text = str(value).partition("=")
        if not name or not equals:
            self.fail(f"{value!r} is not NAME=VALUE", param, ctx)
        try:
            return name, msgspec.json.decode(text)
        except msgspec.DecodeError:
            return name, text


@click.command()
@plugin_argument
@click.argument("effect", type=EFFECT_ID)
@click.argument("source", metavar="INPUT", type=click.Path(path_type=Path))
@click.argument("target", metavar="OUTPUT", type=click.Path(path_type=Path))
@click.option("--param", "params", type=Parameter(), multiple=True, help="A parameter of the effect; may be repeated.")
@click.option(
    "--retries",
    type=click.IntRange(0),
    default=DEFAULT_RETRIES,
    show_default=True,
    help="How often a frame is tried again when the plugin's worker is lost.",
)
@click.option(
    "--fallback",
    type=click.Choice(["bypass", "lastGood", "fail"]),
    default="fail",
    show_default=True,
    help="What a frame gets that the plugin does not make: its input, the last good frame, or the rendering fails.",
)
@click.option("--deadline", metavar="MS", type=click.IntRange(1), help="How long the plugin may take for a frame.")
@click.option("--fps-deadline", is_flag=True, help="It may take as long as INPUT shows a frame.")
@click.option("--codec", help="Video encoder.  [default: what OUTPUT's container usually has]")
@click.option("--crf", type=click.IntRange(0, 63), help="Quality, 0 is best.  [default: looks like INPUT]")
@click.option("--preset", help="Speed of encoders that have presets, such as fast.")
@click.option("--picture", metavar="FILE.png", type=click.Path(path_type=Path), help="Also draw before and after.")
@click.option("--force", is_flag=True, help="Replace OUTPUT and the picture if they exist.")
@pass_invocation
def render(invocation: Invocation, /, params: tuple[tuple[str, Any], ...], **options: Any) -> None:
    """Render INPUT through EFFECT of PLUGIN to OUTPUT.

    Only the pixels change: timestamps, size, colour tags, audio and subtitles stay. The suffix of OUTPUT names the
    container. OUTPUT appears when it is whole; Ctrl-C leaves nothing behind.
    """
    if options["fps_deadline"] and options["deadline"] is not None:
        raise click.UsageError("--deadline and --fps-deadline exclude each other.")
    job = Job(params=dict(params), **options)
    with sigterm_as_ctrl_c(), nullcontext() if invocation.as_json else progress() as show:
        summary = anyio.run(_render, invocation, job, show)
    invocation.show(summary, _words(summary))


async def _render(invocation: Invocation, job: Job, show: Show | None) -> Summary:
    try:
        from pluginctl.rendering.pipeline import render as run  # noqa: PLC0415 - PyAV and numpy are extras
    except ImportError as exc:
        raise CommandFailed("Rendering needs PyAV and numpy", hint='pip install "plugind[media]"') from exc
    opened = AsyncClient.connect(invocation.socket, name=CLIENT_NAME, version=__version__, provides=PROVIDES)
    async with opened as client:
        return await run(client, job, on_frame=show)


def _words(summary: Summary) -> str:
    per_frame = summary.ms_per_frame
    fps = summary.frames / max(summary.seconds, 0.001)
    size = f"{duration(summary.duration)} at {summary.width}x{summary.height}"
    lines = [
        f"{summary.frames} frames, {size}, in {duration(summary.seconds)} ({fps:.1f} fps)",
        f"per frame: plugin {per_frame.plugin:.2f} ms, relay {per_frame.relay:.2f} ms, codec {per_frame.codec:.2f} ms",
    ]
    lines += [f"degraded: {words}" for words in degradations(summary.degraded)]
    if summary.crashes:
        lines.append(f"workers lost: {summary.crashes}, recovered in {summary.recovery_ms:.0f} ms")
    lines += [f"note: {note}" for note in summary.notes]
    lines.append(f"wrote {summary.output}")
    if summary.picture is not None:
        lines.append(f"wrote {summary.picture}")
    return printable("\n".join(lines))


COMMANDS: Final = {"render": render}
