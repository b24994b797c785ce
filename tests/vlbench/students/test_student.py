"""Students: what is trained, its gradient against autograd on plain modules, what is shared and what is frozen."""

from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from vlbench.errors import ProtocolError
from vlbench.seeds import SeedTree
from vlbench.students.functional import FlatParameters
from vlbench.students.heads import HeadConfig
from vlbench.students.lora import LoraConfig
from vlbench.students.student import Standardise, flatten
from vlbench.testing import toy_builder, toy_context, toy_dataset, toy_student

SIDES = ("image", "text")


@pytest.fixture
def builder(tmp_path):
    return toy_builder(toy_dataset(), tmp_path)


def config(train="frozen", **changes):
    made = toy_student(train=train)
    return replace(made, towers={**made.towers, "image": replace(made.towers["image"], **changes)})


def batch(builder, student, count=6):
    tower_inputs = builder.tower_inputs(student, "train")
    pairs = tower_inputs.pairs[torch.arange(count) * 2]
    return {side: tower_inputs.take(side, pairs[:, column]) for column, side in enumerate(SIDES)}


def plain_loss(modules, tower_inputs):
    one, two = (F.normalize(modules[side](tower_inputs[side]), dim=1) for side in SIDES)
    logits = one @ two.T / 0.07
    target = torch.arange(len(logits))
    return (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2


BRANCHES = {
    "frozen": ["image", "text"],
    "lora": ["image-lora", "image", "text"],
    "all": ["image", "text"],
}


@pytest.mark.parametrize("train", BRANCHES)
def test_what_is_trained_stands_in_the_branches(builder, train):
    student = builder.student("toy", config(train))
    parameters = student.start(SeedTree(0))
    assert list(parameters) == list(student.branches) == BRANCHES[train]
    assert student.branches["text"] == ("text", 16 * 8)
    encoder, head = 12 * 16 + 16, 16 * 8
    assert student.branches["image"] == ("image", encoder + head if train == "all" else head)
    if train == "lora":
        assert student.branches["image-lora"] == ("image", 4 * (12 + 16))
    assert flatten(parameters).numel() == sum(size for _, size in student.branches.values())


@pytest.mark.parametrize("train", BRANCHES)
def test_the_gradient_equals_autograd_on_the_plain_module(builder, train):
    student = builder.student("toy", config(train))
    parameters = {name: flat + 0.1 * torch.randn_like(flat) for name, flat in student.start(SeedTree(0)).items()}
    tower_inputs = batch(builder, student)
    gradient, loss = student.gradient(tower_inputs, parameters)

    modules = {side: student.towers[side].trained for side in SIDES}
    leaves = {}
    for branch, flat in parameters.items():
        side = student.branches[branch][0]
        for name, value in student.towers[side].branches[branch].named(flat).items():
            weight = dict(modules[side].named_parameters())[name]
            weight.data.copy_(value)
            weight.requires_grad_(True)
            leaves.setdefault(branch, []).append(weight)
    expected = plain_loss(modules, tower_inputs)
    expected.backward()
    torch.testing.assert_close(loss, expected.detach())
    for branch, weights in leaves.items():
        torch.testing.assert_close(gradient[branch], torch.cat([weight.grad.reshape(-1) for weight in weights]))
    assert not loss.requires_grad
    assert not any(flat.requires_grad for flat in gradient.values())


def test_a_gradient_is_to_be_had_where_the_caller_has_switched_it_off(builder):
    student = builder.student("toy", config("all"))
    parameters, tower_inputs = student.start(SeedTree(0)), batch(builder, student)
    with torch.no_grad():
        inside, _ = student.gradient(tower_inputs, parameters)
    assert torch.equal(inside["image"], student.gradient(tower_inputs, parameters)[0]["image"])


@pytest.mark.parametrize("train", BRANCHES)
def test_pixels_enter_differentiably_in_both_orders(builder, train):
    student = builder.student("toy", config(train))
    parameters = {name: flat.requires_grad_() for name, flat in student.start(SeedTree(0)).items()}
    pixels = torch.rand(4, 3, 8, 8, dtype=torch.float32, requires_grad=True)
    text = batch(builder, student, 4)["text"]
    loss = student.loss({"image": student.towers["image"].encode_frozen(pixels), "text": text}, parameters)
    inner = torch.autograd.grad(loss, list(parameters.values()), create_graph=True)
    second = torch.autograd.grad(sum(part.square().sum() for part in inner), pixels)[0]
    assert second.shape == pixels.shape
    assert bool(second.isfinite().all())
    assert float(second.abs().max()) > 0


@pytest.mark.parametrize("train", BRANCHES)
def test_entering_inputs_equals_the_entries_of_the_split(builder, train):
    student = builder.student("toy", config(train))
    tower_inputs = builder.tower_inputs(student, "train")
    index = torch.tensor([3, 0, 59])
    items = builder.dataset.split("train").items["image"][index]
    tower = student.towers["image"]
    torch.testing.assert_close(tower.encode_frozen(tower.encoder.inputs(items)), tower_inputs.take("image", index))


def test_entries_can_be_trained_on_and_are_no_inference_tensors(builder):
    student = builder.student("toy", config())
    cold, warm = batch(builder, student), batch(builder, student)
    for tower_inputs in (cold, warm):
        assert not any(values.is_inference() for values in tower_inputs.values())
    assert not builder.features(student.towers["image"].encoder, "val", "image").is_inference()


@pytest.mark.parametrize("train", BRANCHES)
def test_embeddings_have_unit_length_and_do_not_depend_on_the_batch(builder, train):
    student = builder.student("toy", config(train))
    parameters, tower_inputs = student.start(SeedTree(0)), batch(builder, student)
    whole = student.embed("image", tower_inputs["image"], parameters)
    torch.testing.assert_close(whole.norm(dim=1), torch.ones(6))
    torch.testing.assert_close(whole[2:3], student.embed("image", tower_inputs["image"][2:3], parameters))


@pytest.mark.parametrize("train", BRANCHES)
def test_the_same_seeds_give_the_same_start_and_others_another_head(builder, train):
    first, second = (builder.student("toy", config(train)) for _ in range(2))
    one, again, other = first.start(SeedTree(0)), second.start(SeedTree(0)), first.start(SeedTree(1))
    assert all(torch.equal(one[name], again[name]) for name in one)
    assert not torch.equal(one["text"], other["text"])
    assert torch.equal(one["text"], first.start(SeedTree(0))["text"])


def test_adapters_are_shared_by_all_students_and_start_as_the_plain_encoder(builder):
    lora, frozen = builder.student("toy", config("lora")), builder.student("toy", config())
    one, other = lora.start(SeedTree(0)), lora.start(SeedTree(1))
    assert torch.equal(one["image-lora"], other["image-lora"])
    again = builder.student("toy", config("lora")).start(SeedTree(2))
    assert torch.equal(one["image-lora"], again["image-lora"])
    seeded = builder.student("toy", config("lora", lora=LoraConfig(seed=1))).start(SeedTree(0))
    assert not torch.equal(one["image-lora"], seeded["image-lora"])
    plain = frozen.start(SeedTree(0))
    embedded = lora.embed("image", batch(builder, lora)["image"], one)
    torch.testing.assert_close(embedded, frozen.embed("image", batch(builder, frozen)["image"], plain))


def test_a_trained_encoder_starts_from_its_pretrained_weights(builder):
    student, frozen = builder.student("toy", config("all")), builder.student("toy", config())
    embedded = student.embed("image", batch(builder, student)["image"], student.start(SeedTree(0)))
    expected = frozen.embed("image", batch(builder, frozen)["image"], frozen.start(SeedTree(0)))
    torch.testing.assert_close(embedded, expected)


@pytest.mark.parametrize("train", BRANCHES)
def test_using_a_student_changes_nothing_of_its_modules(builder, train):
    student = builder.student("toy", config(train))
    parameters, tower_inputs = student.start(SeedTree(0)), batch(builder, student)
    tower = student.towers["image"]
    before = {name: value.clone() for name, value in tower.trained.state_dict().items()}
    student.gradient(tower_inputs, {name: flat * 2 for name, flat in parameters.items()})
    assert all(torch.equal(before[name], value) for name, value in tower.trained.state_dict().items())
    assert not tower.trained.training
    assert not tower.encoder.module.training


def test_building_students_draws_nothing_from_the_global_generator(builder):
    state = torch.get_rng_state()
    for train in BRANCHES:
        builder.student("toy", config(train)).start(SeedTree(0))
    builder.student("toy", toy_student(dropout=0.2)).start(SeedTree(0))
    assert torch.equal(torch.get_rng_state(), state)


def test_vectors_cannot_replace_the_items_of_a_trained_encoder(builder):
    student = builder.student("toy", config("all"))
    with pytest.raises(ProtocolError, match='Set train = "frozen" for image'):
        student.towers["image"].from_features(torch.zeros(2, 16))


def test_towers_must_fit_the_sides_and_meet_in_one_width(builder):
    made = toy_student()
    with pytest.raises(ProtocolError, match="the dataset's sides are"):
        builder.student("toy", replace(made, towers={"image": made.towers["image"], "audio": made.towers["text"]}))
    with pytest.raises(ProtocolError, match=r"embeddings differ in width: \{'image': 4, 'text': 8\}"):
        builder.student("toy", config(head=HeadConfig(width=4)))


@pytest.mark.parametrize("wrong", [{"train": "some"}, {"standardise": "rows"}])
def test_a_tower_that_means_nothing_is_refused(wrong):
    with pytest.raises(ProtocolError, match=r"is not allowed. Allowed:"):
        config(**wrong)


def test_lora_targets_that_fit_no_layer_are_named(builder):
    with pytest.raises(ProtocolError, match=r"\['qkv'\] fit no linear layer of the encoder. It has: 2"):
        builder.student("toy", config("lora", lora=LoraConfig(targets=("qkv",))))


def test_the_context_gives_a_twin_with_frozen_encoders(tmp_path):
    _, context = toy_context(toy_dataset(), tmp_path)
    twin, _ = context.student_with("all")
    assert twin is context.student_with("all")[0]
    assert twin.branches["image"][1] > context.student.branches["image"][1]


@pytest.mark.parametrize("mode", ["none", "global", "element"])
def test_standardising_is_undone_by_its_inverse(mode):
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(200, 5, generator=generator) * torch.tensor([1.0, 2, 3, 4, 5]) + 7
    fitted = Standardise.fit(features, mode)
    out = fitted(features)
    torch.testing.assert_close(fitted.inverse(out), features)
    if mode == "none":
        assert torch.equal(out, features)
    else:
        torch.testing.assert_close(out.mean(0), torch.zeros(5), atol=1e-4, rtol=0)
        torch.testing.assert_close(out.square().mean(), torch.tensor(1.0))
    if mode == "element":
        torch.testing.assert_close(out.square().mean(0), torch.ones(5))


def test_standardising_survives_a_feature_that_never_changes():
    assert bool(Standardise.fit(torch.ones(4, 3), "element")(torch.ones(4, 3)).isfinite().all())


def test_flat_parameters_gather_and_name_in_the_order_given():
    module = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 4, bias=False))
    flat = FlatParameters(module, ["1.weight", "0.bias"])
    vector = flat.gather(module)
    assert flat.size == len(vector) == 10
    named = flat.named(vector)
    assert list(named) == ["1.weight", "0.bias"]
    assert torch.equal(named["1.weight"], module[1].weight)
    vector.zero_()
    assert float(module[1].weight.detach().abs().sum()) > 0
