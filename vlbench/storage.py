"""For methods that store what they learn: as float32, float16 or 8 bit, with soft targets, and what that weighs.

Examples:
    >>> import torch, vlbench
    >>> vectors = torch.randn(20, 256)
    >>> stored, scales = vlbench.storage.pack(vectors, "uint8")
    >>> stored.nbytes + scales.nbytes == 20 * vlbench.storage.stored_bytes(256, "uint8")
    True
"""

from vlbench.condense.storage import pack, stored_bytes, unpack
from vlbench.condense.targets import Targets
from vlbench.condense.weight import artifact_bytes

__all__ = ["Targets", "artifact_bytes", "pack", "stored_bytes", "unpack"]
