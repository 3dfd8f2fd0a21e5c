"""The rendered video: written beside its target under another name, and renamed when it is whole."""

import math
import secrets
from fractions import Fraction
from typing import Any, Final, Self

import av
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from pluginctl.failure import CommandFailed
from pluginctl.rendering.colour import Converter, Pixels, target_format
from pluginctl.rendering.job import Job
from pluginctl.rendering.reader import Reader, Timing

DEFAULT_CRF: Final = {"libx264": 18, "libx265": 20, "libvpx-vp9": 24, "libvpx": 10, "libsvtav1": 26}
"""Encoders that have a constant rate factor, and one that looks like the source."""
PRESETS: Final = ("libx264", "libx265", "libsvtav1")
BITS_PER_PIXEL: Final = 0.2
"""For encoders that want a bit rate: generous."""
PREFERRED: Final = (("h264", "libx264"), ("vp9", "libvpx-vp9"), ("vp8", "libvpx"))
"""Codecs and their encoders, in the order in which a container is asked whether it takes them."""
MOV_SUFFIXES: Final = (".mp4", ".mov", ".m4v")
MAX_TIMESCALE: Final = 1 << 24
"""Units in a second that players may be trusted with."""
_CONTAINERS_OWN: Final = ("major_brand", "minor_version", "compatible_brands", "encoder")
"""Metadata that tell of the container, not of the video."""


class Writer:
    """Encodes frames and passes packets on. Not for several threads at once.

    Nothing is at the target until `commit`; leaving the ``with`` block before removes what was written.

    Args:
        job: Where to, and how.
        reader: What the output is to equal in all but its pixels.

    Raises:
        CommandFailed: The container or the encoder cannot take it.
    """

    def __init__(self, job: Job, reader: Reader) -> None:
        self.notes: list[str] = []
        self._job = job
        self._reader = reader
        self._converter = Converter(reader.colour)
        self._durations: dict[int, int] = {}
        self._temporary = job.target.with_name(f".{job.target.stem}.{secrets.token_hex(4)}.part{job.target.suffix}")
        self._container = self._open()
        try:
            self._passed: dict[int, Stream] = {}
            for stream in reader.kept:  # in the source's order
                if stream.index == reader.video.index:
                    self._video = self._add_video()
                else:
                    self._passed[stream.index] = self._pass(stream)
            self._keep_metadata()
            self._container.start_encoding()
            self._note_time_base()
        except av.FFmpegError as exc:
            self.__exit__()
            raise CommandFailed(f"{self._name} does not take this video: {exc.strerror}") from exc
        except BaseException:
            self.__exit__()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        try:
            self._container.close()
        except (av.FFmpegError, OSError):
            pass  # a file that is being thrown away need not have an end
        finally:
            self._temporary.unlink(missing_ok=True)

    def write(self, pixels: Pixels, timing: Timing) -> None:
        """Encode one frame; the array may be reused at once.

        Raises:
            CommandFailed: Encoding or writing failed.
        """
        frame = self._converter.from_rgba(pixels, self._pix_fmt)
        frame.pts, frame.time_base = timing.pts, self._reader.time_base
        self._durations[timing.pts] = timing.duration
        self._guarded(frame)

    def pass_on(self, packets: list["Packet[Any]"]) -> None:
        """Write packets of other streams as they are.

        Raises:
            CommandFailed: Writing failed.
        """
        for packet in packets:
            packet.stream = self._passed[packet.stream.index]
            self._mux(packet)

    def commit(self) -> None:
        """Finish the file and put it in its place.

        Raises:
            CommandFailed: Finishing failed.
        """
        self._guarded(None)
        try:
            self._container.close()
            self._temporary.replace(self._job.target)
        except (av.FFmpegError, OSError) as exc:
            raise CommandFailed(f"Cannot write {self._job.target}: {exc.strerror}") from exc

    @property
    def _name(self) -> str:
        return f"A {self._container.format.name} file with {self._video_codec}"

    @property
    def _video_codec(self) -> str:
        if self._job.codec is not None:
            return self._job.codec
        taken = self._container.supported_codecs
        return next((encoder for name, encoder in PREFERRED if name in taken), self._container.default_video_codec)

    def _open(self) -> av.container.OutputContainer:
        options = _exact_times(self._reader) if self._job.target.suffix.lower() in MOV_SUFFIXES else {}
        try:
            return av.open(str(self._temporary), "w", container_options=options)
        except ValueError as exc:
            hint = "Give OUTPUT a suffix such as .mp4, .mov, .mkv or .webm."
            raise CommandFailed(f"No container is known by {self._job.target.name!r}", hint=hint) from exc
        except (av.FFmpegError, OSError) as exc:
            raise CommandFailed(f"Cannot write {self._job.target}: {exc.strerror}") from exc

    def _add_video(self) -> VideoStream:
        codec, reader = self._video_codec, self._reader
        try:
            encoder = av.Codec(codec, "w")
            if encoder.type != "video":
                raise CommandFailed(f"{codec} is no video encoder", hint="Choose another --codec, such as libx264.")
            stream = self._container.add_stream(codec, rate=reader.rate, options=self._encoder_options(codec))
        except (av.codec.codec.UnknownCodecError, ValueError) as exc:
            hint = "Choose another --codec, or another container by OUTPUT's suffix."
            raise CommandFailed(f"{codec} cannot be used in {self._container.format.name}: {exc}", hint=hint) from exc
        assert isinstance(stream, VideoStream)
        self._pix_fmt = self._choose_format(encoder)
        source, context = reader.video.codec_context, stream.codec_context
        stream.width, stream.height, stream.pix_fmt = reader.width, reader.height, self._pix_fmt
        stream.time_base = context.time_base = reader.time_base
        context.color_range = reader.colour.range
        context.colorspace = reader.colour.tag
        context.color_primaries, context.color_trc = source.color_primaries, source.color_trc
        if reader.video.sample_aspect_ratio:
            context.sample_aspect_ratio = reader.video.sample_aspect_ratio
        if codec not in DEFAULT_CRF:
            context.bit_rate = int(reader.width * reader.height * reader.rate * Fraction(BITS_PER_PIXEL))
        self._keep_display_matrix(stream)
        stream.metadata.update(_without(reader.video.metadata, _CONTAINERS_OWN))
        return stream

    def _encoder_options(self, codec: str) -> dict[str, str]:
        options = {}
        if codec in DEFAULT_CRF:
            options["crf"] = str(DEFAULT_CRF[codec] if self._job.crf is None else self._job.crf)
        elif self._job.crf is not None:
            raise CommandFailed(f"{codec} has no constant rate factor", hint="Leave --crf out.")
        if self._job.preset is not None:
            if codec not in PRESETS:
                raise CommandFailed(f"{codec} has no presets", hint="Leave --preset out.")
            options["preset"] = self._job.preset
        return options

    def _choose_format(self, encoder: av.Codec) -> str:
        source = self._reader.format
        offered = [each.name for each in encoder.video_formats or []]
        size = {"width": self._reader.width, "height": self._reader.height}
        chosen = target_format(source, offered=offered, **size)
        if chosen is None:
            raise CommandFailed(
                f"{encoder.name} has no pixel format for {source.name} at {size['width']}x{size['height']}",
                hint="Odd sizes need an encoder with yuv444p, such as libx264.",
            )
        if chosen != source.name.replace("yuvj", "yuv"):  # the same pixels, their full range in the name
            self.notes.append(f"pixels are {chosen} in place of {source.name}")
        return chosen

    def _keep_display_matrix(self, stream: VideoStream) -> None:
        matrix = self._reader.display_matrix
        if matrix is None:
            return
        if hasattr(stream, "set_display_matrix"):  # not in older releases of PyAV
            stream.set_display_matrix(matrix)
        else:
            self.notes.append("the rotation is lost: this PyAV cannot write it")

    def _pass(self, stream: Stream) -> Stream:
        try:
            added = self._container.add_stream_from_template(stream, opaque=True)
        except (ValueError, av.FFmpegError) as exc:
            name = stream.codec_context.name if stream.codec_context is not None else "unknown"
            raise CommandFailed(
                f"{self._container.format.name} cannot hold the {stream.type} stream {stream.index} ({name}): {exc}",
                hint="Give OUTPUT the suffix of INPUT, or .mkv.",
            ) from exc
        added.time_base = stream.time_base
        added.metadata.update(_without(stream.metadata, _CONTAINERS_OWN))
        added.disposition = stream.disposition
        return added

    def _keep_metadata(self) -> None:
        self._container.metadata.update(_without(self._reader.container.metadata, _CONTAINERS_OWN))
        if chapters := self._reader.container.chapters():
            self._container.set_chapters(chapters)

    def _note_time_base(self) -> None:
        if self._video.time_base != self._reader.time_base:  # the muxer has the last word
            self.notes.append(f"timestamps are in units of {self._video.time_base} s, not {self._reader.time_base}")

    def _guarded(self, frame: av.VideoFrame | None) -> None:
        try:
            packets = self._video.encode(frame)
        except av.FFmpegError as exc:
            raise CommandFailed(f"{self._video_codec} cannot encode this video: {exc.strerror}") from exc
        for packet in packets:
            if packet.pts is not None:
                packet.duration = self._durations.pop(packet.pts, packet.duration)
            self._mux(packet)

    def _mux(self, packet: "Packet[Any]") -> None:
        try:
            self._container.mux(packet)
        except (av.FFmpegError, OSError) as exc:
            raise CommandFailed(f"Cannot write {self._job.target}: {exc.strerror}") from exc


def _exact_times(reader: Reader) -> dict[str, str]:
    """Options for MP4 and its kin, which would choose a time base of their own and round where streams begin to ms."""
    options = {}
    if "mp4" not in reader.container.format.name:  # such a source has been rounded already, and its duration with it
        common = math.lcm(*(stream.time_base.denominator for stream in reader.kept if stream.time_base is not None))
        if common <= MAX_TIMESCALE:
            options["movie_timescale"] = str(common)
    if reader.time_base.numerator == 1:
        options["video_track_timescale"] = str(reader.time_base.denominator)
    return options


def _without(metadata: dict[str, str], names: tuple[str, ...]) -> dict[str, str]:
    return {name: value for name, value in metadata.items() if name.lower() not in names}
