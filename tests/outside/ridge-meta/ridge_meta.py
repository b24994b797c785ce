"""Text vectors such that a ridge map, fitted on real images and these vectors, retrieves real pairs."""

from __future__ import annotations

from dataclasses import dataclass

import vlbench


@dataclass(frozen=True)
class RidgeMetaOptions:
    steps: int = vlbench.option(300, minimum=1, help="updates of the vectors")
    batch: int = vlbench.option(500, minimum=2, help="real pairs in an update")
    rate: float = vlbench.option(0.1, above=0, help="learning rate of Adam at the start, cosine to 0")
    ridge: float = vlbench.option(3.0, above=0, help="ridge penalty, in units of the kernel's mean diagonal")


class RidgeMeta(vlbench.Method):
    def condense(
        self, train: vlbench.TrainView, budget: vlbench.Budget, context: vlbench.Context
    ) -> vlbench.DistilledPairs:
        """Minimise the InfoNCE of real pairs under the map W = X'(XX' + ridge)^-1 T, over T."""
        import torch
        from torch.nn.functional import cross_entropy, normalize

        options, student, (first, second) = self.options, context.student, train.sides
        images, tower = train.items(first), student.towers[second]
        pair_bytes = images[0].nbytes + vlbench.artifacts.stored_bytes(tower.width, "float32")
        candidates = context.candidates()  # one train pair of each image
        order = torch.randperm(len(candidates), generator=context.seeds.generator("start"))
        kept = candidates[order[: budget.pairs_that_fit(pair_bytes)]]
        start = vlbench.Selection(kept, train.fingerprint, mean_sides=(second,))
        tower_inputs = context.training_set(start, "frozen").tower_inputs(torch.arange(len(start)))
        x, t = tower_inputs[first], tower_inputs[second].clone().requires_grad_()  # standardised, [pair, width]
        kernel = x @ x.T
        solve = x.T @ torch.linalg.inv(kernel + options.ridge * kernel.diagonal().mean() * torch.eye(len(x)).to(x))
        real, draw = context.full_set("frozen"), context.seeds.child("batches")
        optimiser = torch.optim.Adam([t], lr=options.rate)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, options.steps)
        context.observer.phase("text vectors", options.steps)
        for step in range(options.steps):
            batch = real.tower_inputs(real.positions(step, options.batch, draw))  # real pairs, [batch, width]
            mapped = normalize(batch[first] @ solve @ t, dim=1)
            logits = mapped @ normalize(batch[second], dim=1).T / student.temperature
            target = torch.arange(len(logits)).to(logits.device)
            loss = (cross_entropy(logits, target) + cross_entropy(logits.T, target)) / 2
            (t.grad,) = torch.autograd.grad(loss, [t])
            optimiser.step()
            schedule.step()
            context.curve("loss", loss.item())
            context.observer.advance()
        sides = {first: images[train.pairs[kept, 0]], second: tower.standardise.inverse(t.detach()).cpu()}
        return vlbench.DistilledPairs(sides, {first: "items", second: tower.space}, train.fingerprint, start=start)


@vlbench.hookimpl
def vlbench_methods() -> list[vlbench.MethodSpec]:
    summary = "Real images with learned text vectors, by the meta-gradient of a ridge map."
    return [vlbench.MethodSpec("text-ridge", "ridge_meta:RidgeMeta", "distillation", summary, RidgeMetaOptions)]
