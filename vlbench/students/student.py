"""Two towers and a similarity: what the harness trains on an artifact.

A tower is split in two at the point where training begins. Items *enter* it up to that point: a frozen encoder's
standardised features, or the encoder's input where the encoder is trained. The trained part then maps tower_inputs to
embeddings, as a function of flat parameter vectors, one per branch. So the same few functions serve trained heads,
LoRA adapters and whole encoders; what is frozen runs once per item.
"""

from __future__ import annotations

import contextlib
import copy
import math
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from vlbench.encoders.base import Encoder
from vlbench.errors import ProtocolError
from vlbench.seeds import SeedTree
from vlbench.students.closed_form import HeadGradient, head_gradient
from vlbench.students.functional import FlatParameters
from vlbench.students.heads import HeadConfig, start_head
from vlbench.students.lora import LoraConfig, add_adapters
from vlbench.students.losses import INFO_NCE, LOSSES
from vlbench.students.micro_batch import in_micro_batches
from vlbench.students.pair_loss import pair_loss
from vlbench.students.precision import FLOAT32, computing

Parameters = dict[str, Tensor]
"""Branch name -> flat vector [parameter]."""

TEMPERATURE = "temperature"
"""Branch of a learned temperature: the logarithm of 1 / temperature, as in CLIP."""
_STARTING = threading.Lock()
"""A head's weights are drawn in its module and copied from there: one student at a time."""
TRAINED = ("frozen", "lora", "all")
STANDARDISE = ("none", "global", "element")


@dataclass(frozen=True)
class TowerConfig:
    """One side of a student as a protocol describes it.

    Attributes:
        encoder: a declared encoder name.
        options: of that encoder.
        train: which of the encoder's weights are trained: ``frozen`` none, ``lora`` adapters, ``all``.
        standardise: features by train statistics of the untrained encoder: subtract the mean, divide by one RMS
            (``global``) or by each element's own (``element``), or leave them (``none``).
        head: from features to embeddings.
        lora: adapters, where ``train`` is ``lora``.
        dropout: a frozen encoder drops out while students train on real items, as one in training mode does; what is
            scored and learned never does.
        sha256: of the pretrained weights' files, by name; see :mod:`vlbench.encoders.local`.
    """

    encoder: str
    options: dict[str, object] = field(default_factory=dict)
    train: str = "frozen"
    standardise: str = "global"
    head: HeadConfig = field(default_factory=HeadConfig)
    lora: LoraConfig = field(default_factory=LoraConfig)
    dropout: bool = False
    sha256: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.train not in TRAINED:
            raise ProtocolError(f"train = {self.train!r} is not allowed. Allowed: {', '.join(TRAINED)}.")
        if self.standardise not in STANDARDISE:
            allowed = ", ".join(STANDARDISE)
            raise ProtocolError(f"standardise = {self.standardise!r} is not allowed. Allowed: {allowed}.")
        if self.dropout and self.train != "frozen":
            raise ProtocolError(f"dropout = true is for a frozen encoder, not for train = {self.train!r}.")


class Standardise(nn.Module):
    """(features - mean) / scale, with train statistics; exactly invertible."""

    mean: Tensor
    scale: Tensor

    def __init__(self, mean: Tensor, scale: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("scale", scale)

    @classmethod
    def fit(cls, features: Tensor, mode: str) -> Standardise:
        """Statistics of train features [item, width] for a mode of ``TowerConfig.standardise``."""
        if mode == "none":
            return cls(torch.zeros(features.shape[1]), torch.ones(1))
        mean = features.mean(0)
        variance = (features - mean).square().mean(0)
        scale = variance.mean().sqrt()[None] if mode == "global" else variance.sqrt()
        return cls(mean, scale.clamp_min(1e-6))

    def forward(self, features: Tensor) -> Tensor:
        """[item, width] -> [item, width]."""
        return (features - self.mean) / self.scale

    def inverse(self, standardised: Tensor) -> Tensor:
        """Back to the encoder's own space, [item, width]."""
        return standardised * self.scale + self.mean


class Tower:
    """Encoder, standardisation and head of one side, split into what is frozen and what is trained.

    Attributes:
        side: its name.
        frozen: whether the encoder is frozen, so that features of items can be kept and learned.
        width: features per item.
        space: names the space of the encoder's feature vectors, as artifacts do: ``features:<identity>``.
        head: the part of ``trained`` that maps features to embeddings.
        linear: whether what is trained is one matrix on frozen features.
        branches: branch name -> layout of its flat vector.

    Examples:
        >>> from pathlib import Path
        >>> import tempfile, torch
        >>> from vlbench.testing import toy_context, toy_dataset
        >>> train, context = toy_context(toy_dataset(), Path(tempfile.mkdtemp()))
        >>> tower = context.student.towers["text"]
        >>> vectors = tower.standardise.inverse(torch.zeros(2, tower.width))  # standardised -> the encoder's own space
        >>> tower.from_features(vectors).abs().max() < 1e-6  # and back, as a student reads stored vectors
        tensor(True)
    """

    def __init__(
        self,
        side: str,
        config: TowerConfig,
        encoder: Encoder,
        standardise: Standardise,
        *,
        head: nn.Module,
        micro_batch: int = 0,
    ) -> None:
        self.side, self.config, self.standardise = side, config, standardise
        self._micro_batch = micro_batch
        self.encoder = encoder
        self.width, self.space = encoder.width, f"features:{encoder.identity}"
        self.frozen = config.train == "frozen"
        if self.frozen:
            encoder.module.eval().requires_grad_(False)
            self.trained = nn.Sequential(head)
            groups = {side: [name for name, _ in self.trained.named_parameters()]}
        else:
            body = copy.deepcopy(encoder.module).eval().requires_grad_(False)
            adapters = add_adapters(body, config.lora) if config.train == "lora" else []
            self.trained = nn.Sequential(body, standardise, head)
            groups = self._groups([f"0.{name}" for name in adapters])
        # Statistics of normalisation layers stay those of pretraining; Student.training turns dropout on.
        self.trained.eval()
        self.head = head
        self.linear = self.frozen and config.head.kind == "linear"
        self.branches = {name: FlatParameters(self.trained, members) for name, members in groups.items() if members}

    def _groups(self, adapters: list[str]) -> dict[str, list[str]]:
        names = [name for name, _ in self.trained.named_parameters()]
        if not adapters:
            return {self.side: names}
        head = [name for name in names if name.startswith("2.")]
        return {f"{self.side}-lora": adapters, self.side: head}

    def start(self, generator: torch.Generator) -> Parameters:
        """Initial flat vectors: pretrained encoder weights, shared adapters, a fresh head."""
        with _STARTING:
            start_head(self.head, self.config.head, generator)
            return {name: flat.gather(self.trained) for name, flat in self.branches.items()}

    def encode_frozen(self, inputs: Tensor) -> Tensor:
        """Encoder inputs (such as pixels in [0, 1]) -> tower_inputs. Differentiable in ``inputs``."""
        return self.from_features(self.encoder.module(inputs)) if self.frozen else inputs

    def from_features(self, features: Tensor) -> Tensor:
        """Feature vectors of the frozen encoder [item, width] -> tower_inputs.

        Raises:
            ProtocolError: the encoder is trained, so vectors cannot stand in for its items.
        """
        if not self.frozen:
            raise ProtocolError(
                f"the {self.side} encoder is trained here, so {self.side} vectors cannot replace its items. "
                f'Set train = "frozen" for {self.side}, or use a method that returns real pairs.'
            )
        return self.standardise.forward(features)

    def project(self, tower_inputs: Tensor, parameters: Parameters) -> Tensor:
        """Of a linear tower: tower inputs -> embeddings of any length [item, embedding]."""
        return F.linear(tower_inputs, parameters[self.side].view(-1, self.width))

    def embed(self, tower_inputs: Tensor, parameters: Parameters) -> Tensor:
        """Entries -> embeddings of unit length [item, embedding], as a function of the flat vectors."""
        if self.linear:  # the module is not touched, so that students can be trained at the same time
            return F.normalize(self.project(tower_inputs, parameters), dim=-1)
        named: dict[str, Tensor] = {}
        for name, flat in self.branches.items():
            named.update(flat.named(parameters[name]))
        if self._micro_batch and not self.frozen:
            out = self._embed_in_micro_batches(tower_inputs, parameters, named)
        else:
            out = functional_call(self.trained, named, (tower_inputs,)) if named else self.trained(tower_inputs)
        return F.normalize(out.float() if out.dtype == torch.bfloat16 else out, dim=-1)

    def _embed_in_micro_batches(self, tower_inputs: Tensor, parameters: Parameters, named: dict[str, Tensor]) -> Tensor:
        """The encoder sees some items at a time; the head, which may drop out, all of them."""
        front, layouts = self.trained[:2], list(self.branches.values())

        def encode(some: Tensor, *flats: Tensor) -> Tensor:
            given = {
                key: value
                for layout, flat in zip(layouts, flats, strict=True)
                for key, value in layout.named(flat).items()
            }
            features: Tensor = functional_call(front, {k: v for k, v in given.items() if k.startswith("0.")}, (some,))
            return features

        features = in_micro_batches(
            encode, tower_inputs, [parameters[name] for name in self.branches], self._micro_batch
        )
        of_head = {name.removeprefix("2."): value for name, value in named.items() if name.startswith("2.")}
        out: Tensor = functional_call(self.head, of_head, (features,)) if of_head else self.head(features)
        return out

    def to(self, device: str | torch.device) -> Tower:
        """Move everything to a device, in place."""
        self.encoder.module.to(device)
        self.trained.to(device)
        self.standardise.to(device)
        return self


class Student:
    """Two towers and a loss on their cosine similarities; see :mod:`vlbench.students.losses`.

    Attributes:
        name: in the protocol.
        sides: both side names.
        towers: side name -> tower.
        temperature: similarities are divided by it, or by what is learned from there on.
        objective: name of the loss.
        two_linear_heads: whether that is all that is trained. Such students may be trained at the same time.
        device: where tower_inputs and parameters live.
        precision: of a trained encoder's passes, see :mod:`vlbench.students.precision`.

    Examples:
        >>> from pathlib import Path
        >>> import tempfile, torch
        >>> from vlbench.testing import toy_context, toy_dataset
        >>> _, context = toy_context(toy_dataset(), Path(tempfile.mkdtemp()))
        >>> student = context.student
        >>> parameters = student.start(context.seeds.child("student"))  # branch -> flat vector
        >>> batch = context.full_set().tower_inputs(torch.arange(8))  # side -> what its trained parts read
        >>> gradient, loss = student.gradient(batch, parameters)
        >>> sorted(gradient), loss.ndim, student.embed("image", batch["image"], parameters).shape
        (['image', 'text'], 0, torch.Size([8, 8]))
    """

    def __init__(
        self,
        name: str,
        towers: dict[str, Tower],
        *,
        temperature: float,
        learn_temperature: bool = False,
        objective: str = INFO_NCE,
        device: str = "cpu",
        precision: str = FLOAT32,
    ) -> None:
        self.name, self.temperature, self.objective = name, temperature, objective
        self.device, self.precision = device, precision
        self.towers = {side: tower.to(device) for side, tower in towers.items()}
        first, second = towers
        self.sides: tuple[str, str] = (first, second)
        self.branches = {name: (side, flat.size) for side in towers for name, flat in towers[side].branches.items()}
        if learn_temperature:
            self.branches[TEMPERATURE] = (first, 1)
        self.two_linear_heads = all(tower.linear for tower in towers.values())

    @property
    def has_dropout(self) -> bool:
        """Whether training draws dropout masks."""
        return any(tower.config.head.dropout > 0 for tower in self.towers.values())

    @property
    def fits_one_core(self) -> bool:
        """Whether a step is so little work that threads gain nothing within it: students go side by side instead."""
        return self.two_linear_heads and self.device == "cpu" and not self.has_dropout

    @contextlib.contextmanager
    def training(self, seed: int) -> Iterator[None]:
        """Heads drop out within, by masks that only ``seed`` decides; the global generator's state is put back."""
        if not self.has_dropout:
            yield
            return
        heads = [tower.head for tower in self.towers.values()]
        # Dropout draws from torch's global generator.
        with torch.random.fork_rng(devices=[] if self.device == "cpu" else None):
            torch.manual_seed(seed)
            try:
                for head in heads:
                    head.train()
                yield
            finally:
                for head in heads:
                    head.eval()

    def start(self, seeds: SeedTree) -> Parameters:
        """Fresh parameters; two calls with the same seeds give the same values."""
        parameters: Parameters = {}
        for side, tower in self.towers.items():
            parameters.update(tower.start(seeds.generator(f"head {side}")))
        if TEMPERATURE in self.branches:
            parameters[TEMPERATURE] = torch.tensor([-math.log(self.temperature)])
        return {name: flat.to(self.device) for name, flat in parameters.items()}

    def embed(self, side: str, tower_inputs: Tensor, parameters: Parameters) -> Tensor:
        """Entries of a side -> unit embeddings [item, embedding]."""
        tower = self.towers[side]
        with computing(FLOAT32 if tower.frozen else self.precision, self.device):
            return tower.embed(tower_inputs, parameters)

    def loss(
        self,
        tower_inputs: dict[str, Tensor],
        parameters: Parameters,
        *,
        temperature: float | None = None,
        targets: Tensor | None = None,
        objective: str | None = None,
    ) -> Tensor:
        """Loss of a batch; a scalar in nats.

        Args:
            tower_inputs: side -> [n, ...].
            parameters: branch -> flat vector.
            temperature: stands in for the student's own.
            targets: [n, n], how much entry i of the first side matches entry j of the second, from 0 to 1; None: i
                matches i alone.
            objective: stands in for the student's own: ``info-nce`` or ``wbce``.
        """
        learned = TEMPERATURE in self.branches and temperature is None
        fixed, objective = temperature or self.temperature, objective or self.objective
        soft = targets is not None and targets.requires_grad
        if self.two_linear_heads and objective == INFO_NCE and not learned and not soft:
            one, two = (self.towers[side].project(tower_inputs[side], parameters) for side in self.sides)
            return pair_loss(one, two, fixed, targets)
        one, two = (self.embed(side, tower_inputs[side], parameters) for side in self.sides)
        logits = one @ two.T * parameters[TEMPERATURE].exp() if learned else one @ two.T / fixed
        return LOSSES[objective](logits, targets)

    def gradient(
        self, tower_inputs: dict[str, Tensor], parameters: Parameters, *, targets: Tensor | None = None
    ) -> tuple[Parameters, Tensor]:
        """Gradient of the loss for every branch, and the loss, both without graph.

        Of linear heads on frozen encoders it is written out, see :mod:`vlbench.students.closed_form`.
        """
        if self.two_linear_heads:
            found = self._head_gradient(tower_inputs, parameters, targets)
            return self._by_branch(found), found.loss
        leaves = {name: flat.detach().requires_grad_() for name, flat in parameters.items()}
        with torch.enable_grad():  # whatever the caller has switched off
            loss = self.loss(tower_inputs, leaves, targets=targets)
            gradients = torch.autograd.grad(loss, list(leaves.values()))
        return dict(zip(leaves, gradients, strict=True)), loss.detach()

    def descent(
        self, tower_inputs: dict[str, Tensor], parameters: Parameters, *, targets: Tensor | None = None
    ) -> Parameters:
        """The gradient of :meth:`gradient` alone, which is what a training step needs."""
        if self.two_linear_heads:
            return self._by_branch(self._head_gradient(tower_inputs, parameters, targets))
        return self.gradient(tower_inputs, parameters, targets=targets)[0]

    def _head_gradient(
        self, tower_inputs: dict[str, Tensor], parameters: Parameters, targets: Tensor | None
    ) -> HeadGradient:
        inputs = {side: tower_inputs[side] for side in self.sides}
        weights = {side: parameters[side].view(-1, self.towers[side].width) for side in self.sides}
        learned = TEMPERATURE in self.branches
        temperature = parameters[TEMPERATURE].detach().neg().exp() if learned else self.temperature
        return head_gradient(inputs, weights, temperature=temperature, objective=self.objective, targets=targets)

    @staticmethod
    def _by_branch(found: HeadGradient) -> Parameters:
        gradient = {side: weight.view(-1) for side, weight in found.weights.items()}
        return gradient | ({TEMPERATURE: found.log_scale} if found.log_scale is not None else {})


def flatten(parameters: Parameters, branches: Iterable[str] | None = None) -> Tensor:
    """All (or some) branches as one vector [parameter]."""
    return torch.cat([parameters[name] for name in (branches or parameters)])
