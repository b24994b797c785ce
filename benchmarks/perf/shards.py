"""How fast pairs are read from tar shards, beside a bare webdataset loop that decodes and resizes the same pictures.

OMP_NUM_THREADS=1 python benchmarks/perf/shards.py            # 20,000 pairs in 20 shards
OMP_NUM_THREADS=1 python benchmarks/perf/shards.py 1000000 --side 80 --size 64 --share 10 --rounds 3    # 20 GB of disk

Each reader runs in a process of its own, so that its peak memory is its own; shards are made once. With ``--share`` the
readers take turns at so many shards, so that a busy machine is equally busy for all, and vlbench then reads all of
them once. Pixels of vlbench are written to disk, 3 * size^2 bytes a picture; the bare loop keeps none. Peaks are of
memory that the system cannot take back (RssAnon), and of all, pages of files included (RSS).
"""

from __future__ import annotations

import argparse
import io
import json
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
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
    folder.mkdir(parents=True)
    names = [f"{number:032x}" for number in range(pairs)]
    tenth = min(5_000, pairs // 10)
    for split, chosen in (("test", names[:tenth]), ("val", names[tenth : 2 * tenth]), ("train", names[2 * tenth :])):
        (folder / f"{split}.txt").write_text("\n".join(chosen))


def some(folder: Path, parent: Path, shards: int) -> Path:
    """A folder of links to the first shards."""
    linked = parent / f"first-{shards}"
    linked.mkdir()
    for path in sorted(folder.glob("*.tar"))[:shards]:
        (linked / path.name).symlink_to(path.resolve())
    return linked


def measured(name: str, folder: Path, store: Path, size: int) -> dict[str, Any]:
    """Seconds, pairs and peak memory of a reader."""
    words = [sys.executable, __file__, "--child", name, str(folder), str(store), str(size)]
    done = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def child(name: str, folder: str, store: str, size: str) -> None:
    """One reader, in its own process."""
    from features import Peaks

    peaks = Peaks()
    peaks.start()
    begin, cpu = time.perf_counter(), time.process_time()
    count = READERS[name](Path(folder), Path(store), int(size))
    seconds, cpu = time.perf_counter() - begin, time.process_time() - cpu
    print(json.dumps({"reader": name, "pairs": count, "seconds": seconds, "cpu": cpu, **peaks.gb}))


def show(found: dict[str, Any]) -> None:
    """One line."""
    rates = f"{found['pairs'] / found['seconds']:6.0f} pairs/s, {found['pairs'] / found['cpu']:6.0f} a CPU second"
    memory = f"{found['RssAnon']:5.2f} GB of its own, {found['VmRSS']:5.2f} GB with pages of files"
    print(f"{found['reader']:15} {found['pairs']:>9,} pairs {found['seconds']:8.1f} s {found['cpu']:8.1f} s of CPU  "
          f"{rates}  {memory}", flush=True)  # fmt: skip


def in_turns(folder: Path, pairs: int, size: int, *, rounds: int) -> None:
    """Each reader, as often as there are rounds; then the ratio of the medians."""
    rates: dict[str, list[float]] = {name: [] for name in READERS}
    for _ in range(rounds):
        with tempfile.TemporaryDirectory(dir=folder.parent) as store:
            write_lists(Path(store) / "lists", pairs)
            for name, taken in rates.items():
                found = measured(name, folder, Path(store), size)
                show(found)
                taken.append(found["pairs"] / found["cpu"])
    ours_rate, bare_rate = (statistics.median(rates[name]) for name in ("vlbench", "webdataset"))
    print(f"{ours_rate / bare_rate:.2f} x the pairs of a bare loop a CPU second, pictures decoded for the first time")


def main() -> None:
    """Make shards where there are none, and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pairs", nargs="?", type=int, default=20_000)
    parser.add_argument("--shards", type=int, default=0, help="by default 20, and 100 from a million pairs on")
    parser.add_argument("--side", type=int, default=256, help="pixels a side that files have")
    parser.add_argument("--size", type=int, default=224, help="pixels a side that are read")
    parser.add_argument("--share", type=int, default=0, help="shards that readers take turns at; by default all")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "vlbench-shards")
    options = parser.parse_args()
    shards = options.shards or (100 if options.pairs >= 1_000_000 else 20)
    share = min(options.share or shards, shards)
    folder = options.folder / f"{options.pairs}-{shards}-{options.side}"
    make(folder, options.pairs, shards, options.side)
    with tempfile.TemporaryDirectory(dir=options.folder) as made:
        few = some(folder, Path(made), share)
        pairs = min(options.pairs, share * -(-options.pairs // shards))
        in_turns(few, pairs, options.size, rounds=options.rounds)
    if share < shards:
        with tempfile.TemporaryDirectory(dir=options.folder) as store:
            write_lists(Path(store) / "lists", options.pairs)
            show(measured("vlbench", folder, Path(store), options.size))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(*sys.argv[2:])
    else:
        main()
