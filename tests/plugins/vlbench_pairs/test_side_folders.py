"""Pictures in one folder, their captions in another."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from vlbench.errors import DataError
from vlbench_pairs.options import PairsOptions
from vlbench_pairs.reader import load
from vlbench_pairs.recognise import recognise

COUNT = 12


def write(root: Path, picture: str, caption: str, suffix: str = "txt") -> None:
    """Pictures and captions under patterns that hold a number."""
    for number in range(COUNT):
        image, text = root / picture.format(number), root / f"{caption.format(number)}.{suffix}"
        image.parent.mkdir(parents=True, exist_ok=True)
        text.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (16, 16), (20 * number, 255 - 20 * number, 100)).save(image)
        words = f"colour number {number}"
        text.write_text(json.dumps({"caption": words}) if suffix == "json" else words)


def captions_by_red(root: Path, store: Path) -> dict[int, str]:
    draft = recognise(str(root))
    assert draft is not None
    typed = {key: tuple(value) if isinstance(value, list) else value for key, value in draft.options.items()}
    data = load(PairsOptions(**typed, size=8), store)
    found = {}
    for split in data.splits.values():
        for image, text in split.pairs.tolist():
            found[int(split.items["image"][image, 0, 0, 0])] = split.items["text"][text]
    return found


@pytest.mark.parametrize("suffix", ["txt", "json"])
@pytest.mark.parametrize(
    ("picture", "caption"),
    [
        ("images/{}.png", "captions/{}"),
        ("images/a/{}.png", "captions/a/{}"),
        ("data/images/{}.png", "data/captions/{}"),
        ("train/images/{}.png", "train/captions/{}"),
        ("{}.png", "captions/{}"),
        ("images/{}.png", "{}"),
    ],
)
def test_captions_in_another_folder_meet_their_pictures(
    picture: str, caption: str, suffix: str, tmp_path: Path
) -> None:
    write(tmp_path / "set", picture, caption, suffix)
    expected = {20 * number: f"colour number {number}" for number in range(COUNT)}
    assert captions_by_red(tmp_path / "set", tmp_path / "store") == expected


def test_equal_names_in_two_folders_stay_apart(tmp_path: Path) -> None:
    write(tmp_path / "set", "images/a/{}.png", "captions/a/{}")
    Image.new("RGB", (16, 16), (255, 0, 0)).save(_below(tmp_path / "set" / "images" / "b" / "0.png"))
    _below(tmp_path / "set" / "captions" / "b" / "0.txt").write_text("plain red")
    found = captions_by_red(tmp_path / "set", tmp_path / "store")
    assert found[255] == "plain red"
    assert found[0] == "colour number 0"


def test_boxes_in_a_folder_of_labels_are_no_captions(tmp_path: Path) -> None:
    write(tmp_path / "set", "images/{}.png", "labels/{}")
    for path in (tmp_path / "set" / "labels").iterdir():
        path.write_text("0 0.5 0.5 0.1 0.2")
    with pytest.raises(DataError, match=r"hold no words: labels or boxes.*--captions FILE"):
        captions_by_red(tmp_path / "set", tmp_path / "store")


def _below(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
