"""The longest captions: what forgetting turns out to prefer."""

from __future__ import annotations

import torch

import vlbench
from vlbench.errors import OptionError


class Length(vlbench.Method):
    """The pairs with the longest captions, in words or characters; of equals, an order that is drawn."""

    def condense(self, train: vlbench.TrainView, budget: vlbench.Budget, context: vlbench.Context) -> vlbench.Selection:
        """Sort the candidates, keep the first."""
        side = train.sides[1]
        items = train.items(side)
        if isinstance(items, torch.Tensor):
            raise OptionError(f"length measures texts, and items of side {side!r} are no texts. Use another selector.")
        candidates = context.candidates(repeat_images=self.options.repeat_images)
        budget.check_available(len(candidates))
        captions = [items[index] for index in train.pairs[candidates, 1].tolist()]
        measured = [len(text.split()) if self.options.unit == "words" else len(text) for text in captions]
        drawn = torch.randperm(len(candidates), generator=context.seeds.generator("ties"))
        order = drawn[torch.tensor(measured)[drawn].argsort(descending=True, stable=True)]
        mean_sides = train.sides[1:] if self.options.captions == "mean" else ()
        return context.fit(vlbench.Selection(candidates[order], train.fingerprint, mean_sides), budget)
