"""Options of the readers."""

from __future__ import annotations

from dataclasses import dataclass

from vlbench import option

_ANNOTATIONS = "annotation file, or one per split (train=FILE works with any name)"
_IMAGES = "folders and tar files with the images; patterns such as DATA/*.tar work"


@dataclass(frozen=True)
class PairsOptions:
    """Where a user's photographs and captions are, and how they are read."""

    annotations: tuple[str, ...] = option((), help=f"{_ANNOTATIONS}; or a Hugging Face data set")
    images: tuple[str, ...] = option((), help=_IMAGES)
    root: str = option("", help="folder that relative paths count from; set by --data")
    format: str = option(
        "auto",
        choices=("auto", "karpathy", "retrieval", "token", "csv", "huggingface"),
        help="format of the annotations; auto looks into the files",
    )
    splits: tuple[str, ...] = option((), help="lists of image names, one per split, for annotations without splits")
    size: int = option(224, minimum=1, help="images are squares of this many pixels a side, resized bicubic")
    clean: str = option("none", choices=("none", "vldd"), help="vldd: lower case, no punctuation, first 30 words")
    captions: int = option(0, minimum=0, help="captions kept of each image, in the order of the file; 0 for all")
    expect: str = option(
        "", choices=("", "flickr8k", "flickr30k", "coco"), help="stop unless the counts are those of Karpathy's splits"
    )
    image_column: str = option("", help="Hugging Face: column of images or file names; empty: image, filename")
    caption_columns: tuple[str, ...] = option((), help="Hugging Face: columns of captions; empty: caption, sentences")


@dataclass(frozen=True)
class Flickr8kOptions(PairsOptions):
    """Flickr8k as it is distributed: five captions of each image."""

    annotations: tuple[str, ...] = option(("dataset_flickr8k.json",), help=_ANNOTATIONS)
    images: tuple[str, ...] = option(("Flicker8k_Dataset",), help=_IMAGES)
    expect: str = option("flickr8k", choices=("", "flickr8k"), help="stop unless the counts are Karpathy's")


@dataclass(frozen=True)
class Flickr30kOptions(PairsOptions):
    """Flickr30k as it is distributed: five captions of each image."""

    annotations: tuple[str, ...] = option(("dataset_flickr30k.json",), help=_ANNOTATIONS)
    images: tuple[str, ...] = option(("flickr30k-images",), help=_IMAGES)
    expect: str = option("flickr30k", choices=("", "flickr30k"), help="stop unless the counts are Karpathy's")


@dataclass(frozen=True)
class CocoOptions(PairsOptions):
    """COCO 2014 as it is distributed: five to seven captions of each image, ``restval`` is a part of train."""

    annotations: tuple[str, ...] = option(("dataset_coco.json",), help=_ANNOTATIONS)
    images: tuple[str, ...] = option(("train2014", "val2014"), help=_IMAGES)
    expect: str = option("coco", choices=("", "coco"), help="stop unless the counts are Karpathy's")
