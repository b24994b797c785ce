"""What a record says of time and of a GPU, by a stand-in of torch's calls."""

import json
import time

import pytest
from click.testing import CliRunner

import vlbench.cli.main
from vlbench.runs import meter


class Gpu:
    """In place of ``torch.cuda``."""

    def __init__(self, *shares):
        self.shares, self.waited = list(shares), 0

    def reset_peak_memory_stats(self):
        self.peak = 0

    def max_memory_allocated(self):
        return 123

    def synchronize(self):
        self.waited += 1

    def utilization(self):
        if not self.shares:
            raise ModuleNotFoundError("pynvml")
        return self.shares.pop(0)


@pytest.fixture
def measured(monkeypatch):
    def under(gpu):
        monkeypatch.setattr(meter, "_gpu", lambda: gpu)
        monkeypatch.setattr(meter, "EVERY_S", 0.01)
        with meter.Meter() as found:
            while gpu.shares:
                time.sleep(0.01)
        return found

    return under


def test_a_gpu_is_waited_for_and_its_memory_and_work_are_measured(measured):
    gpu = Gpu(100, 50, 0)
    found = measured(gpu)
    assert (found.device_peak_bytes, gpu.waited) == (123, 1)
    assert found.device_busy == 0.5


def test_a_gpu_that_says_nothing_of_its_work_leaves_it_open(measured):
    assert measured(Gpu()).device_busy is None


def test_a_record_has_the_seconds_of_an_outer_step(tmp_path, monkeypatch):
    monkeypatch.setenv("VLBENCH_CACHE", str(tmp_path / "cache"))
    words = ["run", "--suite", "scenes-mini", "--method", "vldd", "--method", "random", "--budget", "5", "--json"]
    words += ["--out", str(tmp_path / "runs"), "--set", "rows.full=false", "--set", "rows.always=[]"]
    words += ["--set", "training.seeds=1", "--set", "student.steps=2"]
    for option in ("experts=1", "outer_steps=4", "expert_steps=4", "interval=1", "segment_length=1", "inner_steps=1"):
        words += ["-o", f"vldd.{option}"]
    done = CliRunner().invoke(vlbench.cli.main.main, words)
    assert done.exit_code == 0, done.output + done.stderr
    costs = {record["method"]: record["cost"] for record in json.loads(done.stdout)}
    assert 0 < costs["vldd"]["step_s"] < costs["vldd"]["condense_s"]
    assert "step_s" not in costs["random"]
