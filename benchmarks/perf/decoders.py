"""Which library decodes and resizes JPEGs fastest, and whether its pixels are Pillow's, in a pool of two processes.

OMP_NUM_THREADS=1 python benchmarks/perf/decoders.py          # 2,000 pictures of 480 x 360
OMP_NUM_THREADS=1 python benchmarks/perf/decoders.py 500

Readers take turns at fifty pictures, so that a busy machine is equally busy for all; what counts is the time that the
two processes had a processor, of which waiting for other work is no part. Each gives RGB of 224 x 224; what they
differ by is counted over the first pictures. Decoded values are those of Pillow in each; what differs comes from
resizing.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

SIZE, WIDTH, HEIGHT = 224, 480, 360
ROUNDS, COMPARED, TURN = 3, 50, 50


def make(folder: Path, count: int) -> list[Path]:
    """Smooth random pictures, which a JPEG encoder treats as it treats photographs."""
    from PIL import Image

    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(0)
    paths = [folder / f"{number:05d}.jpg" for number in range(count)]
    for path in paths:
        if not path.exists():
            small = Image.fromarray(random.integers(0, 256, (30, 40, 3), dtype=np.uint8))
            small.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC).save(path, quality=90)
    return paths


def shipped(path: Path) -> Any:
    """What the readers of vlbench do: simplejpeg decodes, torch resizes; every form of picture."""
    from vlbench.data.images import decode_image

    return decode_image(path.read_bytes(), SIZE, str(path)).transpose(1, 2, 0)


def pillow(path: Path) -> Any:
    """Pillow alone."""
    from PIL import Image

    with Image.open(path) as picture:
        return np.asarray(_resized(picture.convert("RGB")))


def draft(path: Path) -> Any:
    """Pillow with libjpeg's scaled decoding, down to no less than the size wanted."""
    from PIL import Image

    with Image.open(path) as picture:
        picture.draft("RGB", (SIZE, SIZE))
        return np.asarray(_resized(picture.convert("RGB")))


def torchvision(path: Path) -> Any:
    """torchvision decodes and resizes tensors, bicubic with antialiasing."""
    from torchvision.io import ImageReadMode, decode_jpeg, read_file
    from torchvision.transforms.v2 import functional as F

    pixels = decode_jpeg(read_file(str(path)), mode=ImageReadMode.RGB)
    resized = F.resize(pixels, [SIZE, SIZE], interpolation=F.InterpolationMode.BICUBIC, antialias=True)
    return resized.permute(1, 2, 0).numpy()


def simplejpeg(path: Path) -> Any:
    """libjpeg-turbo through simplejpeg; Pillow resizes."""
    import simplejpeg as library
    from PIL import Image

    return np.asarray(_resized(Image.fromarray(library.decode_jpeg(path.read_bytes()))))


def _resized(picture: Any) -> Any:
    from PIL import Image

    return picture.resize((SIZE, SIZE), Image.Resampling.BICUBIC)


def readers() -> dict[str, Callable[[Path], Any]]:
    """Those whose library is installed."""
    found = {"vlbench": shipped, "Pillow": pillow, "Pillow, draft": draft}
    for name, reader in (("torchvision", torchvision), ("simplejpeg", simplejpeg)):
        if find_spec(name):
            found[name] = reader
    return found


def work(name: str, paths: list[Path]) -> float:
    """Processor seconds of some pictures; pixels stay in the process, as they do where they go into a memory map."""
    reader = readers()[name]
    begin = time.process_time()
    for path in paths:
        reader(path)
    return time.process_time() - begin


def in_turns(paths: list[Path], rounds: int) -> dict[str, list[float]]:
    """Processor seconds of each reader, one number a round."""
    seconds: dict[str, list[float]] = {name: [] for name in readers()}
    turns = [paths[at : at + TURN] for at in range(0, len(paths), TURN)]
    with ProcessPoolExecutor(2) as pool:
        list(pool.map(work, [*seconds] * 4, [paths[:8]] * 4 * len(seconds)))  # imports are no part of it
        for _ in range(rounds):
            jobs = [(name, turn) for turn in turns for name in seconds]
            found = list(pool.map(work, *zip(*jobs, strict=True)))
            for name, taken in seconds.items():
                taken.append(sum(spent for (other, _), spent in zip(jobs, found, strict=True) if other == name))
    return seconds


def main() -> None:
    """Decode with each, in turns."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("count", nargs="?", type=int, default=2_000)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args()
    paths = make(Path(tempfile.gettempdir()) / f"vlbench-jpegs-{WIDTH}x{HEIGHT}", options.count)
    seconds = in_turns(paths, options.rounds)
    reference = [pillow(path).astype(int) for path in paths[:COMPARED]]
    for name, reader in readers().items():
        away = [np.abs(reader(path) - other) for path, other in zip(paths, reference, strict=False)]
        taken = statistics.median(seconds[name])
        ratio = taken / statistics.median(seconds["Pillow"])
        differs = f"largest difference {max(map(np.max, away)):3d} of 255, mean {np.mean(away):.3f}"
        print(f"{name:15} {taken:6.2f} s of CPU  {ratio:5.2f} x Pillow  {differs}")


if __name__ == "__main__":
    main()
