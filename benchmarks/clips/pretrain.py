"""Pretrain the encoders of `clips` on naming what occurs, and write their weights.

    OMP_NUM_THREADS=1 python benchmarks/clips/pretrain.py              # both
    OMP_NUM_THREADS=1 python benchmarks/clips/pretrain.py audio        # one

The clips come from a seed and a stream that no split uses. Labels are 29 traits (something red, a circle, something
that moves up), each there or not; the classifier after the encoder's features is dropped. Which traits belong to one
object is never said: what a caption means is left to the pairs to teach.
"""

from __future__ import annotations

import time

import click
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from vlbench_clips.dataset import others
from vlbench_clips.encoders import WEIGHTS, WIDTH, fresh
from vlbench_clips.layout import traits

CLIPS_SEED, HELD_OUT, BATCH, RATE = 77, 500, 64, 3e-3


def pretrain(side: str, clips: Tensor, labels: Tensor, epochs: int) -> nn.Module:
    """The trained encoder; labels float32 [clip, trait]."""
    torch.manual_seed({"video": 1, "audio": 2}[side])
    encoder = fresh(side)
    model = nn.Sequential(encoder, nn.Linear(WIDTH, labels.shape[1]))
    optimiser = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=0.02)
    count = len(clips) - HELD_OUT
    total = epochs * (count // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=total, pct_start=0.1)
    for epoch in range(epochs):
        for batch in torch.randperm(count)[: count // BATCH * BATCH].split(BATCH):
            loss = nn.functional.binary_cross_entropy_with_logits(model(clips[batch].float() / 255), labels[batch])
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            schedule.step()
        found = average_precision(model, clips[count:], labels[count:])
        click.echo(f"  epoch {epoch + 1:2d}  loss {loss.item():.4f}  held-out precision {found:.3f}")
    return encoder


@torch.no_grad()
def average_precision(model: nn.Module, clips: Tensor, labels: Tensor) -> float:
    """Of as many highest scores as a clip has labels, the share that are right."""
    scores = torch.cat([model(part.float() / 255) for part in clips.split(200)])
    right = [labels[at, row.topk(int(labels[at].sum())).indices].mean() for at, row in enumerate(scores)]
    return float(torch.stack(right).mean())


@click.command()
@click.argument("sides", nargs=-1, type=click.Choice(["video", "audio"]))
@click.option("--clips", "count", default=5_000, show_default=True)
@click.option("--epochs", default=10, show_default=True)
def main(sides: tuple[str, ...], count: int, epochs: int) -> None:
    """Pretrain the encoders of SIDES (default: both) and write one safetensors file each."""
    torch.set_num_threads(1)
    WEIGHTS.mkdir(parents=True, exist_ok=True)
    layout, frames, sounds = others(CLIPS_SEED, count + HELD_OUT)
    labels = torch.from_numpy(traits(layout))
    for side in sides or ("video", "audio"):
        click.echo(side)
        start = time.perf_counter()
        encoder = pretrain(side, torch.from_numpy(frames if side == "video" else sounds), labels, epochs)
        path = WEIGHTS / f"clips-{side}.safetensors"
        save_file({key: value.contiguous() for key, value in encoder.state_dict().items()}, path)
        path.chmod(0o644)  # safetensors writes files that only their owner may read, which a package cannot use
        click.echo(f"  {path.stat().st_size:,} bytes, {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
