"""Choose a recipe on val, train fresh students, score them on test."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

import torch
from torch import Tensor

from vlbench.errors import DivergedError, NotFiniteError
from vlbench.evaluation.retrieval import Ranks, mean_recall, rank_embeddings, score_ranks
from vlbench.seeds import SeedTree
from vlbench.students.build import CHUNK, TowerInputs
from vlbench.students.student import Parameters, Student
from vlbench.students.training import Recipe, TrainingSet, train
from vlbench.threads import side_by_side

T = TypeVar("T")
Scores = dict[str, dict[str, float]]
"""Direction -> cut -> percent."""


@dataclass(frozen=True)
class _Done(Generic[T]):
    """What a student gave, and its seconds."""

    value: T
    train_s: float
    score_s: float


@dataclass(frozen=True)
class Outcome:
    """A training set under one student.

    Attributes:
        chosen: the grid setting with the highest mean recall on val.
        runs: test scores of every student seed.
        ranks: what they follow from.
    """

    chosen: Recipe
    runs: list[Scores]
    ranks: list[Ranks]


@torch.no_grad()
def embed_split(student: Student, parameters: Parameters, tower_inputs: TowerInputs) -> dict[str, Tensor]:
    """Unit embeddings of all items of a split, side -> float32 [item, embedding] on the CPU."""
    out = {}
    for side in student.sides:
        parts = torch.arange(tower_inputs.counts[side]).split(CHUNK)
        out[side] = torch.cat(
            [student.embed(side, tower_inputs.take(side, part), parameters).float().cpu() for part in parts]
        )
    return out


class Evaluator:
    """Scores training sets under one student and one protocol.

    Args:
        student: what is trained.
        tower_inputs: split -> what its trained parts read; ``val`` is for choosing, ``test`` for the final scores.
        grid: the settings on offer, the same for every row.
        split: that of the final scores: ``test``, or ``val`` while a method is tuned.

    Attributes:
        score_s: seconds spent in scoring so far.
    """

    def __init__(
        self, student: Student, tower_inputs: Mapping[str, TowerInputs], grid: Sequence[Recipe], *, split: str = "test"
    ) -> None:
        self.student, self.tower_inputs, self._grid, self._split = student, tower_inputs, grid, split
        self.score_s = 0.0

    def score(self, parameters: Parameters, tower_inputs: TowerInputs) -> Scores:
        """Recalls of a trained student on a split."""
        return score_ranks(self.rank(parameters, tower_inputs))

    def rank(self, parameters: Parameters, tower_inputs: TowerInputs) -> Ranks:
        """Ranks of all queries of a split by a trained student.

        Raises:
            DivergedError: an embedding is not finite; the split, the side and the first items are named.
        """
        begin = time.perf_counter()
        ranks = self._ranks(parameters, tower_inputs)
        self.score_s += time.perf_counter() - begin
        return ranks

    def _ranks(self, parameters: Parameters, tower_inputs: TowerInputs) -> Ranks:
        try:
            return rank_embeddings(embed_split(self.student, parameters, tower_inputs), tower_inputs.pairs)
        except NotFiniteError as error:  # what enters is finite, so it is the training that failed
            split = next((name for name, known in self.tower_inputs.items() if known is tower_inputs), "given")
            raise DivergedError(f"a trained student cannot be scored on split {split!r}: {error}") from error

    def choose(self, data: TrainingSet, seeds: SeedTree, advance: Callable[[], None]) -> Recipe:
        """The setting with the highest mean recall on val; the first of equals. A setting that diverges is out.

        Raises:
            DivergedError: all settings diverge.
        """
        if len(self._grid) < 2:
            return self._grid[0]
        jobs = [partial(self._val_recall, data, recipe, seeds.child("choose")) for recipe in self._grid]
        found = self._all(jobs, advance)
        recalls = [value if isinstance(value, float) else -math.inf for value in found]
        if max(recalls) == -math.inf:
            raise DivergedError(f"every setting of the grid diverged on this training set; the last one: {found[-1]}")
        return self._grid[recalls.index(max(recalls))]

    def outcome(self, data: TrainingSet, seeds: SeedTree, count: int, advance: Callable[[], None]) -> Outcome:
        """Choose on val, then train ``count`` fresh students and score each on ``split`` after its last step.

        Students of two heads are trained on all cores, one thread each; others one after the other, on all threads.
        Either way a student's numbers are its own: they depend on no other student.
        """
        chosen = self.choose(data, seeds, advance)
        jobs = [partial(self._student, data, chosen, seeds.child("student", index)) for index in range(count)]
        ranks = self._all(jobs, advance)
        return Outcome(chosen, [score_ranks(of_student) for of_student in ranks], ranks)

    def _val_recall(self, data: TrainingSet, recipe: Recipe, seeds: SeedTree) -> _Done[float | DivergedError]:
        try:
            done = self._student(data, recipe, seeds, split="val")
        except DivergedError as error:
            return _Done(error, 0.0, 0.0)
        value = mean_recall(score_ranks(done.value))
        found = value if math.isfinite(value) else DivergedError(f"mean recall on val is {value}.")
        return _Done(found, done.train_s, done.score_s)

    def _student(self, data: TrainingSet, recipe: Recipe, seeds: SeedTree, *, split: str = "") -> _Done[Ranks]:
        begin = time.perf_counter()
        parameters = train(self.student, data, recipe, seeds)
        trained = time.perf_counter()
        ranks = self._ranks(parameters, self.tower_inputs[split or self._split])
        return _Done(ranks, trained - begin, time.perf_counter() - trained)

    def _all(self, jobs: Sequence[Callable[[], _Done[T]]], advance: Callable[[], None]) -> list[T]:
        """What jobs give, in their order."""
        begin, done = time.perf_counter(), []
        for one in side_by_side(jobs) if self.student.fits_one_core else (job() for job in jobs):
            done.append(one)
            advance()
        train_s, score_s = sum(one.train_s for one in done), sum(one.score_s for one in done)
        # Where jobs overlap, the seconds that passed are shared out as theirs are.
        self.score_s += (time.perf_counter() - begin) * score_s / max(train_s + score_s, 1e-9)
        return [one.value for one in done]
