"""Settings of each distiller by the same effort: as many tries for every one, at random, scored on val.

A try is a draw of the method's own options from the ranges below and one distillation of as many seconds at most, with
the suite's students on val. Test data are not read. Every try is appended to a file as it ends, so that a stopped
search goes on. The best of each method is printed with the number of tries that it cost.

    python benchmarks/field/search.py scenes --budget 100 --tries 12 --seconds 120 --out tries.jsonl
"""

from __future__ import annotations

import json
import math
import tempfile
from pathlib import Path

import click

import vlbench
from vlbench.errors import VlbenchError
from vlbench.registry.loader import load_registry
from vlbench.registry.options import describe
from vlbench.seeds import SeedTree

RANGES: dict[str, tuple[float, float]] = {
    "item_rate": (0.02, 0.5), "vector_rate": (0.02, 0.5), "step_rate": (0.02, 0.3), "target_rate": (0.01, 0.1),
    "expert_rate": (0.1, 0.6), "outer_steps": (60, 400), "ridge": (0.3, 10.0), "alpha": (0.2, 0.8),
    "sigma": (0.2, 1.0), "weight": (0.1, 3.0), "means": (0.01, 1.0), "rho": (0.5, 3.0),
}  # fmt: skip
"""Option -> least and greatest value drawn, evenly on a log scale. A method's tries vary those that it has."""
WHOLE = ("outer_steps",)
SCORED_ON_VAL = {"training.split": "val", "rows.always": "[]", "rows.full": "false", "training.seeds": "2"}


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
@click.option("--tries", default=12, show_default=True, help="Of every method.")
@click.option("--seconds", default=120.0, show_default=True, help="Of a distillation, at most.")
@click.option("--method", "only", multiple=True, help="These alone.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="File of the tries, a JSON line each.")
def main(suite: str, budget: int, tries: int, seconds: float, only: tuple[str, ...], out: Path) -> None:
    """Give every distiller as many tries and as many seconds."""
    done = [json.loads(line) for line in out.read_text().splitlines()] if out.exists() else []
    for spec in load_registry().all("method").values():
        options = {row.name for row in describe(spec.options)}
        if spec.family != "distillation" or "seconds" not in options or (only and spec.name not in only):
            continue
        names = sorted(options & RANGES.keys())
        found = [one for one in done if (one["method"], one["suite"], one["budget"]) == (spec.name, suite, budget)]
        for index in range(len(found), tries):
            chosen = draw(names, SeedTree(0).child(spec.name), index)
            found.append(attempt(spec.name, suite, budget, options={**chosen, "seconds": seconds}))
            with out.open("a", encoding="utf-8") as file:
                file.write(json.dumps(found[-1]) + "\n")
        best = max(found[:tries], key=lambda one: float(one["val"]))
        click.echo(f"{spec.name:16} val {best['val']:5.1f} of {len(found)} tries: {best['options']}")


def attempt(method: str, suite: str, budget: int, *, options: dict[str, float]) -> dict[str, object]:
    """One try; a failed one has 0."""
    row: dict[str, object] = {"method": method, "suite": suite, "budget": budget, "options": options, "val": 0.0}
    with tempfile.TemporaryDirectory() as folder:
        try:
            record = vlbench.run(
                method=method, budget=budget, suite=suite, out=Path(folder), options=options, overrides=SCORED_ON_VAL
            )
            scores = next(iter(record.scores.values()))
            row["val"] = scores.mean_recall.mean
        except VlbenchError as error:
            row["error"] = str(error)
    return row


if __name__ == "__main__":
    main()
