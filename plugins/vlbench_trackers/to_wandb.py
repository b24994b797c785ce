"""Weights & Biases. Its own settings count: ``wandb login``, or ``WANDB_MODE=offline`` and ``wandb sync`` later."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import vlbench
from vlbench_trackers.rows import TrackedRows, asked, library, measured

PROJECT = "vlbench"


class WandB(TrackedRows[Any]):
    """A run of the project ``vlbench``, or ``WANDB_PROJECT``, for each row; its id is the row's."""

    def __init__(self) -> None:
        super().__init__()
        self._wandb = library("wandb", "wandb")

    def begin(self, folder: Path) -> Any:
        run = self._wandb.init(
            project=os.environ.get("WANDB_PROJECT", PROJECT),
            id=folder.name,
            name=folder.name,
            dir=str(folder.parent),
            resume="allow",
            reinit="create_new",
            settings=self._wandb.Settings(silent=True, console="off"),
        )
        run.define_metric("curve/*", step_metric="step")
        return run

    def log(self, run: Any, name: str, step: int, value: float) -> None:
        run.log({"step": step, name: value})

    def end(self, run: Any, record: vlbench.Record) -> None:
        run.config.update(asked(record), allow_val_change=True)
        run.summary.update(measured(record))
        run.finish(exit_code=int(record.status != "finished"))

    def knows(self, folder: Path) -> bool:
        return any((folder.parent / "wandb").glob(f"*-{folder.name}"))
