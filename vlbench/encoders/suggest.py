"""Encoders of the model libraries for ``vlbench init``: those in the local cache, and one that would be fetched."""

from __future__ import annotations

import os
import re
from pathlib import Path

from vlbench.registry.drafts import Suggestion

FETCHED_IMAGE, FETCHED_IMAGE_SIZE = "mobilenetv3_small_100", "10 MB"
FETCHED_TEXT, FETCHED_TEXT_SIZE = "sentence-transformers/all-MiniLM-L6-v2", "90 MB"
CACHED_RANK, FETCHED_RANK = 50, 40
SIDE = 224
_OF_INPUT = re.compile(r"_(\d{3})(?:\D|$)")


def timm_models(model: str) -> list[Suggestion]:
    """Pretrained timm models.

    Args:
        model: name of one, or ``NAME=FILE`` with its weights in a file; empty for those in the cache.

    Examples:
        >>> import vlbench
        >>> (found,) = vlbench.encoders.timm_models("test_vit=vit.safetensors")
        >>> found.options, found.there
        ({'model': 'test_vit', 'weights': 'vit.safetensors'}, True)
    """
    if model:
        name, _, file = model.partition("=")
        return [_timm(name, file or "pretrained", there=bool(file) or name in _cached("timm"))]
    cached = [_timm(name, "pretrained", there=True) for name in sorted(_cached("timm"))]
    return [*cached, _timm(FETCHED_IMAGE, "pretrained", there=FETCHED_IMAGE in _cached("timm"))]


def _timm(name: str, weights: str, *, there: bool) -> Suggestion:
    match = _OF_INPUT.search(name)
    size = FETCHED_IMAGE_SIZE if name == FETCHED_IMAGE else "its weights"
    return Suggestion(
        {"model": name, "weights": weights},
        there=there,
        rank=CACHED_RANK if there else FETCHED_RANK,
        size=int(match[1]) if match else SIDE,
        fetch="" if there else f"timm/{name} ({size}) from the Hugging Face hub",
    )


def sentence_models(model: str) -> list[Suggestion]:
    """Models of sentence-transformers.

    Args:
        model: name or folder of one; empty for those in the cache.
    """
    if model:
        return [_sentence(model, there=Path(model).is_dir() or _is_cached(model))]
    cached = [
        _sentence(f"sentence-transformers/{name}", there=True) for name in sorted(_cached("sentence-transformers"))
    ]
    return [*cached, _sentence(FETCHED_TEXT, there=_is_cached(FETCHED_TEXT))]


def _sentence(name: str, *, there: bool) -> Suggestion:
    size = FETCHED_TEXT_SIZE if name == FETCHED_TEXT else "its weights"
    return Suggestion(
        {"name": name},
        there=there,
        rank=CACHED_RANK if there else FETCHED_RANK,
        fetch="" if there else f"{name} ({size}) from the Hugging Face hub",
    )


def _is_cached(name: str) -> bool:
    owner, _, model = name.rpartition("/")
    return model in _cached(owner or "sentence-transformers")


def _cached(owner: str) -> set[str]:
    """Models of an owner on the hub whose files are in the local cache; a timm model without its tag."""
    root = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE")
    home = Path(os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface")
    folders = Path(root or home / "hub").glob(f"models--{owner}--*/snapshots/*")
    whole = {folder.parents[1].name for folder in folders if any(folder.iterdir())}
    names = {name.removeprefix(f"models--{owner}--") for name in whole}
    return {name.partition(".")[0] for name in names} if owner == "timm" else names
