"""Real photographs, where they are at hand."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path

import pytest

from vlbench_pairs.forms import detect_format
from vlbench_pairs.options import PairsOptions
from vlbench_pairs.reader import Reading, load, read_rows
from vlbench_pairs.rows import AnnotationRow


@pytest.fixture
def realpairs() -> Path:
    given = os.environ.get("VLBENCH_REALPAIRS")
    folder = Path(given) if given else Path(__file__).parents[4] / "shared" / "data" / "realpairs"
    if not folder.is_dir():
        pytest.skip("no real photographs here: set VLBENCH_REALPAIRS to the folder with captions.json and images-*.tar")
    return folder


def test_real_photographs_load(realpairs: Path, tmp_path: Path) -> None:
    options = PairsOptions(
        annotations=(str(realpairs / "captions.json"),), images=(str(realpairs / "images-*.tar"),), size=32
    )
    dataset = load(options, tmp_path)
    assert {name: split.count("image") for name, split in dataset.splits.items()} == {
        "train": 3000,
        "val": 500,
        "test": 500,
    }
    assert all(split.count("text") == len(split.pairs) == 5 * split.count("image") for split in dataset.splits.values())
    assert load(options, tmp_path).fingerprint == dataset.fingerprint


def rows(path: Path) -> list[AnnotationRow]:
    with ExitStack() as stack:
        return list(read_rows(Reading.of(PairsOptions(annotations=(str(path),)), stack)))


def test_published_files_are_recognised(realpairs: Path) -> None:
    formats = realpairs / "formats"
    assert [len(row.captions) for row in rows(formats / "dataset_flickr8k.sample.json")] == [5, 5, 5]
    for name in ("flickr30k_val", "flickr30k_test", "coco_karpathy_val", "coco_karpathy_test"):
        path = formats / f"{name}.sample.json"
        assert detect_format(path) == "retrieval"
        assert len(rows(path)) == 20
    token, csv = formats / "Flickr8k.token.sample.txt", formats / "captions.sample.txt"
    assert (detect_format(token), detect_format(csv)) == ("token", "csv")
    tokens = [(row.image, row.captions) for row in rows(token)]
    assert len(tokens) == 50
    assert tokens[:10] == [(row.image, row.captions) for row in rows(csv)][:10]
