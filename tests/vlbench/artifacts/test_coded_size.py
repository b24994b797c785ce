"""The canonical byte count, against brute force."""

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch

from vlbench import DistilledPairs, Selection, load_artifact
from vlbench.artifacts import Targets, artifact_bytes, pack
from vlbench.artifacts.artifact import save_artifact
from vlbench.artifacts.coded_size import (
    PRIOR,
    code_bits,
    first_fitting,
    item_bytes,
    mean_pair_bytes,
    minus_green,
    pair_bytes,
    residuals,
)
from vlbench.testing import toy_dataset

DATA = toy_dataset()
TRAIN = DATA.split("train")
GENERATOR = np.random.default_rng(0)


def chosen(indices, **fields):
    return Selection(torch.tensor(indices), DATA.fingerprint, **fields)


def learned(storage="float32", **fields):
    images = torch.from_numpy(GENERATOR.integers(0, 256, (6, 3, 8, 8), dtype=np.uint8))
    text, scales = pack(torch.from_numpy(GENERATOR.normal(size=(6, 512)).astype(np.float32)), storage)
    spaces = {"image": "items", "text": "features:toy"}
    made = DistilledPairs({"image": images, "text": text}, spaces, DATA.fingerprint)
    return replace(made, scales={} if scales is None else {"text": scales}, **fields)


def utf8(caption):
    return len(TRAIN.items["text"][caption].encode())


def test_code_length_is_that_of_a_coder_that_learns_as_it_goes():
    values = GENERATOR.integers(0, 5, 40).astype(np.uint8) * 50
    prior, probability, seen = Fraction(PRIOR), Fraction(1), dict.fromkeys(range(256), 0)
    for step, value in enumerate(values.tolist()):
        probability *= (seen[value] + prior) / (step + 256 * prior)
        seen[value] += 1
    expected = math.log2(probability.denominator) - math.log2(probability.numerator)
    assert code_bits(values[None])[0] == pytest.approx(expected, abs=1e-9)


def test_residuals_can_be_undone():
    pixels = GENERATOR.integers(0, 256, (2, 3, 5, 7), dtype=np.uint8)
    left = residuals(minus_green(pixels))
    back = np.zeros((2, 3, 6, 8))
    for row in range(5):
        for column in range(7):
            a, b, c = back[..., row + 1, column], back[..., row, column + 1], back[..., row, column]
            predicted = np.median([a, b, a + b - c], axis=0)  # another way to say the same
            back[..., row + 1, column + 1] = (left[..., row, column] + predicted) % 256
    planes = back[..., 1:, 1:].copy()
    planes[:, [0, 2]] = (planes[:, [0, 2]] + planes[:, [1]]) % 256
    assert np.array_equal(planes, pixels)


def test_noise_weighs_what_is_stored_and_a_plain_picture_nothing_much():
    noise = torch.from_numpy(GENERATOR.integers(0, 256, (2, 3, 32, 32), dtype=np.uint8))
    assert item_bytes(noise).tolist() == [3072, 3072]
    assert item_bytes(torch.full((1, 3, 32, 32), 200, dtype=torch.uint8))[0] < 150
    ramp = torch.arange(32, dtype=torch.uint8).expand(1, 3, 32, 32) * 8
    assert item_bytes(ramp)[0] < 500


def test_an_item_weighs_the_same_alone_and_among_others():
    images = TRAIN.items["image"]
    assert item_bytes(images).tolist() == [int(item_bytes(images[at : at + 1])[0]) for at in range(len(images))]


def test_a_selection_weighs_its_coded_images_and_its_captions():
    selection = chosen((0, 4, 9))
    captions = sum(utf8(i) for i in TRAIN.pairs[selection.indices, 1].tolist())
    images = item_bytes(TRAIN.items["image"], TRAIN.pairs[selection.indices, 0].numpy())
    assert artifact_bytes(selection, TRAIN) == images.sum() + captions
    assert images.sum() < 3 * 3 * 8 * 8


def test_an_image_that_is_chosen_twice_weighs_once():
    assert TRAIN.pairs[0, 0] == TRAIN.pairs[1, 0]
    assert pair_bytes(chosen((0, 1)), TRAIN)[1] == utf8(int(TRAIN.pairs[1, 1]))


def test_averaged_captions_weigh_what_is_averaged():
    of_image = {image: TRAIN.pairs[TRAIN.pairs[:, 0] == image, 1].tolist() for image in (0, 3)}
    selection = chosen([int(torch.nonzero(TRAIN.pairs[:, 0] == image)[1]) for image in (3, 0)], mean_sides=("text",))
    images = item_bytes(TRAIN.items["image"], np.array([3, 0]))
    expected = [images[0] + sum(map(utf8, of_image[3])), images[1] + sum(map(utf8, of_image[0]))]
    assert pair_bytes(selection, TRAIN).tolist() == expected


def test_learned_pairs_weigh_all_that_is_trained_on_and_not_their_start():
    made = learned()
    assert artifact_bytes(made, TRAIN) == 6 * 3 * 8 * 8 + item_bytes(made.sides["text"]).sum()
    assert artifact_bytes(replace(made, start=chosen((0, 1))), TRAIN) == artifact_bytes(made, TRAIN)
    assert artifact_bytes(replace(made, rates={"image": 0.1, "text": 0.2}), TRAIN) == artifact_bytes(made, TRAIN) + 8


def test_coarser_storage_weighs_less_and_scales_count():
    full, half, eight = (
        artifact_bytes(learned(storage), TRAIN) - 6 * 192 for storage in ("float32", "float16", "uint8")
    )
    assert 6 * 512 * 3 < full < 6 * 512 * 4
    assert 6 * 512 < half < 6 * 512 * 2
    assert 6 * 8 < eight <= 6 * (512 + 8)


@pytest.mark.parametrize("rank", [0, 2])
def test_targets_weigh_all_their_numbers(rank):
    parts = [torch.from_numpy(GENERATOR.normal(size=shape)).float() for shape in ((6,), (6, rank), (6, rank))]
    made = learned()
    more = artifact_bytes(replace(made, targets=Targets(*parts)), TRAIN) - artifact_bytes(made, TRAIN)
    assert more == 6 * 4 * (1 + 2 * rank)


def test_a_saved_artifact_weighs_the_same(tmp_path):
    for made in (learned("uint8", rates={"image": 0.5}), chosen((5, 2), mean_sides=("text",))):
        save_artifact(made, tmp_path)
        assert artifact_bytes(load_artifact(tmp_path), TRAIN) == artifact_bytes(made, TRAIN)


@pytest.mark.parametrize("mean_sides", [(), ("text",)])
def test_what_fits_is_the_longest_beginning_within_the_limit(mean_sides):
    order = torch.randperm(len(TRAIN.pairs), generator=torch.Generator().manual_seed(0))
    selection = Selection(order, DATA.fingerprint, mean_sides)
    whole = [artifact_bytes(replace(selection, indices=order[:count]), TRAIN) for count in range(len(order) + 1)]
    for limit in (0, whole[1] - 1, whole[1], whole[50], whole[50] + 1, whole[-1], 10**9):
        assert first_fitting(selection, TRAIN, limit) == max(c for c, size in enumerate(whole) if size <= limit)
    assert mean_pair_bytes(selection, TRAIN) == pytest.approx(whole[-1] / len(order), rel=0.05)
