"""What ``vlbench prepare`` tells about the files of a set: which there are, and where users get the others."""

from __future__ import annotations

from pathlib import Path

from vlbench.data import NeededFile
from vlbench_pairs.files import anchored, listed
from vlbench_pairs.options import PairsOptions

_SPLITS = "Karpathy's split files, caption_datasets.zip: cs.stanford.edu/people/karpathy/deepimagesent"
_FLICKR = "on request, by the form of the set's authors: shannon.cs.illinois.edu/DenotationGraph"
_COCO = "'2014 Train images' and '2014 Val images': cocodataset.org, Download"
SOURCES = {
    "flickr8k": (_SPLITS, f"Flickr8k_Dataset.zip, {_FLICKR}"),
    "flickr30k": (_SPLITS, f"flickr30k-images.tar, {_FLICKR}"),
    "coco": (_SPLITS, _COCO),
    "": ("your own", "your own"),
}


def needed_files(options: PairsOptions) -> list[NeededFile]:
    """Annotations and image folders, each with whether it is there and where users get it."""
    annotations, images = SOURCES[options.expect]
    options = anchored(options)
    entries = [(entry, annotations) for entry in listed(options.annotations)]
    entries += [(entry, images) for entry in listed(options.images)]
    return [_needed(entry, source) for entry, source in entries]


def _needed(entry: str, source: str) -> NeededFile:
    head, equals, tail = entry.partition("=")
    path = Path(tail if equals and head.isalpha() else entry).expanduser()
    there = path.exists() or any(path.parent.glob(path.name))
    return NeededFile(path, there, source)
