"""The rules that an encoder must keep, each called with :class:`EncoderHarness`."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any
from unittest import SkipTest

import torch
from torch import Tensor, nn

from vlbench.data.fingerprint import tensors_fingerprint
from vlbench.data.pairs import Items, PairDataset
from vlbench.errors import DataError
from vlbench.registry.options import parse_options
from vlbench.registry.registry import Registry
from vlbench.registry.specs import EncoderSpec, resolve
from vlbench.testing.results import Check, listed, require
from vlbench.testing.side_effects import GENERATORS, SETTINGS, changes, restored_global_state
from vlbench.testing.toys import toy_dataset

ITEMS = 6
IMAGE_SIZES = (32, 224, 64, 8)
"""Sides of the toy images, in pixels, that are tried in turn: an encoder may ask for one size."""
BATCH_TOLERANCE = 1e-4
"""Largest difference, relative to the largest feature, between an item alone and in a batch (float32 sums differ)."""


class EncoderHarness:
    """One encoder and some items that it reads.

    Args:
        spec: the encoder.
        registry: knows the datasets that the same plugin declares.
        folder: for everything that is written.
        options: of the encoder, as ``-o`` takes them.
    """

    def __init__(self, spec: EncoderSpec, registry: Registry, folder: Path, options: Mapping[str, object]) -> None:
        self.spec, self.folder, self._registry, self._options = spec, folder, registry, dict(options)
        self.drawn: list[str] = []
        self.changed: list[str] = []

    def make(self) -> Any:
        """The encoder, constructed as a run constructs it."""
        options: object = parse_options(self.spec.options, self._options, owner=f"encoder {self.spec.name!r}")
        with restored_global_state():
            generators = {name: read() for name, read in GENERATORS.items()}
            settings = {name: read() for name, read in SETTINGS.items()}
            encoder = resolve(self.spec.target)(options)
            self.drawn = changes(GENERATORS, generators)
            self.changed = changes(SETTINGS, settings)
        return encoder

    @cached_property
    def encoder(self) -> Any:
        return self.make()

    @cached_property
    def items(self) -> Items:
        """Some items of its side.

        Raises:
            DataError: the side is neither image nor text, and no dataset of the same plugin has it.
        """
        if self.spec.side == "text":
            return toy_dataset().split("train").items["text"][: 3 * ITEMS : 3]
        if self.spec.side == "image":
            return self._images()
        plugin = self._registry.owner("encoder", self.spec.name)
        for dataset in self._registry.all("dataset").values():
            if self._registry.owner("dataset", dataset.name) == plugin:
                options: object = parse_options(dataset.options, {}, owner=f"dataset {dataset.name!r}")
                found: PairDataset = resolve(dataset.target)(options, self.folder)
                if self.spec.side in found.sides:
                    return found.split("train").items[self.spec.side][:ITEMS]
        raise DataError(
            f"no items of side {self.spec.side!r} to try it on. Declare a dataset with that side in the same plugin."
        )

    def _images(self) -> Tensor:
        small = toy_dataset().split("train").items["image"][:ITEMS]
        errors = []
        for size in IMAGE_SIZES:
            images = nn.functional.interpolate(small.float(), size=(size, size)).to(torch.uint8)
            try:
                self.features(images)
            except Exception as error:
                errors.append(error)
            else:
                return images
        raise errors[0]

    def features(self, items: Items) -> Tensor:
        """Items -> features, as the harness computes them: in eval mode and without a graph."""
        with torch.no_grad():
            found: Tensor = self.encoder.module(self.encoder.inputs(items))
        return found

    @cached_property
    def first(self) -> Tensor:
        return self.features(self.items)


def check_it_is_as_declared(harness: EncoderHarness) -> None:
    """It has a width, a module in eval mode and an identity, and two of it are the same to the last weight."""
    encoder, other = harness.encoder, harness.make()
    missing = [name for name in ("width", "module", "identity", "inputs") if not hasattr(encoder, name)]
    require(not missing, f"it has no {', '.join(missing)}. See vlbench.Encoder.")
    require(isinstance(encoder.module, nn.Module), f"module is a {type(encoder.module).__name__}, not a torch module.")
    require(not encoder.module.training, "its module is in training mode. Call .eval() on it when it is made.")
    identity = encoder.identity
    require(isinstance(identity, str) and bool(identity.strip()), f"identity is {identity!r}, expected text.")
    require(other.identity == identity, "two of it differ in identity. Name settings and a hash of the weights in it.")
    same = tensors_fingerprint(encoder.module.state_dict()) == tensors_fingerprint(other.module.state_dict())
    require(same, "two of it have other weights and the same identity. Draw weights from a generator with a seed.")


def check_shape_is_as_declared(harness: EncoderHarness) -> None:
    """Features are finite float32 of shape [item, width]."""
    features, width = harness.first, harness.encoder.width
    shape = list(features.shape)
    expected = [len(harness.items), width]
    require(shape == expected, f"features of {expected[0]} items have shape {shape}; width={width} says {expected}.")
    require(features.dtype == torch.float32, f"features are {features.dtype}, expected float32.")
    require(bool(features.isfinite().all()), "a feature is not finite.")


def check_features_are_deterministic(harness: EncoderHarness) -> None:
    """The same items give the same features again, bit for bit."""
    require(
        torch.equal(harness.features(harness.items), harness.first),
        "two passes over the same items differ. Features of a frozen encoder are computed once and cached: leave "
        "dropout and noise out.",
    )


def check_features_do_not_depend_on_the_batch(harness: EncoderHarness) -> None:
    """An item has the same features alone as among others, but for rounding."""
    alone = torch.cat([harness.features(harness.items[at : at + 1]) for at in range(len(harness.items))])
    difference = float((alone - harness.first).abs().max() / harness.first.abs().max().clamp_min(1e-12))
    require(
        difference <= BATCH_TOLERANCE,
        f"features alone and in a batch differ by {difference:.1e} of the largest. Take batch statistics and padding "
        f"to the longest out.",
    )


def check_gradients_reach_what_can_be_trained(harness: EncoderHarness) -> None:
    """Weights, and inputs where they are numbers such as pixels, get gradients that are finite and not all zero."""
    module, inputs = _trainable(harness)
    leaves = _leaves(module, inputs)
    gradients = torch.autograd.grad(module(inputs).square().sum(), list(leaves.values()), allow_unused=True)
    named = dict(zip(leaves, gradients, strict=True))
    if (pixels := named.pop("inputs", None)) is not None or "inputs" in leaves:
        _require_gradient([pixels], "inputs", "Distilled pixels are learned through it")
    if named:
        _require_gradient(list(named.values()), "weights", "A suite may train it")


def _require_gradient(gradients: list[Tensor | None], what: str, why: str) -> None:
    found = [gradient for gradient in gradients if gradient is not None]
    reached = any(bool(gradient.any()) for gradient in found)
    require(reached, f"no gradient reaches its {what}. {why}: leave no_grad, detach and numpy out of module.")
    finite = all(bool(gradient.isfinite().all()) for gradient in found)
    require(finite, f"a gradient of its {what} is not finite.")


def check_it_can_be_differentiated_twice(harness: EncoderHarness) -> None:
    """Gradients have gradients: methods that match the student's training need them."""
    module, inputs = _trainable(harness)
    leaves = list(_leaves(module, inputs).values())
    gradients = torch.autograd.grad(module(inputs).square().sum(), leaves, create_graph=True, allow_unused=True)
    total = torch.stack([gradient.square().sum() for gradient in gradients if gradient is not None]).sum()
    try:
        torch.autograd.grad(total, leaves, allow_unused=True)
    except RuntimeError as error:
        raise AssertionError(
            f"it cannot be differentiated twice ({str(error).splitlines()[0]}). Take fused kernels out of module."
        ) from error


def _trainable(harness: EncoderHarness) -> tuple[nn.Module, Tensor]:
    """A copy of the module, as the harness copies it to train, and inputs that ask for gradients where they can."""
    module = copy.deepcopy(harness.encoder.module).requires_grad_(True)
    inputs = harness.encoder.inputs(harness.items)
    if inputs.is_floating_point():
        inputs = inputs.detach().clone().requires_grad_(True)
    return module, inputs


def _leaves(module: nn.Module, inputs: Tensor) -> dict[str, Tensor]:
    leaves: dict[str, Tensor] = dict(module.named_parameters())
    if inputs.requires_grad:
        leaves["inputs"] = inputs
    if not leaves:
        raise SkipTest("it has neither weights nor inputs that could be trained.")
    return leaves


def check_global_state_is_untouched(harness: EncoderHarness) -> None:
    """Making it leaves global generators, threads, default dtype, environment variables and the folder alone."""
    harness.make()
    harness.make()  # what the first imports is not its doing
    drawn, changed = listed(harness.drawn), listed(harness.changed)
    require(
        not drawn,
        f"it draws from or seeds the global generator of {drawn}. Build layers under torch.random.fork_rng().",
    )
    require(not changed, f"it changes settings of the process: {changed}. Put them back, or leave them.")


ENCODER_CHECKS: tuple[Check, ...] = (
    check_it_is_as_declared,
    check_shape_is_as_declared,
    check_features_are_deterministic,
    check_features_do_not_depend_on_the_batch,
    check_gradients_reach_what_can_be_trained,
    check_it_can_be_differentiated_twice,
    check_global_state_is_untouched,
)
"""All checks, in the order in which they are worth reading."""
