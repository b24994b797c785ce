"""Recipes of the literature: epochs over pairs, learned rates, a learned temperature, augmented images."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from vlbench.artifacts.artifact import DistilledPairs
from vlbench.errors import ProtocolError
from vlbench.seeds import SeedTree
from vlbench.students.training import Recipe, TrainingSet, first_rates, train
from vlbench.students.training_sets import full_selection, training_set
from vlbench.testing import toy_builder, toy_dataset, toy_student

VLDD = Recipe(0, 5, 0.1, weight_decay=5e-4, schedule="constant", epochs=4, epoch_over="pairs", learned_rates="first")


@pytest.fixture
def toys(tmp_path):
    dataset = toy_dataset()
    builder = toy_builder(dataset, tmp_path)
    student = builder.student("toy", toy_student())
    return dataset, builder, student, builder.tower_inputs(student, "train")


def distilled(toys, pairs=12):
    """Learned pairs that bring rates of their own."""
    dataset, builder, student, _ = toys
    split, tower = dataset.split("train"), student.towers["text"]
    sides = {
        "image": split.items["image"][split.pairs[:pairs, 0]],
        "text": builder.features(tower.encoder, "train", "text")[:pairs],
    }
    spaces = {"image": "items", "text": tower.space}
    return DistilledPairs(sides, spaces, dataset.fingerprint, {"image": 0.3, "text": 0.05})


def test_a_pass_over_pairs_has_every_pair_once_and_a_smaller_last_batch():
    pairs = torch.stack([torch.arange(13) // 3, torch.arange(13)], 1)
    data = TrainingSet(lambda side, index: index, pairs, ("image", "text"))
    recipe = replace(VLDD, epochs=3)
    assert recipe.length(data) == 9
    for one in range(3):
        batches = [data.positions(3 * one + at, 5, SeedTree(0), epoch_over="pairs") for at in range(3)]
        assert [len(batch) for batch in batches] == [5, 5, 3]
        assert sorted(torch.cat(batches).tolist()) == list(range(13))
    orders = [tuple(data.positions(3 * one, 5, SeedTree(0), epoch_over="pairs").tolist()) for one in range(3)]
    assert len(set(orders)) == 3


def test_an_epoch_over_items_has_full_batches_only():
    pairs = torch.stack([torch.arange(13) // 3, torch.arange(13)], 1)
    data = TrainingSet(lambda side, index: index, pairs, ("image", "text"))
    assert replace(VLDD, epoch_over="items", batch=2).length(data) == 4 * 2
    assert replace(VLDD, epoch_over="items", batch=64).length(data) == 4
    assert replace(VLDD, epochs=0, steps=7).length(data) == 7


@pytest.mark.parametrize(("learned", "rates"), [("ignore", (0.1, 0.1)), ("own", (0.3, 0.05)), ("first", (0.3, 0.3))])
def test_training_in_epochs_equals_two_of_torchs_optimisers_as_in_the_released_code(toys, learned, rates):
    _, _, student, tower_inputs = toys
    data, recipe, seeds = (
        training_set(distilled(toys), student, tower_inputs),
        replace(VLDD, learned_rates=learned),
        SeedTree(5),
    )
    found = train(student, data, recipe, seeds)
    flats = {name: nn.Parameter(flat) for name, flat in student.start(seeds.child("start")).items()}
    optimisers = [
        torch.optim.SGD([flats[side]], lr=rate, momentum=0.9, weight_decay=5e-4)
        for side, rate in zip(("image", "text"), rates, strict=True)
    ]
    for step in range(4 * 3):
        batch = data.tower_inputs(data.positions(step, 5, seeds, epoch_over="pairs"))
        loss = student.loss(batch, flats)
        for optimiser in optimisers:
            optimiser.zero_grad()
        loss.backward()
        for optimiser in optimisers:
            optimiser.step()
    for name, flat in flats.items():
        torch.testing.assert_close(found[name], flat.detach(), rtol=2e-4, atol=2e-5)


def test_pairs_that_bring_no_rates_train_at_the_recipes(toys):
    dataset, _, student, tower_inputs = toys
    data = training_set(full_selection(tower_inputs.pairs, dataset.fingerprint), student, tower_inputs)
    for learned in ("own", "first", "ignore"):
        recipe = replace(VLDD, learned_rates=learned)
        assert first_rates(recipe, data.rates, ["image", "text"]) == {"image": 0.1, "text": 0.1}
    assert first_rates(replace(VLDD, learned_rates="own"), {"image": 0.4}, ["image", "text"])["text"] == 0.1


def test_a_learned_temperature_starts_where_the_fixed_one_is_and_moves(toys):
    _, builder, fixed, tower_inputs = toys
    learned = builder.student("toy", replace(toy_student(), learn_temperature=True))
    assert list(learned.branches) == ["image", "text", "temperature"]
    seeds, data = SeedTree(1), training_set(distilled(toys), fixed, tower_inputs)
    batch = data.tower_inputs(torch.arange(8))
    start = learned.start(seeds)
    torch.testing.assert_close(learned.loss(batch, start), fixed.loss(batch, fixed.start(seeds)))
    end = train(learned, data, replace(VLDD, epochs=20), seeds)
    assert abs(float((-end["temperature"]).exp()) - 0.07) > 0.001
    other = fixed.loss(batch, fixed.start(seeds), temperature=0.376)
    assert other < fixed.loss(batch, fixed.start(seeds))
    torch.testing.assert_close(learned.loss(batch, start, temperature=0.376), other)


def test_images_are_augmented_for_a_trained_encoder_only(toys):
    dataset, builder, frozen, tower_inputs = toys
    full = full_selection(tower_inputs.pairs, dataset.fingerprint)
    recipe = replace(VLDD, epochs=1, augment="randaugment")
    with pytest.raises(ProtocolError, match="Set augment = 'none'"):
        train(frozen, training_set(full, frozen, tower_inputs), recipe, SeedTree(0))
    student = builder.student("toy", toy_student(train="all"))
    data = training_set(full, student, builder.tower_inputs(student, "train"))
    first, again = (train(student, data, recipe, SeedTree(0)) for _ in range(2))
    plain = train(student, data, replace(recipe, augment="none"), SeedTree(0))
    assert torch.equal(first["image"], again["image"])
    assert not torch.equal(first["image"], plain["image"])


def test_a_gradient_that_is_too_long_is_shortened_and_another_left_as_it_is(toys):
    _, _, student, tower_inputs = toys
    data, seeds = training_set(distilled(toys), student, tower_inputs), SeedTree(0)
    plain = {"weight_decay": 0.0, "momentum": 0.0, "schedule": "constant", "learned_rates": "ignore"}
    one = replace(VLDD, epochs=0, steps=1, learning_rate=1.0, **plain)
    start = student.start(seeds.child("start"))

    def update(clip: float) -> torch.Tensor:
        end = train(student, data, replace(one, max_grad_norm=clip), seeds)
        return torch.cat([end[name] - start[name] for name in start])

    free = update(0.0)
    assert torch.equal(update(2 * float(free.norm())), free)
    short = update(0.25 * float(free.norm()))
    torch.testing.assert_close(short, 0.25 * free, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    "wrong",
    [
        {"steps": 3},
        {"epochs": -1},
        {"epoch_over": "texts"},
        {"learned_rates": "yes"},
        {"augment": "much"},
        {"max_grad_norm": -1.0},
    ],
)
def test_a_recipe_that_contradicts_itself_is_refused(wrong):
    with pytest.raises(ProtocolError):
        replace(VLDD, **wrong)
