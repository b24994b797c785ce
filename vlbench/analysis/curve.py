"""What a score is worth: how many random real pairs train a student to the same score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from vlbench.artifacts.artifact import Selection
from vlbench.cache import Key
from vlbench.evaluation.retrieval import mean_recall
from vlbench.runs.session import Session
from vlbench.seeds import SeedTree
from vlbench.students.training_sets import one_of_each_item, training_set

SIZES, SMALLEST, DRAWS = 20, 10, 2000


@dataclass(frozen=True)
class Curve:
    """Mean recall of students of random real pairs.

    Attributes:
        sizes: pairs, rising; the last is one pair of every first-side item.
        scores: size -> percent of each seed.

    Examples:
        >>> from vlbench.analysis.curve import Curve
        >>> curve = Curve((10, 100, 1000), ((5.0, 6.0), (20.0, 21.0), (50.0, 52.0)))
        >>> round(curve.worth(20.5))
        100
    """

    sizes: tuple[int, ...]
    scores: tuple[tuple[float, ...], ...]

    @property
    def means(self) -> list[float]:
        """Of the seeds, by size."""
        return [float(np.mean(values)) for values in self.scores]

    def worth(self, score: float) -> float:
        """Pairs at which the monotone fit reaches a score; the first or last size where it lies outside."""
        return _pairs_at(score, self.sizes, self.means)

    def interval(self, scores: Sequence[float], *, level: float = 0.95) -> tuple[float, float]:
        """Interval of what the mean of some students' scores is worth.

        Seeds of every size, and the students, are drawn again with replacement, 2,000 times.
        """
        generator = np.random.default_rng(0)
        found = [
            _pairs_at(
                float(np.mean(generator.choice(scores, len(scores)))),
                self.sizes,
                [float(np.mean(generator.choice(values, len(values)))) for values in self.scores],
            )
            for _ in range(DRAWS)
        ]
        low, high = np.quantile(found, [(1 - level) / 2, (1 + level) / 2])
        return float(low), float(high)


def _pairs_at(score: float, sizes: Sequence[int], means: Sequence[float]) -> float:
    """Along a monotone fit (isotonic regression) that is straight between sizes on a log scale."""
    from sklearn.isotonic import IsotonicRegression

    fit = IsotonicRegression().fit_transform(np.log(sizes), np.asarray(means))
    rising = np.concatenate([[True], np.diff(fit) > 0])  # of a flat stretch the fewest pairs count
    return float(np.exp(np.interp(score, fit[rising], np.log(sizes)[rising])))


def sizes_up_to(most: int, count: int = SIZES, least: int = SMALLEST) -> tuple[int, ...]:
    """About ``count`` sizes, evenly on a log scale, from ``least`` to ``most``."""
    return tuple(sorted({round(size) for size in np.geomspace(min(least, most), most, count)}))


def learning_curve(session: Session, *, seeds: int = 3, count: int = SIZES) -> Curve:
    """Train students of random pairs at every size; each is stored in the cache, so that a stopped curve goes on.

    A seed's smaller sets lie within its larger ones. Every student's recipe is chosen on val from the suite's grid, and
    the score is that of the split on which rows are scored.

    Args:
        session: of the suite.
        seeds: draws of pairs, with a student each.
        count: of sizes.
    """
    train = session.dataset.split("train")
    orders = [_order(train.pairs, SeedTree(seed).child("curve")) for seed in range(seeds)]
    sizes = sizes_up_to(len(orders[0]), count)
    session.observer.phase("learning curve", len(sizes) * seeds, session.protocol.name)
    scores = []
    for size in sizes:
        scores.append(tuple(_score(session, order[:size], seed) for seed, order in enumerate(orders)))
        session.observer.advance(seeds, f"{size} pairs: {np.mean(scores[-1]):.1f}")
    session.observer.done()
    return Curve(sizes, tuple(scores))


def _order(pairs: torch.Tensor, seeds: SeedTree) -> torch.Tensor:
    """Train pairs in a drawn order, one drawn pair of each first-side item."""
    candidates = one_of_each_item(pairs, seeds.generator("candidates"))
    return candidates[torch.randperm(len(candidates), generator=seeds.generator("order"))]


def _score(session: Session, chosen: torch.Tensor, seed: int) -> float:
    """Mean recall of one student of the reference, in percent."""
    asked = {"protocol": session.protocol.hash, "data": session.dataset.fingerprint}
    key: Key = {**asked, "pairs": len(chosen), "seed": seed}

    def compute() -> dict[str, torch.Tensor]:
        evaluator = session.evaluator(session.protocol.reference)
        selection = Selection(chosen, session.dataset.fingerprint)
        data = training_set(selection, evaluator.student, evaluator.tower_inputs["train"])
        outcome = evaluator.outcome(data, SeedTree(seed).child("curve score"), 1, lambda: None)
        return {"mean_recall": torch.tensor(mean_recall(outcome.runs[0]), dtype=torch.float64)}

    return float(session.cache.get("curve", key, compute)["mean_recall"])
