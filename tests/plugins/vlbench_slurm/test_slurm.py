"""Rows as jobs of submitit's local executor, which gives the signals that Slurm gives."""

from __future__ import annotations

from typing import Any

import pytest

import vlbench
from vlbench_slurm.on_slurm import minutes, settings

submitit = pytest.importorskip("submitit")


def test_jobs_stopped_by_the_signal_of_the_time_limit_go_on_and_give_the_same_board(marking_grid: Any) -> None:
    (marking_grid.folder / "signal").touch()  # each row sends it to its job, in its first try
    stopped = marking_grid.scores(marking_grid.start("slurm", VLBENCH_SLURM="cluster=local timeout_min=2"))
    assert marking_grid.tries == [2, 2]  # the second from the checkpoint of the first
    (marking_grid.folder / "signal").unlink()
    assert stopped == marking_grid.serial()


def test_parameters_are_read_and_a_wrong_one_is_named() -> None:
    assert settings("slurm_partition=gpu timeout_min=60 mem_gb=1.5") == {
        "slurm_partition": "gpu",
        "timeout_min": 60,
        "mem_gb": 1.5,
    }
    with pytest.raises(vlbench.errors.OptionError, match="'gpu' is not NAME=VALUE"):
        settings("gpu")


@pytest.mark.parametrize(("seconds", "expected"), [([None, 5.0], 240), ([10.0, 20.0], 60), ([3600.0, 60.0], 180)])
def test_the_time_limit_follows_what_the_longest_row_takes(seconds: list[float | None], expected: int) -> None:
    class Need:
        def __init__(self, seconds: float | None) -> None:
            self.seconds = seconds

    assert minutes([Need(one) for one in seconds]) == expected


def test_a_parameter_that_submitit_does_not_know_is_an_error_in_a_sentence(marking_grid: Any) -> None:
    refused = marking_grid.start("slurm", VLBENCH_SLURM="cluster=local no_such=1")
    _, said = refused.communicate(timeout=60)
    assert refused.returncode == 1
    assert "no_such" in said
    assert "Change VLBENCH_SLURM" in said
    assert "Traceback" not in said
