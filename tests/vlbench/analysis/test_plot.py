"""Boards as figures, from records that the test makes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy
import pytest
from click.testing import CliRunner
from PIL import Image

from vlbench.analysis.plot import draw_board
from vlbench.board.combine import read_table
from vlbench.board.picture import read_preview, read_start
from vlbench.board.table import Worth
from vlbench.cli.main import main
from vlbench.records.record import parse_record, write_record

from ..conftest import scores, table

pytest.importorskip("matplotlib", reason="pip install 'vlbench[plot]'")


@pytest.fixture
def board(tmp_path: Path) -> Path:
    for budget, seed in ((10, 0), (10, 1), (10, 2), (100, 0)):
        for method, recall in (("toy", 20.0 + budget / 10), ("random", 10.0)):
            more: dict[str, Any] = {"budget": str(budget), "seed": seed, "baseline": method == "random"}
            more["scores"] = {"convnet": scores(recall), "other": scores(recall / 2)}
            more["cost"] = {"pairs": budget, "bytes": 100, "condense_s": 0.5 * budget}
            record = table(method, recall, reference="convnet", **more)
            write_record(tmp_path / "runs" / record["id"], parse_record(record))
    return tmp_path / "runs"


def plot(*words: str) -> str:
    result = CliRunner().invoke(main, ["plot", *words])
    assert result.exit_code == 0, result.output
    return result.output


def test_an_svg_holds_the_words_of_every_panel_as_text_and_is_the_same_twice(board: Path, tmp_path: Path):
    plot(str(board), "--to", str(tmp_path / "board.svg"))
    first = (tmp_path / "board.svg").read_bytes()
    plot(str(board), "--to", str(tmp_path / "board.svg"))
    assert (tmp_path / "board.svg").read_bytes() == first
    text = first.decode()
    for word in (">toy<", ">random<", ">pairs<", ">seconds to condense<", ">mean recall, %<", ">convnet<", ">other<"):
        assert word in text, word
    assert "worth" not in text  # no record holds it


def test_what_scores_are_worth_is_a_panel_where_the_table_has_it(board: Path, tmp_path: Path):
    table, worth = read_table([board]), Worth(1234.0, (1000.0, 1500.0))
    groups = tuple(
        replace(group, ranked=tuple(replace(row, worth=worth) for row in group.ranked)) for group in table.groups
    )
    draw_board(replace(table, groups=groups), tmp_path / "worth.svg")
    text = (tmp_path / "worth.svg").read_text()
    assert ">worth, random real pairs<" in text
    assert ">worth 1,230<" in text  # written over the best method's points
    assert ">1,000<" in text


def test_a_legend_of_many_names_fits_the_figure_and_equal_starts_are_one(board: Path, tmp_path: Path):
    table = read_table([board])
    groups = tuple(
        replace(
            group,
            ranked=tuple(replace(row, method=f"method-{n}") for row in group.ranked for n in range(30)),
            baselines=tuple(
                replace(row, method=f"start of method-{n}") for row in group.baselines if row.runs for n in range(30)
            ),
        )
        for group in table.groups
    )
    draw_board(replace(table, groups=groups), tmp_path / "many.svg")  # a warning of matplotlib is an error
    text = (tmp_path / "many.svg").read_text()
    assert ">method-29<" in text
    assert ">start of 30 methods<" in text


def test_only_the_panels_that_are_asked_for_are_drawn(board: Path, tmp_path: Path):
    plot(str(board), "--to", str(tmp_path / "one.svg"), "--panel", "cost")
    text = (tmp_path / "one.svg").read_text()
    assert ">seconds to condense<" in text
    assert ">pairs<" not in text


@pytest.mark.parametrize(("ending", "begins"), [("png", b"\x89PNG"), ("pdf", b"%PDF")])
def test_the_ending_of_the_file_says_its_form(board: Path, tmp_path: Path, ending: str, begins: bytes):
    target = tmp_path / f"board.{ending}"
    plot(str(board), "--to", str(target))
    assert target.read_bytes().startswith(begins)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--to", "board.gif"], "png, svg, pdf"),
        (["--to", "board.png", "--panel", "speed"], "budget, cost, worth, students"),
        (["--to", "board.png", "--panel", "pairs"], "no finished row can be drawn"),
    ],
)
def test_what_cannot_be_drawn_is_refused_with_what_is_allowed(
    board: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, words: list[str], said: str
):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, ["plot", str(board), *words])
    assert result.exit_code == 1
    assert said in result.output
    assert not list(tmp_path.glob("board*"))


def test_a_distilled_run_stores_what_its_pairs_began_with_and_how_near_captions_are(runs: dict[str, Path]):
    folder = runs["brighter"]
    shown, captions, source = read_preview(folder, 64)
    start = read_start(folder, len(shown))
    assert start is not None
    assert source == "nearest"
    assert (shown.astype(int) - start.pixels.astype(int) == 8).mean() > 0.9  # what its method does
    assert len(start.captions) == len(start.cosines) == len(captions)
    assert all(0.3 < cosine <= 1.0001 for cosine in start.cosines)
    assert not (runs["random"] / "start.npy").exists()


def test_real_pictures_stand_above_the_learned_ones_with_their_captions(board: Path, tmp_path: Path):
    folder = next(board.glob("toy-100-*"))
    for name, value in (("preview", 200), ("start", 40)):
        numpy.save(folder / f"{name}.npy", numpy.full((8, 3, 4, 4), value, dtype=numpy.uint8))
    captions = [f"caption {number}" for number in range(8)]
    (folder / "preview.json").write_text(json.dumps({"captions": captions, "caption_source": "nearest"}))
    (folder / "start.json").write_text(json.dumps({"captions": captions, "cosines": [0.5] * 8}))
    plot(str(board), "--to", str(tmp_path / "pairs.png"), "--panel", "pairs,budget")
    with Image.open(tmp_path / "pairs.png") as image:
        pixels = numpy.asarray(image.convert("RGB"))
    rows = {value: numpy.nonzero((pixels == value).all(-1))[0] for value in (40, 200)}
    assert rows[40].mean() < rows[200].mean()
    assert min(map(len, rows.values())) > 1000
    result = CliRunner().invoke(main, ["show", str(folder), "--to", str(tmp_path / "show.png")])
    assert result.exit_code == 0, result.output
    with Image.open(tmp_path / "show.png") as image:
        shown = numpy.asarray(image.convert("RGB"))
    assert numpy.nonzero((shown == 40).all(-1))[0].mean() < numpy.nonzero((shown == 200).all(-1))[0].mean()
    (folder / "start.npy").write_bytes(b"nonsense")
    result = CliRunner().invoke(main, ["show", str(folder), "--to", str(tmp_path / "show.png")])
    assert result.exit_code == 1
    assert "start.npy is damaged" in result.output
