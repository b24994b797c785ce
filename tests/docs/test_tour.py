"""The notebook of the docs runs as it stands, and what it draws can be read under Jupyter's own style sheet."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import pytest

NOTEBOOK = Path(__file__).parents[2] / "docs" / "tour.ipynb"


@pytest.fixture(scope="module")
def tour(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The notebook with its outputs, executed in an empty folder."""
    nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
    pytest.importorskip("ipykernel")
    folder = tmp_path_factory.mktemp("tour")
    book = nbformat.read(NOTEBOOK, as_version=4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the client's own libraries
        nbclient.NotebookClient(book, timeout=240, resources={"metadata": {"path": str(folder)}}).execute()
    return book


def outputs(book: Any, word: str) -> list[Any]:
    """Outputs of the first cell of code that ends with a word."""
    return next(cell.outputs for cell in book.cells if cell.cell_type == "code" and cell.source.endswith(word))


def test_every_cell_runs_and_nothing_is_written_to_standard_error(tour: Any) -> None:
    kinds = [output.output_type for cell in tour.cells for output in cell.get("outputs", ())]
    assert set(kinds) == {"execute_result"}
    assert len(kinds) == sum(cell.cell_type == "code" for cell in tour.cells)


def test_a_board_is_drawn_once_and_has_a_frame(tour: Any) -> None:
    (board,) = outputs(tour, "board")
    assert board.data["text/html"].count('<table class="board">') == 1
    (frame,) = outputs(tour, ".round(2)")
    methods = re.findall(r"<td>([a-z -]+)</td>", frame.data["text/html"])
    assert {"vldd", "random", "full", "start of vldd"} <= set(methods)


def test_reprs_fit_a_screen(tour: Any) -> None:
    for word in ("chosen", "artifact.sides}"):
        (output,) = outputs(tour, word)
        assert len(output.data["text/plain"]) < 300


def test_the_notebook_is_stored_without_outputs() -> None:
    nbformat = pytest.importorskip("nbformat")
    book = nbformat.read(NOTEBOOK, as_version=4)
    assert not [cell for cell in book.cells if cell.get("outputs")]


# What Jupyter's own sheet says of tables, read in jupyterlab's packages/rendermime/style/base.css (4.x).
JUPYTER = """
.jp-RenderedHTMLCommon table { border-collapse: collapse; border: none; font-size: 12px; table-layout: fixed;
  margin-left: auto; margin-bottom: 1em; margin-right: auto; }
.jp-RenderedHTMLCommon td, .jp-RenderedHTMLCommon th, .jp-RenderedHTMLCommon tr { vertical-align: middle;
  padding: 0.5em; line-height: normal; white-space: normal; max-width: none; border: none; }
.jp-RenderedHTMLCommon tbody tr:nth-child(odd) { background: #fff; }
.jp-RenderedHTMLCommon svg { max-width: 100%; height: auto; }
"""


@pytest.mark.parametrize("width", [700, 1200])
def test_no_word_breaks_under_the_style_sheet_of_jupyter(chromium: Any, tour: Any, width: int, tmp_path: Path) -> None:
    (board,) = outputs(tour, "board")
    page = tmp_path / "cell.html"
    frame = f'<style>{JUPYTER}</style><div class="jp-RenderedHTMLCommon" style="width:{width}px">'
    page.write_text(f"<!doctype html><meta charset=utf-8>{frame}{board.data['text/html']}</div>", encoding="utf-8")
    chromium.get(page.as_uri())
    look = """
      const names = [...document.querySelectorAll('.board tbody .method a')];
      return {
        layout: getComputedStyle(document.querySelector('.board')).tableLayout,
        broken: names.filter(name => name.getClientRects().length > name.textContent.split(' ').length).length,
        bar: Math.min(...[...document.querySelectorAll('.bar')].map(bar => bar.getBoundingClientRect().width)),
      }"""
    found = chromium.execute_script(look)
    assert found["layout"] == "auto"
    assert found["broken"] == 0
    assert found["bar"] > 150
