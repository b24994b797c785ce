"""TensorBoard: ``tensorboard --logdir runs/tensorboard``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import vlbench
from vlbench_trackers.rows import TrackedRows, asked, library, measured


class TensorBoard(TrackedRows[Any]):
    """Curves and scores as scalars, what was asked as a table of text."""

    def __init__(self) -> None:
        super().__init__()
        library("tensorboard", "tensorboard")
        self._writer = library("torch.utils.tensorboard", "tensorboard").SummaryWriter

    def begin(self, folder: Path) -> Any:
        return self._writer(str(_place(folder)))

    def log(self, run: Any, name: str, step: int, value: float) -> None:
        run.add_scalar(name, value, step)

    def end(self, run: Any, record: vlbench.Record) -> None:
        lines = [f"| {key} | {value} |" for key, value in asked(record).items()]
        run.add_text("asked", "\n".join(["| | |", "|---|---|", *lines, f"| status | {record.status} |"]))
        for name, value in measured(record).items():
            run.add_scalar(name, value, 0)
        run.close()

    def knows(self, folder: Path) -> bool:
        return _place(folder).exists()


def _place(folder: Path) -> Path:
    return folder.parent / "tensorboard" / folder.name
