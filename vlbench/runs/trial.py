"""How long students take, by a few of their steps made now: for the first plan, when no row was timed before."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

from vlbench.errors import VlbenchError
from vlbench.evaluation.retrieval import rank_embeddings
from vlbench.runs.jobs import FULL, Job
from vlbench.runs.plan import FINISHED, Planned, RunPlan
from vlbench.seeds import SeedTree
from vlbench.students.build import inputs_on, take
from vlbench.students.training import Recipe, TrainingSet, train

if TYPE_CHECKING:
    from vlbench.runs.session import Session
    from vlbench.students.build import StudentConfig

FEW = 16
"""Items of a trained encoder that are tried; a batch takes as many times as long as it is larger."""
LONG_S, STEPS = 0.3, 20
"""A step that takes less is timed again, over so many steps: the first one of a process is slow."""


def tried(session: Session, plan: RunPlan) -> RunPlan:
    """The plan with the seconds of students where none are known; as it was where a student cannot be made here."""
    if all(row.state == FINISHED or row.estimate.seconds is not None for row in plan.rows):
        return plan
    try:
        trial = Trial(session)
        rows = [row if row.estimate.seconds is not None else trial.of(row) for row in plan.rows]
    except VlbenchError:  # such as weights that are not here; a run says which
        return plan
    return replace(plan, rows=rows, tried=True)


class Trial:
    """Seconds of rows on this machine, by steps of each student of a protocol on features of no meaning.

    Args:
        session: whose students are tried.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._students = [_Tried(session, name, config) for name, config in session.students.items()]

    def seconds(self, job: Job) -> float | None:
        """Of the students of a row, condensing left out; None where its number of pairs is not known."""
        pairs = self._pairs(job)
        if pairs is None:
            return None
        rows = self._session.protocol.rows
        distilled = job.has_method and self._session.registry.get("method", job.method).family == "distillation"
        sets = 2 + len(rows.nearest) if distilled else 1  # its start is scored, too
        return sets * sum(student.row_s(pairs) for student in self._students)

    def of(self, row: Planned) -> Planned:
        """A row of a plan with them."""
        estimate = replace(row.estimate, seconds=self.seconds(row.job), complete=not row.job.has_method)
        return replace(row, estimate=estimate)

    def _pairs(self, job: Job) -> Tensor | None:
        """[pair, 2], as far as their number matters."""
        if job.method == FULL:
            return self._session.dataset.split("train").pairs
        if job.budget is None or job.budget.unit != "pairs":
            return None
        return torch.arange(job.budget.amount)[:, None].expand(-1, 2)


class _Tried:
    def __init__(self, session: Session, name: str, config: StudentConfig) -> None:
        # Statistics of features would need the features of all items.
        towers = {side: replace(tower, standardise="none") for side, tower in config.towers.items()}
        self._student = session.builder.student(name, replace(config, towers=towers))
        self._dataset, self._training = session.dataset, session.protocol.training
        self._at_once = torch.get_num_threads() if self._student.fits_one_core else 1
        self._step_s, self._score_s = cache(self._time_step), cache(self._time_score)

    def row_s(self, pairs: Tensor) -> float:
        """Choosing on val, then the seeds; which setting is chosen is not known, so each counts alike."""
        data = TrainingSet(self._inputs, pairs, self._student.sides)
        grid, seeds = self._training.grid, self._training.seeds
        each = [recipe.length(data) * self._of_batch(recipe, min(recipe.batch, len(data))) for recipe in grid]
        chosen_s = sum(each) / len(each) + self._score_s(self._training.split)
        choice_s = sum(each) + len(grid) * self._score_s("val") if len(grid) > 1 else 0.0
        return (choice_s + seeds * chosen_s) / self._at_once

    def _of_batch(self, recipe: Recipe, batch: int) -> float:
        tried = min(batch, self._most)
        return self._step_s(replace(recipe, steps=1, epochs=0, learning_rate=1e-3), tried) * batch / tried

    @property
    def _most(self) -> int:
        """Items in a batch that is tried."""
        items = min(self._dataset.split("train").count(side) for side in self._student.sides)
        return items if all(tower.frozen for tower in self._student.towers.values()) else min(FEW, items)

    def _time_step(self, recipe: Recipe, batch: int) -> float:
        data = TrainingSet(self._inputs, torch.arange(batch)[:, None].expand(-1, 2), self._student.sides)
        return _seconds(lambda steps: train(self._student, data, replace(recipe, steps=steps), SeedTree(0)), STEPS)

    @torch.no_grad()
    def _time_score(self, split: str) -> float:
        """Embeddings of a split by trained encoders, and the ranks of all queries."""
        held, student = self._dataset.split(split), self._student
        parameters, seconds, embeddings = student.start(SeedTree(0)), 0.0, {}
        for side, tower in student.towers.items():
            some = torch.arange(min(FEW, held.count(side)))
            begin = time.perf_counter()
            found = student.embed(side, self._inputs(side, some % self._most), parameters).cpu()
            if not tower.frozen:
                seconds += (time.perf_counter() - begin) * held.count(side) / len(some)
            drawn = torch.randn(held.count(side), found.shape[1], generator=torch.Generator().manual_seed(0))
            embeddings[side] = F.normalize(drawn, dim=1)
        return seconds + _seconds(lambda _: rank_embeddings(embeddings, held.pairs), 1)

    def _inputs(self, side: str, index: Tensor) -> Tensor:
        tower, items = self._student.towers[side], self._dataset.split("train").items[side]
        if tower.frozen:
            features = torch.ones(len(index), tower.encoder.width).to(self._student.device)
            return tower.from_features(features)
        return inputs_on(tower.encoder, take(items, index), self._student.device)


def _seconds(work: Callable[[int], object], steps: int) -> float:
    """Of one step."""
    begin = time.perf_counter()
    work(1)
    first = time.perf_counter() - begin
    if first > LONG_S:
        return first
    begin = time.perf_counter()
    work(steps)
    return (time.perf_counter() - begin) / steps
