"""One bad folder never takes the board down, and no claim or date moves one's own rows."""

from __future__ import annotations

import csv
import io
import json
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest
from click.testing import CliRunner
from msgspec import structs

from vlbench.board.combine import read_table
from vlbench.board.gather import gather
from vlbench.board.leaderboard import build_table
from vlbench.board.render_csv import render_csv
from vlbench.board.render_markdown import render_markdown
from vlbench.board.render_text import render_text
from vlbench.cli.main import main
from vlbench.disk.sums import write_sums
from vlbench.records.evidence import write_origin
from vlbench.records.record import FoundRecord, parse_record, write_record

from ..conftest import MakeRecord, scores, table

FORMS = ("text", "markdown", "csv", "json", "html", "latex")
WRONG = (None, True, -1, 1e308, 7, "x", "", [], {}, [1, "a"], {"a": {"b": None}}, "\x1b[31m" + "y" * 1_000_000)


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value[:1]):
            yield from leaves(inner, (*path, key))


def changed(record: dict[str, Any], path: tuple[Any, ...], value: object) -> dict[str, Any]:
    copied: Any = json.loads(json.dumps(record))
    at = copied
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    return copied


def board(*words: object) -> tuple[int, str, str]:
    done = CliRunner().invoke(main, ["leaderboard", *map(str, words)])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.stdout, done.stderr


@pytest.fixture
def full_record() -> dict[str, Any]:
    """One with every field that a board reads, as JSON."""
    return table(
        "vldd", 30.0, reference="convnet", start={"scores": {"convnet": scores(20.0)}, "cost": {"bytes": 1}},
        matched_to={"method": "x", "options": {}, "budget": "20"}, curves={"loss": [1.0, 0.5]}, overrides={},
        environment={"versions": {"torch": "2"}, "device": "cpu"}, plugins=[{"name": "a"}], command=["vlbench", "run"],
        plugin_scores={"convnet": {"m": {"image_to_text": {"mean": 1.0, "sd": 0.0, "seeds": [1.0]}}}},
        chosen={"convnet": {"steps": 1}}, encoders={"convnet": {"image": "e"}},
    )  # fmt: skip


def test_a_record_with_any_leaf_of_another_type_costs_no_board_in_any_form(
    tmp_path: Path, full_record: dict[str, Any], make_record: MakeRecord
) -> None:
    write_record(tmp_path / "good", make_record("herding", 14.0))
    write_record(tmp_path / "all", parse_record(full_record))
    draw = random.Random(0)
    paths = list(leaves(full_record))
    assert len(paths) > 60
    for number, path in enumerate(paths):
        folder = tmp_path / f"{number:03}"
        folder.mkdir()
        (folder / "record.json").write_text(json.dumps(changed(full_record, path, draw.choice(WRONG))))
    for form in FORMS:
        code, text, said = board(tmp_path, "--format", form)
        assert code == 0
        assert "herding" in text
        assert len(text) < 3_000_000
        assert said.count("Left out: ") > 40
        assert said.count("\n") == said.count("Left out: ")


def deep(path: Path) -> None:
    path.write_bytes(b"[" * 200_000)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def brackets(path: Path) -> None:
    path.write_bytes(b"\x93NUMPY\1\0\x76\0" + b"(" * 118)


def folder_of_it(path: Path) -> None:
    path.mkdir()


def gibberish(path: Path) -> None:
    path.write_bytes(random.Random(path.name).randbytes(3000))


def loop(path: Path) -> None:
    path.symlink_to(path)


@pytest.mark.parametrize("harm", [deep, empty, brackets, folder_of_it, gibberish, loop], ids=lambda h: h.__name__)
@pytest.mark.parametrize(
    "name",
    ["record.json", "ranks.parquet", "preview.json", "preview.npy", "hits.json", "hits.npy", "verification.json",
     "origin.json", "audit.json", "SHA256SUMS"],
)  # fmt: skip
def test_any_file_of_any_content_costs_at_most_its_own_row(
    tmp_path: Path, make_record: MakeRecord, name: str, harm: Callable[[Path], None]
) -> None:
    for seed in range(3):
        write_record(tmp_path / f"good-{seed}", make_record("herding", 14.0 + seed, seed=seed))
        folder = tmp_path / f"bad-{seed}"
        write_record(folder, make_record("vldd", 30.0 + seed, seed=seed))
        numpy.save(folder / "preview.npy", numpy.zeros((1, 3, 4, 4), dtype=numpy.uint8))
        (folder / "preview.json").write_text('{"captions": ["a"], "caption_source": "own"}')
        (folder / name).unlink(missing_ok=True)
        harm(folder / name)
    for form in FORMS:
        code, text, said = board(tmp_path, "--format", form)
        assert code == 0
        assert "herding" in text
        if name in ("record.json", "ranks.parquet"):
            assert "vldd" not in text.partition("Left out")[0] or "Left out" in said
            assert f"{tmp_path}/bad-0" in said


def test_a_format_of_a_plugin_that_always_fails_is_not_blamed_on_the_runs(
    tmp_path: Path, make_record: MakeRecord
) -> None:
    (tmp_path / "broken_format.py").write_text(
        "import vlbench\n@vlbench.hookimpl\ndef vlbench_formats():\n"
        "    return [vlbench.Declaration('broken', 'broken_format:draw', 'Fails.')]\n"
        "def draw(table):\n    raise KeyError('mine')\n"
    )
    write_record(tmp_path / "run", make_record("herding", 14.0))
    done = CliRunner().invoke(
        main,
        ["--plugin", str(tmp_path / "broken_format.py"), "leaderboard", str(tmp_path / "run"), "--format", "broken"],
    )
    assert done.exit_code == 1
    assert "raised KeyError: 'mine'" in done.stderr
    assert "Left out" not in done.stderr


NASTY = ["=1+1", "+x", "-x", "@x", "\x1b[31mred", "a\x9bb", "a\u202eb", "<script>alert(1)</script>", "x\0y", "a\u200bb"]


@pytest.mark.parametrize("text", NASTY)
def test_a_board_carries_no_control_character_formula_or_markup(make_record: MakeRecord, text: str) -> None:
    named = structs.replace(make_record("a", 30.0, options={text: text}), method=text)
    records = [
        named, structs.replace(named, options={"other": text}),
        make_record("b", 0.0, status="failed", scores={}, message=text),
    ]  # fmt: skip
    made = build_table(records)
    for drawn in (render_text(made), render_markdown(made), render_csv(made)):
        assert drawn.replace("\n", "").isprintable()
    assert "<" not in render_markdown(made)
    cells = [cell for row in csv.reader(io.StringIO(render_csv(made))) for cell in row]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]


def test_long_texts_are_cut_and_stay_apart(make_record: MakeRecord) -> None:
    records = [make_record("a", 30.0, options={"k": "x" * 100_000 + end}) for end in "ab"]
    (group,) = build_table(records).groups
    assert len(group.ranked) == 2
    assert len(render_markdown(build_table(records))) < 10_000


def claim(folder: Path, record: FoundRecord, digest: str = "1a2b3c4d") -> None:
    write_record(folder, record)
    write_origin(folder, {"sha256": digest}, Path("x.zip"))


def rows(*paths: Path) -> dict[tuple[str, str, int], float]:
    found = read_table(list(paths))
    return {
        (row.method, row.origin, row.records[0].seed): row.scores["mean"].mean
        for group in found.groups
        for row in group.rows
    }


def test_a_claim_of_the_same_run_is_a_row_of_its_own_and_moves_nothing(tmp_path: Path, make_record: MakeRecord) -> None:
    for method, recall in (("random", 17.0), ("vldd", 48.0), ("full", 60.0)):
        budget = "full" if method == "full" else "100"
        write_record(tmp_path / "own" / method, make_record(method, recall, budget=budget, baseline=method != "vldd"))
    before = {row.method: row.recovered for row in read_table([tmp_path / "own"]).groups[0].ranked}
    for method, recall in (("random", 7.0), ("vldd", 90.0), ("full", 99.0)):
        budget = "full" if method == "full" else "100"
        record = make_record(method, recall, budget=budget, baseline=method != "vldd", created="9999")
        claim(tmp_path / "own" / f"claim-{method}", record)
    found = rows(tmp_path / "own")
    assert found["random", "", 0] == 17.0
    assert found["vldd", "", 0] == 48.0
    assert found["random", "claim 1a2b3c4d", 0] == 7.0
    group = read_table([tmp_path / "own"]).groups[0]
    assert {row.method: row.recovered for row in group.ranked if not row.origin} == before
    assert "* A row of a claim" in render_text(read_table([tmp_path / "own"]))


def test_of_two_results_of_one_run_the_first_folder_stands_and_the_other_is_said(
    tmp_path: Path, make_record: MakeRecord
) -> None:
    write_record(tmp_path / "one" / "r", make_record("random", 17.0, created="2001"))
    write_record(tmp_path / "two" / "r", make_record("random", 7.0, created="9999"))
    shutil.copytree(tmp_path / "one", tmp_path / "copy")
    for first, second, recall in (("one", "two", 17.0), ("two", "one", 7.0)):
        found = read_table([tmp_path / first, tmp_path / second])
        assert found.groups[0].ranked[0].scores["mean"].mean == recall
        (left,) = found.left_out
        assert left.folder == str(tmp_path / second / "r")
        assert "another result of the same run" in left.reason
    assert read_table([tmp_path / "one", tmp_path / "copy"]).left_out == ()


def test_two_claims_of_one_seed_are_rows_apart(tmp_path: Path, make_record: MakeRecord) -> None:
    for seed in range(3):
        claim(tmp_path / f"{seed}", make_record("vldd", 30.0 + seed, seed=seed))
    assert len(read_table([tmp_path]).groups[0].ranked) == 1
    claim(tmp_path / "liar", make_record("vldd", 99.0, seed=1, created="9999"), "ffff0000")
    found = read_table([tmp_path])
    assert sorted(row.runs for row in found.groups[0].ranked) == [1, 1, 2]
    assert not [row for row in found.groups[0].ranked if row.rank]


def test_one_artifact_under_several_seeds_counts_once(tmp_path: Path, make_record: MakeRecord) -> None:
    for seed in range(3):
        folder = tmp_path / f"{seed}"
        write_record(folder, make_record("vldd", 30.0, seed=seed, deterministic=False))
        (folder / "artifact.safetensors").write_bytes(b"the same")
        write_sums(folder, ["record.json", "artifact.safetensors"])
    found = read_table([tmp_path])
    (row,) = found.groups[0].ranked
    assert (row.runs, row.provisional) == (1, True)
    assert [one.reason.partition(" has the artifact of ")[0] for one in found.left_out] == ["seed 1", "seed 2"]


def test_a_stranger_does_not_say_that_a_method_draws_nothing(tmp_path: Path, make_record: MakeRecord) -> None:
    write_record(tmp_path / "own", make_record("a", 30.0, deterministic=True))
    claim(tmp_path / "claim", make_record("b", 40.0, deterministic=True))
    ranked = {row.method: row.rank for row in read_table([tmp_path]).groups[0].ranked}
    assert ranked["a"] == "1"
    assert ranked["b"] == ""


def test_what_was_set_aside_is_not_on_the_board(tmp_path: Path, make_record: MakeRecord) -> None:
    write_record(tmp_path / "run", make_record("a", 30.0))
    shutil.copytree(tmp_path / "run", tmp_path / "other.damaged")
    assert len(gather([tmp_path]).records) == 1
