"""Heads: those that ship, and those that plugins declare."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import nn

from vlbench.errors import PluginError, ProtocolError
from vlbench.registry.invoke import construct
from vlbench.registry.options import parse_options
from vlbench.students.heads import KINDS, HeadConfig, build_head

if TYPE_CHECKING:
    from vlbench.registry.registry import Registry


def make_head(registry: Registry, config: HeadConfig, features: int) -> nn.Module:
    """A head with unset weights, built in or as its plugin makes it.

    Raises:
        ProtocolError: there is none of this kind.
        OptionError: its options do not fit.
        PluginError: what the plugin returns is no module, or has no ``start``.
    """
    if config.kind in KINDS:
        return build_head(config, features)
    owner = f"head {config.kind!r}"
    if config.kind not in registry.all("head"):
        names = ", ".join((*KINDS, *registry.all("head")))
        raise ProtocolError(f"{owner} does not exist. Allowed: {names}.")
    options: Any = parse_options(registry.get("head", config.kind).options, config.options, owner=owner)
    head = construct(registry, "head", config.kind, options, features, config.width, config.dropout)
    if not isinstance(head, nn.Module) or not callable(getattr(head, "start", None)):
        raise PluginError(f"{owner}: its target must return a torch.nn.Module with a function start(generator).")
    return head
