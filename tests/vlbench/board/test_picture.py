"""The picture of a run."""

from __future__ import annotations

import json
from pathlib import Path

import numpy
import pytest
from PIL import Image

from vlbench.board.picture import draw
from vlbench.errors import DataError
from vlbench.records.record import write_record

from ..conftest import MakeRecord


def preview(folder: Path, shape: tuple[int, ...], captions: int) -> None:
    numpy.save(folder / "preview.npy", numpy.full(shape, 7, dtype=numpy.uint8))
    text = json.dumps(
        {"captions": ["a small red circle above a large blue square"] * captions, "caption_source": "own"}
    )
    (folder / "preview.json").write_text(text)


@pytest.mark.parametrize("shape", [(1, 3, 32, 32), (9, 1, 40, 20), (64, 3, 224, 224)])
def test_picture_holds_the_pairs(tmp_path: Path, make_record: MakeRecord, shape: tuple[int, ...]) -> None:
    write_record(tmp_path, make_record("vldd", 30.0, curves={"matching_loss": [2.0, 1.0, 0.5]}))
    preview(tmp_path, shape, shape[0])
    target = draw(tmp_path, tmp_path / "pairs.png")
    with Image.open(target) as image:
        colours = {colour for _, colour in image.getcolors(1 << 24) or []}
        assert image.format == "PNG"
    assert (7, 7, 7) in colours
    assert not list(tmp_path.glob("*.tmp"))


def test_run_without_curve_or_scores_can_be_drawn(tmp_path: Path, make_record: MakeRecord) -> None:
    write_record(tmp_path, make_record("random", 30.0, scores={}, status="failed"))
    preview(tmp_path, (3, 3, 32, 32), 3)
    assert draw(tmp_path, tmp_path / "x.png").is_file()


def test_missing_or_damaged_preview_is_named(tmp_path: Path, make_record: MakeRecord) -> None:
    write_record(tmp_path, make_record("random", 30.0))
    with pytest.raises(DataError, match=r"preview\.npy is missing"):
        draw(tmp_path, tmp_path / "x.png")
    preview(tmp_path, (3, 3, 32, 32), 2)
    with pytest.raises(DataError, match="3 images and 2 captions"):
        draw(tmp_path, tmp_path / "x.png")
    (tmp_path / "preview.npy").write_bytes(b"nonsense")
    with pytest.raises(DataError, match="damaged"):
        draw(tmp_path, tmp_path / "x.png")
