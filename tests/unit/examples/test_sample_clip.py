"""The sample clip is what it says it is."""

from pathlib import Path

import av
import numpy as np
import pytest
import sample_clip


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    sample_clip.generate(path, width=320, height=180, fps=25, seconds=1)
    return path


def test_video(clip: Path) -> None:
    with av.open(str(clip)) as container:
        stream = container.streams.video[0]
        context = stream.codec_context
        assert (context.name, context.pix_fmt, context.width, context.height) == ("h264", "yuv420p", 320, 180)
        assert (context.color_primaries, context.color_trc, context.colorspace, context.color_range) == (1, 1, 1, 1)
        frames = list(container.decode(video=0))
    assert [round((frame.time or 0) * 25) for frame in frames] == list(range(25))
    shown = frames[10].to_ndarray(format="rgb24", src_colorspace="ITU709").astype(np.int16)
    drawn = sample_clip.draw(sample_clip._background(320, 180), 10, 25)
    assert np.abs(shown - drawn).mean() < 5


def test_audio(clip: Path) -> None:
    with av.open(str(clip)) as container:
        stream = container.streams.audio[0]
        assert (stream.codec_context.name, stream.layout.name, stream.rate) == ("aac", "stereo", 48_000)
        sound = np.hstack([frame.to_ndarray() for frame in container.decode(audio=0)])[:, 4_800:43_200]
    loudest = np.abs(np.fft.rfft(sound)).argmax(axis=1) * 48_000 / sound.shape[1]
    assert np.abs(loudest - sample_clip.TONES).max() < 2


def test_the_counter_and_the_shapes_change() -> None:
    background = sample_clip._background(320, 180)
    first, second = (sample_clip.draw(background, index, 10) for index in (0, 1))
    assert (first != second).any(axis=2).sum() > 100
    assert np.array_equal(first[0], second[0])


def test_every_character_of_the_text_has_a_glyph_of_the_same_size() -> None:
    assert set(sample_clip.TITLE + "FRAME 0123456789") <= set(sample_clip.GLYPHS)
    assert {sample_clip._glyph(char).shape for char in sample_clip.GLYPHS} == {(7, sample_clip.GLYPH_WIDTH + 1)}


@pytest.mark.parametrize("size", [{"width": 321}, {"height": 62}, {"fps": 0}])
def test_sizes_that_cannot_be(tmp_path: Path, size: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=next(iter(size))):
        sample_clip.generate(tmp_path / "clip.mp4", **size)
    with pytest.raises(SystemExit):
        sample_clip.main([str(tmp_path / "clip.mp4"), *(f"--{name}={value}" for name, value in size.items())])


@pytest.mark.parametrize(("width", "height"), [(64, 64), (200, 80), (80, 200)])
def test_small_and_narrow_clips(tmp_path: Path, width: int, height: int) -> None:
    path = tmp_path / "clip.mp4"
    sample_clip.main([str(path), f"--width={width}", f"--height={height}", "--seconds=0.1"])
    with av.open(str(path)) as container:
        assert container.streams.video[0].frames == 3
