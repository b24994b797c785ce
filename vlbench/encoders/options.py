"""Options of the encoders the core brings: light, so that listing them imports no model library."""

from __future__ import annotations

from dataclasses import dataclass

from vlbench.registry.options import option


@dataclass(frozen=True)
class TimmOptions:
    """Any image model that timm knows.

    Examples:
        >>> from vlbench.encoders import TimmOptions
        >>> TimmOptions("mobilenetv2_100").weights  # random weights
        ''
    """

    model: str = option(help="name of a timm model, as in mobilenetv2_100")
    weights: str = option("", help="'pretrained', or a local weights file; empty for random weights")
    arguments: dict[str, object] = option({}, help="further arguments of timm.create_model, as in pad_type=same")
    mean: tuple[float, ...] = option((), minimum=0, maximum=1, help="mean of each channel; empty for the model's own")
    std: tuple[float, ...] = option((), above=0, help="standard deviation of each channel; empty for the model's own")
    channels_last: bool = option(True, help="memory layout that is faster for convolutions on a CPU")


@dataclass(frozen=True)
class SentenceTransformerOptions:
    """Any text model that sentence-transformers can load."""

    name: str = option(help="a sentence-transformers model name, or the folder that holds one")
    folder: str = option("", help="where the files of the model of that name lie; empty for the hub and its cache")
    max_length: int = option(64, minimum=1, help="tokens kept of each caption")
    pooling: str = option(
        "", help="how token vectors become one; empty for the model's own", choices=("", "mean", "cls", "max")
    )
