"""MLflow, at ``MLFLOW_TRACKING_URI`` or in a database beside the runs."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import vlbench
from vlbench_trackers.rows import TrackedRows, asked, library, measured

EXPERIMENT, TAG = "vlbench", "vlbench.id"
MOST = 100
"""Values that are sent together."""


@dataclass
class _Run:
    """A run of MLflow, and values that are not sent yet."""

    client: Any
    id: str
    waiting: list[Any] = field(default_factory=list)

    def send(self) -> None:
        """Send what waits."""
        self.client.log_batch(self.id, metrics=self.waiting)
        self.waiting = []


class MLflow(TrackedRows[_Run]):
    """A run of the experiment ``vlbench``, or ``MLFLOW_EXPERIMENT_NAME``, for each row."""

    def __init__(self) -> None:
        super().__init__()
        library("mlflow", "mlflow")
        self._metric = library("mlflow.entities", "mlflow").Metric

    def begin(self, folder: Path) -> _Run:
        client, experiment = _store(folder.parent)
        run = client.create_run(experiment, run_name=folder.name, tags={TAG: folder.name})
        return _Run(client, run.info.run_id)

    def log(self, run: _Run, name: str, step: int, value: float) -> None:
        run.waiting.append(self._metric(name, value, int(time.time() * 1000), step))
        if len(run.waiting) >= MOST:
            run.send()

    def end(self, run: _Run, record: vlbench.Record) -> None:
        for name, value in measured(record).items():
            self.log(run, name, 0, value)
        run.send()
        for key, text in asked(record).items():
            run.client.log_param(run.id, key, text)
        run.client.set_terminated(run.id, "FINISHED" if record.status == "finished" else "FAILED")

    def knows(self, folder: Path) -> bool:
        client, experiment = _store(folder.parent)
        return bool(client.search_runs([experiment], f"tags.`{TAG}` = '{folder.name}'", max_results=1))


@cache
def _store(runs: Path) -> tuple[Any, str]:
    """The client of what stores runs, and the id of the experiment in it."""
    uri = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{(runs / 'mlflow.db').resolve()}"
    runs.mkdir(parents=True, exist_ok=True)
    client = library("mlflow", "mlflow").MlflowClient(tracking_uri=uri)
    name = os.environ.get("MLFLOW_EXPERIMENT_NAME", EXPERIMENT)
    found = client.get_experiment_by_name(name)
    return client, str(found.experiment_id if found else client.create_experiment(name))
