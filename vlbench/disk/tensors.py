"""Tensors in one file that carries the hash of its content: a checkpoint, say."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from vlbench.errors import DataError
from vlbench.files import write_whole

if TYPE_CHECKING:
    from torch import Tensor

HASH = "sha256"


def write_tensors(path: Path, tensors: Mapping[str, Tensor], about: Mapping[str, str]) -> None:
    """Write a safetensors file, whole or not at all; ``about`` goes into its metadata, with the hash of everything."""
    from safetensors.torch import save

    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    write_whole(path, save(plain, metadata={**about, HASH: content_hash(plain, about)}))


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors of such a file, and what it says about them.

    Raises:
        DataError: it cannot be read, carries no hash, or is not what its hash says.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as stored:
            about = dict(stored.metadata() or {})
            # Cloned, since what is read may lie at odd addresses, where sums' last bits come out differently.
            tensors = {name: stored.get_tensor(name).clone() for name in stored.keys()}  # noqa: SIM118  # it is no dict
    except (OSError, ValueError, SafetensorError) as error:
        raise DataError(f"{str(path)!r} is damaged ({str(error)[:200]})") from None
    expected = about.pop(HASH, "")
    if expected != content_hash(tensors, about):
        what = "its content is not that of its hash" if expected else "it carries no hash"
        raise DataError(f"{str(path)!r} is damaged ({what})")
    return tensors, about


def content_hash(tensors: Mapping[str, Tensor], about: Mapping[str, str]) -> str:
    """SHA-256 over names, types, shapes and values of contiguous tensors on the CPU, and over ``about``."""
    import torch

    digest = hashlib.sha256(json.dumps(dict(about), sort_keys=True).encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(json.dumps([name, str(tensor.dtype), list(tensor.shape)]).encode())
        if tensor.numel():
            digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
