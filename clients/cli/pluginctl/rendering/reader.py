"""The source video: its frames as RGBA, and every other stream's packets as they are."""

from collections.abc import Generator
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, NamedTuple, cast

import av
from av.packet import Packet
from av.sidedata.sidedata import SideData
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from pluginctl.failure import CommandFailed
from pluginctl.rendering.colour import Colour, Converter, Pixels

KEPT_TYPES: Final = ("video", "audio", "subtitle")
"""Types of streams that the output has too; what else there is (data, attachments) is left out and noted."""


class Timing(NamedTuple):
    """When a frame is shown, in units of the video's time base."""

    pts: int
    duration: int


class Reader:
    """Decodes a video. Not for several threads at once.

    Args:
        path: The file.

    Raises:
        CommandFailed: It cannot be read, or has no video.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.container = _open(path)
        try:
            self._begin()
        except BaseException:
            self.container.close()
            raise

    def _begin(self) -> None:
        self.video = _main_video(self.container, self.path)
        self.kept = [stream for stream in self.container.streams if stream.type in KEPT_TYPES]
        self.notes = [
            f"the {stream.type} stream {stream.index} is left out"
            for stream in self.container.streams
            if stream.type not in KEPT_TYPES and not self.container.chapters()  # chapters are written anew
        ]
        self.video.thread_type = "AUTO"
        context = self.video.codec_context
        if context.format is None:
            raise CommandFailed(f"{self.path} has video of an unknown pixel format")
        self.format = context.format
        self.width, self.height = context.width, context.height
        self.time_base = self.video.time_base or Fraction(1, 90_000)
        self.rate = self.video.average_rate or self.video.guessed_rate or Fraction(25)
        self.colour = Colour.of(context, self.format)
        self._converter = Converter(self.colour)
        self._packets: list[Packet[Any]] = []
        self._last = Timing(0, 0)
        self.count = 0
        """Frames read so far."""
        self._frames = self._decode()
        self._ahead = next(self._frames, None)
        if self._ahead is None:
            raise CommandFailed(f"{self.path} has no frame that can be decoded")
        self.display_matrix = _display_matrix(self._ahead)

    @property
    def expected_frames(self) -> int:
        """How many frames there probably are; 0 if nobody knows."""
        if self.video.frames:
            return self.video.frames
        if self.video.duration:
            return round(self.video.duration * self.time_base * self.rate)
        return round(Fraction(self.container.duration, 1_000_000) * self.rate) if self.container.duration else 0

    def read(self, pixels: Pixels) -> Timing | None:
        """Decode the next frame.

        Args:
            pixels: Where it goes, ``(height, width, 4)``.

        Returns:
            When it is shown; None after the last one.

        Raises:
            CommandFailed: The file is damaged here.
        """
        frame = self._ahead if self._ahead is not None else next(self._frames, None)
        self._ahead = None
        if frame is None:
            return None
        if (frame.width, frame.height) != (self.width, self.height):
            raise CommandFailed(
                f"{self.path} changes its size to {frame.width}x{frame.height} at frame {self.count}",
                hint="Cut the video where its size changes.",
            )
        self._converter.to_rgba(frame, pixels)
        self._last = self._timing(frame)
        self.count += 1
        return self._last

    def take_packets(self) -> list["Packet[Any]"]:
        """Return the packets of other streams that have been met since the last time."""
        packets, self._packets = self._packets, []
        return packets

    def close(self) -> None:
        """Close the file."""
        self._frames.close()
        self.container.close()

    def _decode(self) -> Generator[VideoFrame]:
        try:
            for packet in self.container.demux(*self.kept):
                if packet.stream.index == self.video.index:  # the packet's own index is wrong when it only flushes
                    yield from self.video.decode(packet)
                elif packet.size:  # the empty ones only flush decoders
                    self._packets.append(packet)
        except av.FFmpegError as exc:
            raise CommandFailed(f"{self.path} is damaged after frame {self.count}: {exc.strerror}") from exc

    def _timing(self, frame: VideoFrame) -> Timing:
        duration = frame.duration or round(1 / (self.rate * self.time_base))
        pts = frame.pts if frame.pts is not None else frame.dts
        if pts is None:  # some old containers do not say
            pts = self._last.pts + self._last.duration
        return Timing(pts, duration)


def _open(path: Path) -> av.container.InputContainer:
    try:
        return av.open(str(path), "r", metadata_errors="replace")
    except av.FFmpegError as exc:
        raise CommandFailed(f"Cannot read {path}: {exc.strerror}", hint="Give a video file that FFmpeg knows.") from exc
    except OSError as exc:
        raise CommandFailed(f"Cannot read {path}: {exc.strerror}") from exc


def _main_video(container: av.container.InputContainer, path: Path) -> VideoStream:
    for stream in container.streams.video:
        if not stream.disposition & Disposition.attached_pic and stream.codec_context is not None:
            return stream
    raise CommandFailed(f"{path} has no video", hint="Give a file with a video stream that FFmpeg can decode.")


def _display_matrix(frame: VideoFrame) -> list[int] | None:
    side = cast("SideData | None", frame.side_data.get("DISPLAYMATRIX"))
    return None if side is None else list(memoryview(bytes(side)).cast("i"))
