"""Small stand-ins for published sets: the same files, names and splits, with drawn images."""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from PIL import Image, ImageDraw

from vlbench.errors import DataError
from vlbench_pairs.documents import MOCK

LARGEST = 5_000
"""Images of a mock: fewer than any of the real sets has, so that none can pass for one."""
COLOURS = {
    "red": (210, 40, 40), "green": (40, 170, 60), "blue": (50, 80, 220), "yellow": (235, 215, 40),
    "purple": (150, 60, 190), "white": (245, 245, 245), "black": (15, 15, 15), "orange": (245, 140, 30),
}  # fmt: skip
SHAPES = ("circle", "square", "triangle", "bar")
PLACES = ("left", "middle", "right")
PHRASES = (
    "A {0} {1} on the {2}.",
    "There is a {0} {1} at the {2}, on {3} ground",
    "a {1} that is {0}",
    "On {3} ground: one {0} {1}!",
    "The {2} shows a {0} {1} (on {3}).",
    "a drawing of a {0} {1}",
)


@dataclass(frozen=True)
class MockLayout:
    """How a published set lies on disk.

    Attributes:
        name: of the set.
        splits: Karpathy's word for a split -> the folder of its images.
        sixth: whether some images have a sixth caption.
    """

    name: str
    splits: dict[str, str]
    sixth: bool = False

    @property
    def shares(self) -> dict[str, float]:
        """Of the images in each split: an eighth for val and for test."""
        trained = [split for split in self.splits if split not in ("val", "test")]
        return {split: 0.75 / len(trained) if split in trained else 0.125 for split in self.splits}


FLICKR8K = MockLayout("flickr8k", dict.fromkeys(("train", "val", "test"), "Flicker8k_Dataset"))
FLICKR30K = MockLayout("flickr30k", dict.fromkeys(("train", "val", "test"), "flickr30k-images"))
COCO = MockLayout("coco", {"train": "train2014", "restval": "val2014", "val": "val2014", "test": "val2014"}, sixth=True)


def make(layout: MockLayout, images: int, out: Path) -> None:
    """Write a mock into a new folder, whole or not at all.

    Args:
        layout: of the set it stands for.
        images: in all splits together, 16 to 5,000.
        out: folder that does not exist yet, or is empty.

    Raises:
        DataError: the number is not allowed.
    """
    if not 16 <= images <= LARGEST:
        raise DataError(f"images = {images}: a mock has 16 to {LARGEST:,} images.")
    out.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(dir=out.parent, prefix=".new-"))
    try:
        _write(layout, images, fresh)
        fresh.chmod(0o755)
        if out.exists():
            out.rmdir()
        fresh.rename(out)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


make_flickr8k = partial(make, FLICKR8K)
make_flickr30k = partial(make, FLICKR30K)
make_coco = partial(make, COCO)


def _write(layout: MockLayout, images: int, folder: Path) -> None:
    random = Random(0)
    splits = _splits(layout, images)
    records = [_record(layout, number, split, folder, random) for number, split in enumerate(splits)]
    about = {"made by": "vlbench data mock", "stands for": layout.name, "note": "drawn images; never to be ranked"}
    content = {MOCK: about, "dataset": layout.name, "images": records}
    (folder / f"dataset_{layout.name}.json").write_text(json.dumps(content), encoding="utf-8")


def _splits(layout: MockLayout, images: int) -> list[str]:
    counts = {split: max(1, int(share * images)) for split, share in layout.shares.items()}
    counts["train"] += images - sum(counts.values())
    return [split for split, count in counts.items() for _ in range(count)]


def _record(layout: MockLayout, number: int, split: str, folder: Path, random: Random) -> dict[str, Any]:
    within = layout.splits[split]
    name = f"COCO_{within}_{number:012d}.jpg" if layout is COCO else f"{1_000_000 + number}.jpg"
    colour, ground = random.sample(sorted(COLOURS), 2)
    shape, place = random.choice(SHAPES), random.choice(PLACES)
    (folder / within).mkdir(exist_ok=True)
    _draw(colour, shape, place, ground).save(folder / within / name, quality=90)
    count = 6 if layout.sixth and number % 8 == 0 else 5
    raws = [phrase.format(colour, shape, place, ground) for phrase in PHRASES[:count]]
    sentences = [
        {"tokens": raw.lower().strip(".!").split(), "raw": raw, "imgid": number, "sentid": number * 6 + at}
        for at, raw in enumerate(raws)
    ]
    ids = [sentence["sentid"] for sentence in sentences]
    record = {"filename": name, "imgid": number, "sentids": ids, "split": split, "sentences": sentences}
    return record | ({"filepath": within, "cocoid": number} if layout is COCO else {})


def _draw(colour: str, shape: str, place: str, ground: str) -> Image.Image:
    image = Image.new("RGB", (96, 72), COLOURS[ground])
    draw = ImageDraw.Draw(image)
    left = 6 + 30 * PLACES.index(place)
    box = (left, 24, left + 24, 48)
    if shape == "circle":
        draw.ellipse(box, COLOURS[colour])
    elif shape == "square":
        draw.rectangle(box, COLOURS[colour])
    elif shape == "bar":
        draw.rectangle((left + 8, 12, left + 16, 60), COLOURS[colour])
    else:
        draw.polygon([(left, 48), (left + 24, 48), (left + 12, 24)], COLOURS[colour])
    return image
