"""A look at an artifact: its first items as pictures and, for each, the caption that goes with it."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from vlbench.condense.artifacts import ITEMS, Artifact, DistilledPairs
from vlbench.data.pairs import Split
from vlbench.files import write_whole
from vlbench.score.evaluate import Evaluator
from vlbench.score.training_sets import training_set

MOST = 64
"""Pairs in a preview."""


def write_preview(folder: Path, artifact: Artifact, train: Split, evaluator: Evaluator) -> None:
    """Write ``preview.npy`` (uint8 [pair, channel, height, width]) and ``preview.json``, where items can be drawn.

    That is where the first side is a tensor of pictures [item, height, width] or [item, channel, height, width], such
    as photographs or spectrograms, and the second side text.

    A learned or averaged text vector is shown by the train caption with the highest cosine to it.
    """
    first, second = evaluator.student.sides
    shown = pictures(artifact, train, first, most=MOST)
    if shown is None or not isinstance(train.items[second], list):
        return
    captions, source = nearest_texts(artifact, train, evaluator, most=MOST)
    buffer = io.BytesIO()
    np.save(buffer, shown.numpy())
    write_whole(folder / "preview.npy", buffer.getvalue())
    content = {"captions": captions, "caption_source": source}
    write_whole(folder / "preview.json", json.dumps(content, indent=1).encode())


def pictures(artifact: Artifact, train: Split, side: str, *, most: int) -> Tensor | None:
    """Items of the first ``most`` pairs as uint8 [pair, channel, height, width] with 1 or 3 channels.

    Items of another type are scaled to the train range; None where they are no pictures.
    """
    items = train.items[side]
    if not isinstance(items, Tensor) or items.ndim not in (3, 4) or (items.ndim == 4 and items.shape[1] not in (1, 3)):
        return None
    if not isinstance(artifact, DistilledPairs):
        shown = items[train.pairs[artifact.indices[:most], list(train.items).index(side)]]
    elif artifact.spaces[side] == ITEMS:
        shown = artifact.values(side)[:most]
    else:
        return None
    if shown.dtype != torch.uint8:
        low, high = float(items.min()), float(items.max())
        shown = ((shown.float() - low) / max(high - low, 1e-12) * 255).round().clamp(0, 255).to(torch.uint8)
    return shown[:, None] if shown.ndim == 3 else shown


@torch.no_grad()
def nearest_texts(artifact: Artifact, train: Split, evaluator: Evaluator, *, most: int) -> tuple[list[str], str]:
    """Texts of the first ``most`` pairs and where they come from: the pairs' ``own``, or the ``nearest`` train text."""
    student, entries = evaluator.student, evaluator.entries["train"]
    side = student.sides[1]
    texts = train.items[side]
    if not isinstance(artifact, DistilledPairs) and side not in artifact.mean_sides:
        return [texts[i] for i in train.pairs[artifact.indices[:most], 1].tolist()], "own"
    data = training_set(artifact, student, entries)
    queries = F.normalize(data.entries(torch.arange(min(most, len(artifact))))[side], dim=-1)
    best = torch.full((len(queries),), -2.0, device=queries.device)
    nearest = torch.zeros(len(queries), dtype=torch.long, device=queries.device)
    for part in torch.arange(len(texts)).split(8192):
        value, at = (queries @ F.normalize(entries.take(side, part), dim=-1).T).max(1)
        better = value > best
        best[better], nearest[better] = value[better], at[better] + int(part[0])
    return [texts[i] for i in nearest.tolist()], "nearest"
