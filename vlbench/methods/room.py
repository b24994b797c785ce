"""Where features of very many pairs go: memory, or a file that memory maps."""

from __future__ import annotations

import tempfile
from pathlib import Path

import torch
from torch import Tensor

from vlbench.disk.space import check_space

IN_MEMORY_BYTES = 1 << 31


def room(count: int, width: int, folder: Path) -> Tensor:
    """An empty float32 [count, width]; of more than 2 GB on an unnamed file, whose pages the system may take back.

    Args:
        count, width: of features.
        folder: on the disk that has room; the file goes when the tensor does.
    """
    if 4 * count * width <= IN_MEMORY_BYTES:
        return torch.empty(count, width, dtype=torch.float32)
    check_space(folder, 4 * count * width, "features of all pairs")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=folder, prefix="features-") as file:
        file.truncate(4 * count * width)
        return torch.from_file(file.name, shared=True, size=count * width, dtype=torch.float32).view(count, width)
