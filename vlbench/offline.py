"""No network: every attempt to open a socket or to look up a name is an error, in all threads of the process.

Python raises an audit event before it makes any socket, so this holds for whatever library asks. The model hubs'
clients are told as well, so that they look into their caches first and say what is missing there.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from vlbench.errors import VlbenchError

_VARIABLES = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE")
_LOOKUPS = ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr")
_BETWEEN_PROCESSES = 1
"""The family AF_UNIX: sockets that stay on the machine."""

_depth = 0
_hooked = False


class OfflineError(VlbenchError):
    """Something asked for the network while it was switched off."""


@contextmanager
def offline() -> Iterator[None]:
    """Within, no thread of this process can open a socket to anywhere.

    Raises:
        OfflineError: (where the socket is asked for) naming what to do.
    """
    global _depth, _hooked
    if not _hooked:  # a hook cannot be taken away again, so it asks each time
        sys.addaudithook(_refuse)
        _hooked = True
    before = {name: os.environ.get(name) for name in _VARIABLES}
    os.environ.update(dict.fromkeys(_VARIABLES, "1"))
    hub = _tell_hub(off=True)
    _depth += 1
    try:
        yield
    finally:
        _depth -= 1
        _tell_hub(off=hub)
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def is_offline() -> bool:
    """Whether the network is switched off now."""
    return _depth > 0


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if not _depth or not event.startswith("socket."):
        return
    outward = event == "socket.__new__" and arguments[1] != _BETWEEN_PROCESSES
    if outward or event in _LOOKUPS:
        raise OfflineError(
            f"--offline: something asked for the network ({event}). Run 'vlbench prepare SUITE' once with a network, "
            f"which fetches all that the suite needs, or leave out --offline."
        )


def _tell_hub(*, off: bool) -> bool:
    """Set what the hub's client read from the environment, where it is imported already; what it was before."""
    constants = sys.modules.get("huggingface_hub.constants")
    before = bool(getattr(constants, "HF_HUB_OFFLINE", False))
    if constants is not None:
        constants.HF_HUB_OFFLINE = off  # type: ignore[attr-defined]
    return before
