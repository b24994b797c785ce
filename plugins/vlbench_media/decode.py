"""Video and sound of any file that FFmpeg reads -> frames and a waveform.

====================================  =================================================================================
what the file holds                   what comes out
====================================  =================================================================================
10-bit, 4:2:2, any colour format      8-bit RGB
transparency                          what is seen on white
a rotation in its metadata            turned upright
a variable frame rate, a late start   frames by their time from the first one that is shown
an edit list                          frames and samples that are shown
stereo, 8 kHz, any layout and rate    mono at 16 kHz; channels are averaged
silence                               silence
a file cut off                        an error, where it says itself how long it should be; or where nothing is left
a part that is damaged                an error
no frame, no sample, no such stream   an error that says so; a cover picture is no video
samples far beyond -1 to 1            an error; up to :data:`LOUDEST` they are clipped
channels that cancel each other out   an error
a picture, a list of other files      an error
====================================  =================================================================================
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vlbench.errors import DataError
from vlbench_media.needs import media_library

if TYPE_CHECKING:
    from pathlib import Path

RATE = 16_000
LOUDEST = 4.0
"""Largest sample that is clipped to 1; beyond it, a file holds integers as floats, or something else."""
_EXACT = ("pcm", "flac", "alac")
"""How codecs begin whose files tell their length to a sample."""
_OTHER_FILES = ("concat", "hls", "dash", "imf")
_ADVICE = "Replace the file, or leave out what cannot be read: skip_bad = true."


def read_frames(path: Path, count: int, size: int, span: tuple[float, float] | None = None) -> NDArray[np.uint8]:
    """Frames evenly spaced over a video, the middle ones of equal parts: uint8 [count, 3, size, size].

    Args:
        path: of the file.
        count: of frames; a video with fewer shows some twice.
        size: height and width in pixels.
        span: seconds from which to which; None for the whole video.

    Raises:
        DataError: the file is missing, broken, cut off, or holds no frame in the span.
    """
    with _open(path) as container:
        shown = _shown(container, path)
        times, last = shown.times, shown.last
        start, end = span or (0.0, float(times[-1]) + last)
        inside = np.flatnonzero((times >= start - 1e-6) & (times < end + 1e-6))
        if not len(inside):
            raise DataError(f"{path}: no frame from {start:g} to {end:g} s; it lasts {times[-1]:.1f} s. {_ADVICE}")
        wanted = start + (np.arange(count) + 0.5) / count * (min(end, times[inside[-1]] + last) - start)
        chosen = inside[np.searchsorted(times[inside], wanted, side="right").clip(1) - 1].tolist()
        found = _decoded(container, path, {shown.stamps[at]: at for at in chosen}, size)
    missing = [at for at in chosen if at not in found]
    if missing:
        raise DataError(f"{path}: the frame at {times[missing[0]]:.2f} s cannot be decoded. {_ADVICE}")
    return np.stack([found[at] for at in chosen])


def read_sound(path: Path, seconds: float, start: float = 0.0) -> NDArray[np.float32]:
    """Mono at 16 kHz, float32 [seconds * 16,000] within -1 to 1, from ``start``; silence after its end.

    Raises:
        DataError: the file is missing, broken, cut off, or holds no sound.
    """
    with _open(path) as container:
        if not container.streams.audio:
            raise DataError(f"{path}: holds no sound. {_ADVICE}")
        stream = container.streams.audio[0]
        # The layout stays as it is: FFmpeg's own way to mono is louder than the mean of the channels.
        resampler = media_library().AudioResampler(format="fltp", rate=RATE)
        frames = (frame for packet in _packets(container, stream, path) for frame in packet.decode())
        parts = [part.to_ndarray() for frame in chain(frames, [None]) for part in resampler.resample(frame)]
        _check_whole(path, sum(part.shape[1] for part in parts) / RATE, stream, container)
    channels = np.concatenate(parts, axis=1) if parts else np.empty((1, 0), dtype=np.float32)
    channels = channels[:, round(start * RATE) :][:, : round(seconds * RATE)]
    if not channels.shape[1]:
        raise DataError(f"{path}: holds no sample of sound from {start:g} s on. {_ADVICE}")
    padded = np.zeros(round(seconds * RATE), dtype=np.float32)
    padded[: channels.shape[1]] = _mono(channels, path).clip(-1, 1)
    return padded


def _mono(channels: NDArray[np.float32], path: Path) -> NDArray[np.float32]:
    """The mean of channels [channel, sample]."""
    if not np.isfinite(channels).all():
        raise DataError(f"{path}: {int((~np.isfinite(channels)).sum())} samples are not finite. {_ADVICE}")
    peak = float(np.abs(channels).max())
    mono: NDArray[np.float32] = channels.mean(0, dtype=np.float32)
    if peak > LOUDEST:
        raise DataError(f"{path}: samples go up to {peak:.4g}, and those of a sound to 1. Divide them. {_ADVICE}")
    if peak > 1e-3 and float(np.abs(mono).max()) < 0.01 * peak:
        raise DataError(f"{path}: its channels cancel each other out in their mean. Store one of them. {_ADVICE}")
    return mono


@contextmanager
def _open(path: Path) -> Iterator[Any]:
    av = media_library()
    try:
        # Without "file:" a name such as a:b.mp4 would be a protocol; tags that are not UTF-8 play no part.
        with av.open(f"file:{path}", metadata_errors="replace") as container:
            _check_kind(container.format.name, path)
            yield container
    except FileNotFoundError:
        raise DataError(f"{path}: no such file. {_ADVICE}") from None
    except DataError:
        raise
    except Exception as error:  # FFmpeg's errors have many unrelated classes
        text = str(error).replace(f": 'file:{path}'", "")
        raise DataError(f"{path}: cannot be decoded ({type(error).__name__}: {text}). {_ADVICE}") from error


def _check_kind(name: str, path: Path) -> None:
    if name in _OTHER_FILES:
        raise DataError(f"{path}: is a list of other files ({name}). Name those. {_ADVICE}")
    if name.endswith("_pipe") or name == "image2":
        raise DataError(f"{path}: is a picture ({name.removesuffix('_pipe')}), not a video. {_ADVICE}")


@dataclass(frozen=True)
class _Shown:
    """Frames that a video shows, in order: stamps, seconds from the first, and how long the last is there."""

    stamps: list[int]
    times: NDArray[np.float64]
    last: float


def _video(container: Any, path: Path) -> Any:
    """The first stream that is no cover."""
    cover = media_library().stream.Disposition.attached_pic
    moving = [stream for stream in container.streams.video if not stream.disposition & cover]
    if not moving:
        raise DataError(f"{path}: holds no video{', but a cover' if container.streams.video else ''}. {_ADVICE}")
    return moving[0]


def _packets(container: Any, stream: Any, path: Path) -> Iterator[Any]:
    """All of a stream, the last of which empties the decoder.

    Raises:
        DataError: one is damaged, or there are fewer than the file announces.
    """
    count = 0
    for packet in container.demux(stream):
        if packet.is_corrupt:
            raise DataError(f"{path}: is damaged or cut off after {count:,} packets. {_ADVICE}")
        count += packet.dts is not None or packet.size > 0
        yield packet
    if count < stream.frames - max(1, 0.01 * stream.frames):
        raise DataError(f"{path}: is damaged or cut off: {count:,} of {stream.frames:,} packets are there. {_ADVICE}")


def _shown(container: Any, path: Path) -> _Shown:
    stream = _video(container, path)
    packets = [(one.pts, one.is_discard) for one in _packets(container, stream, path) if one.size]
    stamps = sorted(pts for pts, unseen in packets if pts is not None and not unseen)
    if not stamps:
        raise DataError(f"{path}: holds no frame. {_ADVICE}")
    times = np.asarray((np.array(stamps) - stamps[0]) * float(stream.time_base), dtype=np.float64)
    last = float(times[-1]) / max(len(times) - 1, 1)
    _check_whole(path, float(times[-1]) + last, stream, container)
    return _Shown(stamps, times, last)


def _check_whole(path: Path, found: float, stream: Any, container: Any) -> None:
    announced, slack = _announced(stream, container)
    if found < announced - slack:
        raise DataError(f"{path}: is cut off: {found:.1f} s of {announced:.1f} s are there. {_ADVICE}")


def _announced(stream: Any, container: Any) -> tuple[float, float]:
    """Seconds that the file says it has, and by how many it may be off."""
    start = max(0.0, float((stream.start_time or 0) * stream.time_base))
    if stream.metadata.get("DURATION", "").count(":") == 2:  # Matroska's, with the start
        hours, minutes, seconds = stream.metadata["DURATION"].split(":")
        return 3600 * int(hours) + 60 * int(minutes) + float(seconds) - start, 0.15
    if stream.duration and stream.codec_context.name.startswith(_EXACT):
        return float(stream.duration * stream.time_base), 0.01
    seconds = float(stream.duration * stream.time_base) if stream.duration else (container.duration or 0) / 1e6 - start
    return seconds, 0.1 * seconds + 0.5


def _decoded(container: Any, path: Path, wanted: dict[int, int], size: int) -> dict[int, NDArray[np.uint8]]:
    """Number of a frame -> its picture [3, size, size], of stamps that are wanted."""
    stream = _video(container, path)
    container.seek(0)
    by_number = container.format.name == "avi"  # its stamps are of another order than its frames
    numbers, found = set(wanted.values()), {}
    for number, frame in enumerate(container.decode(stream)):
        at = number if by_number else wanted.get(frame.pts)
        if at in numbers and not frame.is_corrupt:
            found[at] = _picture(frame, size)
        if len(found) == len(numbers):
            break
    return found


def _picture(frame: Any, size: int) -> NDArray[np.uint8]:
    clear = any(part.is_alpha for part in frame.format.components)
    form = "rgba" if clear else "rgb24"
    picture = frame.to_ndarray(format=form, width=size, height=size, interpolation="AREA")
    if clear:
        share = picture[..., 3:].astype(np.float32) / 255
        picture = (picture[..., :3] * share + 255 * (1 - share)).round().astype(np.uint8)
    turned: NDArray[np.uint8] = np.rot90(picture, k=round(frame.rotation / 90)).transpose(2, 0, 1)
    return turned
