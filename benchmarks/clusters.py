"""One grid four ways: serial, processes, submitit, and Ray on two nodes of which one is killed. Is the board the same?

    python benchmarks/clusters.py FOLDER [--small] [serial processes slurm ray]

5 methods x 2 budgets x 3 seeds on scenes-mini (--small: 1 budget x 2 seeds), with all baselines. Prints a line for each
executor: rows, seconds, and whether scores and artifacts are those of the serial run bit for bit. What is in FOLDER
already is not made again.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

METHODS = ("random", "herding", "k-center", "mean-caption", "vldd")
EXECUTORS = ("serial", "processes", "slurm", "ray")
FAST = ("vldd.outer_steps=6", "vldd.experts=2")


def main(folder: Path, *, small: bool, executors: Sequence[str]) -> int:
    """Make the grid with every executor; 0 where all boards are equal."""
    boards = {}
    for name in executors:
        seconds = with_ray(folder, small=small) if name == "ray" else run(folder, name, small=small)
        boards[name] = board(folder / name / "runs")
        same = boards[name] == board(folder / "serial" / "runs")
        verdict = "the serial board, bit for bit" if same else "ANOTHER BOARD"
        print(f"{name:10} {len(boards[name]):3} rows  {seconds:6.0f} s  {verdict}", flush=True)
    return int(any(rows != board(folder / "serial" / "runs") for rows in boards.values()))


def run(
    folder: Path, executor: str, *, small: bool, meanwhile: Callable[[subprocess.Popen[bytes]], None] | None = None
) -> float:
    """Seconds of the grid with an executor, in a folder of its own with a cache of its own."""
    out = folder / executor
    out.mkdir(parents=True, exist_ok=True)
    words = [sys.executable, "-m", "vlbench", "run", "--method", ",".join(METHODS), "--suite", "scenes-mini"]
    words += ["--budget", "20" if small else "20,50", "--seed", "0,1" if small else "0,1,2", "--out", str(out / "runs")]
    words += ["--executor", executor, *(word for option in FAST for word in ("-o", option))]
    environment = {"VLBENCH_SLURM": "cluster=local timeout_min=60", "OMP_NUM_THREADS": "1", **os.environ}
    environment |= {"VLBENCH_CACHE": str(out / "cache")}
    began = time.monotonic()
    with (out / "said.txt").open("wb") as said:
        child = subprocess.Popen(words, env=environment, stdout=said, stderr=said)
        if meanwhile is not None:
            meanwhile(child)
        if child.wait():
            sys.exit(f"{executor} failed: see {out / 'said.txt'}")
    return time.monotonic() - began


def board(runs: Path) -> dict[str, Any]:
    """Run -> scores and the hash of its artifact."""
    rows = {}
    for record in sorted(runs.glob("*/record.json")):
        sums = (record.parent / "SHA256SUMS").read_text().splitlines()
        artifact = [line.split()[0] for line in sums if line.endswith("artifact.safetensors")]
        rows[record.parent.name] = (json.loads(record.read_bytes())["scores"], artifact)
    return rows


def with_ray(folder: Path, *, small: bool) -> float:
    """On a cluster of two nodes on this machine; one is killed when the first rows are made."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]
    os.environ["RAY_ADDRESS"] = cluster.address
    runs = folder / "ray" / "runs"

    def made() -> int:
        return len(list(runs.glob("*/record.json")))

    before = made()

    def kill(child: subprocess.Popen[bytes]) -> None:
        while child.poll() is None and made() < before + 3:
            time.sleep(0.2)
        print("a node is killed with", made(), "rows made", flush=True)
        cluster.remove_node(nodes[0], allow_graceful=False)

    try:
        return run(folder, "ray", small=small, meanwhile=kill)
    finally:
        cluster.shutdown()


if __name__ == "__main__":
    chosen = [word for word in sys.argv[2:] if word != "--small"]
    sys.exit(main(Path(sys.argv[1]), small="--small" in sys.argv, executors=chosen or EXECUTORS))
