"""The matching gradient beside full unrolling by autograd: processor seconds, memory added, largest difference.

OMP_NUM_THREADS=1 python benchmarks/perf/matching.py --steps 8 --steps 32 [--keep]

By default every inner step's graph is made a second time on the way back, and only one is held: what is done where an
encoder is trained. With --keep all of them are held, as they are for heads.

Each measurement has a process of its own, and the two ways take turns. A process takes one step first; memory is the
peak of the measured run beyond what the process held before it, and time is the processor's.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import click
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from vlbench.matching import Segment, match, matching_loss
from vlbench.matching.gradient import Inputs, Parameters
from vlbench.runs.meter import Meter
from vlbench.students.functional import FlatParameters
from vlbench.students.micro_batch import in_micro_batches
from vlbench_scenes.encoders import convnet

WAYS = ("ours", "unrolled")


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


def problem(pairs: int, micro_batch: int, keep: bool = False) -> dict[str, Callable[[int], Tensor]]:
    """Way -> inner steps -> gradient, on a ConvNet of `scenes` that is trained whole, with a linear head."""
    torch.manual_seed(0)
    network = nn.Sequential(convnet(), nn.Linear(512, 64))
    flat = FlatParameters(network, [name for name, _ in network.named_parameters()])
    start = flat.gather(network)
    segment = Segment({"image": start}, {"image": start + 0.01 * torch.randn_like(start)})
    tower_inputs = {"image": torch.rand(pairs, 3, 32, 32), "text": F.normalize(torch.randn(pairs, 64), dim=1)}
    rates = {"image": torch.tensor(1e-4)}  # a smooth path: at 0.002 rounding is amplified until no two ways agree

    def encode(images: Tensor, weights: Tensor) -> Tensor:
        features: Tensor = functional_call(network, flat.named(weights), (images,))
        return features

    def loss(tower_inputs: Inputs, parameters: Parameters, _: int) -> Tensor:
        features = in_micro_batches(encode, tower_inputs["image"], [parameters["image"]], micro_batch or pairs)
        logits = F.normalize(features, dim=1) @ tower_inputs["text"].T / 0.07
        return F.cross_entropy(logits, torch.arange(len(logits)))

    def ours(steps: int) -> Tensor:
        batches = [torch.arange(pairs)] * steps
        found = match(loss, tower_inputs, segment, rates=rates, batches=batches, sides=("image",), keep=keep)
        return found.tower_inputs["image"]

    return {"ours": ours, "unrolled": lambda steps: unrolled(loss, tower_inputs, segment, rates["image"], steps)}


def measure(way: str, pairs: int, steps: int, *, micro_batch: int, keep: bool, out: Path) -> dict[str, float]:
    """One measurement in this process; the gradient goes to a file."""
    work = problem(pairs, micro_batch if way == "ours" else 0, keep)[way]
    work(1)
    held = int(Path("/proc/self/statm").read_text().split()[1]) * 4096
    begin = time.process_time()
    with Meter() as meter:
        gradient = work(steps)
    cpu_s = time.process_time() - begin
    torch.save(gradient, out)
    return {"cpu_s": cpu_s, "added_mb": (meter.peak_bytes - held) / 1e6}


def in_a_process(way: str, pairs: int, steps: int, *, micro_batch: int, keep: bool, out: Path) -> dict[str, float]:
    """:func:`measure` in a process of its own."""
    words = [sys.executable, __file__, "--pairs", str(pairs), "--steps", str(steps), "--only", way, "--out", str(out)]
    words += ["--micro-batch", str(micro_batch), *["--keep"] * keep]
    found: dict[str, float] = json.loads(subprocess.run(words, check=True, capture_output=True, text=True).stdout)
    return found


def compare(pairs: int, steps: int, repeats: int, *, micro_batch: int, keep: bool) -> str:
    """Both ways in turn, and a line that says how they compare."""
    with tempfile.TemporaryDirectory() as folder:
        files = {way: Path(folder) / way for way in WAYS}
        rounds = [
            {way: in_a_process(way, pairs, steps, micro_batch=micro_batch, keep=keep, out=files[way]) for way in WAYS}
            for _ in range(repeats)
        ]
        one, other = (torch.load(files[way]) for way in WAYS)
    middle = {way: {key: median(each[way][key] for each in rounds) for key in ("cpu_s", "added_mb")} for way in WAYS}
    text = ", ".join(f"{way} {middle[way]['cpu_s']:.2f} s +{middle[way]['added_mb']:.0f} MB" for way in WAYS)
    seconds = median(each["ours"]["cpu_s"] / each["unrolled"]["cpu_s"] for each in rounds)
    memory = middle["ours"]["added_mb"] / middle["unrolled"]["added_mb"]
    difference = float((one - other).norm() / other.norm())
    return (
        f"{pairs} pairs, {steps} inner steps: {text}; ratio of seconds {seconds:.2f}, of memory {memory:.2f}, "
        f"relative difference {difference:.1e}"
    )


@click.command()
@click.option("--pairs", default=100, show_default=True)
@click.option("--steps", "counts", multiple=True, type=int, default=(8, 32), show_default=True, help="Inner steps.")
@click.option("--repeats", default=3, show_default=True)
@click.option("--micro-batch", default=0, show_default=True, help="Items in a graph at a time, in ours; 0: all.")
@click.option("--keep", is_flag=True, help="Hold the graphs of all inner steps, in ours.")
@click.option("--only", type=click.Choice(WAYS), hidden=True)
@click.option("--out", type=click.Path(path_type=Path), hidden=True)
def main(
    pairs: int, counts: tuple[int, ...], repeats: int, micro_batch: int, keep: bool, only: str | None, out: Path
) -> None:
    """Compare both ways at each number of inner steps."""
    if only is not None:
        click.echo(json.dumps(measure(only, pairs, counts[0], micro_batch=micro_batch, keep=keep, out=out)))
        return
    for steps in counts:
        click.echo(compare(pairs, steps, repeats, micro_batch=micro_batch, keep=keep))


if __name__ == "__main__":
    main()
