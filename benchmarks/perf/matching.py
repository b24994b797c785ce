"""The matching gradient beside full unrolling by autograd, in one run: seconds, peak memory, largest difference.

python benchmarks/perf/matching.py --steps 8 --steps 32
"""

from __future__ import annotations

from collections.abc import Callable

import click
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from vlbench.matching import Inputs, Parameters, Segment, match, matching_loss
from vlbench.runs.meter import Meter
from vlbench.students.functional import FlatParameters
from vlbench_scenes.encoders import convnet


def unrolled(loss: Callable[..., Tensor], tower_inputs: Inputs, segment: Segment, rate: Tensor, steps: int) -> Tensor:
    """Gradient of the matching loss with respect to the images, through the graph of all steps."""
    images = tower_inputs["image"].clone().requires_grad_()
    parameters = {branch: flat.clone().requires_grad_() for branch, flat in segment.start.items()}
    for step in range(steps):
        value = loss({**tower_inputs, "image": images}, parameters, step)
        gradients = torch.autograd.grad(value, list(parameters.values()), create_graph=True)
        parameters = {b: p - rate * g for (b, p), g in zip(parameters.items(), gradients, strict=True)}
    total = torch.stack(list(matching_loss(parameters, segment).values())).sum()
    return torch.autograd.grad(total, images)[0]


@click.command()
@click.option("--pairs", default=100, show_default=True)
@click.option("--steps", "counts", multiple=True, type=int, default=(8, 32), show_default=True, help="Inner steps.")
def main(pairs: int, counts: tuple[int, ...]) -> None:
    """Compare on a ConvNet of `scenes` that is trained whole, with a linear head."""
    torch.manual_seed(0)
    network = nn.Sequential(convnet(), nn.Linear(512, 64))
    flat = FlatParameters(network, [name for name, _ in network.named_parameters()])
    start = flat.gather(network)
    segment = Segment({"image": start}, {"image": start + 0.01 * torch.randn_like(start)})
    tower_inputs = {"image": torch.rand(pairs, 3, 32, 32), "text": F.normalize(torch.randn(pairs, 64), dim=1)}
    rates = {"image": torch.tensor(1e-4)}  # a smooth path: at 0.002 rounding is amplified until no two ways agree

    def loss(tower_inputs: Inputs, parameters: Parameters, _: int) -> Tensor:
        features = functional_call(network, flat.named(parameters["image"]), (tower_inputs["image"],))
        logits = F.normalize(features, dim=1) @ tower_inputs["text"].T / 0.07
        return F.cross_entropy(logits, torch.arange(len(logits)))

    def ours(steps: int) -> Tensor:
        batches = [torch.arange(pairs)] * steps
        return match(loss, tower_inputs, segment, rates=rates, batches=batches, sides=("image",)).tower_inputs["image"]

    def full(steps: int) -> Tensor:
        return unrolled(loss, tower_inputs, segment, rates["image"], steps)

    for steps in counts:
        results, lines = [], []
        for name, work in (("ours", ours), ("unrolled", full)):
            work(steps)
            with Meter() as meter:
                results.append(work(steps))
            lines.append((name, meter.seconds, meter))
        difference = float((results[0] - results[1]).norm() / results[1].norm())
        text = ", ".join(f"{name} {took:.2f} s {meter.peak_bytes / 1e6:.0f} MB" for name, took, meter in lines)
        click.echo(
            f"{pairs} pairs, {steps} inner steps: {text}; ratio of seconds {lines[0][1] / lines[1][1]:.2f}, "
            f"relative difference {difference:.1e}"
        )


if __name__ == "__main__":
    main()
