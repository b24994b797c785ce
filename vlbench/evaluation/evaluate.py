"""Choose a recipe on val, train fresh students, score them on test."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from vlbench.errors import DivergedError, NotFiniteError
from vlbench.evaluation.retrieval import Ranks, mean_recall, rank_embeddings, score_ranks
from vlbench.seeds import SeedTree
from vlbench.students.build import CHUNK, TowerInputs
from vlbench.students.student import Parameters, Student
from vlbench.students.training import Recipe, TrainingSet, train

Scores = dict[str, dict[str, float]]
"""Direction -> cut -> percent."""


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
        try:
            ranks = rank_embeddings(embed_split(self.student, parameters, tower_inputs), tower_inputs.pairs)
        except NotFiniteError as error:  # what enters is finite, so it is the training that failed
            split = next((name for name, known in self.tower_inputs.items() if known is tower_inputs), "given")
            raise DivergedError(f"a trained student cannot be scored on split {split!r}: {error}") from error
        self.score_s += time.perf_counter() - begin
        return ranks

    def choose(self, data: TrainingSet, seeds: SeedTree, advance: Callable[[], None]) -> Recipe:
        """The setting with the highest mean recall on val; the first of equals. A setting that diverges is out.

        Raises:
            DivergedError: all settings diverge.
        """
        best: tuple[float, Recipe] | None = None
        why = ""
        for recipe in self._grid if len(self._grid) > 1 else []:
            try:
                parameters = train(self.student, data, recipe, seeds.child("choose"))
                value = mean_recall(self.score(parameters, self.tower_inputs["val"]))
                if not math.isfinite(value):
                    raise DivergedError(f"mean recall on val is {value}.")
                best = (value, recipe) if best is None or value > best[0] else best
            except DivergedError as error:
                why = str(error)
            advance()
        if best is None and len(self._grid) > 1:
            raise DivergedError(f"every setting of the grid diverged on this training set; the last one: {why}")
        return best[1] if best else self._grid[0]

    def outcome(self, data: TrainingSet, seeds: SeedTree, count: int, advance: Callable[[], None]) -> Outcome:
        """Choose on val, then train ``count`` fresh students and score each on ``split`` after its last step."""
        chosen = self.choose(data, seeds, advance)
        ranks = []
        for index in range(count):
            parameters = train(self.student, data, chosen, seeds.child("student", index))
            ranks.append(self.rank(parameters, self.tower_inputs[self._split]))
            advance()
        return Outcome(chosen, [score_ranks(of_student) for of_student in ranks], ranks)
