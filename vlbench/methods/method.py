"""The two base classes of methods. Light: this module imports no torch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from vlbench.errors import ArtifactError

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from vlbench.artifacts.artifact import Artifact, Selection
    from vlbench.budget import Budget
    from vlbench.data.views import TrainView
    from vlbench.methods.context import Context


class Method(ABC):
    """A way to make a small training set. Constructing one only stores its options.

    Attributes:
        options: the instance of the dataclass that the method's spec declares.

    Examples:
        >>> from pathlib import Path
        >>> import tempfile, vlbench
        >>> from vlbench.testing import toy_context, toy_dataset
        >>> class First(vlbench.Method):
        ...     def condense(self, train, budget, context):
        ...         return vlbench.Selection(context.candidates()[: budget.pairs], train.fingerprint)
        >>> train, context = toy_context(toy_dataset(), Path(tempfile.mkdtemp()))
        >>> len(First(options=None).condense(train, vlbench.Budget(5), context))
        5
    """

    def __init__(self, options: Any) -> None:
        self.options = options

    @abstractmethod
    def condense(self, train: TrainView, budget: Budget, context: Context) -> Artifact:
        """Make an artifact within a budget.

        Args:
            train: all that may be seen of the data.
            budget: of pairs or of bytes. What fits: ``budget.pairs_that_fit(bytes_per_pair)`` where pairs are made,
                ``context.fit(selection, budget)`` where they are chosen. ``budget.pairs`` alone is an error in bytes.
            context: seeds, device, reference student, features, cache, checkpoints and progress.
        """


class Selector(Method):
    """A method that picks real pairs; a subclass writes ``select`` alone.

    Two options are understood where a selector declares them: ``captions`` (``one``: a drawn caption of each image;
    ``mean``: the mean of the image's caption vectors) and ``repeat_images`` (an image may be chosen with several of its
    captions). Without them each image is offered once, with one caption.

    Attributes:
        needs_features: whether ``select`` reads its features; where not, they have width 0 and cost nothing.

    Raises:
        vlbench.errors.ArtifactError: ``select`` returned something else than positions among its candidates.
        vlbench.errors.BudgetError: the budget asks for more than there are candidates.

    Examples:
        >>> from pathlib import Path
        >>> import tempfile, vlbench
        >>> from vlbench.testing import toy_context, toy_dataset
        >>> class Longest(vlbench.Selector):
        ...     def select(self, features, size, generator):  # float32 [candidate, dim] -> int64 [size]
        ...         return features[:, 0].topk(size).indices
        >>> train, context = toy_context(toy_dataset(), Path(tempfile.mkdtemp()))
        >>> Longest(options=None).condense(train, vlbench.Budget(5), context).indices.shape
        torch.Size([5])
    """

    needs_features: bool = True

    @abstractmethod
    def select(self, features: Tensor, size: int, generator: Generator) -> Tensor:
        """Choose among candidates.

        Args:
            features: float32 [candidate, dim]; both sides' unit embeddings under a briefly trained reference student,
                concatenated.
            size: how many to choose. Under a budget of bytes it is asked more than once: what is chosen is weighed,
                and of what is too heavy the first that fit say the next size.
            generator: the only source of randomness.

        Returns:
            int64 [size], positions in ``features``, each once.
        """

    def condense(self, train: TrainView, budget: Budget, context: Context) -> Selection:
        """Offer candidates to ``select`` and turn its choice into a selection of train pairs."""
        import torch

        from vlbench.artifacts.artifact import Selection

        mean = getattr(self.options, "captions", "one") == "mean"
        candidates = context.candidates(repeat_images=getattr(self.options, "repeat_images", False))
        budget.check_available(len(candidates))
        offered = Selection(candidates, train.fingerprint, train.sides[1:] if mean else ())
        features = context.pair_features(offered) if self.needs_features else torch.empty(len(candidates), 0)

        def choose(size: int) -> Selection:
            chosen = self._chosen(features, size, context.seeds.generator("select"))
            return Selection(candidates[chosen], train.fingerprint, offered.mean_sides)

        if budget.unit == "pairs":
            return choose(budget.pairs)
        return _heaviest(
            choose, context.estimate_pairs(offered, budget), partial(context.fit, budget=budget), len(candidates)
        )

    def _chosen(self, features: Tensor, size: int, generator: Generator) -> Tensor:
        import torch

        chosen = self.select(features, size, generator)
        if not isinstance(chosen, torch.Tensor) or chosen.dtype != torch.int64 or chosen.ndim != 1:
            got = f"{chosen.dtype} {list(chosen.shape)}" if isinstance(chosen, torch.Tensor) else type(chosen).__name__
            raise ArtifactError(f"select() returned {got}; it must return int64 [size], positions in its features.")
        if len(chosen) and (int(chosen.min()) < 0 or int(chosen.max()) >= len(features)):
            raise ArtifactError(f"select() chose a position outside its {len(features)} candidates.")
        return chosen


def _heaviest(
    choose: Callable[[int], Selection], size: int, fit: Callable[[Selection], Selection], most: int
) -> Selection:
    """The largest choice that fits: grown until it is too heavy, then cut until it is not."""
    chosen = choose(size)
    while len(fit(chosen)) == len(chosen) and size < most:
        size = min(most, size + size // 4 + 1)
        chosen = choose(size)
    while len(fitting := fit(chosen)) < min(size, len(chosen)):
        size = len(fitting)
        chosen = choose(size)
    return fitting
