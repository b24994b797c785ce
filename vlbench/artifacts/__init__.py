"""For methods that store what they learn: as float32, float16 or 8 bit, with soft targets, and what that weighs.

Examples:
    >>> import torch, vlbench
    >>> vectors = torch.randn(20, 256)
    >>> stored, scales = vlbench.artifacts.pack(vectors, "uint8")
    >>> stored.nbytes + scales.nbytes == 20 * vlbench.artifacts.stored_bytes(256, "uint8")
    True
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vlbench.lazy import lazy_name

if TYPE_CHECKING:
    from vlbench.artifacts.coded_size import artifact_bytes
    from vlbench.artifacts.quantise import pack, stored_bytes, unpack
    from vlbench.artifacts.soft_targets import Targets

__all__ = ["Targets", "artifact_bytes", "pack", "stored_bytes", "unpack"]

_MODULES = {
    "vlbench.artifacts.coded_size": ("artifact_bytes",),
    "vlbench.artifacts.quantise": ("pack", "stored_bytes", "unpack"),
    "vlbench.artifacts.soft_targets": ("Targets",),
}


def __getattr__(name: str) -> Any:
    return lazy_name(__name__, _MODULES, name)
