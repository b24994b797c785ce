"""How many images and captions Karpathy's splits have (Karpathy and Fei-Fei 2015), and a check of them."""

from __future__ import annotations

from dataclasses import dataclass

from vlbench.errors import DataError, OptionError
from vlbench_pairs.rows import SPLITS, Fields


@dataclass(frozen=True)
class Counts:
    """Of train, val and test.

    Attributes:
        images: in each split.
        captions: in each split.
        each: captions that every image has; at least that many where ``more`` is set.
    """

    images: tuple[int, int, int]
    captions: tuple[int, int, int]
    each: int = 5
    more: bool = False


KARPATHY = {
    "flickr8k": Counts((6_000, 1_000, 1_000), (30_000, 5_000, 5_000)),
    "flickr30k": Counts((29_000, 1_014, 1_000), (145_000, 5_070, 5_000)),
    # Some images of COCO have a sixth or seventh caption; all of them count as captions of theirs.
    "coco": Counts((113_287, 5_000, 5_000), (566_747, 25_010, 25_010), more=True),
}


def check_counts(records: dict[str, list[Fields]], name: str) -> None:
    """Stop unless there are as many images and captions as there should be.

    Args:
        records: split -> its images with their captions.
        name: of the set, one of :data:`KARPATHY`.

    Raises:
        DataError: a number differs; the message says which, and what is expected.
    """
    expected = KARPATHY[name]
    for index, split in enumerate(SPLITS):
        found = records[split]
        for record in found:
            count = len(record.captions)
            if count < expected.each or (count > expected.each and not expected.more):
                least = "at least " if expected.more else ""
                raise _wrong(name, f"{record.where}: {count} captions of image {record.image!r}", least, expected.each)
        _compare(name, f"{split} images", len(found), expected.images[index])
        _compare(name, f"{split} captions", sum(len(record.captions) for record in found), expected.captions[index])


def keep_captions(records: dict[str, list[Fields]], count: int) -> None:
    """Keep the first ``count`` captions of each image, in place; all of them for 0.

    Raises:
        OptionError: the number is negative.
    """
    if count < 0:
        raise OptionError(f"captions = {count}: expected 1 or more, or 0 for all.")
    for found in records.values() if count else ():
        for record in found:
            del record.captions[count:]


def _compare(name: str, what: str, count: int, expected: int) -> None:
    if count != expected:
        raise _wrong(name, f"{count:,} {what}", "", expected)


def _wrong(name: str, what: str, least: str, expected: int) -> DataError:
    images = " / ".join(f"{count:,}" for count in KARPATHY[name].images)
    return DataError(
        f"{name}: {what}, expected {least}{expected:,}. Karpathy's splits have {images} images in train / val / test. "
        f"Rows on other data are not comparable: take dataset_{name}.json as it is published, or the dataset 'pairs', "
        f"which does not count."
    )
