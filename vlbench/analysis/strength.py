"""How much of a method's lead is the weakness of the student? Leads over the suite's baselines, by effort."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

from msgspec import to_builtins

from vlbench.analysis.finished import Finished, published_recipe, scored
from vlbench.errors import DataError
from vlbench.records.record import StudentScores
from vlbench.students.training import Recipe

SHARES = (1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0, 2.0)
"""Of the suite's own steps."""


@dataclass(frozen=True)
class Effort:
    """How hard a student is trained.

    Attributes:
        name: what tables call it.
        steps: the largest number of updates among its recipes.
        tuned: whether the recipe is chosen on val among several.
        recipes: on offer.
    """

    name: str
    steps: int
    tuned: bool
    recipes: tuple[Recipe, ...]


def efforts(grid: Sequence[Recipe], pairs: int) -> list[Effort]:
    """The released scripts' recipe, and the suite's grid at shares of its steps, tuned on val and not.

    The untuned student takes the grid's first setting.
    """
    published = published_recipe(pairs)
    made = [Effort("published", published.steps, tuned=False, recipes=(published,))]
    for share in SHARES:
        scaled = tuple(replace(recipe, steps=max(1, round(share * recipe.steps))) for recipe in grid)
        most = max(recipe.steps for recipe in scaled)
        made.append(Effort(f"untuned x{share:g}", scaled[0].steps, tuned=False, recipes=scaled[:1]))
        made.append(Effort(f"tuned x{share:g}", most, tuned=True, recipes=scaled))
    return made


def strength(runs: Sequence[Finished], *, seeds: int = 0) -> dict[str, Any]:
    """Train students of every effort on every run.

    Args:
        runs: of one suite and one budget, those of the suite's baselines among them.
        seeds: fresh students of each; 0: as many as the suite says.

    Returns:
        ``rows``: for each effort and run: ``effort``, ``steps``, ``tuned``, ``method``, ``scores``, and ``lead`` in
        points of mean recall over each baseline of the suite.

    Raises:
        DataError: the runs cannot be compared, or a baseline is missing.
    """
    first = runs[0]
    baselines = first.session.protocol.rows.always
    _check(runs, baselines)
    training = first.session.protocol.training
    count = seeds or training.seeds
    rows = []
    data = first.data(first.evaluator())
    for effort in efforts([recipe.in_steps(data) for recipe in training.grid], len(first.artifact)):
        steps = len(runs) * (count + (len(effort.recipes) if effort.tuned else 0))
        first.session.observer.phase(f"students, {effort.name}", steps, f"{effort.steps} steps")
        scores = {run.record.id: _score(run, effort, count) for run in runs}
        floors = {
            name: fmean([_mean(scores[run.record.id]) for run in runs if run.record.method == name])
            for name in baselines
        }
        rows += [
            {
                "effort": effort.name,
                "steps": effort.steps,
                "tuned": effort.tuned,
                "run": run.record.id,
                "method": run.record.method,
                "scores": to_builtins(scores[run.record.id]),
                "lead": {name: _mean(scores[run.record.id]) - floors[name] for name in baselines},
            }
            for run in runs
        ]
    return {
        "suite": first.session.protocol.name,
        "budget": first.record.budget,
        "seeds": count,
        "baselines": list(baselines),
        "rows": rows,
    }


def _score(run: Finished, effort: Effort, count: int) -> StudentScores:
    evaluator = run.evaluator()
    return scored(
        evaluator, run.data(evaluator), effort.recipes, run.seeds, count=count, advance=run.session.observer.advance
    )


def _mean(scores: StudentScores) -> float:
    return scores.mean_recall.mean


def _check(runs: Sequence[Finished], baselines: Sequence[str]) -> None:
    first = runs[0].record
    for run in runs:
        for field in ("suite", "protocol_hash", "data_fingerprint", "budget"):
            here, there = getattr(run.record, field), getattr(first, field)
            if here != there:
                raise DataError(
                    f"{run.record.id} and {first.id} differ in {field}: {here} and {there}. "
                    "Give runs of one suite and one budget."
                )
    missing = [name for name in baselines if all(run.record.method != name for run in runs)]
    if missing:
        raise DataError(
            f"leads are counted from {' and '.join(baselines)}; there is no run of {' or '.join(missing)}. "
            f"Add one: vlbench run --method {missing[0]} --budget {first.budget} --suite {first.suite}"
        )
