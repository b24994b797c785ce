"""What a method returns, how it is stored, checked and measured.

An artifact is a folder: ``artifact.json`` and ``artifact.safetensors``. Nothing in it is pickled.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from vlbench.artifacts.quantise import unpack
from vlbench.artifacts.soft_targets import PARTS, Targets, check_targets
from vlbench.disk.sums import damage
from vlbench.errors import ArtifactError
from vlbench.files import check_plain, read_plain, write_whole

if TYPE_CHECKING:
    from PIL.Image import Image

    from vlbench.data.pairs import Items, Split

ITEMS = "items"
"""The ``spaces`` entry of a side that is stored as items."""


@dataclass(frozen=True, repr=False)
class Selection:
    """Real pairs.

    Attributes:
        indices: int64 [pair]; positions in the train split's pairs, each at most once.
        fingerprint: of the dataset they point into.
        mean_sides: sides on which a pair's vector is the mean over all items that belong to its other item (``text``:
            the mean of the image's captions, in the encoder's space).
        folder: where it was loaded from, for :meth:`show`.

    Examples:
        >>> import torch, vlbench
        >>> chosen = vlbench.Selection(torch.tensor([4, 0, 2]), fingerprint="that of the train view")
        >>> len(chosen)
        3
    """

    indices: Tensor
    fingerprint: str
    mean_sides: tuple[str, ...] = ()
    folder: Path | None = field(default=None, kw_only=True, compare=False, repr=False)

    def __len__(self) -> int:
        return len(self.indices)

    def __repr__(self) -> str:
        return f"<Selection: {len(self):,} real pairs of data {self.fingerprint[:8]}>"

    def show(self) -> Image:
        """A picture (RGB) of the first pairs with their captions, from the preview beside a run's artifact.

        Raises:
            vlbench.errors.ArtifactError: this one was not loaded from a folder.
            vlbench.errors.DataError: the folder holds no preview, or no record.
        """
        return _picture(self.folder)


@dataclass(frozen=True, repr=False)
class DistilledPairs:
    """Learned pairs; all that a fresh student needs to train on them.

    Attributes:
        sides: side name -> tensor [pair, ...] as stored: items (uint8 pixels, say) or feature vectors. What is a
            floating number may be float32, float16, or uint8 with ``scales`` (see :func:`vlbench.artifacts.pack`).
        spaces: side name -> ``items``, or the ``space`` of the tower in which the vectors live.
        fingerprint: of the dataset they were learned from.
        rates: learned inner step sizes by branch; stored and shown, not used by a ranked student.
        start: the real pairs they started from, where they did; the harness scores them beside the result.
        scales: side name -> float32 [pair, 2], scale and offset of a side that is stored as 8 bit levels.
        targets: how much items match across pairs; None: each matches that of its own pair alone.
        folder: where it was loaded from, for :meth:`show`.

    Examples:
        >>> import torch, vlbench
        >>> made = vlbench.DistilledPairs(
        ...     sides={"image": torch.zeros(2, 3, 8, 8, dtype=torch.uint8), "text": torch.randn(2, 16)},
        ...     spaces={"image": "items", "text": "features:my-encoder 1.0"},
        ...     fingerprint="that of the train view",
        ... )
        >>> len(made)
        2
    """

    sides: dict[str, Tensor]
    spaces: dict[str, str]
    fingerprint: str
    rates: dict[str, float] = field(default_factory=dict)
    start: Selection | None = None
    folder: Path | None = field(default=None, kw_only=True, compare=False, repr=False)
    scales: dict[str, Tensor] = field(default_factory=dict)
    targets: Targets | None = None

    def __len__(self) -> int:
        return len(next(iter(self.sides.values())))

    def __repr__(self) -> str:
        sides = [
            f"{name} {str(side.dtype).removeprefix('torch.')} {list(side.shape)}" for name, side in self.sides.items()
        ]
        return f"<DistilledPairs: {len(self):,} learned pairs of data {self.fingerprint[:8]}; {'; '.join(sides)}>"

    def values(self, side: str) -> Tensor:
        """A side [pair, ...] as a student reads it: items as they are, what was packed as float32."""
        stored = self.sides[side]
        packed = side in self.scales or stored.dtype == torch.float16
        return unpack(stored, self.scales.get(side)) if packed else stored

    def show(self) -> Image:
        """A picture (RGB) of the first pairs with their captions, from the preview beside a run's artifact.

        Raises:
            vlbench.errors.ArtifactError: this one was not loaded from a folder.
            vlbench.errors.DataError: the folder holds no preview, or no record.
        """
        return _picture(self.folder)


Artifact = Selection | DistilledPairs


def check_artifact(artifact: object, *, train: Split, fingerprint: str) -> None:
    """Refuse what a method must not return; :meth:`vlbench.Budget.check_artifact_size` checks the budget.

    Raises:
        ArtifactError: wrong type, empty, index out of range or twice, not finite, lengths differ, other dataset.
    """
    if not isinstance(artifact, Selection | DistilledPairs):
        raise ArtifactError(f"the method returned {type(artifact).__name__}, not a Selection or DistilledPairs.")
    if len(artifact) == 0:
        raise ArtifactError("the artifact holds no pair.")
    if artifact.fingerprint != fingerprint:
        raise ArtifactError("the artifact names another dataset's fingerprint. Pass on train.fingerprint.")
    if isinstance(artifact, Selection):
        _check_selection(artifact, train)
    else:
        _check_distilled(artifact, train)


def _check_selection(artifact: Selection, train: Split) -> None:
    indices = artifact.indices
    if indices.dtype != torch.int64 or indices.ndim != 1:
        raise ArtifactError(f"indices are {indices.dtype} of shape {list(indices.shape)}, expected int64 [pair].")
    if int(indices.min()) < 0 or int(indices.max()) >= len(train.pairs):
        bad = indices[(indices < 0) | (indices >= len(train.pairs))][0]
        raise ArtifactError(f"index {int(bad)} is outside the train split's {len(train.pairs)} pairs.")
    if len(indices.unique()) != len(indices):
        raise ArtifactError("an index occurs twice. Each train pair may be selected once.")


def check_family(artifact: object, family: str) -> None:
    """Raise ArtifactError unless a method returned what its declared family makes."""
    expected = Selection if family == "selection" else DistilledPairs
    if not isinstance(artifact, expected):
        name = type(artifact).__name__
        raise ArtifactError(f"family {family!r} returns {expected.__name__}, the method returned {name}.")


def _check_distilled(artifact: DistilledPairs, train: Split) -> None:
    if set(artifact.sides) != set(train.items) or set(artifact.spaces) != set(train.items):
        raise ArtifactError(f"the artifact has sides {sorted(artifact.sides)}, expected {sorted(train.items)}.")
    for branch, rate in artifact.rates.items():
        if not math.isfinite(rate):
            raise ArtifactError(f"the inner rate of {branch!r} is not finite.")
    if artifact.targets is not None:
        check_targets(artifact.targets, len(artifact))
    for side, tensor in artifact.sides.items():
        if len(tensor) != len(artifact):
            raise ArtifactError(f"sides differ in length: {side} has {len(tensor)}, expected {len(artifact)}.")
        if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
            raise ArtifactError(f"side {side!r} holds a number that is not finite.")
        _check_form(artifact, side, train.items[side])


def _check_form(artifact: DistilledPairs, side: str, items: Items) -> None:
    tensor, scales = artifact.sides[side], artifact.scales.get(side)
    if scales is not None and (
        tensor.dtype != torch.uint8 or scales.shape != (len(tensor), 2) or not bool(scales.isfinite().all())
    ):
        raise ArtifactError(
            f"side {side!r}: {tensor.dtype} with scales {list(scales.shape)}, expected uint8 with finite [pair, 2]."
        )
    values = artifact.values(side)
    if artifact.spaces[side] == ITEMS and (
        not isinstance(items, Tensor) or values.dtype != items.dtype or tensor.shape[1:] != items.shape[1:]
    ):
        raise ArtifactError(
            f"side {side!r}: {tensor.dtype} {list(tensor.shape[1:])} is not the form of the data's items."
        )
    if artifact.spaces[side] != ITEMS and not values.is_floating_point():
        raise ArtifactError(f"side {side!r}: vectors of {tensor.dtype} without scales. See vlbench.artifacts.pack.")


def save_artifact(artifact: Artifact, folder: Path | str) -> None:
    """Write ``artifact.json`` and ``artifact.safetensors`` into a folder, each whole or not at all."""
    from safetensors.torch import save

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    if isinstance(artifact, Selection):
        tensors = {"indices": artifact.indices}
        about: dict[str, object] = {
            "kind": "selection",
            "fingerprint": artifact.fingerprint,
            "mean_sides": list(artifact.mean_sides),
        }
    else:
        tensors = {f"side.{name}": tensor for name, tensor in artifact.sides.items()}
        tensors |= {f"scales.{name}": tensor for name, tensor in artifact.scales.items()}
        about = {
            "kind": "distilled",
            "spaces": artifact.spaces,
            "fingerprint": artifact.fingerprint,
            "rates": artifact.rates,
        }
        if artifact.targets is not None:
            tensors |= {f"targets.{part}": tensor for part, tensor in artifact.targets.tensors.items()}
            about["target_rank"] = artifact.targets.rank
        if artifact.start is not None:
            tensors["start"] = artifact.start.indices
            about["start_mean_sides"] = list(artifact.start.mean_sides)
    write_whole(
        folder / "artifact.safetensors", save({name: t.detach().cpu().contiguous() for name, t in tensors.items()})
    )
    write_whole(folder / "artifact.json", json.dumps(about, indent=1, allow_nan=False).encode())


def load_artifact(folder: Path | str) -> Artifact:
    """The artifact in a run's folder (``artifact.json`` and ``artifact.safetensors``; nothing is unpickled).

    Raises:
        vlbench.errors.ArtifactError: a file is missing or not of this form.

    Examples:
        >>> import vlbench
        >>> record = vlbench.run(method="random", budget=20, suite="scenes-mini")  # found, if it is there
        >>> artifact = vlbench.load_artifact(record.folder)
        >>> len(artifact), artifact.show().mode  # a picture, which a notebook draws
        (20, 'RGB')
    """
    return replace(_read(Path(folder)), folder=Path(folder))


def _read(folder: Path) -> Artifact:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if bad := damage(folder, "artifact.json", "artifact.safetensors"):
        raise ArtifactError(f"{bad}. Run the command again.")
    try:
        about = json.loads(read_plain(folder / "artifact.json").decode())
        check_plain(folder / "artifact.safetensors")
        tensors = load_file(folder / "artifact.safetensors")
        if about["kind"] == "selection":
            return Selection(tensors["indices"], about["fingerprint"], tuple(about["mean_sides"]))
        sides, scales = (
            {name.removeprefix(part): tensor for name, tensor in tensors.items() if name.startswith(part)}
            for part in ("side.", "scales.")
        )
        start = None
        if "start" in tensors:
            start = Selection(tensors["start"], about["fingerprint"], tuple(about["start_mean_sides"]))
        ordered = {side: sides[side] for side in about["spaces"]}
        return DistilledPairs(
            ordered, about["spaces"], about["fingerprint"], about["rates"], start, scales, _targets(about, tensors)
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, SafetensorError) as error:
        raise ArtifactError(f"{folder.name}: no readable artifact there ({type(error).__name__}: {error}).") from error


def _targets(about: dict[str, Any], tensors: dict[str, Tensor]) -> Targets | None:
    if "target_rank" not in about:
        return None
    targets = Targets(*(tensors[f"targets.{part}"] for part in PARTS))
    if targets.left.ndim != 2 or targets.rank != about["target_rank"]:
        raise ValueError(f"target_rank is {about['target_rank']!r}, targets.left is {list(targets.left.shape)}")
    return targets


def _picture(folder: Path | None) -> Image:
    from vlbench.board.picture import picture

    if folder is None:
        raise ArtifactError(
            "an artifact shows the preview that a run keeps beside it, and this one was not loaded from a run. "
            "Use vlbench.load_artifact(FOLDER).show() with the folder of a finished run, such as record.folder."
        )
    return picture(folder)
