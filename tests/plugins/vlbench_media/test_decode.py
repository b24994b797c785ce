"""Video and sound of every kind that files come in: right, or named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vlbench.errors import DataError

av = pytest.importorskip("av")
from vlbench_media.decode import read_frames, read_sound  # noqa: E402
from vlbench_media.mock import sound, write_sound, write_video  # noqa: E402

TRAITS = ("red", "left", "low", 7)


def grey(levels: list[int], side: int = 64) -> np.ndarray:
    return np.stack([np.full((side, side, 3), level, dtype=np.uint8) for level in levels])


def encode(path: Path, pictures: np.ndarray, pts: list[int], *, codec: str = "libx264", pix: str = "yuv420p") -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=10)
        stream.width, stream.height, stream.pix_fmt = pictures.shape[2], pictures.shape[1], pix
        stream.options = {"crf": "10"}
        for at, picture in zip(pts, pictures, strict=True):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format=pix)
            frame.pts = at
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def means(frames: np.ndarray) -> np.ndarray:
    return frames.astype(float).mean((1, 2, 3))


def test_frames_are_the_middle_ones_of_equal_parts(tmp_path: Path):
    encode(tmp_path / "a.mp4", grey([20 * at for at in range(12)]), list(range(12)))
    found = read_frames(tmp_path / "a.mp4", 4, 32)
    assert (found.shape, found.dtype) == ((4, 3, 32, 32), np.uint8)
    assert np.allclose(means(found), [20, 80, 140, 200], atol=6)


def test_a_variable_frame_rate_counts_seconds_and_not_frames(tmp_path: Path):
    pts = [*range(10), 20, 30, 39]  # ten frames in the first second, three in the next three
    encode(tmp_path / "a.mp4", grey([10] * 10 + [100, 150, 200]), pts)
    assert np.allclose(means(read_frames(tmp_path / "a.mp4", 4, 16)), [10, 10, 100, 150], atol=6)


def test_10_bit_video_becomes_8_bit(tmp_path: Path):
    encode(tmp_path / "a.mkv", grey([60, 180]), [0, 1], codec="ffv1", pix="yuv420p10le")
    assert np.allclose(means(read_frames(tmp_path / "a.mkv", 2, 16)), [60, 180], atol=4)


def test_a_rotation_in_the_metadata_turns_the_picture_upright(tmp_path: Path):
    picture = np.zeros((1, 64, 64, 3), dtype=np.uint8)
    picture[:, :32] = 255  # light above
    encode(tmp_path / "a.mp4", np.repeat(picture, 4, 0), list(range(4)))
    plain = read_frames(tmp_path / "a.mp4", 1, 16)[0, 0]
    content = bytearray((tmp_path / "a.mp4").read_bytes())
    identity = b"".join(int(n).to_bytes(4, "big") for n in (1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30))
    turned = b"".join((n % 2**32).to_bytes(4, "big") for n in (0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30))
    at = content.index(identity, content.index(b"tkhd"))
    content[at : at + 36] = turned  # players turn it by a quarter, clockwise
    (tmp_path / "turned.mp4").write_bytes(content)
    found = read_frames(tmp_path / "turned.mp4", 1, 16)[0, 0]
    assert plain[:6].mean() > 200 > 50 > plain[-6:].mean()
    assert found[:, -6:].mean() > 200 > 50 > found[:, :6].mean()


@pytest.mark.parametrize("share", [0.3, 0.7])
def test_a_video_cut_off_is_named(tmp_path: Path, share: float):
    whole = tmp_path / "a.mkv"
    noise = np.random.default_rng(0).integers(0, 255, (30, 64, 64, 3)).astype(np.uint8)
    encode(whole, noise, list(range(30)))
    content = whole.read_bytes()
    (tmp_path / "cut.mkv").write_bytes(content[: round(share * len(content))])
    with pytest.raises(DataError, match=r"cut\.mkv: (is cut off|cannot be decoded)"):
        read_frames(tmp_path / "cut.mkv", 4, 16)


@pytest.mark.parametrize("content", [b"", b"no video at all"])
def test_a_file_that_is_no_video_is_named(tmp_path: Path, content: bytes):
    (tmp_path / "a.mp4").write_bytes(content)
    with pytest.raises(DataError, match="cannot be decoded"):
        read_frames(tmp_path / "a.mp4", 4, 16)


def test_a_file_that_is_not_there_is_named(tmp_path: Path):
    with pytest.raises(DataError, match="no such file"):
        read_sound(tmp_path / "gone.wav", 1.0)


def test_sound_without_video_and_video_without_sound_are_named(tmp_path: Path):
    write_sound(tmp_path / "a.wav", sound(TRAITS, 1.0))
    with pytest.raises(DataError, match="holds no video"):
        read_frames(tmp_path / "a.wav", 4, 16)
    encode(tmp_path / "a.mp4", grey([10, 20]), [0, 1])
    with pytest.raises(DataError, match="holds no sound"):
        read_sound(tmp_path / "a.mp4", 1.0)


@pytest.mark.parametrize(("rate", "channels"), [(8_000, 1), (44_100, 2), (16_000, 1), (48_000, 2)])
def test_any_rate_and_any_number_of_channels_becomes_mono_at_16_khz(tmp_path: Path, rate: int, channels: int):
    soundfile = pytest.importorskip("soundfile")
    wave = 0.4 * np.sin(2 * np.pi * 440 * np.arange(rate) / rate)
    soundfile.write(tmp_path / "a.wav", np.stack([wave] * channels, 1), rate)
    found = read_sound(tmp_path / "a.wav", 1.0)
    expected = 0.4 * np.sin(2 * np.pi * 440 * np.arange(16_000) / 16_000)
    assert np.abs(found - expected)[500:-500].max() < 0.02


def test_silence_stays_silence_and_a_short_sound_ends_in_it(tmp_path: Path):
    write_sound(tmp_path / "still.wav", np.zeros(8_000, dtype=np.float32))
    assert not read_sound(tmp_path / "still.wav", 2.0).any()
    write_sound(tmp_path / "short.wav", sound(TRAITS, 0.5))
    found = read_sound(tmp_path / "short.wav", 1.0)
    assert found.shape == (16_000,)
    assert found[:8_000].any()
    assert not found[8_100:].any()


def test_a_sound_of_no_length_is_named(tmp_path: Path):
    write_sound(tmp_path / "a.wav", np.zeros(0, dtype=np.float32))
    with pytest.raises(DataError, match=r"holds no sample|cannot be decoded"):
        read_sound(tmp_path / "a.wav", 1.0)


def test_video_and_sound_of_one_file_and_a_span_of_it(tmp_path: Path):
    pictures = grey([0] * 8 + [200] * 8)
    write_video(tmp_path / "a.mp4", pictures, sound(TRAITS, 4.0))
    assert means(read_frames(tmp_path / "a.mp4", 2, 16, (2.0, 4.0))).min() > 180
    assert 0.2 < np.abs(read_sound(tmp_path / "a.mp4", 2.0, 1.0)).max() < 0.4
    with pytest.raises(DataError, match=r"no frame from 7 to 9 s"):
        read_frames(tmp_path / "a.mp4", 2, 16, (7.0, 9.0))
