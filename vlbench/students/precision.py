"""In which numbers a student computes: part of a protocol, since it decides scores."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch

FLOAT32 = "float32"
PRECISIONS = (FLOAT32, "tf32", "bf16")
"""``float32`` throughout; ``tf32``: products of an NVIDIA GPU with 10 bits after the point; ``bf16``: a trained encoder
under autocast. Parameters, embeddings and losses are float32 in all of them."""


def computing(precision: str, device: str) -> AbstractContextManager[object]:
    """Forward passes within compute in a precision, and so do the backward passes of what they give."""
    kind = torch.device(device).type
    if kind == "cuda":
        use_tf32(precision == "tf32")
    if precision == "bf16" and kind in ("cpu", "cuda"):
        return torch.autocast(kind, dtype=torch.bfloat16)
    return nullcontext()


def use_tf32(wanted: bool) -> None:
    """Whether float32 products and convolutions of a GPU round their inputs; torch by itself rounds convolutions."""
    torch.set_float32_matmul_precision("high" if wanted else "highest")
    torch.backends.cudnn.allow_tf32 = wanted
