"""Low-rank adapters (Hu et al. 2021) on an encoder's linear layers, through peft."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass

import torch
from torch import nn

from vlbench.errors import ProtocolError


@dataclass(frozen=True)
class LoraConfig:
    """Adapters as a protocol describes them.

    Attributes:
        rank: of the update B A.
        alpha: the update is scaled by alpha / rank.
        targets: endings of the names of the adapted layers; empty means every linear layer.
        seed: of the initial A. B starts at 0. Experts, matching and students share this start, as they share
            pretrained weights.
    """

    rank: int = 4
    alpha: float = 8.0
    targets: tuple[str, ...] = ()
    seed: int = 0


def add_adapters(module: nn.Module, config: LoraConfig) -> list[str]:
    """Put adapters into a module in place and return the names of their parameters.

    Raises:
        ProtocolError: no linear layer has one of the target names.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import peft

    linear = [name for name, part in module.named_modules() if name and isinstance(part, nn.Linear)]
    targets = [name for name in linear if not config.targets or name.endswith(config.targets)]
    if not targets:
        raise ProtocolError(
            f"LoRA targets {list(config.targets)} fit no linear layer of the encoder. "
            f"It has: {', '.join(linear[:12]) or 'none'}."
        )
    peft.inject_adapter_in_model(
        peft.LoraConfig(r=config.rank, lora_alpha=config.alpha, target_modules=targets, lora_dropout=0.0), module
    )
    names = [name for name, _ in module.named_parameters() if ".lora_A." in name or ".lora_B." in name]
    _start_adapters(module, names, config.seed)
    return names


@torch.no_grad()
def _start_adapters(module: nn.Module, names: list[str], seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    parameters = dict(module.named_parameters())
    for name in names:
        weight = parameters[name]
        if ".lora_B." in name:
            weight.zero_()
        else:
            bound = 1 / math.sqrt(weight.shape[1])
            weight.copy_((torch.rand(weight.shape, generator=generator) * 2 - 1) * bound)
