"""JSON as tools write it: tables of pandas, conversations that name their pictures, questions and answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import vlbench
from vlbench.errors import DataError
from vlbench_pairs.options import PairsOptions
from vlbench_pairs.reader import Reading, load, read_rows
from vlbench_pairs.recognise import recognise

COUNT = 12
NAMES = [f"{number:03d}.png" for number in range(COUNT)]
TEXTS = [f"picture number {number}" for number in range(COUNT)]
PAIRS = list(zip(NAMES, TEXTS, strict=True))


def turns(*content: dict[str, Any], answer: Any) -> dict[str, Any]:
    asked = {"role": "user", "content": [{"type": "text", "text": "What do you see in this picture?"}, *content]}
    return {"messages": [{"role": "system", "content": "Be brief."}, asked, {"role": "assistant", "content": answer}]}


FORMS: dict[str, Any] = {
    "pandas by columns": {
        "image": {str(number): name for number, name in enumerate(NAMES)},
        "caption": {str(number): text for number, text in enumerate(TEXTS)},
    },
    "pandas split": {"columns": ["image", "caption"], "index": list(range(COUNT)), "data": PAIRS},
    "pandas by rows": {str(number): {"image": name, "caption": text} for number, (name, text) in enumerate(PAIRS)},
    "pictures by address in turns": [
        turns({"type": "image_url", "image_url": {"url": f"images/{name}"}}, answer=[{"type": "text", "text": text}])
        for name, text in PAIRS
    ],
    "pictures by file in turns": [
        turns({"type": "image", "image": f"file:///elsewhere/images/{name}"}, answer=text) for name, text in PAIRS
    ],
    "answers": [{"image": name, "question": "What is it, in some words?", "answer": text} for name, text in PAIRS],
    "TextCaps": {
        "data": [
            {"image_path": f"images/{name}", "caption_str": text, "reference_strs": [text, *TEXTS]}
            for name, text in PAIRS
        ]
    },
}


def write(folder: Path, content: Any) -> None:
    (folder / "images").mkdir()
    for number, name in enumerate(NAMES):
        Image.new("L", (8, 8), 20 * number).save(folder / "images" / name)
    (folder / "list.json").write_text(json.dumps(content))


def read(folder: Path, store: Path) -> vlbench.PairDataset:
    draft = recognise(str(folder))
    assert draft is not None
    options = {name: tuple(value) if isinstance(value, list) else value for name, value in draft.options.items()}
    return load(PairsOptions(size=8, **options), store)


@pytest.mark.parametrize("form", FORMS)
def test_each_picture_has_its_own_caption(form: str, tmp_path: Path) -> None:
    write(tmp_path, FORMS[form])
    found = {}
    for split in read(tmp_path, tmp_path / "store").splits.values():
        for image, text in split.pairs.tolist():
            found[split.items["text"][text]] = float(split.items["image"][image, 0].float().mean())
    assert found == {text: 20 * number for number, text in enumerate(TEXTS)}


def test_several_conversations_about_a_picture_are_all_its_captions(tmp_path: Path) -> None:
    said = [(name, f"{text}, {which}") for name, text in PAIRS for which in ("near", "far")]
    write(tmp_path, [{"image": n, "conversations": [{"from": "gpt", "value": text}]} for n, text in said])
    splits = read(tmp_path, tmp_path / "store").splits.values()
    assert sum(split.count("image") for split in splits) == COUNT
    assert sorted(text for split in splits for text in split.items["text"]) == sorted(text for _, text in said)


def test_questions_without_answers_are_no_captions(tmp_path: Path) -> None:
    asked = [{"image_id": name, "question": "What is it, in some words?", "question_id": 1} for name in NAMES]
    write(tmp_path, {"questions": asked})
    with pytest.raises(DataError, match=r"no column of captions is known \(a question is no caption\)"):
        recognise(str(tmp_path))


def test_a_description_goes_before_a_title_and_what_was_not_taken_is_said(tmp_path: Path) -> None:
    rows = [{"image": name, "title": "a bar in red", "description": text} for name, text in PAIRS]
    write(tmp_path, rows)
    draft = recognise(str(tmp_path))
    assert draft is not None
    assert draft.guesses["caption columns: description, not title"] == "-o caption_columns=NAME"


def test_captions_by_number_under_names_of_files_are_no_table(tmp_path: Path) -> None:
    reading = Reading.of(PairsOptions(annotations=(str(tmp_path / "list.json"),)), None)  # type: ignore[arg-type]
    write(tmp_path, {"a.png": {"0": "one"}, "b.png": {"0": "two"}})
    assert [(row.image, row.captions) for row in read_rows(reading)] == [("a.png", ("one",)), ("b.png", ("two",))]
