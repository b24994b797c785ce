"""A number that is not finite never becomes a score, a choice or a rank."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import pytest
import torch

from vlbench.errors import DivergedError, NotFiniteError
from vlbench.evaluation import evaluate
from vlbench.evaluation.evaluate import Evaluator
from vlbench.evaluation.retrieval import rank_embeddings
from vlbench.finite import weights_not_finite, which_not_finite
from vlbench.seeds import SeedTree
from vlbench.students.build import StudentBuilder
from vlbench.students.training import train
from vlbench.students.training_sets import full_selection, training_set
from vlbench.testing.toys import TOY_RECIPE, ToyEncoder, toy_builder, toy_dataset, toy_student

SHORT = dataclasses.replace(TOY_RECIPE, steps=3)


class Contrast(ToyEncoder):
    """Divides by the spread of an image's pixels, so that a blank image has no features."""

    def __init__(self, side: str) -> None:
        super().__init__(side)
        self.identity += " contrast"
        if side == "image":
            plain = self.module
            self.module = torch.nn.Sequential()
            self.module.forward = lambda pixels: plain(pixels) / pixels.flatten(1).std(1, keepdim=True)  # type: ignore[method-assign]


def blank(dataset, split: str, items: list[int]):
    """The dataset with some images of a split blank, as loaded afresh."""
    held = dataset.split(split)
    held.items["image"][items] = 0
    print_ = f"{dataset.fingerprint}-{split}-{items}"
    return dataclasses.replace(dataset, fingerprint=print_)


def contrast_bench(dataset, cache: Path) -> StudentBuilder:
    builder = toy_builder(dataset, cache)
    return dataclasses.replace(builder, make_encoder=lambda config: Contrast(config.encoder.removeprefix("toy-")))


def open_all(builder: StudentBuilder) -> None:
    student = builder.student("toy", toy_student())
    for split in ("train", "val", "test"):
        builder.tower_inputs(student, split)


@pytest.mark.parametrize("split", ["train", "val", "test"])
@pytest.mark.parametrize("bad", [[3], [3, 5, 8, 13], list(range(20))])
def test_a_blank_image_of_any_split_is_named_before_anything_is_trained(tmp_path: Path, split: str, bad: list[int]):
    builder = contrast_bench(blank(toy_dataset(), split, bad), tmp_path)
    for _ in range(2):  # the second time as well: nothing of it was kept
        with pytest.raises(NotFiniteError) as caught:
            open_all(builder)
        assert f"split {split!r}, side 'image'" in str(caught.value)
        assert f"{len(bad)} of {60 if split == 'train' else 20} (first: {', '.join(map(str, bad[:3]))}" in str(
            caught.value
        )


def test_features_that_an_older_version_kept_are_looked_at_too(tmp_path: Path):
    dataset = toy_dataset()
    builder = toy_builder(dataset, tmp_path)
    encoder = ToyEncoder("text")
    key = {"data": dataset.fingerprint, "split": "val", "side": "text", "encoder": encoder.identity}
    builder.cache.store("features", key, {"features": torch.full((40, 16), math.nan)})
    with pytest.raises(NotFiniteError, match=r"split 'val', side 'text'.*40 of 40"):
        builder.features(encoder, "val", "text")


@pytest.mark.parametrize("split", ["val", "test"])
def test_a_trained_encoder_answers_for_val_and_test_before_it_is_trained(tmp_path: Path, split: str):
    builder = contrast_bench(blank(toy_dataset(), split, [1]), tmp_path)
    student = builder.student("toy", toy_student(train="all"))
    builder.tower_inputs(student, "train")
    with pytest.raises(NotFiniteError, match=rf"split '{split}', side 'image'.*1 of 20"):
        builder.tower_inputs(student, split)


def test_train_items_of_a_trained_encoder_are_named_when_training_fails(tmp_path: Path):
    builder = contrast_bench(blank(toy_dataset(), "train", [7]), tmp_path)
    config = toy_student(train="all")
    towers = {side: dataclasses.replace(tower, standardise="none") for side, tower in config.towers.items()}
    student = builder.student("toy", dataclasses.replace(config, towers=towers))
    tower_inputs = builder.tower_inputs(student, "train")
    data = training_set(full_selection(tower_inputs.pairs, builder.dataset.fingerprint), student, tower_inputs)
    with pytest.raises(NotFiniteError, match=r"split 'train', side 'image'.*2 of 120 \(first: 14, 15\)"):
        train(student, data, dataclasses.replace(TOY_RECIPE, steps=30), SeedTree(0))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("side", ["image", "text"])
def test_an_embedding_that_is_not_finite_has_no_rank(side: str, value: float):
    embeddings = {name: torch.nn.functional.normalize(torch.randn(12, 4), dim=1) for name in ("image", "text")}
    embeddings[side][5, 2] = value
    with pytest.raises(NotFiniteError, match=rf"side '{side}'.*1 of 12 \(first: 5\)"):
        rank_embeddings(embeddings, torch.arange(12)[:, None].expand(-1, 2))


def toy_evaluator(tmp_path: Path, rates: list[float]) -> tuple[Evaluator, evaluate.TrainingSet]:
    builder = toy_builder(toy_dataset(), tmp_path)
    student = builder.student("toy", toy_student())
    tower_inputs = {split: builder.tower_inputs(student, split) for split in ("train", "val", "test")}
    grid = [dataclasses.replace(SHORT, learning_rate=rate) for rate in rates]
    full = full_selection(tower_inputs["train"].pairs, builder.dataset.fingerprint)
    return Evaluator(student, tower_inputs, grid), training_set(full, student, tower_inputs["train"])


@pytest.mark.parametrize("order", [[math.nan, 30.0, 20.0], [20.0, math.nan, 30.0], [30.0, 20.0, math.nan]])
def test_a_setting_whose_mean_recall_is_no_number_is_never_chosen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, order: list[float]
):
    evaluator, data = toy_evaluator(tmp_path, [0.1, 0.2, 0.3])
    answers = iter(order)
    monkeypatch.setattr(evaluate, "mean_recall", lambda _: next(answers))
    chosen = evaluator.choose(data, SeedTree(0), lambda: None)
    assert chosen.learning_rate == [0.1, 0.2, 0.3][order.index(30.0)]


def test_where_no_setting_gives_a_number_the_row_diverged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    evaluator, data = toy_evaluator(tmp_path, [0.1, 0.2])
    monkeypatch.setattr(evaluate, "mean_recall", lambda _: math.nan)
    with pytest.raises(DivergedError, match=r"every setting.*mean recall on val is nan"):
        evaluator.choose(data, SeedTree(0), lambda: None)


def test_embeddings_of_a_student_that_overflowed_are_a_status_that_names_the_split(tmp_path: Path):
    evaluator, _ = toy_evaluator(tmp_path, [0.1])
    parameters = evaluator.student.start(SeedTree(0))
    parameters["text"] = parameters["text"] * math.inf
    with pytest.raises(DivergedError, match=r"split 'test'.*side 'text'.*of 40"):
        evaluator.rank(parameters, evaluator.tower_inputs["test"])


def test_what_is_not_finite_is_counted_and_shown_by_name():
    values = torch.zeros(5, 2, 3)
    assert which_not_finite(values) == which_not_finite(values.long()) == ""
    values[1, 0, 2], values[4] = math.nan, math.inf
    assert which_not_finite(values) == "2 of 5 (first: 1, 4)"
    assert which_not_finite(values, ["a", "b", "c", "d", "e"]) == "2 of 5 (first: b, e)"
    module = torch.nn.Linear(2, 2)
    assert weights_not_finite(module) == ""
    torch.nn.init.constant_(module.bias, math.nan)
    assert weights_not_finite(module) == "1 of 2 (first: bias)"
