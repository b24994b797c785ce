"""What ``vlbench doctor`` looks at: the machine, libraries, folders and plugins; and what to do about a fault."""

from __future__ import annotations

import contextlib
import os
import platform
import re
import shutil
import socket
import tempfile
import threading
import urllib.parse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from vlbench.registry.registry import Registry

Level = Literal["ok", "note", "fault"]
WAIT_S = 3.0
"""Seconds that the network is waited for."""
LITTLE = 5 * 10**9
"""Bytes of free disk below which a note is due; a tenth of it is a fault."""
NOT_FOR_USERS = ("test", "docs", "dev")
_EXTRA = re.compile(r"""^([A-Za-z0-9_.-]+).*;.*extra\s*==\s*['"](\w+)['"]""")
HUB = "https://huggingface.co"


@dataclass(frozen=True)
class Finding:
    """One line of the report.

    Attributes:
        name: what was looked at.
        level: ``ok``; ``note``: it works, but something should be known; ``fault``: runs fail or are wrong.
        value: what was found.
        advice: what to do; "" where all is well.
    """

    name: str
    level: Level
    value: str
    advice: str = ""


def examine(registry: Registry) -> Iterator[Finding]:
    """Look at everything, in the order of the report. A look that raises is a fault of its own.

    Args:
        registry: with the plugins that were found, broken ones too.
    """
    looks: dict[str, Callable[[], Finding]] = {
        "python": _python,
        "torch": _torch,
        "device": _device,
        "threads": _threads,
        "faiss": _faiss,
        "cache": _cache,
        "disk": _disk,
        "network": _network,
        "plugins": lambda: _plugins(registry),
        "extras": _extras,
    }
    for name, look in looks.items():
        try:
            yield look()
        except Exception as error:  # whatever a damaged library raises
            reason = f"{type(error).__name__}: {error}".splitlines()[0][:200]
            yield Finding(name, "fault", reason, "Install vlbench again in a fresh virtual environment.")


def _python() -> Finding:
    found = f"{platform.python_version()}, vlbench {version('vlbench')}, {platform.system()} {platform.machine()}"
    if platform.system() != "Linux":
        return Finding("python", "note", found, "vlbench is tested on Linux only.")
    return Finding("python", "ok", found)


def _torch() -> Finding:
    import torch

    built = f"CUDA {torch.version.cuda}" if torch.version.cuda else "CPU"
    advice = ""
    if torch.version.cuda and not torch.cuda.is_available():
        advice = "Built for a GPU that is not there or not usable. The README has the line for a smaller CPU build."
    return Finding("torch", "note" if advice else "ok", f"{torch.__version__}, built for {built}", advice)


def _device() -> Finding:
    import torch

    if not torch.cuda.is_available():
        return Finding("device", "ok", "cpu: no usable GPU")
    torch.zeros(1, device="cuda").add_(1).item()
    cards = [torch.cuda.get_device_properties(index) for index in range(torch.cuda.device_count())]
    return Finding("device", "ok", ", ".join(f"{card.name} ({card.total_memory / 2**30:.0f} GiB)" for card in cards))


def _threads() -> Finding:
    import torch

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    used, load = torch.get_num_threads(), os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    value = f"{used} on {cores} cores, load {load:.1f}"
    if used > cores:
        return Finding("threads", "note", value, f"More threads than cores: export OMP_NUM_THREADS={cores}")
    if used > 1 and load > cores:
        return Finding("threads", "note", value, "The machine is busy: OMP_NUM_THREADS=1 may be faster.")
    return Finding("threads", "ok", value)


def _faiss() -> Finding:
    import faiss
    import numpy

    builds = [f"{name} {found}" for name in ("faiss-gpu", "faiss-cpu") if (found := _version(name))]
    index = faiss.IndexFlatIP(2)
    index.add(numpy.eye(2, dtype=numpy.float32))
    right = index.search(numpy.eye(2, dtype=numpy.float32), 1)[1].ravel().tolist() == [0, 1]
    value = f"{' and '.join(builds) or faiss.__version__}, {faiss.get_num_gpus()} GPUs"
    if not right:
        return Finding("faiss", "fault", f"{value}: a search gave a wrong answer", "Install faiss again.")
    if len(builds) > 1:
        return Finding("faiss", "note", value, "Two builds share one module: pip uninstall one, reinstall the other.")
    return Finding("faiss", "ok", value)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _cache() -> Finding:
    from vlbench.board.format import size_text
    from vlbench.disk.place import default_cache
    from vlbench.inventory import UNREAD, items

    root = default_cache()
    found = list(items(root))
    value = f"{size_text(sum(item.bytes for item in found))} in {root}"
    if not _can_write(root):
        return Finding("cache", "fault", value, "It cannot be written: set VLBENCH_CACHE to a folder that can.")
    unread = [item for item in found if item.state in UNREAD]
    if unread:
        return Finding("cache", "note", value, f"{len(unread)} entries that nothing reads: vlbench cache --prune")
    return Finding("cache", "ok", value)


def _can_write(folder: Path) -> bool:
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    return False


def _disk() -> Finding:
    from vlbench.board.format import size_text
    from vlbench.disk.place import default_cache

    places = {"here": Path.cwd(), "cache": default_cache()}
    free = {name: shutil.disk_usage(path).free for name, path in places.items() if path.exists()}
    value = ", ".join(f"{size_text(count)} free ({name})" for name, count in free.items())
    least = min(free.values())
    if least < LITTLE:
        return Finding("disk", "fault" if least < LITTLE / 10 else "note", value, "Free some: vlbench cache --prune")
    return Finding("disk", "ok", value)


def _network() -> Finding:
    """Whether the model hub, or the proxy on the way to it, takes a connection; never waits longer than WAIT_S."""
    if any(os.environ.get(name, "") not in ("", "0") for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")):
        return Finding("network", "ok", "switched off by HF_HUB_OFFLINE or TRANSFORMERS_OFFLINE")
    proxy = os.environ.get("HTTPS_PROXY") or os.environ.get("https_proxy")
    asked = urllib.parse.urlsplit(proxy or os.environ.get("HF_ENDPOINT") or HUB)
    port = asked.port or (80 if asked.scheme == "http" else 443)
    where = f"{asked.hostname}:{port}" + (" (proxy)" if proxy else "")
    answers: list[bool] = []

    def connect() -> None:
        with contextlib.suppress(OSError), socket.create_connection((asked.hostname or "", port), timeout=WAIT_S):
            answers.append(True)

    thread = threading.Thread(target=connect, daemon=True)  # a look-up of a name has no time limit of its own
    thread.start()
    thread.join(WAIT_S)
    if answers:
        return Finding("network", "ok", f"{where} answers")
    advice = "Only vlbench prepare needs it, for encoders from the hub; --offline uses none."
    return Finding("network", "note", f"{where} does not answer within {WAIT_S:g} s", advice)


def _plugins(registry: Registry) -> Finding:
    broken = [plugin for plugin in registry.plugins if not plugin.used]
    value = f"{len(registry.plugins) - len(broken)} used, {len(broken)} not used"
    texts = [f"{plugin.name}: {plugin.status}" + (f" ({plugin.detail})" if plugin.detail else "") for plugin in broken]
    faulty = any(plugin.status != "blocked" for plugin in broken)
    advice = f"{'; '.join(texts)}. See vlbench plugins; repair or uninstall it." if texts else ""
    return Finding("plugins", "fault" if faulty else "ok", value, advice)


def _extras() -> Finding:
    """Extras of vlbench whose packages are all here; a missing one is no fault."""
    needs: dict[str, list[str]] = {}
    for text in requires("vlbench") or []:
        if match := _EXTRA.match(text):
            needs.setdefault(match[2], []).append(match[1])
    wanted = {name: packages for name, packages in needs.items() if name not in NOT_FOR_USERS}
    here = [name for name, packages in wanted.items() if all(map(_version, packages))]
    missing = [name for name in wanted if name not in here]
    value = f"installed: {', '.join(here) or 'none'}"
    return Finding("extras", "ok", f"{value}; not: {', '.join(missing)}" if missing else value)
