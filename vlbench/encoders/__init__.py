"""For encoders that build on a timm model, as one that reads the frames of a clip does.

Examples:
    >>> import vlbench
    >>> vlbench.encoders.TimmEncoder(vlbench.encoders.TimmOptions("test_vit")).width
    64
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vlbench.lazy import lazy_name

if TYPE_CHECKING:
    from vlbench.encoders.options import TimmOptions
    from vlbench.encoders.suggest import timm_models
    from vlbench.encoders.timm_encoder import TimmEncoder

__all__ = ["TimmEncoder", "TimmOptions", "timm_models"]

_MODULES = {
    "vlbench.encoders.options": ("TimmOptions",),
    "vlbench.encoders.suggest": ("timm_models",),
    "vlbench.encoders.timm_encoder": ("TimmEncoder",),
}


def __getattr__(name: str) -> Any:
    return lazy_name(__name__, _MODULES, name)
