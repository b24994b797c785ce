"""The rules that a head must keep, each called with :class:`HeadHarness`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from vlbench.registry.options import parse_options
from vlbench.registry.specs import HeadSpec, resolve
from vlbench.testing.results import Check, require

ITEMS, FEATURES, WIDTH = 6, 12, 8
TOLERANCE = 1e-5


class HeadHarness:
    """One head, and features that it reads.

    Args:
        spec: the head.
        options: of the head, as ``-o`` takes them.
    """

    def __init__(self, spec: HeadSpec, options: Mapping[str, object]) -> None:
        self.spec, self._options = spec, dict(options)
        self.features = torch.randn(ITEMS, FEATURES, generator=torch.Generator().manual_seed(0))

    def make(self) -> Any:
        """The head as a student has it, weights unset."""
        options: object = parse_options(self.spec.options, self._options, owner=f"head {self.spec.name!r}")
        with torch.random.fork_rng(devices=[]):
            return resolve(self.spec.target)(options, FEATURES, WIDTH, 0.0)

    def started(self, seed: int) -> nn.Module:
        """A head whose weights were other ones before they were set."""
        head: Any = self.make().eval()
        for parameter in head.parameters():
            nn.init.constant_(parameter, 9.0)
        with torch.no_grad():
            head.start(torch.Generator().manual_seed(seed))
        return head  # type: ignore[no-any-return]


def check_head_is_a_module_with_start(harness: HeadHarness) -> None:
    """Its target returns a ``torch.nn.Module`` with a function ``start(generator)``."""
    head = harness.make()
    require(isinstance(head, nn.Module), f"it returns {type(head).__name__}. Return a torch.nn.Module.")
    require(callable(getattr(head, "start", None)), "it has no start(generator). Set every weight there.")


def check_embeddings_have_the_width(harness: HeadHarness) -> None:
    """Features [item, features] become finite float32 embeddings [item, width]."""
    found = harness.started(0)(harness.features)
    require(isinstance(found, Tensor), f"it gives {type(found).__name__}. Give a tensor.")
    shape, wanted = tuple(found.shape), (ITEMS, WIDTH)
    require(shape == wanted and found.dtype == torch.float32, f"it gives {found.dtype} {shape}. Give float32 {wanted}.")
    require(bool(found.isfinite().all()), "it gives numbers that are not finite.")


def check_weights_come_from_the_generator(harness: HeadHarness) -> None:
    """``start`` sets every weight, by its generator alone."""
    state = torch.get_rng_state()
    one, same = (dict(harness.started(0).named_parameters()) for _ in range(2))
    require(bool(torch.equal(state, torch.get_rng_state())), "start draws from the global generator.")
    left = [name for name, value in one.items() if bool((value == 9.0).all())]
    require(not left, f"start leaves {', '.join(left)} as it was.")
    differ = [name for name in one if not torch.equal(one[name], same[name])]
    require(not differ, f"two starts from the same generator differ in {', '.join(differ)}.")


def check_an_item_is_embedded_by_itself(harness: HeadHarness) -> None:
    """An item's embedding does not depend on the others of its batch."""
    head = harness.started(0)
    alone = torch.cat([head(one[None]) for one in harness.features])
    far = float((head(harness.features) - alone).abs().max().detach())
    require(far < TOLERANCE, f"an item alone and in a batch differ by {far:.2g}.")


def check_it_can_be_differentiated_twice(harness: HeadHarness) -> None:
    """Methods that match paths need the gradient of a gradient, and every weight has one."""
    head = harness.started(0)
    weights = {name: value.detach().requires_grad_() for name, value in head.named_parameters()}
    features = harness.features.clone().requires_grad_()
    loss = functional_call(head, weights, (features,)).square().sum()
    first = torch.autograd.grad(loss, list(weights.values()), create_graph=True, allow_unused=True)
    unused = [name for name, gradient in zip(weights, first, strict=True) if gradient is None]
    require(not unused, f"{', '.join(unused)} has no gradient.")
    if first:
        size = torch.stack([gradient.square().sum() for gradient in first]).sum()
        torch.autograd.grad(size, features)


HEAD_CHECKS: tuple[Check, ...] = (
    check_head_is_a_module_with_start,
    check_embeddings_have_the_width,
    check_weights_come_from_the_generator,
    check_an_item_is_embedded_by_itself,
    check_it_can_be_differentiated_twice,
)
