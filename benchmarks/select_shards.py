"""Selection from more features than one machine holds: in every shard, then among what the shards gave.

    python benchmarks/select_shards.py k-center 500 picks.npy shard-*.npy
    RAY_ADDRESS=head:6379 python benchmarks/select_shards.py k-center 500 picks.npy shard-*.npy --ray

A shard is a file of features [row, dim], float16 or float32; with --ray every node must see it. Writes int64 [pick, 2]:
the shard, in the order of the command line, and the row. What a shard gave lies in ``picks.npy.parts`` and is not made
again.

For facility-location this is GreeDi (Mirzasoleiman et al. 2013): at least (1 - 1/e)^2 / min(shards, picks) of the value
of the best set, and where rows were dealt to the shards at random (1 - 1/e) / 2 on average (Barbosa et al. 2015). For
k-center the largest distance is at most 4 times the least possible one (Malkomes et al. 2015). For others nothing is
proven.
"""

from __future__ import annotations

import argparse
import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from vlbench.registry.invoke import construct
from vlbench.registry.loader import load_registry


def chosen(method: str, features: torch.Tensor, size: int) -> torch.Tensor:
    """Positions int64 [size] of a selector with its default options, in the order chosen."""
    registry = load_registry()
    selector = construct(registry, "method", method, registry.get("method", method).options())
    picks: torch.Tensor = selector.select(features, min(size, len(features)), torch.Generator().manual_seed(0))
    return picks


def select_in(method: str, size: int, shard: str, part: str) -> str:
    """Choose in one shard and write the positions and their features; found where that was done before."""
    if not Path(part).exists():
        features = torch.from_numpy(np.load(shard, mmap_mode="r").astype(np.float32))
        at = chosen(method, features, size)
        Path(part).parent.mkdir(parents=True, exist_ok=True)
        with Path(f"{part}.new{os.getpid()}").open("wb") as file:
            np.savez(file, at=at.numpy(), features=features[at].numpy())
        Path(file.name).rename(part)
    return part


def among(method: str, size: int, parts: Sequence[str]) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """The second round: int64 [pick, 2], shard and row."""
    read = [np.load(part) for part in parts]
    rows = np.concatenate(
        [np.stack([np.full(len(one["at"]), number), one["at"]], 1) for number, one in enumerate(read)]
    )
    features = torch.from_numpy(np.concatenate([one["features"] for one in read]))
    return rows[chosen(method, features, size).numpy()]


def in_turn(method: str, size: int, jobs: Sequence[tuple[str, str]]) -> Iterator[str]:
    """In this process."""
    for shard, part in jobs:
        yield select_in(method, size, shard, part)


def on_ray(method: str, size: int, jobs: Sequence[tuple[str, str]]) -> Iterator[str]:
    """A task for each shard; one whose node dies is tried again."""
    import ray

    ray.init(address=os.environ.get("RAY_ADDRESS"), log_to_driver=False, logging_level="ERROR")
    task = ray.remote(max_retries=5)(select_in)
    yield from ray.get([task.remote(method, size, *job) for job in jobs])
    ray.shutdown()


def main() -> None:
    """Both rounds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("method")
    parser.add_argument("size", type=int)
    parser.add_argument("out", type=Path)
    parser.add_argument("shards", nargs="+", type=Path)
    parser.add_argument("--ray", action="store_true")
    given = parser.parse_args()
    folder, jobs = given.out.absolute().with_name(f"{given.out.name}.parts"), []
    for shard in (path.absolute() for path in given.shards):
        found = shard.stat()  # a shard that was written anew is chosen from anew
        key = hashlib.sha256(f"{given.method} {given.size} {shard} {found.st_size} {found.st_mtime_ns}".encode())
        jobs.append((str(shard), str(folder / f"{shard.stem}-{key.hexdigest()[:12]}.npz")))
    parts = []
    for part in (on_ray if given.ray else in_turn)(given.method, given.size, jobs):
        parts.append(part)
        print(f"{len(parts)} of {len(jobs)} shards: {part}", flush=True)
    picks = among(given.method, given.size, parts)
    with given.out.open("wb") as file:
        np.save(file, picks)
    print(f"{len(picks)} picks from {len(set(picks[:, 0].tolist()))} shards in {given.out}")


if __name__ == "__main__":
    main()
