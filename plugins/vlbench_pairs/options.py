"""Options of the reader."""

from __future__ import annotations

from dataclasses import dataclass

from vlbench import option


@dataclass(frozen=True)
class PairsOptions:
    """Where a user's photographs and captions are, and how they are read."""

    annotations: tuple[str, ...] = option(
        (), help="annotation file, or one per split (train=FILE works with any name); or a Hugging Face data set"
    )
    images: tuple[str, ...] = option((), help="folders and tar files with the images; patterns such as DATA/*.tar work")
    format: str = option(
        "auto",
        choices=("auto", "karpathy", "retrieval", "token", "csv", "huggingface"),
        help="format of the annotations; auto looks into the files",
    )
    splits: tuple[str, ...] = option((), help="lists of image names, one per split, for annotations without splits")
    size: int = option(224, help="images are squares of this many pixels a side")
    clean: str = option("none", choices=("none", "vldd"), help="vldd: lower case, no punctuation, first 30 words")
    image_column: str = option("", help="Hugging Face: column of images or file names; empty: image, filename")
    caption_columns: tuple[str, ...] = option((), help="Hugging Face: columns of captions; empty: caption, sentences")
