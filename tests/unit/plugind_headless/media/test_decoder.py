import base64
import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import anyio
import av
import psutil
import pytest
from tests.fakes.media import STEP, film, pixels, sound, still, turned
from tests.harness.slices import slice_ns

from plugind_headless.media import decoder as module
from plugind_headless.media.decoder import Decoder
from plugind_headless.media.messages import Request
from plugind_protocol import scheduling
from plugind_protocol.errors import HostUnavailable, InvalidParams, Timeout, TooLarge

pytestmark = [pytest.mark.anyio, pytest.mark.process]


@pytest.fixture
def decoder() -> Iterator[Decoder]:
    made = Decoder()
    yield made
    made.close()


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return film(tmp_path_factory.mktemp("media") / "clip.mp4")


async def look(decoder: Decoder, path: Path, what: Any = "info", **wanted: Any) -> Any:
    return (await decoder.ask(path, Request(what, 0, **wanted))).result


async def picture(decoder: Decoder, path: Path, **wanted: Any) -> Any:
    answer = await decoder.ask(path, Request("picture", 0, **wanted))
    assert answer.result is not None
    shown = pixels(base64.b64decode(answer.data), path.with_name("shown.png"))
    assert shown.shape[:2] == (answer.result["height"], answer.result["width"])
    return shown


# --- what a file holds


async def test_streams_and_container(decoder: Decoder, clip: Path, tmp_path: Path) -> None:
    found = await look(decoder, clip)
    assert (found["container"], found["duration"]) == ("mp4", 2.0)
    assert found["streams"] == [
        {
            "kind": "video",
            "codec": "h264",
            "width": 64,
            "height": 32,
            "fps": 25.0,
            "pixelFormat": "yuv444p",
            "duration": 2.0,
        }
    ]
    heard = await look(decoder, sound(tmp_path / "s.wav"))
    assert (heard["container"], heard["duration"]) == ("wav", 1.0)
    assert heard["streams"] == [
        {"kind": "audio", "codec": "pcm_s16le", "duration": 1.0, "sampleRate": 8000, "channels": 1}
    ]
    seen = await look(decoder, still(tmp_path / "s.png"))
    assert (seen["duration"], seen["streams"][0]["codec"]) == (0.04, "png") or seen["duration"] == 0.0


async def test_a_codec_that_ffmpeg_has_no_decoder_for(decoder: Decoder, tmp_path: Path) -> None:
    data = sound(tmp_path / "s.wav").read_bytes()
    (tmp_path / "s.wav").write_bytes(data[:20] + (0x7777).to_bytes(2, "little") + data[22:])
    found = await look(decoder, tmp_path / "s.wav")
    assert [(one["kind"], one["codec"]) for one in found["streams"]] == [("audio", "unknown")]
    assert await look(decoder, tmp_path / "s.wav", "extent") is None


async def test_how_much_there_is_for_a_clip(decoder: Decoder, clip: Path, tmp_path: Path) -> None:
    assert await look(decoder, clip, "extent") == {"rate": 25.0, "frames": 50, "kind": "video"}
    assert await look(decoder, sound(tmp_path / "s.wav"), "extent") == {"rate": 8000.0, "frames": 8000, "kind": "audio"}


# --- pictures


@pytest.mark.parametrize("number", [0, 1, 7, 24, 25, 48, 49])
async def test_the_frame_is_exactly_that_of_the_time(decoder: Decoder, clip: Path, number: int) -> None:
    for time in (number / 25, number / 25 + 0.039):
        shown = await picture(decoder, clip, time=time)
        assert abs(int(shown[-1, -1, 0]) - number * STEP) <= 1
        assert shown[0, 0, 0] >= 254


async def test_the_default_is_a_tenth_into_the_file(decoder: Decoder, clip: Path) -> None:
    assert abs(int((await picture(decoder, clip))[-1, -1, 0]) - 5 * STEP) <= 1


async def test_a_time_after_the_end(decoder: Decoder, clip: Path) -> None:
    with pytest.raises(InvalidParams, match=r"clip.mp4 cannot be used: it ends at 2 s, before 2.5 s"):
        await picture(decoder, clip, time=2.5)
    assert abs(int((await picture(decoder, clip, time=2.0))[-1, -1, 0]) - 49 * STEP) <= 1


@pytest.mark.parametrize(
    ("wanted", "size"),
    [
        ({"width": 32}, (32, 16)),
        ({"height": 8}, (16, 8)),
        ({"width": 20, "height": 20}, (20, 10)),
        ({"width": 999}, (64, 32)),
    ],
)
async def test_it_is_made_smaller_in_its_shape_and_never_larger(
    decoder: Decoder, clip: Path, wanted: dict[str, int], size: tuple[int, int]
) -> None:
    result = await look(decoder, clip, "picture", **wanted)
    assert (result["width"], result["height"]) == size


async def test_a_film_that_lies_on_its_side_is_shown_upright(decoder: Decoder, tmp_path: Path) -> None:
    shown = await picture(decoder, turned(film(tmp_path / "turned.mp4", frames=3)), time=0.0)
    assert shown.shape[:2] == (64, 32)
    assert (shown[0, -1, 0] >= 254, shown[0, 0, 0] < 10) == (True, True), "its left upper corner is right now"


async def test_pixels_that_are_not_square(decoder: Decoder, tmp_path: Path) -> None:

    wide = film(tmp_path / "wide.mkv", frames=3, sample_aspect_ratio=Fraction(2, 1))
    result = await look(decoder, wide, "picture", time=0.0, width=64)
    assert (result["width"], result["height"]) == (64, 16)


async def test_png_keeps_what_is_transparent(decoder: Decoder, tmp_path: Path) -> None:
    shown = await picture(decoder, still(tmp_path / "s.png"))
    assert tuple(shown[5, 5]) == (255, 0, 0, 128)
    assert tuple(shown[5, 35]) == (0, 0, 255, 255)


async def test_jpeg(decoder: Decoder, clip: Path) -> None:
    answer = await decoder.ask(clip, Request("picture", 0, time=1.0, format="jpeg"))
    assert answer.result == {"mimeType": "image/jpeg", "width": 64, "height": 32}
    assert base64.b64decode(answer.data).startswith(b"\xff\xd8\xff")
    shown = pixels(base64.b64decode(answer.data), clip.with_name("shown.jpg"))
    assert abs(int(shown[-1, -1, 0]) - 25 * STEP) <= 4


async def test_sound_has_no_pictures(decoder: Decoder, tmp_path: Path) -> None:
    with pytest.raises(InvalidParams, match="it has no video"):
        await picture(decoder, sound(tmp_path / "s.wav"))


# --- files that are not what they seem


async def test_damaged_files(decoder: Decoder, clip: Path, tmp_path: Path) -> None:
    whole = clip.read_bytes()
    for name, data in {
        "empty.mp4": b"",
        "text.mp4": b"not a film\n" * 100,
        "cut.mp4": whole[: len(whole) // 2],
        "headless.mp4": whole[100:],
    }.items():
        (tmp_path / name).write_bytes(data)
        for what in ("info", "extent", "picture"):
            with pytest.raises(InvalidParams, match=f"{name} cannot be used: FFmpeg"):
                await look(decoder, tmp_path / name, what)
    (tmp_path / "noise.mp4").write_bytes(whole.replace(b"mdat", b"mdat" + bytes(64), 1))
    with pytest.raises(InvalidParams, match=r"noise.mp4 cannot be used"):
        await look(decoder, tmp_path / "noise.mp4", "picture")
    assert (await look(decoder, clip))["duration"] == 2.0


async def test_what_is_no_file(decoder: Decoder, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    with pytest.raises(InvalidParams, match=r"nothing.mp4 cannot be opened: No such file"):
        await look(decoder, tmp_path / "nothing.mp4")
    for name in ("pipe.mp4", "."):
        with pytest.raises(InvalidParams, match="is not a file"):
            await look(decoder, tmp_path / name)
    assert decoder.missing is None, "nothing was handed to it"


@pytest.mark.parametrize("name", ["list.m3u8", "list.ts"])
async def test_a_playlist_opens_no_other_file(decoder: Decoder, tmp_path: Path, name: str) -> None:
    secret = film(tmp_path / "secret.ts")
    text = f"#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:9\n#EXTINF:2,\n{secret}\n#EXT-X-ENDLIST\n"
    (tmp_path / name).write_text(text)
    with av.open(str(tmp_path / "list.m3u8")) if name == "list.m3u8" else contextlib.nullcontext() as naive:
        assert naive is None or naive.streams.video, "FFmpeg itself would"
    with pytest.raises(InvalidParams, match="cannot be used"):
        await look(decoder, tmp_path / name, "picture")


async def test_pictures_that_are_too_large(decoder: Decoder, tmp_path: Path) -> None:
    data = bytearray(still(tmp_path / "s.png").read_bytes())
    data[16:24] = (60_000).to_bytes(4, "big") + (60_000).to_bytes(4, "big")
    (tmp_path / "bomb.png").write_bytes(data)
    with pytest.raises((TooLarge, InvalidParams)):
        await look(decoder, tmp_path / "bomb.png", "picture")


# --- the process


async def test_every_layer_holds_here_and_nothing_outlives_it(decoder: Decoder, clip: Path) -> None:
    await look(decoder, clip)
    assert decoder.missing == []
    assert decoder.pid is not None
    process = psutil.Process(decoder.pid)
    decoder.close()
    assert not process.is_running()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has slices")
async def test_it_computes_behind_whatever_else_wakes(decoder: Decoder, clip: Path) -> None:
    await look(decoder, clip)
    assert decoder.pid is not None
    assert slice_ns(decoder.pid) == (scheduling.COMPUTE_NS if slice_ns(0) else 0)


async def test_one_that_dies_is_an_error_and_the_next_goes_on(decoder: Decoder, clip: Path) -> None:
    await look(decoder, clip)
    assert decoder.pid is not None
    os.kill(decoder.pid, signal.SIGKILL)
    with pytest.raises(HostUnavailable, match=r"the decoder ended while it read clip.mp4"):
        await look(decoder, clip)
    assert (await look(decoder, clip))["duration"] == 2.0


async def test_one_that_hangs_is_ended(clip: Path) -> None:
    slow = Decoder()
    await look(slow, clip)
    hung = slow.pid
    assert hung is not None
    slow._deadline = 0.2
    os.kill(hung, signal.SIGSTOP)
    with pytest.raises(Timeout, match="not decoded within"):
        await look(slow, clip)
    assert not psutil.pid_exists(hung)
    slow._deadline = module.DEADLINE_SECONDS
    assert (await look(slow, clip))["duration"] == 2.0
    slow.close()


async def test_many_at_once_take_turns(decoder: Decoder, clip: Path) -> None:
    found: list[Any] = []

    async def one() -> None:
        found.append(await look(decoder, clip))

    async with anyio.create_task_group() as tasks:
        for _ in range(8):
            tasks.start_soon(one)
    assert found == [found[0]] * 8
