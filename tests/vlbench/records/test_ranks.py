"""Ranks of every query stand beside the record, small, and are believed only if they reproduce its scores."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy
import pytest
from msgspec import to_builtins
from pyarrow import parquet

from vlbench.board.leaderboard import build_table
from vlbench.board.per_image import image_scores
from vlbench.errors import DataError
from vlbench.records.ranks import read_ranks, write_ranks
from vlbench.records.record import FoundRecord, find_records, read_record, write_record
from vlbench.records.summary import summarise

from ..conftest import MakeRecord

CUTS = (1, 5, 10)


def made_ranks(seed: int, students: int, captions: numpy.ndarray) -> list[dict[str, numpy.ndarray]]:
    """Images differ in how hard they are, in every run alike."""
    generator, easy = numpy.random.default_rng(seed), numpy.random.default_rng(0).beta(0.5, 3, len(captions)) + 0.01
    chances = {"image_to_text": easy, "text_to_image": easy.repeat(captions)}
    return [{name: generator.geometric(chance) for name, chance in chances.items()} for _ in range(students)]


def clusters_of(captions: numpy.ndarray) -> dict[str, numpy.ndarray]:
    images = numpy.arange(len(captions))
    return {"image_to_text": images, "text_to_image": images.repeat(captions)}


def scores_of(ranks: list[dict[str, numpy.ndarray]]) -> dict[str, Any]:
    directions = {
        name: {f"R@{cut}": summarise([100 * float((of[name] <= cut).mean()) for of in ranks]) for cut in CUTS}
        for name in ranks[0]
    }
    seeds = [[recall.seeds[n] for at in directions.values() for recall in at.values()] for n in range(len(ranks))]
    return to_builtins({"directions": directions, "mean_recall": summarise([sum(values) / 6 for values in seeds])})


def keep(folder: Path, make_record: MakeRecord, *, seed: int = 0, captions: numpy.ndarray, **more: Any) -> Path:
    """A run's folder with a record and the ranks it follows from."""
    ranks = made_ranks(seed, 5, captions)
    write_ranks(folder, {"convnet": ranks}, clusters_of(captions))
    write_record(folder, make_record("vldd", 0.0, **{"scores": {"convnet": scores_of(ranks)}, "seed": seed} | more))
    return folder


def test_ranks_are_typed_ordered_and_small(tmp_path: Path) -> None:
    generator = numpy.random.default_rng(0)
    sizes = {"image_to_text": 1000, "text_to_image": 5000}
    ranks = [{name: generator.integers(1, size, size) for name, size in sizes.items()} for _ in range(5)]
    path = write_ranks(tmp_path, {"convnet": ranks}, clusters_of(numpy.full(1000, 5)))
    assert path.stat().st_size < 100_000  # nothing compresses worse than ranks without any order
    table = parquet.read_table(path)
    assert table.column_names == ["student", "student_seed", "direction", "query", "rank", "cluster"]
    assert {str(table.schema.field(name).type) for name in ("student_seed", "query", "rank", "cluster")} == {"int32"}
    first = table.slice(1000, 1).to_pylist()[0]
    assert (first["student"], first["student_seed"], first["direction"], first["query"]) == (
        "convnet", 0, "text_to_image", 0
    )  # fmt: skip
    blocks = read_ranks(tmp_path)
    assert blocks is not None
    for (_, seed, direction), rank, _ in blocks:
        assert numpy.array_equal(rank, ranks[seed][direction])


def test_images_reproduce_the_scores_and_move_them_as_leaving_each_out_does(
    tmp_path: Path, make_record: MakeRecord
) -> None:
    captions = numpy.random.default_rng(1).integers(1, 9, 300)
    (record,) = find_records([keep(tmp_path / "run", make_record, captions=captions)])
    found = image_scores(record, "convnet")
    (of_seed, *_) = made_ranks(0, 5, captions)
    for (direction, cut), values in found.items():
        assert values.shape == (5, 300)
        assert values.mean(1).tolist() == pytest.approx(record.scores["convnet"].directions[direction][cut].seeds)
        hit, owner = of_seed[direction] <= int(cut[2:]), clusters_of(captions)[direction]
        without = numpy.array([100 * hit[owner != image].mean() for image in range(300)])
        jackknife = 299 / 300 * ((without - without.mean()) ** 2).sum()
        assert values[0].var(ddof=1) / 300 == pytest.approx(jackknife, rel=0.03)


def test_interval_is_wider_where_test_images_are_few(tmp_path: Path, make_record: MakeRecord) -> None:
    def half_width(images: int, *, ranks: bool) -> float:
        folder = tmp_path / f"{images}"
        captions = numpy.full(images, 5)
        runs = [keep(folder / str(seed), make_record, seed=seed, captions=captions) for seed in range(3)]
        records = find_records(runs) if ranks else [FoundRecord.of(read_record(run)) for run in runs]
        (row,) = build_table(records).groups[0].ranked
        assert row.interval is not None
        assert (row.basis == "seeds and images") == ranks
        return (row.interval[1] - row.interval[0]) / 2

    assert half_width(100, ranks=True) > 1.2 * half_width(100, ranks=False)
    assert half_width(100, ranks=True) > 2 * half_width(1600, ranks=True)


def test_ranks_that_do_not_reproduce_the_record_are_refused_by_file(tmp_path: Path, make_record: MakeRecord) -> None:
    for seed in range(3):
        keep(tmp_path / str(seed), make_record, seed=seed, captions=numpy.full(50, 5))
    assert build_table(find_records([tmp_path])).groups[0].ranked[0].rank == "1"
    captions = numpy.full(50, 5)
    write_ranks(tmp_path / "1", {"convnet": made_ranks(7, 5, captions)}, clusters_of(captions))
    with pytest.raises(DataError, match=r"1/ranks\.parquet.* does not reproduce image_to_text R@1"):
        build_table(find_records([tmp_path]))
    (tmp_path / "1" / "ranks.parquet").write_bytes(b"nonsense")
    with pytest.raises(DataError, match="cannot be read as ranks"):
        build_table(find_records([tmp_path]))
