"""Media files that were made to harm whoever decodes them: damaged at random, larger than they say, endless."""

import random
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import av
from tests.fakes.media import film, sound, still

SEED: Final = 1
_HUGE: Final = 0xFFFF_FFFF


def sources(folder: Path) -> list[Path]:
    """Write small whole files, one of each kind."""
    folder.mkdir()
    films = [film(folder / f"film.{kind}", frames=12) for kind in ("mp4", "mkv", "mov", "avi", "ts", "flv")]
    return [*films, _gif(folder / "film.gif", frames=12), still(folder / "still.png"), sound(folder / "sound.wav")]


def damaged(whole: Path, count: int) -> Iterator[bytes]:
    """Damage a file at random: its head, where sizes and counts are, more than the rest.

    Args:
        whole: The file.
        count: How many to make.
    """
    chance = random.Random(f"{SEED} {whole.name}")
    data = whole.read_bytes()
    for _ in range(count):
        bad = bytearray(data)
        for _ in range(chance.choice((1, 2, 4, 16, 64))):
            at = chance.randrange(min(len(bad), chance.choice((64, 1024, len(bad)))))
            width = chance.choice((1, 1, 2, 4, 8))
            bad[at : at + width] = chance.choice((chance.randbytes(width), b"\xff" * width, bytes(width), b""))
        yield bytes(bad[: chance.choice((len(bad), len(bad), chance.randrange(1, len(bad))))])


def bombs(folder: Path) -> dict[str, Path]:
    """Write files that are small and want much, by what they want."""
    folder.mkdir()
    whole = film(folder / "whole.mp4", frames=12).read_bytes()
    return {
        "a picture of 60 000 x 60 000 pixels": _png(folder / "wide.png", 60_000, 60_000, rows=0),
        "a picture of 256 MiB in 255 KiB": _png(folder / "black.png", 8192, 8192, rows=8192),
        "a text of 512 MiB in a picture": _text(folder / "text.png", 512),
        "a film that says 65 535 x 65 535 pixels": _write(folder / "size.mp4", _sized(whole, 65_535)),
        "4 294 967 295 samples": _write(folder / "many.mp4", _counted(whole, b"stsz", 16)),
        "4 294 967 295 durations": _write(folder / "times.mp4", _counted(whole, b"stts", 12)),
        "4 294 967 295 chunks": _write(folder / "chunks.mp4", _counted(whole, b"stco", 12)),
        "boxes in boxes, 100 000 deep": _write(folder / "deep.mp4", whole[:32] + _nested(100_000)),
        "40 000 frames, of which one is a key": _write(folder / "keyless.mp4", _keyless(folder / "long.mp4")),
        "5 000 tracks": _write(folder / "tracks.mp4", _tracks(whole, 5_000)),
        "other files, by name": _write(folder / "list.mp4", b"ffconcat version 1.0\nfile /etc/passwd\n"),
    }


def _write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def _gif(path: Path, *, frames: int) -> Path:
    with av.open(str(path), "w") as container:
        video = container.add_stream("gif", rate=10)
        video.width, video.height, video.pix_fmt = 32, 16, "rgb8"
        for number in range(frames):
            frame = av.VideoFrame(32, 16, "rgb8")
            frame.planes[0].update(bytes([number]) * frame.planes[0].buffer_size)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
    return path


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _png(path: Path, width: int, height: int, *, rows: int, more: bytes = b"") -> Path:
    """Write a black picture; the rows are those that are there."""
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(bytes(1 + 4 * width)) for _ in range(rows)) + packer.flush()
    head = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0))
    return _write(path, b"\x89PNG\r\n\x1a\n" + head + more + _chunk(b"IDAT", packed) + _chunk(b"IEND", b""))


def _text(path: Path, mebibytes: int) -> Path:
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(bytes(1 << 20)) for _ in range(mebibytes)) + packer.flush()
    return _png(path, 8, 8, rows=8, more=_chunk(b"zTXt", b"Comment\0\0" + packed))


def _sized(whole: bytes, side: int) -> bytes:
    """Let a film's header say how large its pictures are."""
    at = whole.index(b"avc1", whole.index(b"stsd")) + 28
    return whole[:at] + struct.pack(">HH", side, side) + whole[at + 4 :]


def _counted(whole: bytes, box: bytes, offset: int) -> bytes:
    """Let a table of a film's say that it has as many entries as can be said."""
    at = whole.index(box) - 4 + offset
    return whole[:at] + struct.pack(">I", _HUGE) + whole[at + 4 :]


def _keyless(path: Path) -> bytes:
    """Write a long film that says that only its first frame can be decoded for itself."""
    data = film(path, frames=40_000, width=16, height=16).read_bytes()
    at = data.index(b"stss") + 8
    return data[:at] + struct.pack(">I", 1) + data[at + 4 :]


def _nested(depth: int) -> bytes:
    return b"".join(struct.pack(">I", 8 * (depth - level)) + b"moov" for level in range(depth))


def _tracks(whole: bytes, count: int) -> bytes:
    """Repeat a film's track."""
    at = whole.index(b"moov") - 4
    (size,) = struct.unpack_from(">I", whole, at)
    track = whole.index(b"trak", at) - 4
    (length,) = struct.unpack_from(">I", whole, track)
    more = whole[track : track + length] * count
    grown = struct.pack(">I", size + len(more)) + whole[at + 4 : track] + more + whole[track : at + size]
    return whole[:at] + grown + whole[at + size :]
