"""The pairs of a finished run, one after the other, and the table of them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from vlbench.analysis.finished import Finished
from vlbench.artifacts.artifact import ITEMS, Selection
from vlbench.data.pairs import Split
from vlbench.data.pictures import to_pil
from vlbench.errors import DataError
from vlbench.files import write_whole
from vlbench.runs.preview import nearest_texts, pictures

TABLE = "pairs.csv"


@dataclass(frozen=True)
class ExportedPair:
    """A pair of an artifact; a side that is averaged gives one for each item that is averaged.

    Attributes:
        number: position in the artifact.
        train_pair: position among the train split's pairs; None for learned pairs.
        items: side -> what stands for its item: a text itself, else its name or position in the dataset; of a learned
            text vector the nearest train text.
    """

    number: int
    train_pair: int | None
    items: dict[str, str]

    @property
    def text(self) -> str:
        """What stands for the second side's item."""
        return list(self.items.values())[1]


def exported_pairs(run: Finished) -> Iterator[ExportedPair]:
    """All pairs of a run's artifact."""
    train = run.session.dataset.split("train")
    return _chosen(run.artifact, train) if isinstance(run.artifact, Selection) else _learned(run, train)


def drawn(run: Finished, side: str) -> Tensor | None:
    """Pictures of all pairs as trained on, uint8 [pair, channel, height, width]; None where they cannot be drawn."""
    return pictures(run.artifact, run.session.dataset.split("train"), side, most=len(run.artifact))


def png(picture: Tensor) -> bytes:
    """Of uint8 [channel, height, width] with 1 or 3 channels."""
    buffer = io.BytesIO()
    to_pil(picture).save(buffer, "PNG")
    return buffer.getvalue()


def new_folder(target: Path) -> Path:
    """The folder, made.

    Raises:
        DataError: it holds something already.
    """
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise DataError(f"{target}: there is something already. Name a new or an empty folder with --to.")
    target.mkdir(parents=True, exist_ok=True)
    return target


def write_table(run: Finished, target: Path) -> list[str]:
    """Write ``pairs.csv`` and, of each side that can be drawn, ``<side>/<pair>.png`` as trained on.

    The table (UTF-8, RFC 4180) has ``pair``, the position in the artifact; ``train_pair``, that in the train split's
    pairs, for real pairs; and a column for each side. ``<side>_file`` is the picture. Where the reference student's
    encoder makes files of its items (a sound to listen to), ``<side>/<pair>.<suffix>`` stands next to it.

    Returns:
        How it is read elsewhere.
    """
    sides = run.session.dataset.sides
    files = {side: names for side in sides if (names := _draw(run, side, target))}
    for side in sides:
        _write_files(run, side, target)
    content = io.StringIO()
    table = csv.writer(content)
    table.writerow(["pair", "train_pair", *sides, *(f"{side}_file" for side in files)])
    for pair in exported_pairs(run):
        place = "" if pair.train_pair is None else str(pair.train_pair)
        drawn_files = [names[pair.number] for names in files.values()]
        table.writerow([pair.number, place, *pair.items.values(), *drawn_files])
    write_whole(target / TABLE, content.getvalue().encode())
    return [f"pandas.read_csv({str(target / TABLE)!r})"]


def _chosen(artifact: Selection, train: Split) -> Iterator[ExportedPair]:
    rows = torch.arange(len(train.pairs))
    for number, index in enumerate(artifact.indices.tolist()):
        members = rows[index : index + 1]
        for side in artifact.mean_sides:
            other = 1 - list(train.items).index(side)
            members = torch.nonzero(train.pairs[:, other] == train.pairs[index, other])[:, 0]
        for member in members.tolist():
            at = train.pairs[member].tolist()
            items = {side: _shown(train, side, at[column]) for column, side in enumerate(train.items)}
            yield ExportedPair(number, member, items)


def _shown(train: Split, side: str, at: int) -> str:
    items, names = train.items[side], train.names.get(side)
    return items[at] if isinstance(items, list) else str(names[at] if names else at)


def _learned(run: Finished, train: Split) -> Iterator[ExportedPair]:
    first, second = train.items
    texts = [""] * len(run.artifact)
    if isinstance(train.items[second], list):
        texts, _ = nearest_texts(run.artifact, train, run.evaluator(), most=len(texts))
    yield from (ExportedPair(number, None, {first: "", second: text}) for number, text in enumerate(texts))


def _write_files(run: Finished, side: str, target: Path) -> None:
    train, encoder = run.session.dataset.split("train"), run.evaluator().student.towers[side].encoder
    if not isinstance(train.items[side], Tensor):
        return
    if isinstance(run.artifact, Selection):
        items = train.items[side][train.pairs[run.artifact.indices, list(train.items).index(side)]]
    elif run.artifact.spaces[side] == ITEMS:
        items = run.artifact.values(side)
    else:
        return
    digits = len(str(len(items) - 1))
    for number, item in enumerate(items):
        made = encoder.file_of(item)
        if made is None:
            return
        write_whole(target / side / f"{number:0{digits}}.{made[0]}", made[1])


def _draw(run: Finished, side: str, target: Path) -> list[str]:
    """Names of the pictures, from the target folder; none where items of a side cannot be drawn."""
    shown = drawn(run, side)
    if shown is None:
        return []
    digits = len(str(len(shown) - 1))
    names = [f"{side}/{pair:0{digits}}.png" for pair in range(len(shown))]
    for name, picture in zip(names, shown, strict=True):
        write_whole(target / name, png(picture))
    return names
