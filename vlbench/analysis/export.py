"""The pairs of a finished run as plain files: a table, and the pictures that students trained on."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import torch

from vlbench.analysis.finished import Finished
from vlbench.artifacts.artifact import Selection
from vlbench.data.pairs import Split
from vlbench.data.pictures import to_pil
from vlbench.errors import DataError
from vlbench.files import write_whole
from vlbench.runs.preview import nearest_texts, pictures

TABLE = "pairs.csv"


def export(run: Finished, target: Path) -> Path:
    """Write ``pairs.csv`` and, of each side that can be drawn, ``<side>/<pair>.png`` as trained on.

    The table (UTF-8, RFC 4180) has ``pair``, the position in the artifact; ``train_pair``, that in the train split's
    pairs, for real pairs; and a column for each side. A text is itself, for a learned vector the train text nearest to
    it. Any other real item is its name in the data set where it has one, else its position. ``<side>_file`` is the
    picture. A side that is averaged has one row for each item that is averaged.

    Returns:
        The table's path.

    Raises:
        DataError: the folder holds something already.
    """
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise DataError(f"{target}: there is something already. Name a new or an empty folder with --to.")
    train = run.work.dataset.split("train")
    files = {side: _draw(run, train, side, target / side) for side in train.items}
    drawn = [f"{side}_file" for side in train.items if files[side]]
    rows = _chosen(run.artifact, train) if isinstance(run.artifact, Selection) else _made(run, train)
    content = io.StringIO()
    table = csv.writer(content)
    table.writerow(["pair", "train_pair", *train.items, *drawn])
    for pair, train_pair, items in rows:
        table.writerow([pair, train_pair, *items, *[of_side[pair] for of_side in files.values() if of_side]])
    target.mkdir(parents=True, exist_ok=True)
    write_whole(target / TABLE, content.getvalue().encode())
    return target / TABLE


ExportedPair = tuple[int, str, list[str]]
"""Position in the artifact; that among the train pairs, or ""; what stands for the item of each side."""


def _chosen(artifact: Selection, train: Split) -> Iterator[ExportedPair]:
    rows = torch.arange(len(train.pairs))
    for pair, index in enumerate(artifact.indices.tolist()):
        members = rows[index : index + 1]
        for side in artifact.mean_sides:
            other = 1 - list(train.items).index(side)
            members = torch.nonzero(train.pairs[:, other] == train.pairs[index, other])[:, 0]
        for member in members.tolist():
            at = train.pairs[member].tolist()
            yield pair, str(member), [_shown(train, side, at[column]) for column, side in enumerate(train.items)]


def _shown(train: Split, side: str, at: int) -> str:
    items, names = train.items[side], train.names.get(side)
    return items[at] if isinstance(items, list) else str(names[at] if names else at)


def _made(run: Finished, train: Split) -> Iterator[ExportedPair]:
    texts = [""] * len(run.artifact)
    if isinstance(train.items[list(train.items)[1]], list):
        texts, _ = nearest_texts(run.artifact, train, run.evaluator(), most=len(texts))
    yield from ((pair, "", ["", text]) for pair, text in enumerate(texts))


def _draw(run: Finished, train: Split, side: str, folder: Path) -> list[str]:
    """Names of the pictures, from the table's folder; none where items of a side cannot be drawn."""
    drawn = pictures(run.artifact, train, side, most=len(run.artifact))
    if drawn is None:
        return []
    folder.mkdir(parents=True, exist_ok=True)
    digits = len(str(len(drawn) - 1))
    names = [f"{side}/{pair:0{digits}}.png" for pair in range(len(drawn))]
    for name, picture in zip(names, drawn, strict=True):
        buffer = io.BytesIO()
        to_pil(picture).save(buffer, "PNG")
        write_whole(folder.parent / name, buffer.getvalue())
    return names
