"""How fast pairs are read from tar shards, beside a bare webdataset loop that decodes and resizes the same pictures.

OMP_NUM_THREADS=1 python benchmarks/perf/shards.py            # 20,000 pairs in 20 shards
OMP_NUM_THREADS=1 python benchmarks/perf/shards.py 1000000 --side 80 --size 64    # a million in 100 shards (20 GB)

Each reader runs in a process of its own, so that its peak memory is its own; shards are made once. Pixels of vlbench
are written to disk, 3 * size^2 bytes a picture; the bare loop keeps none.
"""

from __future__ import annotations

import argparse
import io
import json
import resource
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

DIFFERENT = 400
"""Pictures that are drawn; the others are these again, under other captions."""


def make(folder: Path, pairs: int, shards: int, side: int) -> None:
    """Write ``shards`` tar files as img2dataset does: KEY.jpg, KEY.txt, KEY.json."""
    import numpy as np
    from PIL import Image

    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(0)
    pictures = []
    for _ in range(DIFFERENT):
        small = Image.fromarray(random.integers(0, 256, (24, 24, 3), dtype=np.uint8))
        buffer = io.BytesIO()
        small.resize((side, side), Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=88)
        pictures.append(buffer.getvalue())
    each = -(-pairs // shards)
    for shard in range(shards):
        target = folder / f"{shard:05d}.tar"
        if target.exists():
            continue
        with tarfile.open(target.with_suffix(".new"), "w") as archive:
            for number in range(shard * each, min(pairs, (shard + 1) * each)):
                about = {"uid": f"{number:032x}", "key": f"{number:09d}", "status": "success"}
                parts = {"jpg": pictures[number % DIFFERENT], "txt": f"picture number {number}".encode(),
                         "json": json.dumps(about).encode()}  # fmt: skip
                for suffix, content in parts.items():
                    member = tarfile.TarInfo(f"{number:09d}.{suffix}")
                    member.size = len(content)
                    archive.addfile(member, io.BytesIO(content))
        target.with_suffix(".new").rename(target)


def bare(folder: Path, _store: Path, size: int) -> int:
    """A webdataset loop that decodes and resizes, and keeps nothing."""
    import numpy as np
    import webdataset
    from PIL import Image

    urls = [str(path) for path in sorted(folder.glob("*.tar"))]
    count = 0
    for picture, _text in webdataset.WebDataset(urls, shardshuffle=False).decode("pil").to_tuple("jpg", "txt"):
        np.asarray(picture.resize((size, size), Image.Resampling.BICUBIC))
        count += 1
    return count


def ours(folder: Path, store: Path, size: int) -> int:
    """The dataset ``pairs``: index, splits, pixels on a memory map, fingerprint."""
    from vlbench_pairs.options import PairsOptions
    from vlbench_pairs.reader import load

    lists = tuple(str(path) for path in sorted((store / "lists").glob("*.txt")))
    dataset = load(PairsOptions(annotations=(str(folder),), splits=lists, size=size), store)
    return sum(split.count("image") for split in dataset.splits.values())


READERS = {"webdataset": bare, "vlbench": ours, "vlbench, again": ours}


def write_lists(folder: Path, pairs: int) -> None:
    """Splits as ``vlbench init`` fixes them, so that none is drawn while time is taken."""
    folder.mkdir(parents=True, exist_ok=True)
    names = [f"{number:032x}" for number in range(pairs)]
    tenth = min(5_000, pairs // 10)
    for split, chosen in (("test", names[:tenth]), ("val", names[tenth : 2 * tenth]), ("train", names[2 * tenth :])):
        (folder / f"{split}.txt").write_text("\n".join(chosen))


def measured(folder: Path, store: Path, size: int) -> Iterator[dict[str, Any]]:
    """Seconds, pairs and peak memory of each reader."""
    for name in READERS:
        words = [sys.executable, __file__, "--child", name, str(folder), str(store), str(size)]
        yield json.loads(subprocess.run(words, check=True, capture_output=True, text=True).stdout.splitlines()[-1])


def child(name: str, folder: str, store: str, size: str) -> None:
    """One reader, in its own process."""
    begin, cpu = time.perf_counter(), time.process_time()
    count = READERS[name](Path(folder), Path(store), int(size))
    seconds, cpu = time.perf_counter() - begin, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(json.dumps({"reader": name, "pairs": count, "seconds": seconds, "cpu": cpu, "peak_gb": peak}))


def main() -> None:
    """Make shards where there are none, and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pairs", nargs="?", type=int, default=20_000)
    parser.add_argument("--shards", type=int, default=0, help="by default 20, and 100 from a million pairs on")
    parser.add_argument("--side", type=int, default=256, help="pixels a side that files have")
    parser.add_argument("--size", type=int, default=224, help="pixels a side that are read")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "vlbench-shards")
    options = parser.parse_args()
    shards = options.shards or (100 if options.pairs >= 1_000_000 else 20)
    folder = options.folder / f"{options.pairs}-{shards}-{options.side}"
    make(folder, options.pairs, shards, options.side)
    with tempfile.TemporaryDirectory(dir=options.folder) as store:
        write_lists(Path(store) / "lists", options.pairs)
        for found in measured(folder, Path(store), options.size):
            rate = found["pairs"] / found["seconds"]
            print(f"{found['reader']:15} {found['pairs']:>9,} pairs {found['seconds']:8.1f} s "
                  f"{found['cpu']:8.1f} s of CPU {rate:8.0f} pairs/s "
                  f"{found['peak_gb']:5.2f} GB at most", flush=True)  # fmt: skip


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(*sys.argv[2:])
    else:
        main()
