"""Batches, and training against torch's own SGD."""

import time
from dataclasses import replace

import pytest
import torch
from torch import nn

from vlbench.artifacts import Targets
from vlbench.artifacts.artifact import DistilledPairs, Selection
from vlbench.errors import ArtifactError, DivergedError, ProtocolError
from vlbench.seeds import SeedTree
from vlbench.students.training import Recipe, TrainingSet, train
from vlbench.students.training_sets import full_selection, training_set
from vlbench.testing import toy_builder, toy_context, toy_dataset, toy_student

SIDES = ("image", "text")


def numbered(pairs):
    """A training set whose tower_inputs are the positions themselves."""
    return TrainingSet(lambda side, index: index, pairs, SIDES)


def uneven_pairs():
    image = torch.tensor([0] * 3 + [1] + [2] * 5 + [3] * 2 + [4, 5, 6, 7])
    order = torch.randperm(len(image), generator=torch.Generator().manual_seed(0))
    return torch.stack([image, torch.arange(len(image))], 1)[order]


def test_its_length_is_the_number_of_first_side_items():
    assert len(numbered(uneven_pairs())) == 8


@pytest.mark.parametrize("batch", [1, 2, 3, 8, 100])
def test_a_batch_never_holds_two_pairs_of_one_image(batch):
    pairs = uneven_pairs()
    for step in range(50):
        positions = numbered(pairs).positions(step, batch, SeedTree(0))
        assert len(positions) == min(batch, 8)
        assert len(pairs[positions, 0].unique()) == len(positions)


@pytest.mark.parametrize("batch", [1, 2, 4, 8])
def test_every_image_is_seen_once_in_a_pass_where_the_batch_divides_it(batch):
    data, per_pass = numbered(uneven_pairs()), 8 // batch
    for one in range(5):
        steps = range(one * per_pass, (one + 1) * per_pass)
        seen = torch.cat([data.positions(step, batch, SeedTree(0)) for step in steps])
        assert sorted(data.pairs[seen, 0].tolist()) == list(range(8))


def test_no_image_is_seen_twice_in_a_pass_and_all_are_seen_in_time():
    data = numbered(uneven_pairs())
    passes = [torch.cat([data.positions(2 * one + half, 3, SeedTree(0)) for half in (0, 1)]) for one in range(40)]
    assert all(len(data.pairs[seen, 0].unique()) == 6 for seen in passes)
    assert set(data.pairs[torch.cat(passes), 0].tolist()) == set(range(8))


def test_each_pair_of_an_image_is_drawn_equally_often():
    data = numbered(uneven_pairs())
    counts = torch.bincount(torch.cat([data.positions(step, 8, SeedTree(0)) for step in range(3000)]), minlength=15)
    for image in range(8):
        own = counts[data.pairs[:, 0] == image]
        assert int(own.sum()) == 3000
        assert float((own / 3000 * len(own) - 1).abs().max()) < 0.12


def test_a_step_draws_the_same_however_the_run_came_to_it():
    first, second = numbered(uneven_pairs()), numbered(uneven_pairs())
    for step in range(6):
        first.positions(step, 3, SeedTree(0))
    assert torch.equal(first.positions(17, 3, SeedTree(0)), second.positions(17, 3, SeedTree(0)))
    drawn = [tuple(first.positions(17, 3, SeedTree(seed)).tolist()) for seed in range(10)]
    assert len(set(drawn)) > 5


def test_batches_are_the_same_whether_a_pass_is_shuffled_once_or_at_every_step():
    pairs, seeds = uneven_pairs(), SeedTree(3)
    for passes, count, batch in (("pairs", 15, 4), ("items", 8, 3)):
        data = numbered(pairs)
        for step in [*range(12), 2, 40, 11]:
            number, at = divmod(step, data.per_pass(batch, passes))
            order = torch.randperm(count, generator=seeds.generator("pass", number))[at * batch : (at + 1) * batch]
            drawn = data.positions(step, batch, seeds, epoch_over=passes)
            assert torch.equal(drawn if passes == "pairs" else pairs[drawn, 0], order)
            drawn.zero_()  # a caller may do with them what it likes


def test_a_step_on_a_million_items_shuffles_them_once_a_pass():
    data, seeds = numbered(torch.arange(1_000_000)[:, None].expand(-1, 2)), SeedTree(0)
    data.positions(0, 256, seeds)
    begin = time.process_time()
    for step in range(1, 101):
        data.positions(step, 256, seeds)
    assert time.process_time() - begin < 0.3  # shuffled at each step they take a second and more


def test_entries_of_both_sides_belong_to_the_same_pairs():
    data = numbered(uneven_pairs())
    positions = torch.tensor([3, 1])
    tower_inputs = data.tower_inputs(positions)
    assert torch.equal(torch.stack([tower_inputs["image"], tower_inputs["text"]], 1), data.pairs[positions])


@pytest.fixture
def toys(tmp_path):
    dataset = toy_dataset()
    builder = toy_builder(dataset, tmp_path)
    student = builder.student("toy", toy_student())
    return dataset, builder, student, builder.tower_inputs(student, "train")


@pytest.mark.parametrize("repeated", [False, True])
def test_mean_entries_equal_brute_force(toys, repeated):
    dataset, _, student, tower_inputs = toys
    pairs = dataset.split("train").pairs
    indices = torch.tensor([5, 4, 40, 17, 99]) if repeated else torch.tensor([4, 40, 17, 99])
    data = training_set(Selection(indices, dataset.fingerprint, ("text",)), student, tower_inputs)
    positions = torch.arange(len(indices))
    found = data.tower_inputs(positions)
    for row, index in enumerate(indices.tolist()):
        captions = (pairs[:, 0] == pairs[index, 0]).nonzero()[:, 0]
        assert len(captions) == 2
        expected = tower_inputs.take("text", pairs[captions, 1]).mean(0)
        torch.testing.assert_close(found["text"][row], expected)
        torch.testing.assert_close(found["image"][row], tower_inputs.take("image", pairs[index, :1])[0])


def test_a_mean_needs_vectors(tmp_path):
    dataset = toy_dataset()
    builder = toy_builder(dataset, tmp_path)
    config = toy_student()
    config = replace(config, towers={**config.towers, "text": replace(config.towers["text"], train="all")})
    student = builder.student("toy", config)
    selection = Selection(torch.arange(4), dataset.fingerprint, ("text",))
    # The toy text encoder reads counts, which have a mean; tokens have none.
    tower_inputs = builder.tower_inputs(student, "train")
    tower_inputs._takers["text"] = lambda index: torch.zeros(len(index), 5, dtype=torch.long)
    with pytest.raises(ArtifactError, match="Use captions=one"):
        training_set(selection, student, tower_inputs)


def test_distilled_vectors_enter_as_the_encoders_own_features_do(toys):
    dataset, builder, student, tower_inputs = toys
    tower, split = student.towers["text"], dataset.split("train")
    vectors = builder.features(tower.encoder, "train", "text")[:6]
    images = split.items["image"][split.pairs[:6, 0]]
    spaces = {"image": "items", "text": tower.space}
    distilled = DistilledPairs({"image": images, "text": vectors}, spaces, dataset.fingerprint)
    found = training_set(distilled, student, tower_inputs).tower_inputs(torch.arange(6))
    real = training_set(Selection(torch.arange(6), dataset.fingerprint), student, tower_inputs).tower_inputs(
        torch.arange(6)
    )
    torch.testing.assert_close(found, real)


@pytest.mark.parametrize("batch", [12, 5])
def test_students_train_on_the_targets_of_the_pairs_in_their_batch(toys, batch):
    dataset, _, student, _ = toys
    draw = torch.Generator().manual_seed(0)
    drawn = [torch.rand(shape, generator=draw) for shape in ((12,), (12, 3), (12, 3))]
    sides = {side: torch.randn(12, 16, generator=draw) for side in SIDES}
    spaces = {side: tower.space for side, tower in student.towers.items()}
    artifact = DistilledPairs(sides, spaces, dataset.fingerprint, targets=Targets(*drawn))
    data, seeds = training_set(artifact, student, toys[3]), SeedTree(0)
    found = train(student, data, Recipe(4, batch, 0.2, momentum=0.0, schedule="constant"), seeds)
    expected = student.start(seeds.child("start"))
    for step in range(4):
        at = data.positions(step, batch, seeds)
        block = (drawn[1] @ drawn[2].T + torch.diag(drawn[0])).clamp(0, 1)[at][:, at]
        leaves = {name: flat.requires_grad_() for name, flat in expected.items()}
        one, two = (student.embed(side, data.tower_inputs(at)[side], leaves) for side in SIDES)
        logits = one @ two.T / 0.07
        both = logits - logits.logsumexp(1, keepdim=True) / 2 - logits.logsumexp(0, keepdim=True) / 2
        loss = -(block * both).sum() / block.sum()
        steps = torch.autograd.grad(loss, list(leaves.values()))
        expected = {name: (leaves[name] - 0.2 * part).detach() for name, part in zip(leaves, steps, strict=True)}
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_vectors_of_another_space_are_refused(toys):
    dataset, _, student, tower_inputs = toys
    sides = {"image": torch.zeros(2, 3, 8, 8, dtype=torch.uint8), "text": torch.zeros(2, 16)}
    spaces = {"image": "items", "text": "features:another encoder"}
    with pytest.raises(ArtifactError, match="another encoder"):
        training_set(DistilledPairs(sides, spaces, dataset.fingerprint), student, tower_inputs)


RECIPE = Recipe(steps=25, batch=20, learning_rate=0.2, weight_decay=0.01, momentum=0.9)


def plain_run(student, data, recipe, seeds):
    """The same training by torch's optimiser and scheduler on plain modules."""
    parameters = student.start(seeds.child("start"))
    heads = {side: nn.Linear(16, 8, bias=False) for side in SIDES}
    for side, head in heads.items():
        head.weight.data.copy_(parameters[side].view(8, 16))
    weights = [head.weight for head in heads.values()]
    optimiser = torch.optim.SGD(
        weights, lr=recipe.learning_rate, momentum=recipe.momentum, weight_decay=recipe.weight_decay
    )
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, recipe.steps)
    for step in range(recipe.steps):
        tower_inputs = data.tower_inputs(data.positions(step, recipe.batch, seeds))
        one, two = (nn.functional.normalize(heads[side](tower_inputs[side]), dim=1) for side in SIDES)
        logits = one @ two.T / 0.07
        target = torch.arange(len(logits))
        loss = (nn.functional.cross_entropy(logits, target) + nn.functional.cross_entropy(logits.T, target)) / 2
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if recipe.schedule == "cosine":
            scheduler.step()
    return {side: head.weight.detach().reshape(-1) for side, head in heads.items()}


@pytest.mark.parametrize("schedule", ["cosine", "constant"])
def test_training_equals_torchs_sgd(toys, schedule):
    dataset, _, student, tower_inputs = toys
    data = training_set(full_selection(tower_inputs.pairs, dataset.fingerprint), student, tower_inputs)
    recipe = replace(RECIPE, schedule=schedule)
    found, expected = train(student, data, recipe, SeedTree(3)), plain_run(student, data, recipe, SeedTree(3))
    torch.testing.assert_close(found, expected, rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("how", [{}, {"noise": 0.3}])
def test_the_same_seeds_give_the_same_parameters_and_others_do_not(toys, how):
    dataset, _, student, tower_inputs = toys
    data = training_set(full_selection(tower_inputs.pairs, dataset.fingerprint), student, tower_inputs)
    recipe = replace(RECIPE, **how)
    first, again = (train(student, data, recipe, SeedTree(0)) for _ in range(2))
    other = train(student, data, recipe, SeedTree(1))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not any(torch.equal(first[name], other[name]) for name in first)


def test_noise_changes_the_result(toys):
    dataset, _, student, tower_inputs = toys
    data = training_set(full_selection(tower_inputs.pairs, dataset.fingerprint), student, tower_inputs)
    plain, noisy = (train(student, data, replace(RECIPE, noise=noise), SeedTree(0)) for noise in (0.0, 0.3))
    assert not torch.equal(plain["image"], noisy["image"])


def test_dropout_is_drawn_from_the_seeds_and_used_in_training_only(tmp_path):
    dataset = toy_dataset()
    builder = toy_builder(dataset, tmp_path)
    student = builder.student("toy", toy_student(dropout=0.5))
    tower_inputs = builder.tower_inputs(student, "train")
    data = training_set(full_selection(tower_inputs.pairs, dataset.fingerprint), student, tower_inputs)
    state = torch.get_rng_state()
    first, again = (train(student, data, RECIPE, SeedTree(0)) for _ in range(2))
    assert torch.equal(first["image"], again["image"])
    batch = data.tower_inputs(torch.arange(5))
    assert torch.equal(student.embed("text", batch["text"], first), student.embed("text", batch["text"], first))
    with student.training(0):
        dropped = student.embed("text", batch["text"], first)
    assert not torch.equal(dropped, student.embed("text", batch["text"], first))
    assert torch.equal(torch.get_rng_state(), state)


def test_an_observer_sees_each_batch_before_its_update(toys):
    dataset, _, student, tower_inputs = toys
    data = training_set(full_selection(tower_inputs.pairs, dataset.fingerprint), student, tower_inputs)
    seen = []

    def observe(step, positions, batch, parameters):
        torch.testing.assert_close(batch, data.tower_inputs(positions))
        seen.append((step, parameters["image"].clone()))

    observed = train(student, data, RECIPE, SeedTree(0), observe=observe)
    assert [step for step, _ in seen] == list(range(25))
    assert torch.equal(seen[0][1], student.start(SeedTree(0).child("start"))["image"])
    unobserved = train(student, data, RECIPE, SeedTree(0))
    assert all(torch.equal(observed[name], unobserved[name]) for name in observed)


def test_training_works_where_the_caller_has_switched_gradients_off(toys):
    dataset, _, student, tower_inputs = toys
    data = training_set(full_selection(tower_inputs.pairs, dataset.fingerprint), student, tower_inputs)
    with torch.no_grad():
        inside = train(student, data, RECIPE, SeedTree(0))
    assert torch.equal(inside["text"], train(student, data, RECIPE, SeedTree(0))["text"])


def test_training_that_diverges_is_an_error_that_names_the_rate(toys):
    dataset, _, student, tower_inputs = toys
    data = training_set(full_selection(tower_inputs.pairs, dataset.fingerprint), student, tower_inputs)
    with pytest.raises(DivergedError, match=r"after 25 steps at rates image 1e\+3[0-9]"):
        train(student, data, replace(RECIPE, learning_rate=1e38), SeedTree(0))


def test_a_cosine_schedule_falls_from_the_rate_to_zero():
    recipe = Recipe(steps=10, batch=4, learning_rate=2.0)
    assert [recipe.schedule_factor(step, 10) for step in (0, 5, 10)] == pytest.approx([1, 0.5, 0])
    assert replace(recipe, schedule="constant").schedule_factor(9, 10) == 1
    assert [replace(recipe, schedule="step").schedule_factor(step, 10) for step in (4, 5)] == [1, 0.1]


@pytest.mark.parametrize("wrong", [{"schedule": "linear"}, {"steps": -1}, {"batch": 0}])
def test_a_recipe_that_means_nothing_is_refused(wrong):
    with pytest.raises(ProtocolError):
        replace(RECIPE, **wrong)


def test_the_context_trains_its_reference_student_once_and_features_are_unit_vectors(tmp_path, monkeypatch):
    view, context = toy_context(toy_dataset(), tmp_path)
    offered = Selection(context.candidates(), view.fingerprint)
    features = context.pair_features(offered)
    assert features.shape == (60, 16)
    torch.testing.assert_close(features.view(60, 2, 8).norm(dim=2), torch.ones(60, 2))
    monkeypatch.setattr("vlbench.methods.context.train", lambda *args, **kwargs: pytest.fail("trained again"))
    _, later = toy_context(toy_dataset(), tmp_path, seed=1)
    assert torch.equal(later.pair_features(offered), features)
