"""Each check of encoders is broken by an encoder that breaks that one rule, and catches it."""

import os

import pytest
import torch
from torch import nn

import vlbench
from vlbench.registry.registry import Registry
from vlbench.registry.specs import DatasetSpec, EncoderSpec
from vlbench.testing import check_encoder, toy_dataset
from vlbench.testing.toys import ToyEncoder


class Good(ToyEncoder):
    """The toy encoder of images; what the others spoil in one place."""

    def __init__(self, _options):
        super().__init__("image")
        self.module = self.wrapped(self.module).eval()

    def wrapped(self, module):
        return module


class Through(nn.Module):
    """Features of another module, changed by a function."""

    def __init__(self, module, change):
        super().__init__()
        self.inner, self.change = module, change

    def forward(self, inputs):
        return self.change(self.inner(inputs))


def attend(features):
    """Attention of each item over its own features, by the fused kernel, which has no second derivative."""
    words = features.reshape(-1, 1, 4, 4)
    return nn.functional.scaled_dot_product_attention(words, words, words).flatten(1)


class Training(Good):
    def __init__(self, options):
        super().__init__(options)
        self.module.train()


class OtherWeightsEachTime(Good):
    made = 0

    def __init__(self, options):
        super().__init__(options)
        OtherWeightsEachTime.made += 1
        self.module[2].weight.data += OtherWeightsEachTime.made


class WrongWidth(Good):
    def __init__(self, options):
        super().__init__(options)
        self.width = 17


class Doubles(Good):
    def wrapped(self, module):
        return Through(module, lambda features: features.double())


class Noisy(Good):
    calls = 0

    def wrapped(self, module):
        def noise(features):
            Noisy.calls += 1
            return features + (Noisy.calls if len(features) > 1 else Noisy.calls * 0)

        return Through(module, noise)


class Centred(Good):
    def wrapped(self, module):
        return Through(module, lambda features: features - 0.5 * features.mean(0))


class Detached(Good):
    def wrapped(self, module):
        return Through(module, lambda features: features.detach() + 0 * features)


class Fused(Good):
    def wrapped(self, module):
        return Through(module, attend)


class SeedsGlobally(Good):
    def __init__(self, options):
        super().__init__(options)
        torch.manual_seed(0)


class ChangesSettings(Good):
    def __init__(self, options):
        super().__init__(options)
        os.environ["VLBENCH_TEST_VIOLATION"] = "1"


class Text(ToyEncoder):
    def __init__(self, _options):
        super().__init__("text")


class Sound(ToyEncoder):
    """Reads float items of a side that toys do not have."""

    def __init__(self, _options):
        super().__init__("image")
        self.module, self.width = nn.Sequential(nn.AvgPool1d(2)).eval(), 2

    def inputs(self, items):
        return items


def sounds(options, store):
    made = toy_dataset()
    splits = {
        name: vlbench.Split(
            {"audio": split.items["image"][:, 0, 0, :4].float(), "text": split.items["text"]}, split.pairs
        )
        for name, split in made.splits.items()
    }
    return vlbench.PairDataset("sounds", ("audio", "text"), splits, "0")


def spec(encoder, side="image"):
    return EncoderSpec("toy", f"{__name__}:{encoder.__name__}", side, "A toy.")


def failures(encoder, side="image", registry=None):
    results = check_encoder(spec(encoder, side), registry)
    return {result.check: result.message for result in results if result.status == "failed"}


@pytest.mark.parametrize(("encoder", "side"), [(Good, "image"), (Text, "text")])
def test_an_encoder_that_keeps_all_rules_passes_every_check(encoder, side):
    assert failures(encoder, side) == {}


@pytest.mark.parametrize(
    ("encoder", "check", "words"),
    [
        (Training, "it_is_as_declared", "Call .eval() on it"),
        (OtherWeightsEachTime, "it_is_as_declared", "other weights and the same identity"),
        (WrongWidth, "shape_is_as_declared", "have shape [6, 16]; width=17 says [6, 17]"),
        (Doubles, "shape_is_as_declared", "torch.float64, expected float32"),
        (Noisy, "features_are_deterministic", "leave dropout and noise out"),
        (Centred, "features_do_not_depend_on_the_batch", "Take batch statistics"),
        (Detached, "gradients_reach_what_can_be_trained", "no gradient reaches its inputs"),
        (Fused, "it_can_be_differentiated_twice", "Take fused kernels out"),
        (SeedsGlobally, "global_state_is_untouched", "global generator of torch"),
        (ChangesSettings, "global_state_is_untouched", "environment variables"),
    ],
)
def test_an_encoder_that_breaks_one_rule_fails_that_check(encoder, check, words):
    found = failures(encoder)
    # What is off from pass to pass is off between an item alone and among others, too.
    also = {"features_do_not_depend_on_the_batch"} if encoder is Noisy else set()
    assert set(found) == {check} | also
    assert words in found[check]


def test_items_of_a_side_without_toys_come_from_a_dataset_of_the_same_plugin():
    registry = Registry()
    alone = failures(Sound, "audio", registry)
    assert "Declare a dataset with that side" in alone["shape_is_as_declared"]
    registry.add("dataset", DatasetSpec("sounds", f"{__name__}:sounds", "Sounds."), "mine")
    registry.add("encoder", spec(Sound, "audio"), "mine")
    assert failures(Sound, "audio", registry) == {}
