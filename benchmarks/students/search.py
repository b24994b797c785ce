"""Is a suite's grid of student settings wide enough?

Every setting of a grid at least five times as wide is tried on val for the rows `random`, `mean-caption` and full data,
one student seed each. The best of the suite's own grid and the best of the wide one are then trained again on three
fresh seeds. Neither test data nor any distilled row is looked at.

    python benchmarks/students/search.py scenes
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import click

from vlbench.artifacts.artifact import Artifact
from vlbench.budget import Budget
from vlbench.errors import DivergedError
from vlbench.evaluation.evaluate import Evaluator
from vlbench.evaluation.retrieval import mean_recall
from vlbench.progress import PlainObserver
from vlbench.registry.loader import load_registry
from vlbench.registry.specs import resolve
from vlbench.runs.request import RunRequest
from vlbench.runs.session import Session
from vlbench.seeds import SeedTree
from vlbench.students.training import Recipe, TrainingSet, train
from vlbench.students.training_sets import full_selection, training_set

FRESH_SEEDS = 3
Axes = dict[str, list[float]]
EFFORTS: dict[str, list[tuple[int, int]]] = {
    "heads": [(200, 100), (400, 100), (600, 256), (1200, 256)],
    "encoder": [(100, 100), (200, 100), (600, 256)],
}
AXES: dict[str, Axes] = {
    "heads": {"learning_rate": [0.1, 0.3, 0.6], "weight_decay": [1e-3, 1e-2], "noise": [0.0, 0.5, 1.0]},
    "encoder": {"learning_rate": [0.03, 0.1, 0.3], "weight_decay": [1e-3, 5e-3], "noise": [0.0, 0.5]},
}


def wide_grid(kind: str, narrow: tuple[Recipe, ...]) -> list[Recipe]:
    """The suite's own settings, then all combinations of the wide axes."""
    axes = AXES[kind]
    wide = [
        replace(narrow[0], steps=steps, batch=batch, **dict(zip(axes, values, strict=True)))
        for (steps, batch), values in itertools.product(EFFORTS[kind], itertools.product(*axes.values()))
    ]
    return list(dict.fromkeys([*narrow, *wide]))


def value(evaluator: Evaluator, data: TrainingSet, recipe: Recipe, seeds: SeedTree) -> float:
    """Mean recall on val in percent; 0 where training diverges."""
    try:
        return mean_recall(
            evaluator.score(train(evaluator.student, data, recipe, seeds), evaluator.tower_inputs["val"])
        )
    except DivergedError:
        return 0.0


def first(found: tuple[float, Recipe]) -> float:
    """The value of a setting that was tried."""
    return found[0]


def rows(work: Session, budgets: list[int]) -> Iterator[tuple[str, Artifact]]:
    """The rows that students are tuned on."""
    for budget in budgets:
        for name in ("random", "mean-caption"):
            spec = work.registry.get("method", name)
            view, context = work.context(spec, SeedTree(0).child("condense"))
            method = resolve(spec.target)(work.method_options(spec, {}))
            yield f"{name} {budget}", method.condense(view, Budget(budget), context)
    yield "full", full_selection(work.dataset.split("train").pairs, work.dataset.fingerprint)


@click.command()
@click.argument("suite")
@click.option("--budget", "budgets", multiple=True, type=int, default=(100, 500), show_default=True)
@click.option("--row", "only", multiple=True, help="Only rows whose name starts so.")
@click.option("--out", type=click.Path(path_type=Path), help="Write every value as JSON lines.")
def main(suite: str, budgets: tuple[int, ...], only: tuple[str, ...], out: Path | None) -> None:
    """Print, for each row, the best of the suite's grid and of a wide one."""
    work = Session(load_registry(), RunRequest(suite=suite), PlainObserver())
    evaluator = work.evaluator(work.protocol.reference)
    frozen = all(tower.frozen for tower in evaluator.student.towers.values())
    narrow = work.protocol.training.grid
    grid = wide_grid("heads" if frozen else "encoder", narrow)
    click.echo(f"{suite}: {len(narrow)} settings in the suite's grid, {len(grid)} in the wide one")
    for name, artifact in rows(work, list(budgets)):
        if only and not name.startswith(only):
            continue
        data = training_set(artifact, evaluator.student, evaluator.tower_inputs["train"])
        found = []
        for recipe in grid:
            found.append((value(evaluator, data, recipe, SeedTree(0).child("search")), recipe))
            if out is not None:
                with out.open("a", encoding="utf-8") as file:
                    file.write(json.dumps({"row": name, "val": found[-1][0], **asdict(recipe)}) + "\n")
        picks = {"suite": max(found[: len(narrow)], key=first), "wide": max(found, key=first)}
        for label, (seen, recipe) in picks.items():
            fresh = [value(evaluator, data, recipe, SeedTree(1).child("fresh", i)) for i in range(FRESH_SEEDS)]
            click.echo(
                f"{name:18} {label:6} val {seen:5.1f}, fresh seeds {sum(fresh) / len(fresh):5.1f}  steps {recipe.steps}"
                f" batch {recipe.batch} rate {recipe.learning_rate} decay {recipe.weight_decay} noise {recipe.noise}"
            )


if __name__ == "__main__":
    main()
