"""Video and sound of any file that FFmpeg reads -> frames and a waveform.

====================================  =================================================================================
what the file holds                   what comes out
====================================  =================================================================================
10-bit, 4:2:2, any colour format      8-bit RGB
a rotation in its metadata            turned upright
a variable frame rate                 frames by their time, not by their number
stereo, 8 kHz, any layout and rate    mono at 16 kHz; channels are averaged
silence                               silence
a file cut off                        an error, where it says itself how long it should be; or where nothing is left
no frame, no sample, no such stream   an error that says so
====================================  =================================================================================
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vlbench.errors import DataError
from vlbench_media.needs import media_library

if TYPE_CHECKING:
    from pathlib import Path

RATE = 16_000
WHOLE = 0.9
"""Share of the announced duration that a whole file has at least."""
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
        times = _times(container, path)
        last = float(times[-1]) / max(len(times) - 1, 1)  # about how long the last frame is shown
        start, end = span or (0.0, float(times[-1]) + last)
        inside = times[(times >= start - 1e-6) & (times < end + 1e-6)]
        if not len(inside):
            raise DataError(f"{path}: no frame from {start:g} to {end:g} s; it lasts {times[-1]:.1f} s. {_ADVICE}")
        wanted = start + (np.arange(count) + 0.5) / count * (min(end, inside[-1] + last) - start)
        chosen = np.searchsorted(inside, wanted, side="right").clip(1) - 1
        found = _decoded(container, {float(time) for time in inside[chosen]}, size)
    missing = [time for time in inside[chosen] if float(time) not in found]
    if missing:
        raise DataError(f"{path}: the frame at {missing[0]:.2f} s cannot be decoded. {_ADVICE}")
    return np.stack([found[float(time)] for time in inside[chosen]])


def read_sound(path: Path, seconds: float, start: float = 0.0) -> NDArray[np.float32]:
    """Mono at 16 kHz, float32 [seconds * 16,000] within -1 to 1, from ``start``; silence after its end.

    Raises:
        DataError: the file is missing, broken, cut off, or holds no sound.
    """
    parts: list[NDArray[np.float32]] = []
    with _open(path) as container:
        if not container.streams.audio:
            raise DataError(f"{path}: holds no sound. {_ADVICE}")
        stream = container.streams.audio[0]
        # The layout stays as it is: FFmpeg's own way to mono is louder than the mean of the channels.
        resampler = media_library().AudioResampler(format="fltp", rate=RATE)
        for frame in container.decode(stream):
            parts += [part.to_ndarray().mean(0) for part in resampler.resample(frame)]
        parts += [part.to_ndarray().mean(0) for part in resampler.resample(None)]
        _check_whole(path, sum(map(len, parts)) / RATE, stream, container)
    sound = np.concatenate(parts)[round(start * RATE) :][: round(seconds * RATE)] if parts else np.empty(0)
    if not len(sound):
        raise DataError(f"{path}: holds no sample of sound from {start:g} s on. {_ADVICE}")
    if not np.isfinite(sound).all():
        raise DataError(f"{path}: {int((~np.isfinite(sound)).sum())} samples are not finite. {_ADVICE}")
    padded = np.zeros(round(seconds * RATE), dtype=np.float32)
    padded[: len(sound)] = sound.clip(-1, 1)
    return padded


@contextmanager
def _open(path: Path) -> Iterator[Any]:
    av = media_library()
    try:
        with av.open(str(path)) as container:
            yield container
    except FileNotFoundError:
        raise DataError(f"{path}: no such file. {_ADVICE}") from None
    except DataError:
        raise
    except Exception as error:  # FFmpeg's errors have many unrelated classes
        text = str(error).replace(f": {str(path)!r}", "")
        raise DataError(f"{path}: cannot be decoded ({type(error).__name__}: {text}). {_ADVICE}") from error


def _times(container: Any, path: Path) -> NDArray[np.float64]:
    """Seconds at which frames are shown, rising, from 0."""
    if not container.streams.video:
        raise DataError(f"{path}: holds no video. {_ADVICE}")
    stream = container.streams.video[0]
    stamps = sorted(packet.pts for packet in container.demux(stream) if packet.pts is not None and packet.size)
    if not stamps:
        raise DataError(f"{path}: holds no frame. {_ADVICE}")
    times = np.asarray((np.array(stamps) - stamps[0]) * float(stream.time_base), dtype=np.float64)
    _check_whole(path, float(times[-1]) + float(times[-1]) / max(len(times) - 1, 1), stream, container)
    return times


def _check_whole(path: Path, found: float, stream: Any, container: Any) -> None:
    announced = float(stream.duration * stream.time_base) if stream.duration else (container.duration or 0) / 1e6
    if announced and found < WHOLE * announced - 0.5:
        raise DataError(f"{path}: is cut off: {found:.1f} s of {announced:.1f} s are there. {_ADVICE}")


def _decoded(container: Any, wanted: set[float], size: int) -> dict[float, NDArray[np.uint8]]:
    """Second -> frame [3, size, size] of those that are wanted."""
    stream = container.streams.video[0]
    container.seek(0)
    found: dict[float, NDArray[np.uint8]] = {}
    first: int | None = None
    for frame in container.decode(stream):
        if frame.pts is None:
            continue
        first = frame.pts if first is None else first
        time = float((np.array(frame.pts) - first) * float(stream.time_base))
        if time in wanted:
            picture = frame.to_ndarray(format="rgb24", width=size, height=size, interpolation="AREA")
            found[time] = np.rot90(picture, k=round(frame.rotation / 90)).transpose(2, 0, 1)
        if len(found) == len(wanted):
            break
    return found
