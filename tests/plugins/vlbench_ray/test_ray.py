"""Rows on a Ray cluster of two nodes, one of which dies."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

import vlbench
from vlbench_ray.on_ray import options, resources

ray = pytest.importorskip("ray")


@pytest.fixture
def cluster() -> Iterator[Any]:
    from ray.cluster_utils import Cluster

    soon = {"health_check_initial_delay_ms": 0, "health_check_period_ms": 500, "health_check_failure_threshold": 3}
    head = {"num_cpus": 0, "include_dashboard": False, "_system_config": soon}
    made = Cluster(initialize_head=True, head_node_args=head)
    try:
        yield made
    finally:
        made.shutdown()


@pytest.mark.filterwarnings("ignore")  # Ray's own
def test_a_node_is_killed_and_the_board_is_that_of_a_serial_run(cluster: Any, marking_grid: Any) -> None:
    nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]
    (marking_grid.folder / "slow").touch()
    running = marking_grid.start("ray", RAY_ADDRESS=cluster.address)
    until = time.monotonic() + 60
    while len(marking_grid.tries) < 2 and time.monotonic() < until:  # a row on each node
        assert running.poll() is None, running.communicate()
        time.sleep(0.1)
    cluster.remove_node(nodes[0], allow_graceful=False)
    survived = marking_grid.scores(running)
    assert sum(marking_grid.tries) > 2  # a row was tried again
    assert survived == marking_grid.serial()


class Need:
    device, memory_bytes = "auto", 8_000


def test_a_row_asks_for_a_gpu_if_there_is_one_and_no_more_memory_than_a_node_has() -> None:
    assert resources(Need, [{"CPU": 4.0}]) == {"num_cpus": 1.0}
    assert resources(Need, [{"GPU": 2.0, "memory": 5_000.0}]) == {"num_cpus": 1.0, "num_gpus": 1.0, "memory": 4_500.0}


def test_options_of_tasks_are_numbers_and_a_wrong_one_is_named() -> None:
    assert options("num_gpus=0.5 max_retries=2") == {"num_gpus": 0.5, "max_retries": 2}
    with pytest.raises(vlbench.errors.OptionError, match="'num_gpus=half' is not NAME=NUMBER"):
        options("num_gpus=half")
