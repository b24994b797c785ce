"""The text of a new suite: at most twenty lines, each with a comment."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vlbench.init.encoders import Choice

SMALL, MIDDLE = 1_000, 20_000
"""Train pairs below which a student needs fewer updates."""
WIDTH = 256


@dataclass(frozen=True)
class SuiteDraft:
    """What a suite is written from.

    Attributes:
        name: of the suite.
        summary: one line.
        data: name of the dataset.
        options: of the dataset.
        encoders: side -> encoder, in the order of the dataset's sides.
        pairs: in the train split; the student's grid follows from it.
        baselines: methods that are run at every budget.
    """

    name: str
    summary: str
    data: str
    options: Mapping[str, Any]
    encoders: Mapping[str, Choice]
    pairs: int
    baselines: tuple[str, ...] = ()

    def text(self) -> str:
        """TOML."""
        lines = [
            (f"name = {toml(self.name)}", "stands in records and on boards"),
            ("version = 1", "raise it when a change makes scores differ"),
            (f"summary = {toml(self.summary)}", "one line, for people"),
            (f"rows = {toml(self._rows())}", "baselines at every budget; beside distilled rows"),
            ("[data]", "what is learned from; check it: vlbench data check FILE"),
            (f"name = {toml(self.data)}", f"a reader; its options: vlbench datasets {self.data}"),
            (f"options = {toml(dict(self.options))}", "where the files are and how they are read"),
            ("[students.own]", "what is trained on each small set and scored: a trained head on each frozen encoder"),
            *(
                (f"{side} = {toml(_tower(choice, first=number == 0))}", f"what reads the {side} side")
                for number, (side, choice) in enumerate(self.encoders.items())
            ),
            ("[training]", "the same for every method"),
            ("seeds = 5", "students trained on each set; fewer make a provisional result"),
            ("common = { weight_decay = 1e-3 }", "in every setting"),
            *_settings(self.pairs),
        ]
        return "".join(f"{line}  # {comment}\n" for line, comment in lines)

    def _rows(self) -> dict[str, Any]:
        return {"always": self.baselines, "nearest": ("readable", "nearest-real")}


def _tower(choice: Choice, *, first: bool) -> dict[str, Any]:
    start = {"start": "normal", "gain": 0.3} if first else {"start": "identity"}
    options = {"options": dict(choice.suggestion.options)} if choice.suggestion.options else {}
    head = {"kind": "linear", "width": WIDTH, **start}
    return {"encoder": choice.name, **options, "standardise": choice.suggestion.standardise, "head": head}


def _settings(pairs: int) -> list[tuple[str, str]]:
    """Updates and batches by the number of train pairs."""
    steps = 60 if pairs < SMALL else 200
    long = steps * (6 if pairs >= MIDDLE else 3)
    batch = 50 if pairs < SMALL else 100
    grid = [
        {"steps": steps, "batch": batch, "learning_rate": 0.1},
        {"steps": steps, "batch": batch, "learning_rate": 0.1, "noise": 0.5},
        {"steps": steps, "batch": batch, "learning_rate": 0.3, "noise": 1.0},
        {"steps": long, "batch": 256, "learning_rate": 0.1},
    ]
    why = ("short", "with noise on features, against too little data", "stronger", "long, for large sets")
    return [
        (
            f"warmup = {toml({'steps': steps, 'batch': 256, 'learning_rate': 0.1})}",
            "a short training that selectors look through",
        ),
        ("grid = [", "the setting with the best score on val is used, for each set anew"),
        *((f"  {toml(setting)},", text) for setting, text in zip(grid, why, strict=True)),
        ("]", f"for {pairs:,} train pairs; at most 12 settings"),
    ]


def toml(value: Any) -> str:
    """A value as TOML, tables and arrays in one line."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        # A basic string of TOML has the escapes of JSON, but for the delete character.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {toml(inner)}" for key, inner in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(toml, value)) + "]"
    return repr(value)
