"""What is learned of a side, and how it turns into what the student reads.

A side whose items are a tensor is learned as items (pixels), any other side as vectors in its encoder's space.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from jaxtyping import Float
from torch import Tensor

from vlbench.artifacts.quantise import pack, unpack
from vlbench.matching.basis import smooth_axes, to_coefficients, to_pixels
from vlbench.matching.soft_targets import LearnedTargets

if TYPE_CHECKING:
    from vlbench.students.student import Tower


Basis = Literal["frequency", "free"]
Storage = Literal["float32", "float16", "uint8"]


class LearnedItems:
    """Items of a side, learned as inputs of its encoder, such as pixels in [0, 1].

    The variable is the inputs themselves or their frequency coefficients, divided by one number that gives real items
    unit RMS (around their mean).

    Args:
        tower: of that side.
        real: inputs of the real items that learning starts from [pair, ...].
        basis: ``frequency`` (for items whose last two axes are a picture's or a spectrogram's, and for frames
            [time, channel, height, width], over time too) or ``free``.
        bounds: least and greatest valid input; None: the variable is the inputs over the deviation by which the encoder
            normalises them, or over their own where it does not, and is never clamped. That is the space in which
            published outer rates are meant: a step of one size moves the inputs by its square less.
        anchor_strength: how strongly each update pulls back to the real items; 0: not at all.
        storage: what they are rounded to when a student reads them; None for 8-bit items, rounded at the end.

    Examples:
        >>> from pathlib import Path
        >>> import tempfile, torch
        >>> from vlbench.matching import LearnedItems
        >>> from vlbench.testing import toy_context, toy_dataset
        >>> train, context = toy_context(toy_dataset(), Path(tempfile.mkdtemp()))
        >>> pixels = train.as_inputs("image", torch.arange(4), context.student)
        >>> how = LearnedItems(context.student.towers["image"], pixels, basis="frequency")
        >>> variable = how.variable(pixels)  # what an optimiser moves
        >>> how.tower_inputs(how.project(variable + 1)).shape  # what the student's head reads of what is valid
        torch.Size([4, 16])
    """

    is_items, rate = True, "item_rate"

    def __init__(
        self,
        tower: Tower,
        real: Float[Tensor, "pair ..."],
        *,
        basis: Basis,
        bounds: tuple[float, float] | None = (0.0, 1.0),
        anchor_strength: float = 0.0,
        storage: Storage | None = None,
    ) -> None:
        self._tower, self._bounds, self._storage = tower, bounds, storage
        self._spectral, self._axes = basis == "frequency" and real.ndim >= 3, smooth_axes(real)
        self._centre = float(real.mean()) if bounds else 0.0
        self._scale: Tensor | float = 1.0
        if bounds:
            self._scale = max(float(self.variable(real).square().mean().sqrt()), 1e-6)
        else:
            self._scale = deviation(tower, real)
        self._anchor_strength, self._real = anchor_strength, self.variable(real)

    def variable(self, inputs: Float[Tensor, "pair ..."]) -> Float[Tensor, "pair ..."]:
        """What is learned, for given inputs."""
        centred = inputs - self._centre
        return (to_coefficients(centred, self._axes) if self._spectral else centred) / self._scale

    def inputs(self, variable: Float[Tensor, "pair ..."]) -> Float[Tensor, "pair ..."]:
        """Inputs of the encoder; differentiable."""
        scaled = variable * self._scale
        return (to_pixels(scaled, self._axes) if self._spectral else scaled) + self._centre

    def tower_inputs(self, variable: Float[Tensor, "pair ..."]) -> Tensor:
        """What the student's trained part reads [pair, ...]; differentiable."""
        return self._tower.encode_frozen(as_stored(self.inputs(variable), self._storage))

    def project(self, variable: Float[Tensor, "pair ..."], rate: float = 0.0) -> Float[Tensor, "pair ..."]:
        """The nearest variable whose inputs are valid, after the pull that goes with an update of size ``rate``."""
        variable = variable + min(1.0, self._anchor_strength * rate) * (self._real - variable)
        return self.variable(self.inputs(variable).clamp(*self._bounds)) if self._bounds else variable


def deviation(tower: Tower, real: Float[Tensor, "pair ..."]) -> Tensor:
    """By which an encoder divides its inputs, of each channel; where it does not, that of the inputs themselves."""
    own = getattr(tower.encoder.module, "std", None)
    if isinstance(own, Tensor):
        return own
    channel = max(1, real.ndim - 3)  # [pair, channel, height, width], or frames with the time before the channel
    axes = [axis for axis in range(real.ndim) if axis != channel or real.ndim <= 3]
    return real.std(axes, keepdim=True, correction=0).clamp_min(1e-6)[0]


class LearnedVectors:
    """Vectors of a side, learned in its tower's standardised space at unit RMS and stored in its encoder's own.

    Args:
        tower: of that side; its encoder is frozen.
        real: tower inputs of the real pairs that learning starts from [pair, width].
        literal: the variable is the tower inputs without scale.
        storage: what they are rounded to, in the encoder's own space, when a student reads them.

    Examples:
        >>> from pathlib import Path
        >>> import tempfile, torch
        >>> from vlbench.matching import LearnedVectors
        >>> from vlbench.testing import toy_context, toy_dataset
        >>> _, context = toy_context(toy_dataset(), Path(tempfile.mkdtemp()))
        >>> vectors = context.full_set().tower_inputs(torch.arange(4))["text"]
        >>> how = LearnedVectors(context.student.towers["text"], vectors)
        >>> torch.allclose(how.tower_inputs(how.variable(vectors)), vectors)
        True
    """

    is_items, rate = False, "vector_rate"

    def __init__(
        self, tower: Tower, real: Float[Tensor, "pair width"], *, literal: bool = False, storage: Storage = "float32"
    ) -> None:
        self._tower, self._storage = tower, storage
        self._scale = 1.0 if literal else max(float(real.square().mean().sqrt()), 1e-6)

    def variable(self, tower_inputs: Float[Tensor, "pair width"]) -> Float[Tensor, "pair width"]:
        """What is learned, for given tower inputs."""
        return tower_inputs / self._scale

    def tower_inputs(self, variable: Float[Tensor, "pair width"]) -> Float[Tensor, "pair width"]:
        """What the student's trained part reads; differentiable."""
        if self._storage == "float32":
            return variable * self._scale
        vectors = self._tower.standardise.inverse(variable * self._scale)
        return self._tower.from_features(as_stored(vectors, self._storage))

    def project(self, variable: Float[Tensor, "pair width"], _rate: float = 0.0) -> Float[Tensor, "pair width"]:
        """Every vector is valid."""
        return variable

    def inputs(self, variable: Float[Tensor, "pair width"]) -> Float[Tensor, "pair width"]:
        """What is stored is what the student reads, up to standardisation."""
        return variable * self._scale


Learned = LearnedItems | LearnedVectors | LearnedTargets


def as_stored(values: Float[Tensor, "pair ..."], storage: Storage | None) -> Float[Tensor, "pair ..."]:
    """Values as they are read back after storing; the gradient passes as if nothing had been rounded."""
    if storage is None or storage == "float32":
        return values
    return values + (unpack(*pack(values.detach(), storage)) - values.detach())
