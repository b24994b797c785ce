"""A look at a run: the first items of its artifact with their captions, and queries that were found or missed."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from vlbench.artifacts.artifact import ITEMS, Artifact, DistilledPairs, Selection
from vlbench.data.pairs import Split
from vlbench.evaluation.evaluate import Evaluator
from vlbench.evaluation.retrieval import Ranks, direction
from vlbench.files import write_whole
from vlbench.records.ranks import found_and_missed
from vlbench.runs.heard import heard
from vlbench.students.build import TowerInputs
from vlbench.students.training_sets import training_set

MOST = 64
"""Pairs in a preview."""
EXAMPLES, LARGEST, LONGEST_CAPTION = 6, 96, 300
"""Queries of each kind that are shown; pixels and characters of one."""


def write_preview(folder: Path, artifact: Artifact, train: Split, evaluator: Evaluator) -> None:
    """Write ``preview.npy`` (uint8 [pair, channel, height, width]) and ``preview.json``, where items can be drawn.

    That is where the first side is a tensor of pictures [item, height, width] or [item, channel, height, width], such
    as photographs or spectrograms, or of frames [item, time, channel, height, width], which stand side by side. The
    second side is text, or drawn below the first.

    A learned or averaged text vector is shown by the train caption with the highest cosine to it. Where an encoder can
    make sounds of a side's items, those of the first pairs are in ``preview.json`` too, as WAV files in base64.
    """
    first, second = evaluator.student.sides
    shown = pictures(artifact, train, first, most=MOST)
    if shown is None:
        return
    in_words = isinstance(train.items[second], list)
    if in_words:
        captions, source = nearest_texts(artifact, train, evaluator, most=MOST)
    else:
        below = pictures(artifact, train, second, most=MOST)
        if below is None:
            return
        shown, captions, source = _stacked(shown, below), [""] * len(shown), "own"
    _write_pixels(folder / "preview.npy", shown)
    sounds = heard(artifact, train, evaluator)
    content = {"captions": captions, "caption_source": source} | ({"sounds": sounds} if sounds else {})
    write_whole(folder / "preview.json", json.dumps(content, indent=1).encode())
    if in_words and isinstance(artifact, DistilledPairs) and artifact.start is not None:
        _write_start(folder, artifact.start, train, artifact_cosines(artifact, evaluator))


def _write_start(folder: Path, start: Selection, train: Split, cosines: Sequence[float]) -> None:
    """Write ``start.npy`` and ``start.json``: the real pairs that the first learned ones began with, in their order.

    ``cosines`` are those of the learned texts to the captions that the preview shows for them.
    """
    first, second = train.items
    shown = pictures(start, train, first, most=MOST)
    assert shown is not None  # the learned ones are pictures of the same side
    _write_pixels(folder / "start.npy", shown)
    captions = [train.items[second][text] for text in train.pairs[start.indices[:MOST], 1].tolist()]
    content = {"captions": captions, "cosines": [round(value, 4) for value in cosines]}
    write_whole(folder / "start.json", json.dumps(content, indent=1).encode())


def pictures(artifact: Artifact, train: Split, side: str, *, most: int) -> Tensor | None:
    """Items of the first ``most`` pairs as uint8 [pair, channel, height, width] with 1 or 3 channels.

    Items of another type are scaled to the train range; None where they are no pictures.
    """
    items = train.items[side]
    if not _are_pictures(items):
        return None
    if not isinstance(artifact, DistilledPairs):
        return _drawn(items[train.pairs[artifact.indices[:most], list(train.items).index(side)]], items)
    return _drawn(artifact.values(side)[:most], items) if artifact.spaces[side] == ITEMS else None


def _are_pictures(items: Any) -> bool:
    return isinstance(items, Tensor) and (items.ndim == 3 or (items.ndim in (4, 5) and items.shape[-3] in (1, 3)))


def _drawn(shown: Tensor, items: Tensor) -> Tensor:
    """Some of the items, or learned ones of their form, as uint8 [picture, channel, height, width]."""
    if shown.dtype != torch.uint8:
        low, high = float(items.min()), float(items.max())
        shown = ((shown.float() - low) / max(high - low, 1e-12) * 255).round().clamp(0, 255).to(torch.uint8)
    if shown.ndim == 5:  # frames side by side
        return shown.permute(0, 2, 3, 1, 4).flatten(3)
    return shown[:, None] if shown.ndim == 3 else shown


def _stacked(above: Tensor, below: Tensor) -> Tensor:
    """Two pictures as one, in colour, on white."""
    width = max(above.shape[3], below.shape[3])
    parts = [F.pad(part.expand(-1, 3, -1, -1), (0, width - part.shape[3]), value=255) for part in (above, below)]
    return torch.cat(parts, dim=2)


def write_examples(folder: Path, split: Split, ranks: Mapping[str, Sequence[Ranks]], *, sides: tuple[str, ...]) -> None:
    """Write ``hits.json``, and ``hits.npy`` where items can be drawn: some queries that were found, and some missed.

    The first holds direction -> query -> ``{"picture": ..., "caption": ...}``, the pair that the query belongs to; the
    second the pictures, small, as uint8 [picture, channel, height, width].

    Args:
        folder: of the record.
        split: what was scored.
        ranks: student -> for each of its seeds, direction -> int64 [query].
        sides: in the order of pairs.
    """
    first, second = sides
    if not isinstance(split.items[second], list):
        return
    pairs = {direction(first, second): split.pairs, direction(second, first): split.pairs.flip(1)}
    chosen: dict[str, dict[int, int]] = {name: {} for name in pairs}
    for seeds in ranks.values():
        for name, columns in pairs.items():
            for queries in found_and_missed(torch.stack([of_seed[name] for of_seed in seeds]).numpy()):
                places = {query: (columns[:, 0] == query).nonzero() for query in queries[:EXAMPLES]}
                chosen[name] |= {query: int(at[0]) for query, at in places.items() if len(at)}
    items = sorted({int(split.pairs[at, 0]) for of_name in chosen.values() for at in of_name.values()})
    pixels = split.items[first]
    drawn = _drawn(pixels[torch.tensor(items)], pixels) if items and _are_pictures(pixels) else None
    if drawn is not None:
        _write_pixels(folder / "hits.npy", _small(drawn))

    def example(at: int) -> dict[str, Any]:
        item, text = split.pairs[at].tolist()
        picture = None if drawn is None else items.index(item)
        return {"picture": picture, "caption": split.items[second][text][:LONGEST_CAPTION]}

    content = {name: {str(query): example(at) for query, at in of_name.items()} for name, of_name in chosen.items()}
    write_whole(folder / "hits.json", json.dumps(content, indent=1).encode())


def _write_pixels(path: Path, pixels: Tensor) -> None:
    buffer = io.BytesIO()
    np.save(buffer, pixels.numpy())
    write_whole(path, buffer.getvalue())


def _small(pictures: Tensor) -> Tensor:
    """At most :data:`LARGEST` pixels on the longer side."""
    height, width = pictures.shape[2:]
    scale = LARGEST / max(height, width)
    if scale >= 1:
        return pictures
    size = (max(1, round(height * scale)), max(1, round(width * scale)))
    return F.interpolate(pictures.float(), size, mode="area").round().to(torch.uint8)


@torch.no_grad()
def nearest_texts(artifact: Artifact, train: Split, evaluator: Evaluator, *, most: int) -> tuple[list[str], str]:
    """Texts of the first ``most`` pairs and where they come from: the pairs' ``own``, or the ``nearest`` train text."""
    side = evaluator.student.sides[1]
    texts = train.items[side]
    if not isinstance(artifact, DistilledPairs) and side not in artifact.mean_sides:
        return [texts[i] for i in train.pairs[artifact.indices[:most], 1].tolist()], "own"
    nearest, _ = _nearest(artifact, evaluator, most)
    return [texts[i] for i in nearest.tolist()], "nearest"


def artifact_cosines(artifact: Artifact, evaluator: Evaluator) -> list[float]:
    """How near the texts of the first pairs are to the train texts that are shown for them."""
    cosines: list[float] = _nearest(artifact, evaluator, MOST)[1].tolist()
    return cosines


@torch.no_grad()
def _nearest(artifact: Artifact, evaluator: Evaluator, most: int) -> tuple[Tensor, Tensor]:
    """Position of the train text with the highest cosine to each text of the first pairs, and that cosine."""
    student, tower_inputs = evaluator.student, evaluator.tower_inputs["train"]
    side = student.sides[1]
    data = training_set(artifact, student, tower_inputs)
    return nearest_items(data.tower_inputs(torch.arange(min(most, len(artifact))))[side], tower_inputs, side)


@torch.no_grad()
def nearest_items(vectors: Tensor, tower_inputs: TowerInputs, side: str) -> tuple[Tensor, Tensor]:
    """Position of the item of a side with the highest cosine to each vector [n, width], and that cosine: [n] both."""
    queries = F.normalize(vectors, dim=-1)
    best = torch.full((len(queries),), -2.0, device=queries.device)
    nearest = torch.zeros(len(queries), dtype=torch.long, device=queries.device)
    for part in torch.arange(tower_inputs.counts[side]).split(8192):
        value, at = (queries @ F.normalize(tower_inputs.take(side, part), dim=-1).T).max(1)
        better = value > best
        best[better], nearest[better] = value[better], at[better] + int(part[0])
    return nearest, best


@torch.no_grad()
def text_cosines(artifact: Artifact, texts: Sequence[int], evaluator: Evaluator) -> Tensor:
    """Cosine of each of the first pairs' text to a train text of one's choice: float32 [text]."""
    student, tower_inputs = evaluator.student, evaluator.tower_inputs["train"]
    side = student.sides[1]
    made = training_set(artifact, student, tower_inputs).tower_inputs(torch.arange(len(texts)))[side]
    chosen = tower_inputs.take(side, torch.tensor(list(texts)))
    return F.cosine_similarity(made, chosen.to(made.device), dim=-1)
