"""Options of the readers."""

from __future__ import annotations

from dataclasses import dataclass

from vlbench import option

_ANNOTATIONS = "annotation file, or one per split (train=FILE works with any name)"
_IMAGES = "folders, tar and zip files with the images; patterns such as DATA/*.tar and {00..41}.tar work"
FORMATS = (
    "auto", "karpathy", "coco", "retrieval", "jsonl", "token", "csv", "folder", "webdataset", "parquet", "huggingface",
)  # fmt: skip


@dataclass(frozen=True)
class PairsOptions:
    """Where a user's photographs and captions are, and how they are read."""

    annotations: tuple[str, ...] = option((), help=f"{_ANNOTATIONS}; a folder or shards that hold both; a hub's name")
    images: tuple[str, ...] = option((), help=f"{_IMAGES}; empty: where the annotations are")
    root: str = option("", help="folder that relative paths count from; set by --data")
    format: str = option("auto", choices=FORMATS, help="of the annotations; auto looks into the files")
    splits: tuple[str, ...] = option((), help="lists of image names, one per split, for annotations without splits")
    split_seed: int = option(
        0, minimum=0, help="draws 80/10/10 by image where no file tells a split, and a split that is missing"
    )
    size: int = option(224, minimum=1, help="images are squares of this many pixels a side, resized bicubic")
    clean: str = option("none", choices=("none", "vldd"), help="vldd: lower case, no punctuation, first 30 words")
    captions: int = option(0, minimum=0, help="captions kept of each image, in the order of the file; 0 for all")
    text_lines: str = option(
        "auto",
        choices=("auto", "lines", "whole"),
        help="captions in a text file beside a picture; auto: lines where all files have the same number, 2 or more",
    )
    skip_bad: bool = option(False, help="leave out what cannot be read, count it, and name it in a list")
    expect: str = option(
        "", choices=("", "flickr8k", "flickr30k", "coco"), help="stop unless the counts are those of Karpathy's splits"
    )
    image_column: str = option("", help="column or field of images or file names; empty: looked for, as 'image'")
    caption_columns: tuple[str, ...] = option((), help="columns or fields of captions; empty: looked for, as 'caption'")


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


@dataclass(frozen=True)
class FeaturesOptions:
    """Where the features are."""

    files: tuple[str, ...] = option((), help="folder of clip-retrieval or DataComp, or .npz or parquet files")
    image: str = option(
        "", help="key of image features in .npz or parquet, or a .npy file; empty: looked for, as l14_img"
    )
    text: str = option("", help="key of text features, or a .npy file; empty: looked for, as l14_txt")
    metadata: tuple[str, ...] = option((), help="parquet with uid and caption of each row; empty: beside the features")
    root: str = option("", help="folder that relative paths count from; set by --data")


@dataclass(frozen=True)
class PrecomputedOptions:
    """Of features that others computed."""

    width: int = option(minimum=1, help="numbers in a feature")
