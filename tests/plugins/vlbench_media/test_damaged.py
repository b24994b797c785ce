"""Videos and sounds that are damaged, odd or something else: each is right or named, and none silently wrong."""

from __future__ import annotations

import io
import json
import os
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vlbench.errors import DataError

av = pytest.importorskip("av")
soundfile = pytest.importorskip("soundfile")
from vlbench_media.annotations import didemo  # noqa: E402
from vlbench_media.decode import read_frames, read_sound  # noqa: E402
from vlbench_media.options import DidemoOptions  # noqa: E402

LEVELS = [8 * at for at in range(30)]
USUAL = [24, 88, 144, 208]
"""Levels of the middle frames of four equal parts."""
TONE = 0.4 * np.sin(2 * np.pi * 440 * np.arange(16_000) / 16_000)


def grey(levels: list[int], height: int = 64, width: int = 64) -> np.ndarray:
    return np.stack([np.full((height, width, 3), level, dtype=np.uint8) for level in levels])


def noise() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (30, 64, 64, 3)).astype(np.uint8)


def encode(
    path: Path, pictures: np.ndarray, start: int = 0, codec: str = "libx264", pix: str = "yuv420p", **options: str
):
    container_options = {"movflags": "faststart"} if options.pop("faststart", "") else {}
    with av.open(str(path), "w", options=container_options) as container:
        stream = container.add_stream(codec, rate=10)
        stream.width, stream.height, stream.pix_fmt = pictures.shape[2], pictures.shape[1], pix
        stream.options = options or ({"crf": "10"} if codec == "libx264" else {})
        for at, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="rgba" if picture.shape[-1] == 4 else "rgb24")
            frame = frame.reformat(format=pix)
            frame.pts = start + at
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def copied(path: Path, source: Path, later: float) -> None:
    """A copy of a stream that begins between two key frames, as players cut: with an edit list."""
    options = {"avoid_negative_ts": "disabled", "use_editlist": "1"}
    with av.open(str(source)) as old, av.open(str(path), "w", options=options) as new:
        stream = old.streams.video[0]
        out, shift = new.add_stream_from_template(stream), round(later / stream.time_base)
        for packet in old.demux(stream):
            if packet.dts is not None:
                packet.pts, packet.dts, packet.stream = packet.pts - shift, packet.dts - shift, out
                new.mux(packet)


def means(path: Path, count: int = 4) -> list[int]:
    return [round(float(level)) for level in read_frames(path, count, 16).astype(float).mean((1, 2, 3))]


def with_cover(path: Path) -> None:
    soundfile.write(path, np.tile(TONE, 2), 16_000, format="mp3")
    picture = io.BytesIO()
    Image.new("RGB", (32, 32), (200, 10, 10)).save(picture, "PNG")
    body = b"\x00image/png\x00\x03\x00" + picture.getvalue()
    frame = b"APIC" + struct.pack(">I", len(body)) + b"\x00\x00" + body
    size = bytes(len(frame) >> shift & 127 for shift in (21, 14, 7, 0))
    path.write_bytes(b"ID3\x03\x00\x00" + size + frame + path.read_bytes())


RIGHT: dict[str, tuple[Callable[[Path], object], list[int]]] = {
    "one.mp4": (lambda path: encode(path, grey([100])), [100] * 4),
    "odd-sizes.mkv": (lambda path: encode(path, grey(LEVELS, 47, 33), codec="ffv1", pix="yuv444p"), USUAL),
    "10-bit.mp4": (lambda path: encode(path, grey(LEVELS), pix="yuv420p10le"), USUAL),
    "interlaced.mp4": (lambda path: encode(path, grey(LEVELS), flags="+ilme+ildct", crf="10"), USUAL),
    "frames-that-look-ahead.mp4": (lambda path: encode(path, grey(LEVELS), crf="10", bf="3"), USUAL),
    "avi-of-h264.avi": (lambda path: encode(path, grey(LEVELS)), USUAL),
    "starts-late.mp4": (lambda path: encode(path, grey(LEVELS), start=50), USUAL),
    "starts-late.mkv": (lambda path: encode(path, grey(LEVELS), start=50), USUAL),
    "mp4-called.wav": (lambda path: path.write_bytes(encoded(path.with_suffix(".mp4")).read_bytes()), USUAL),
    "a:b ünï 日本 %03d?#'.mp4": (lambda path: encoded(path), USUAL),
    os.fsdecode(b"not utf-8 \xff.mp4"): (
        lambda path: path.write_bytes(encoded(path.with_name("a.mp4")).read_bytes()),
        USUAL,
    ),
}


def encoded(path: Path) -> Path:
    plain = path.with_name("plain.mp4")
    encode(plain, grey(LEVELS))
    return plain.rename(path)


@pytest.mark.parametrize("name", RIGHT)
def test_odd_videos_show_the_frames_that_a_player_shows(name: str, tmp_path: Path):
    make, expected = RIGHT[name]
    make(tmp_path / name)
    assert np.allclose(means(tmp_path / name), expected, atol=4)


def test_a_name_with_a_colon_in_the_current_folder_is_no_protocol(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    encoded(tmp_path / "a:b.mp4")
    monkeypatch.chdir(tmp_path)
    assert np.allclose(means(Path("a:b.mp4")), USUAL, atol=4)


def test_a_video_cut_by_an_edit_list_begins_where_it_says(tmp_path: Path):
    encode(tmp_path / "a.mp4", grey(LEVELS), crf="10", bf="2", g="30")
    copied(tmp_path / "cut.mp4", tmp_path / "a.mp4", 1.3)
    assert np.allclose(means(tmp_path / "cut.mp4"), [8 * at for at in (15, 19, 23, 27)], atol=4)


@pytest.mark.parametrize(("codec", "pix", "suffix"), [("qtrle", "argb", "mov"), ("ffv1", "bgra", "mkv")])
def test_transparent_frames_are_what_is_seen_on_white(codec: str, pix: str, suffix: str, tmp_path: Path):
    pictures = np.concatenate([grey([200, 200]), np.full((2, 64, 64, 1), 255, dtype=np.uint8)], axis=3)
    pictures[0, ..., 3] = 0
    encode(tmp_path / f"a.{suffix}", pictures, codec=codec, pix=pix)
    assert means(tmp_path / f"a.{suffix}", 2) == [255, 200]


@pytest.mark.parametrize("share", [0.5, 0.8, 0.95])
@pytest.mark.parametrize(
    ("suffix", "options"),
    [
        ("mp4", {}),
        ("mp4", {"faststart": "yes"}),
        ("mkv", {}),
        ("webm", {"codec": "libvpx"}),
        ("avi", {"codec": "mpeg4"}),
    ],
    ids=["mp4", "mp4-faststart", "mkv", "webm", "avi"],
)
def test_a_video_of_which_the_end_is_lacking_is_named(
    suffix: str, options: dict[str, str], share: float, tmp_path: Path
):
    path = tmp_path / f"a.{suffix}"
    encode(path, noise(), **options)
    assert len(means(path)) == 4
    content = path.read_bytes()
    path.write_bytes(content[: round(share * len(content))])
    with pytest.raises(DataError, match=r"cut off|cannot be decoded"):
        read_frames(path, 4, 16)


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "avi"])
def test_a_video_with_a_damaged_middle_is_named(suffix: str, tmp_path: Path):
    path = tmp_path / f"a.{suffix}"
    encode(path, noise(), codec="mpeg4" if suffix == "avi" else "libx264")
    content = bytearray(path.read_bytes())
    middle, part = len(content) // 2, len(content) // 10
    content[middle : middle + part] = np.random.default_rng(1).bytes(part)
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"damaged|cut off|cannot be decoded"):
        read_frames(path, 4, 16)


def listing(path: Path) -> None:
    encode(path.with_name("b.mp4"), grey(LEVELS))
    path.write_text("ffconcat version 1.0\nfile b.mp4\n")


NO_VIDEO = {
    "is a picture": lambda path: Image.new("RGB", (32, 32)).save(path, "PNG"),
    "is a list of other files": lambda path: listing(path),
    "holds no video, but a cover": with_cover,
    "holds no video": lambda path: soundfile.write(path, TONE, 16_000, format="wav"),
    "cannot be decoded": lambda path: path.write_bytes(np.random.default_rng(0).bytes(9_000)),
    "Is a directory": lambda path: path.mkdir(),
}


@pytest.mark.parametrize("said", NO_VIDEO)
def test_files_that_are_no_video_say_what_they_are(said: str, tmp_path: Path):
    NO_VIDEO[said](tmp_path / "a.mp4")
    with pytest.raises(DataError, match=said):
        read_frames(tmp_path / "a.mp4", 4, 16)


def sound(path: Path, channels: np.ndarray, rate: int = 16_000, kind: str = "PCM_16") -> np.ndarray:
    soundfile.write(path, channels, rate, subtype=kind)
    return read_sound(path, 1.0)


@pytest.mark.parametrize("kind", ["PCM_24", "PCM_32", "PCM_U8", "FLOAT", "DOUBLE", "ULAW"])
def test_sounds_of_any_depth_have_the_same_samples(kind: str, tmp_path: Path):
    assert np.abs(sound(tmp_path / "a.wav", TONE, kind=kind) - TONE).max() < 0.02


@pytest.mark.parametrize("rate", [8_000, 11_025, 96_000, 192_000])
def test_sounds_of_any_rate_keep_their_pitch(rate: int, tmp_path: Path):
    wave = 0.4 * np.sin(2 * np.pi * 440 * np.arange(rate) / rate)
    assert np.abs(sound(tmp_path / "a.wav", np.stack([wave] * 6, 1), rate) - TONE)[500:-500].max() < 0.02


def test_samples_a_little_above_one_are_clipped_and_integers_as_floats_are_named(tmp_path: Path):
    assert sound(tmp_path / "a.wav", 3 * TONE, kind="FLOAT").max() == 1
    with pytest.raises(DataError, match=r"samples go up to 1\.311e"):
        sound(tmp_path / "a.wav", 32_768 * TONE, kind="FLOAT")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_sample_that_is_not_finite_is_named(value: float, tmp_path: Path):
    with pytest.raises(DataError, match="1 samples are not finite"):
        sound(tmp_path / "a.wav", np.where(np.arange(16_000) == 100, value, TONE), kind="FLOAT")


def test_channels_that_cancel_each_other_out_are_no_silence(tmp_path: Path):
    with pytest.raises(DataError, match="cancel each other out"):
        sound(tmp_path / "a.wav", np.stack([TONE, -TONE], 1))


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
def test_a_sound_of_which_half_is_lacking_is_named(suffix: str, tmp_path: Path):
    path = tmp_path / f"a.{suffix}"
    soundfile.write(path, np.tile(TONE, 3), 16_000)
    assert read_sound(path, 3.0)[-2_000:].any()
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match=r"cut off|cannot be decoded"):
        read_sound(path, 3.0)


def test_the_sound_of_a_file_with_a_cover_is_read(tmp_path: Path):
    with_cover(tmp_path / "a.mp3")
    assert np.abs(read_sound(tmp_path / "a.mp3", 1.0)).max() > 0.3


@pytest.mark.parametrize("times", [[[3, 1]], [[-1, 0]], [[1]], ["ab"], 4, [[0.5, 1]], [[True, 2]]])
def test_a_moment_that_ends_before_it_starts_or_is_none_is_named(times: object, tmp_path: Path):
    row = {"video": "a.mp4", "description": "a dog", "times": times}
    (tmp_path / "train_data.json").write_text(json.dumps([row]))
    with pytest.raises(DataError, match=r"train_data\.json: row 1: a moment is"):
        didemo(tmp_path, DidemoOptions(moments=True))


@pytest.mark.parametrize("content", ["5", "[[1]]", '[{"video": 3, "description": "a", "times": [[0, 0]]}]', "{", "[]"])
def test_annotations_of_another_form_are_one_sentence(content: str, tmp_path: Path):
    (tmp_path / "train_data.json").write_text(content)
    with pytest.raises(DataError, match=r"train_data\.json: "):
        didemo(tmp_path, DidemoOptions())


@pytest.mark.parametrize("span", [(25.0, 30.0), (2.0, 1.0)])
def test_a_span_without_a_frame_is_named_with_the_length_of_the_video(span: tuple[float, float], tmp_path: Path):
    encode(tmp_path / "a.mp4", grey(LEVELS))
    with pytest.raises(DataError, match=r"no frame from .* s; it lasts 2\.9 s"):
        read_frames(tmp_path / "a.mp4", 4, 16, span)
