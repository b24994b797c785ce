"""Pretrain the image encoders of `scenes` on naming single objects, draw its captions' projection, and write them.

    python benchmarks/scenes/pretrain.py                 # all four
    python benchmarks/scenes/pretrain.py scenes-vit      # one

The images show one object each and come from a seed that no scene uses; the classes are colour x shape x size. What
stands after the encoder's features (a small classifier) is dropped. On one thread the same versions of torch and of the
processor's kernels give the same weights.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import torch
from safetensors.numpy import save_file as save_arrays
from safetensors.torch import save_file
from scipy.sparse import csr_matrix
from sklearn.random_projection import SparseRandomProjection
from torch import Tensor, nn

from vlbench_scenes.encoders import WEIGHTS, TokenViT, convnet
from vlbench_scenes.generate import generate_singles
from vlbench_scenes.hashing import BUCKETS, PROJECTION, WIDTH

CLASSES = 192
HELD_OUT = 2_000
PROJECTION_SEED = 20_240_229
BATCH = 128


@dataclass(frozen=True)
class Recipe:
    """How one encoder is pretrained: `images_seed` makes its images, `seed` its initial weights and batches."""

    kind: str
    images_seed: int
    seed: int
    images: int
    epochs: int
    rate: float


RECIPES = {
    "scenes-convnet": Recipe("convnet", images_seed=9_001, seed=1, images=40_000, epochs=12, rate=3e-3),
    "scenes-convnet-b": Recipe("convnet", images_seed=9_002, seed=2, images=40_000, epochs=12, rate=3e-3),
    "scenes-vit": Recipe("vit", images_seed=9_003, seed=3, images=40_000, epochs=16, rate=2e-3),
}


class MaxOverTokens(nn.Module):
    """Flattened tokens [n, tokens * width] to their maximum over tokens [n, width]."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width

    def forward(self, features: Tensor) -> Tensor:
        """Maximum per feature; the average instead makes the ViT's training stall."""
        return features.view(len(features), -1, self.width).amax(1)


def build(kind: str) -> tuple[nn.Module, nn.Module]:
    """An encoder with fresh weights and the classifier that is dropped later."""
    if kind == "vit":
        return TokenViT(), nn.Sequential(MaxOverTokens(64), nn.Linear(64, CLASSES))
    return convnet(), nn.Sequential(nn.Linear(512, 64), nn.GELU(), nn.Linear(64, CLASSES))


def pretrain(recipe: Recipe) -> tuple[nn.Module, float]:
    """The trained encoder and its accuracy (0 to 1) on images held out."""
    images, labels = map(torch.from_numpy, generate_singles(recipe.images_seed, recipe.images + HELD_OUT))
    torch.manual_seed(recipe.seed)
    encoder, classifier = build(recipe.kind)
    model = nn.Sequential(encoder, classifier).to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(model.parameters(), lr=recipe.rate, weight_decay=0.02)
    steps = recipe.epochs * (recipe.images // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, recipe.rate, total_steps=steps, pct_start=0.1)
    for epoch in range(recipe.epochs):
        order = torch.randperm(recipe.images)
        for batch in order[: recipe.images // BATCH * BATCH].split(BATCH):
            loss = nn.functional.cross_entropy(model(images[batch].float() / 255), labels[batch])
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            schedule.step()
        held_out = accuracy(model, images[recipe.images :], labels[recipe.images :])
        click.echo(f"  epoch {epoch + 1:2d}  loss {loss.item():.3f}  held-out accuracy {held_out:.3f}")
    return encoder, held_out


@torch.no_grad()
def accuracy(model: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Share of images [n, 3, 32, 32] uint8 whose class [n] the model names."""
    predicted = torch.cat([model(chunk.float() / 255).argmax(1) for chunk in images.split(500)])
    return float((predicted == labels).float().mean())


def draw_projection() -> dict[str, np.ndarray]:
    """The sparse random projection [256, buckets] of hashed terms, in compressed rows; nothing in it is trained."""
    projection = SparseRandomProjection(WIDTH, random_state=PROJECTION_SEED)
    drawn = projection.fit(csr_matrix((1, BUCKETS), dtype=np.float32)).components_
    return {"indptr": drawn.indptr, "indices": drawn.indices, "data": drawn.data}


@click.command()
@click.argument("names", nargs=-1, type=click.Choice([*RECIPES, PROJECTION.stem]))
@click.option("--out", type=click.Path(path_type=Path), default=WEIGHTS, help="folder for the weights")
def main(names: tuple[str, ...], out: Path) -> None:
    """Make the encoders NAMES (default: all) and write one safetensors file each."""
    torch.set_num_threads(1)
    out.mkdir(parents=True, exist_ok=True)
    if not names or PROJECTION.stem in names:
        save_arrays(draw_projection(), out / PROJECTION.name)
        (out / PROJECTION.name).chmod(0o644)
    for name in [name for name in names or RECIPES if name in RECIPES]:
        click.echo(name)
        start = time.perf_counter()
        encoder, held_out = pretrain(RECIPES[name])
        state = {key: value.contiguous() for key, value in encoder.state_dict().items()}
        path = out / f"{name}.safetensors"
        save_file(state, path)
        path.chmod(0o644)  # safetensors writes files that only their owner may read, which a package cannot use
        click.echo(
            f"  accuracy {held_out:.3f}, {sum(v.numel() for v in state.values()):,} parameters, "
            f"{path.stat().st_size:,} bytes, {time.perf_counter() - start:.0f} s"
        )


if __name__ == "__main__":
    main()
