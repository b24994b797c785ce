"""What a notebook shows of a record, a board and an artifact."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import pytest
import torch
from msgspec.structs import replace

import vlbench
from vlbench.artifacts.artifact import save_artifact
from vlbench.board.notebook import RunRecord
from vlbench.records.record import write_record

from ..conftest import MakeRecord
from .test_picture import preview

HOSTILE = '<img src=x onerror="alert(1)"></style><script>alert(2)</script>'


class Page(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.handlers: list[str] = []
        self.words: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.handlers += [name for name, _ in attrs if name.startswith("on")]

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_a_record_is_drawn_with_its_scores_and_the_way_to_its_pairs(make_record: MakeRecord):
    record = RunRecord.of(make_record("herding", 34.5), Path("runs/it's here"))
    words = " ".join(Page(record._repr_html_()).words)
    assert "34.5" in words
    assert "herding" in words
    assert """vlbench.load_artifact("runs/it's here").show()""" in words


@pytest.mark.parametrize("field", ["method", "suite", "message"])
def test_nothing_in_a_record_becomes_markup(make_record: MakeRecord, field: str):
    status = "failed" if field == "message" else "finished"
    record = replace(make_record("herding", 34.5, status=status), **{field: HOSTILE})
    page = Page(RunRecord.of(record, Path(HOSTILE))._repr_html_())
    assert HOSTILE in " ".join(page.words)
    assert not {"script", "img"} & set(page.tags)
    assert page.tags.count("style") == 1
    assert page.handlers == []


def test_a_board_is_text_where_it_is_printed_and_tables_in_a_notebook(tmp_path: Path, make_record: MakeRecord):
    for number, method in enumerate(("herding", "random")):
        write_record(tmp_path / str(number), make_record(method, 30.0 + number))
    board = vlbench.leaderboard(tmp_path)
    page = Page(board._repr_html_())
    for method in ("herding", "random"):
        assert method in repr(board)
        assert method in page.words
    assert page.tags.count("table") == len(board.table.groups) == 1


def test_a_board_without_runs_says_how_to_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    board = vlbench.leaderboard()
    assert "vlbench run" in repr(board)
    assert "vlbench run" in board._repr_html_()


def test_an_artifact_shows_the_preview_beside_it_or_says_where_to_load_it(tmp_path: Path, make_record: MakeRecord):
    artifact = vlbench.Selection(torch.tensor([2, 0]), "data")
    with pytest.raises(vlbench.errors.ArtifactError, match=r"load_artifact\(FOLDER\)"):
        artifact.show()
    save_artifact(artifact, tmp_path)
    write_record(tmp_path, make_record("herding", 34.5))
    with pytest.raises(vlbench.errors.DataError, match=r"preview\.npy is missing"):
        vlbench.load_artifact(tmp_path).show()
    preview(tmp_path, (2, 3, 32, 32), 2)
    picture = vlbench.load_artifact(tmp_path).show()
    assert (7, 7, 7) in {colour for _, colour in picture.getcolors(1 << 24) or []}
