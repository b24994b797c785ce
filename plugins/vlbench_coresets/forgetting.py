"""Forgetting: how often a training run gets a pair right and then wrong again."""

from __future__ import annotations

from dataclasses import replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor

import vlbench


class Forgetting(vlbench.Method):
    """Forgetting events (Toneva et al. 2019) of the reference student, carried over to pairs as in VLDD and MDM.

    A pair is correct when its image and its caption rank each other first in their batch, seen just before the update.
    An event is a pair that is wrong where it was correct the last time. The pairs with the fewest events are kept, as
    both papers do, or those with the most (``order=most``, Toneva's own use). Pairs that were never correct are
    penalised: they come last in either order. Pairs with as many events are put in a drawn order.
    """

    def condense(self, train: vlbench.TrainView, budget: vlbench.Budget, context: vlbench.Context) -> vlbench.Selection:
        """Train once on the candidates, count, sort, keep the first."""
        candidates = context.candidates(repeat_images=self.options.repeat_images)
        budget.check_available(len(candidates))
        mean_sides = train.sides[1:] if self.options.captions == "mean" else ()
        record = self._observed_run(vlbench.Selection(candidates, train.fingerprint, mean_sides), context)
        order = record.order(context.seeds.generator("ties"), most_first=self.options.order == "most")
        return context.fit(vlbench.Selection(candidates[order], train.fingerprint, mean_sides), budget)

    def _observed_run(self, offered: vlbench.Selection, context: vlbench.Context) -> ForgettingRecord:
        record = ForgettingRecord(len(offered))
        data = context.training_set(offered)
        batch = min(self.options.batch, len(data))
        steps = self.options.epochs * -(-len(offered) // batch)
        rate = self.options.learning_rate or context.recipe.learning_rate
        recipe = replace(context.recipe, steps=steps, epochs=0, batch=batch, learning_rate=rate)
        context.observer.phase("forgetting", steps, "a training run in which forgetting is counted")

        @torch.no_grad()
        def observe(_: int, positions: Tensor, tower_inputs: dict[str, Tensor], parameters: dict[str, Tensor]) -> None:
            one, two = (context.student.embed(side, tower_inputs[side], parameters) for side in context.student.sides)
            record.see(positions, both_first(one @ two.T).cpu())
            context.observer.advance()

        vlbench.students.train(context.student, data, recipe, context.seeds.child("run"), observe=observe)
        context.observer.done()
        return record


def both_first(similarity: Float[Tensor, "n n"]) -> Bool[Tensor, " n"]:
    """Whether the i-th row's and the i-th column's highest value is the diagonal one. A tie is no first place."""
    own = similarity.diagonal()
    return ((similarity >= own[:, None]).sum(1) == 1) & ((similarity >= own[None, :]).sum(0) == 1)


class ForgettingRecord:
    """What a training run shows of each of ``count`` pairs; memory O(count).

    Attributes:
        events: int64 [pair]; how often a pair was wrong where it had been correct the last time.
        learned: bool [pair]; whether it was ever correct.
    """

    def __init__(self, count: int) -> None:
        self.events = torch.zeros(count, dtype=torch.long)
        self.learned = torch.zeros(count, dtype=torch.bool)
        self._correct = torch.zeros(count, dtype=torch.bool)

    def see(self, positions: Int[Tensor, " n"], correct: Bool[Tensor, " n"]) -> None:
        """Take in one batch: which pairs it holds, each once, and which of them are correct."""
        self.events[positions] += (self._correct[positions] & ~correct).long()
        self.learned[positions] |= correct
        self._correct[positions] = correct

    def order(self, generator: Generator, *, most_first: bool = False) -> Int[Tensor, " pair"]:
        """All pairs, those to keep first: by events, never learned ones last, equals in an order that is drawn."""
        key = -self.events if most_first else self.events
        key = key.masked_fill(~self.learned, torch.iinfo(torch.long).max)
        shuffled = torch.randperm(len(key), generator=generator)
        return shuffled[key[shuffled].argsort(stable=True)]
