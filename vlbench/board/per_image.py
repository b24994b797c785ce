"""What each test image, with its captions, adds to the scores of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vlbench.errors import DataError
from vlbench.records.ranks import FILE_NAME, Block, read_ranks

if TYPE_CHECKING:
    import numpy

    from vlbench.records.record import FoundRecord

    Array = numpy.ndarray[tuple[int, ...], numpy.dtype[numpy.float64]]

TOLERANCE = 1e-6
"""Percent by which ranks may miss the scores they are to reproduce."""


def image_scores(record: FoundRecord, student: str) -> dict[tuple[str, str], Array]:
    """(direction, ``R@K``) -> float64 [student seed, image] of one student, from the ranks next to a record.

    The mean over images is the seed's recall. A second-side query counts with its image; where images have unequally
    many queries, each is worth what it moves the recall by (the ratio's linearisation). Empty without ranks.

    Raises:
        DataError: the ranks do not reproduce the record's scores, or cannot be read.
    """
    folder = record.folder
    blocks = read_ranks(folder) if folder is not None else None
    if folder is None or blocks is None:
        return {}
    directions = record.scores[student].directions
    own = [block for block in blocks if block[0][0] == student]
    found = {
        (direction, cut): _per_seed(own, direction, int(cut.removeprefix("R@")))
        for direction, summaries in directions.items()
        for cut in summaries
    }
    for (direction, cut), values in found.items():
        seeds = directions[direction][cut].seeds
        means = values.mean(1).tolist()
        if len(means) != len(seeds) or any(abs(a - b) > TOLERANCE for a, b in zip(means, seeds, strict=True)):
            raise DataError(
                f"{str(folder / FILE_NAME)!r} does not reproduce {direction} {cut} of the record next to it. "
                "Run the command again to replace both, or delete the ranks: intervals then rest on seeds alone."
            )
    return found


def _per_seed(blocks: list[Block], direction: str, cut: int) -> Array:
    import numpy

    count = 1 + max((int(cluster.max()) for _, _, cluster in blocks), default=-1)
    of_direction = sorted((key[1], rank, cluster) for key, rank, cluster in blocks if key[2] == direction)
    return numpy.array([_of_images(rank <= cut, cluster, count) for _, rank, cluster in of_direction])


def _of_images(hit: Any, cluster: Any, count: int) -> Array:
    """float64 [image] from bool [query] and int [query]."""
    import numpy

    queries = numpy.bincount(cluster, minlength=count)
    hits = numpy.bincount(cluster, weights=hit, minlength=count)
    recall = hits.sum() / len(hit)
    out: Array = 100 * (recall + (hits - recall * queries) * count / len(hit))
    return out
