"""What selecting from features on disk takes: seconds, and memory, of each method over N pairs of float16 features.

OMP_NUM_THREADS=1 python benchmarks/perf/features.py                       # 1,000,000 x 512
OMP_NUM_THREADS=1 python benchmarks/perf/features.py 5000000 --only k-center,herding,clip-score

``run-random`` is `vlbench run --method random` with an empty cache. Selectors read float32 embeddings of both sides
(256 each) from a memory map and choose PICKS pairs; k-center and herding take one pass over the features a pick, or
less. Peaks are of memory that the system cannot take back (RssAnon), and of all, pages of files included (RSS).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

WIDTH, EMBEDDING, PICKS, BLOCK = 512, 256, 20, 65_536
METHODS = ("random", "clip-score", "k-center", "herding", "semdedup", "forgetting")


def make(path: Path, rows: int, width: int, dtype: str, seed: int) -> Path:
    """Unit vectors about 1,000 centres, [rows, width] of a dtype; made once."""
    import numpy as np

    if not path.exists():
        random = np.random.default_rng(seed)
        centres = random.standard_normal((1_000, width), dtype=np.float32)
        noise = random.standard_normal((BLOCK, width), dtype=np.float32)
        fresh = path.with_suffix(".new")
        made = np.lib.format.open_memmap(fresh, "w+", np.dtype(dtype), (rows, width))
        for start in range(0, rows, BLOCK):
            count = min(BLOCK, rows - start)
            part = centres[random.integers(0, 1_000, count)] + np.roll(noise, start // BLOCK * 7 + 1, 1)[:count]
            made[start : start + count] = part / np.linalg.norm(part, axis=1, keepdims=True)
        made.flush()
        fresh.rename(path)
    return path


class Peaks(threading.Thread):
    """Largest memory of this process while it lives, looked at ten times a second."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.gb = {"RssAnon": 0.0, "VmRSS": 0.0}

    def run(self) -> None:
        """Look, until the process ends."""
        while True:
            for line in Path("/proc/self/status").read_text().splitlines():
                name, _, value = line.partition(":")
                if name in self.gb:
                    self.gb[name] = max(self.gb[name], int(value.split()[0]) / 1e6)
            time.sleep(0.1)


SUITE = """
name = "features-perf"
version = 1
data = {{ name = "features", options = {{ image = "{image}", text = "{text}" }} }}
rows = {{ always = [], full = false }}
[students.own]
image = {{ encoder = "features-image", options = {{ width = 512 }}, head = {{ kind = "linear", width = 256 }} }}
text = {{ encoder = "features-text", options = {{ width = 512 }}, head = {{ kind = "linear", width = 256 }} }}
[training]
seeds = 1
grid = [{{ steps = 60, batch = 100, learning_rate = 0.1 }}]
warmup = {{ steps = 60, batch = 256, learning_rate = 0.1 }}
"""


def whole_run(folder: Path, rows: int, method: str) -> None:
    """The command, in this process."""
    from vlbench.cli.main import main

    files = {
        side: make(folder / f"{side}-{rows}.npy", rows, WIDTH, "float16", n) for n, side in enumerate(("image", "text"))
    }
    suite = folder / "suite.toml"
    suite.write_text(SUITE.format(**files))
    with tempfile.TemporaryDirectory(dir=folder) as out:
        words = ["run", "--suite", str(suite), "--method", method, "--budget", "500", "--out", out]
        main(words, standalone_mode=False)


def select(folder: Path, rows: int, method: str) -> None:
    """A selector on float32 [rows, 2 * EMBEDDING] from a memory map."""
    import numpy as np
    import torch

    from vlbench.registry.invoke import construct
    from vlbench.registry.loader import load_registry

    path = make(folder / f"pairs-{rows}.npy", rows, 2 * EMBEDDING, "float32", 2)
    features = torch.from_numpy(np.load(path, mmap_mode="r+"))
    registry = load_registry()
    made = construct(registry, "method", method, registry.get("method", method).options())
    chosen = made.select(features, PICKS, torch.Generator().manual_seed(0))
    assert len(chosen) == PICKS


def child(kind: str, folder: str, rows: str, method: str) -> None:
    """One measurement, in its own process."""
    peaks = Peaks()
    peaks.start()
    begin, cpu = time.perf_counter(), time.process_time()
    (whole_run if kind == "run" else select)(Path(folder), int(rows), method)
    found = {"seconds": time.perf_counter() - begin, "cpu": time.process_time() - cpu, **peaks.gb}
    print(json.dumps(found))


def measured(kind: str, folder: Path, rows: int, method: str) -> dict[str, Any]:
    """Seconds and peaks of one child."""
    words = [sys.executable, __file__, "--child", kind, str(folder), str(rows), method]
    with tempfile.TemporaryDirectory(dir=folder) as cache:
        environment = {**os.environ, "VLBENCH_CACHE": cache}
        done = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Make the features, and measure each method."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="?", type=int, default=1_000_000)
    parser.add_argument("--only", default="run-random,clip-score,k-center,herding")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "vlbench-features")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    for name in options.only.split(","):
        kind = "run" if name.startswith("run-") else "select"
        if kind == "run":
            for number, side in enumerate(("image", "text")):
                make(options.folder / f"{side}-{options.rows}.npy", options.rows, WIDTH, "float16", number)
        else:
            make(options.folder / f"pairs-{options.rows}.npy", options.rows, 2 * EMBEDDING, "float32", 2)
        found = measured(kind, options.folder, options.rows, name.removeprefix("run-"))
        times = f"{found['seconds']:7.1f} s  {found['cpu']:7.1f} s of CPU"
        memory = f"{found['RssAnon']:5.2f} GB of its own, {found['VmRSS']:5.2f} GB with pages of files"
        print(f"{name:16} {options.rows:>10,} pairs {times}  {memory}", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(*sys.argv[2:])
    else:
        main()
