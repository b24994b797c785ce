"""Options of the readers and encoders of video and sound."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import vlbench
from vlbench.encoders import TimmOptions


@dataclass(frozen=True)
class MediaOptions:
    """How files are read."""

    root: str = vlbench.option(".", help="folder with the annotations and the files they name")
    sides: tuple[str, ...] = vlbench.option((), help="sides that are read; empty for all. A suite's data.sides sets it")
    frames: int = vlbench.option(8, minimum=1, help="frames of a clip, evenly spaced")
    size: int = vlbench.option(64, minimum=8, help="height and width of a frame in pixels; aspect not kept")
    seconds: float = vlbench.option(10.0, above=0, help="of sound: the first ones; a shorter sound ends in silence")
    sound: Literal["log-mel", "waveform"] = vlbench.option(
        "log-mel", help="log-mel: uint8 levels [64, 32 a second]; waveform: float32, mono at 16 kHz"
    )
    sounds_of: Literal["files", "videos"] = vlbench.option(
        "files", help="a video that has a sound file of its name: sound from that file, or the video's own"
    )
    skip_bad: bool = vlbench.option(False, help="leave out clips whose file is missing or cannot be decoded")


@dataclass(frozen=True)
class DidemoOptions(MediaOptions):
    """Whole videos, or single moments."""

    moments: bool = vlbench.option(False, help="each described moment is a clip; else a video with all descriptions")


@dataclass(frozen=True)
class FolderOptions(MediaOptions):
    """Your own files: a text beside each, or a table."""

    table: str = vlbench.option("", help="CSV, TSV or JSONL of file names and captions; empty: a.txt beside a.mp4")
    file_column: str = vlbench.option(
        "", help="of file names, from the root; empty: the one whose values are such names"
    )
    caption_column: str = vlbench.option(
        "", help="of captions; empty: those named caption, caption_1, text and the like"
    )
    sound_column: str = vlbench.option(
        "", help="of names of sound files next to those of videos; empty: a second column of such names"
    )
    seed: int = vlbench.option(0, minimum=0, help="of drawn splits; a column 'split' with all three is taken instead")


@dataclass(frozen=True)
class StampsOptions(MediaOptions):
    """Where the package's pictures lie, and in which language they are described."""

    root: str = vlbench.option("/usr/share/tuxpaint/stamps", help="folder of the stamps")
    language: str = vlbench.option("en", help="of the captions and the voice, as in de or pt_BR")
    size: int = vlbench.option(64, minimum=8, help="height and width of a picture in pixels")
    seconds: float = vlbench.option(4.0, above=0, help="of speech")
    seed: int = vlbench.option(0, minimum=0, help="of the drawn splits")


@dataclass(frozen=True)
class PooledTimmOptions(TimmOptions):
    """Any timm model, on every frame."""

    pooling: Literal["mean", "max"] = vlbench.option("mean", help="how features of frames become one vector")


@dataclass(frozen=True)
class TransformersOptions:
    """Any model that transformers loads."""

    name: str = vlbench.option(help="folder that save_pretrained wrote, or a name on the Hugging Face hub")
    mean: tuple[float, ...] = vlbench.option(
        (), minimum=0, maximum=1, help="of values in 0 to 1, one or one a channel; empty for the model's own"
    )
    std: tuple[float, ...] = vlbench.option((), above=0, help="by which they are divided then; empty as for mean")
    normalise: Literal["", "sound", "none"] = vlbench.option(
        "", help="waveforms: each sound to zero mean and unit deviation, or as they are; empty for the model's own"
    )
