"""Trackers, by the real libraries where they are installed, through the command line."""

from __future__ import annotations

import json
import sys
import time
import warnings
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from vlbench.cli.main import main

PLUGIN = """
import torch, vlbench

class Falling(vlbench.Selector):
    def select(self, features, size, generator): ...
    def condense(self, train, budget, context):
        for step in range(4):
            context.curve("loss", 4.0 - step)
        return vlbench.Selection(torch.arange(budget.amount), train.fingerprint)

@vlbench.hookimpl
def vlbench_methods():
    return [vlbench.MethodSpec("falling", "falling_plugin:Falling", "selection", "Reports a loss of 4, 3, 2, 1.")]
"""
WATCHER = """
import json, os, vlbench
from pathlib import Path

class Watcher:
    def _say(self, *words):
        with Path(os.environ["WATCHED"]).open("a") as file:
            file.write(json.dumps(words, default=str) + "\\n")
    def step(self, name, step, value, folder): self._say("step", name, step, value, folder)
    def record(self, record, folder): self._say("record", record.id, folder)
    def found(self, record, folder): self._say("found", record.id, folder)

@vlbench.hookimpl
def vlbench_observers():
    return [vlbench.Declaration("watcher", "watcher_plugin:Watcher", "Writes what it gets.")]
"""


def run(folder: Path, *more: str) -> Result:
    plugin = folder / "falling_plugin.py"
    plugin.write_text(PLUGIN)
    files = [word for file in sorted(folder.glob("*_plugin.py")) for word in ("--plugin", str(file))]
    words = ["run", "--suite", "scenes-mini", "--method", "falling", "--budget", "5", "--out", str(folder / "runs")]
    asked = ["rows.always=[]", "rows.full=false", "training.seeds=1", "student.steps=2"]
    sets = [word for one in asked for word in ("--set", one)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # those of the trackers' own libraries
        return CliRunner().invoke(main, [*files, *words, *sets, *more])


@pytest.mark.parametrize("isolate", [[], ["--isolate"]], ids=["", "isolated"])
def test_observers_get_step_values_folders_and_rows_found_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, isolate: list[str]
):
    (tmp_path / "watcher_plugin.py").write_text(WATCHER)
    monkeypatch.setenv("WATCHED", str(tmp_path / "seen"))
    for _ in range(2):
        result = run(tmp_path, *isolate)
        assert result.exit_code == 0, result.output
    seen = [json.loads(line) for line in (tmp_path / "seen").read_text().splitlines()]
    ours = [event for event in seen if "/falling-5-" in event[-1]]
    folder = Path(ours[0][-1])
    assert (folder / "record.json").exists()
    steps = [["step", "loss", step, 4.0 - step, str(folder)] for step in range(4)]
    assert ours == [*steps, ["record", folder.name, str(folder)], ["found", folder.name, str(folder)]]


def test_tensorboard_has_every_step_and_score_of_a_row_once(tmp_path: Path):
    pytest.importorskip("tensorboard", reason="pip install 'vlbench[tensorboard]'")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    for _ in range(2):
        assert run(tmp_path, "--log", "tensorboard").exit_code == 0
    (folder,) = (tmp_path / "runs" / "tensorboard").glob("falling-*")
    events = EventAccumulator(str(folder)).Reload()
    assert [(event.step, event.value) for event in events.Scalars("curve/loss")] == [(0, 4), (1, 3), (2, 2), (3, 1)]
    (score,) = events.Scalars("convnet/mean_recall")
    assert score.value == pytest.approx(_recall(tmp_path, folder.name), rel=1e-5)


def test_mlflow_has_a_run_for_each_row_with_what_was_asked(tmp_path: Path):
    mlflow = pytest.importorskip("mlflow", reason="pip install 'vlbench[mlflow]'")
    assert run(tmp_path).exit_code == 0
    for _ in range(2):  # of a row that was finished before
        assert run(tmp_path, "--log", "mlflow").exit_code == 0
    client = mlflow.MlflowClient(tracking_uri=f"sqlite:///{tmp_path / 'runs' / 'mlflow.db'}")
    runs = client.search_runs([client.get_experiment_by_name("vlbench").experiment_id])
    (row,) = [one for one in runs if one.data.params["method"] == "falling"]
    assert row.info.status == "FINISHED"
    assert [point.value for point in client.get_metric_history(row.info.run_id, "curve/loss")] == [4, 3, 2, 1]
    assert row.data.metrics["convnet/mean_recall"] == pytest.approx(_recall(tmp_path, row.info.run_name))


def test_wandb_offline_writes_a_run_with_the_id_of_the_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("wandb", reason="pip install 'vlbench[wandb]'")
    monkeypatch.setenv("WANDB_MODE", "offline")
    for _ in range(2):
        result = run(tmp_path, "--log", "wandb")
        assert result.exit_code == 0
        assert "gets no more reports" not in result.output
        assert "left changed" not in result.output  # what the tracker starts is not said of the method
    (folder,) = (tmp_path / "runs" / "wandb").glob("offline-run-*-falling-5-*")
    content = b"".join(path.read_bytes() for path in folder.glob("*.wandb"))
    assert content.count(b"curve/loss") >= 4
    assert b"convnet/mean_recall" in content


def test_a_tracker_that_starts_slowly_takes_nothing_of_the_method_s_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    pytest.importorskip("tensorboard", reason="pip install 'vlbench[tensorboard]'")
    from vlbench_trackers.to_tensorboard import TensorBoard

    begin = TensorBoard.begin
    monkeypatch.setattr(TensorBoard, "begin", lambda self, folder: (time.sleep(2), begin(self, folder))[1])
    assert run(tmp_path, "--log", "tensorboard").exit_code == 0
    (record,) = (tmp_path / "runs").glob("falling-*/record.json")
    assert json.loads(record.read_text())["cost"]["condense_s"] < 2


def test_without_its_library_a_tracker_ends_the_command_with_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, "wandb", None)
    result = run(tmp_path, "--log", "wandb")
    assert result.exit_code == 1
    assert "pip install 'vlbench[wandb]'" in result.output
    assert not list(tmp_path.glob("runs/*"))


def _recall(folder: Path, name: str) -> float:
    record = json.loads((folder / "runs" / name / "record.json").read_text())
    return float(record["scores"]["convnet"]["mean_recall"]["mean"])
