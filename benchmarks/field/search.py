"""Settings of each distiller by the same effort: as many tries for every one, at random, scored on val.

A try is a draw of the method's own options from the ranges below and one distillation of as many processor seconds at
most (wall time would favour whichever ran while the machine was idle), with two of the suite's students on val. Test
data are not read. What all share is made before and counts for none: features, and the experts that most follow, whose
options are not searched. Tries go round by round over the methods, and each is appended to a file as it ends, so that
a search that is stopped anywhere has given all the same, and goes on.

    python benchmarks/field/search.py scenes --budget 100 --tries 6 --seconds 25 --out tries.jsonl
"""

from __future__ import annotations

import json
import math
import tempfile
import time
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import click

import vlbench
from vlbench.errors import VlbenchError
from vlbench.registry.loader import load_registry
from vlbench.registry.options import describe
from vlbench.runs import meter
from vlbench.seeds import SeedTree

RANGES: dict[str, tuple[float, float]] = {
    "item_rate": (0.05, 0.5), "vector_rate": (0.05, 0.5), "step_rate": (0.03, 0.3), "target_rate": (0.01, 0.1),
    "outer_steps": (60, 600), "ridge": (0.3, 10.0), "alpha": (0.2, 0.8), "sigma": (0.2, 1.0), "weight": (0.1, 3.0),
    "means": (0.01, 1.0), "rho": (0.5, 3.0),
}  # fmt: skip
"""Option -> least and greatest value drawn, evenly on a log scale. A method's tries vary those that it has."""
WHOLE = ("outer_steps",)
GRID = ", ".join(f"{{steps = 200, batch = 100, learning_rate = 0.1, noise = {noise}}}" for noise in (0.0, 0.5, 1.0))
SCORED_ON_VAL = {
    "training.split": "val",
    "training.grid": f"[{GRID}]",
    "training.seeds": "2",
    "rows.always": "[]",
    "rows.full": "false",
}
"""Two students, of the best of three short recipes: more would take longer than the distillation."""


def draw(names: list[str], seeds: SeedTree, index: int) -> dict[str, float]:
    """Try number ``index``: the defaults first, then draws."""
    import torch

    if index == 0:
        return {}
    shares = torch.rand(len(names), generator=seeds.generator("try", index)).tolist()
    values = {}
    for name, share in zip(names, shares, strict=True):
        low, high = RANGES[name]
        value = math.exp(math.log(low) + share * (math.log(high) - math.log(low)))
        values[name] = round(value) if name in WHOLE else float(f"{value:.3g}")
    return values


@click.command()
@click.argument("suite")
@click.option("--budget", default=100, show_default=True)
@click.option("--tries", default=6, show_default=True, help="Of every method.")
@click.option("--seconds", default=25.0, show_default=True, help="Of the processor, of a distillation, at most.")
@click.option("--method", "only", multiple=True, help="These alone.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="File of the tries, a JSON line each.")
def main(suite: str, budget: int, tries: int, seconds: float, only: tuple[str, ...], out: Path) -> None:
    """Give every distiller as many tries and as many seconds."""
    found = [json.loads(line) for line in out.read_text().splitlines()] if out.exists() else []
    found = [one for one in found if (one["suite"], one["budget"], one["seconds"]) == (suite, budget, seconds)]
    specs = {name: options for name, options in searched().items() if not only or name in only}
    for index in range(tries):
        for method, names in specs.items():
            if sum(one["method"] == method for one in found) > index:
                continue
            asked = {"method": method, "suite": suite, "budget": budget, "seconds": seconds}
            with processor_seconds():
                found.append(attempt(asked, draw(names, SeedTree(0).child(method), index)))
            with out.open("a", encoding="utf-8") as file:
                file.write(json.dumps(found[-1]) + "\n")
    for method in specs:
        own = [one for one in found if one["method"] == method][:tries]
        best = max(own, key=lambda one: float(one["val"]))
        first = own[0]["val"]
        click.echo(f"{method:16} val {best['val']:5.1f} (defaults {first:.1f}) of {len(own)} tries: {best['options']}")


def searched() -> dict[str, list[str]]:
    """Every distiller that can be limited in time -> its options that are drawn."""
    found = {}
    for spec in load_registry().all("method").values():
        options = {row.name for row in describe(spec.options)}
        if spec.family == "distillation" and "seconds" in options:
            found[spec.name] = sorted(options & RANGES.keys())
    return found


def processor_seconds() -> AbstractContextManager[object]:
    """Within, the harness's clock, and so every time limit, counts what the processor did for this process."""
    return patch.object(meter, "perf_counter", time.process_time)


def attempt(asked: dict[str, Any], options: dict[str, float]) -> dict[str, Any]:
    """One try; a failed one has 0."""
    row: dict[str, Any] = {**asked, "options": options, "val": 0.0}
    begun = {key: value for key, value in asked.items() if key != "seconds"}
    with tempfile.TemporaryDirectory() as folder:
        try:
            record = vlbench.run(
                **begun, out=Path(folder), options={**options, "seconds": asked["seconds"]}, overrides=SCORED_ON_VAL
            )
            row["val"] = next(iter(record.scores.values())).mean_recall.mean
            row["spent"] = record.cost.condense_s
        except VlbenchError as error:
            row["error"] = str(error)
    return row


if __name__ == "__main__":
    main()
