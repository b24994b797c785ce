"""The table for a paper."""

from __future__ import annotations

import re

from msgspec.structs import replace

from vlbench.board.leaderboard import build_table
from vlbench.board.render_latex import escape, render_latex

from ..conftest import MakeRecord


def test_latex_has_one_line_per_row_of_equally_many_cells(make_record: MakeRecord) -> None:
    records = [make_record("random", 10.0, baseline=True), make_record("few", 90.0)]
    records += [make_record("vldd", 29.0 + seed, seed=seed) for seed in range(3)]
    text = render_latex(build_table(records))
    lines = [line.strip() for line in text.splitlines() if line.endswith(r"\\")]
    cells = [re.split(r"(?<!\\) ?& ?", line) for line in lines]
    assert [line[:2] for line in cells] == [
        ["rank", "method"], ["1", r"vldd {\footnotesize 3 runs}"], ["prov.", "few"], ["", "random"]
    ]  # fmt: skip
    assert len({len(line) for line in cells}) == 1
    assert text.count(r"\textbf{30.0 $\pm$2.5}") == text.count(r"\textbf") == 1
    assert text.count(r"\midrule") == 2


def test_ranges_have_en_dashes_and_losses_a_minus(make_record: MakeRecord) -> None:
    records = [make_record("random", 10.0, baseline=True), make_record("full", 20.0, budget="full")]
    records += [make_record(name, 9.0 + seed % 2, seed=seed) for name in ("one", "two") for seed in range(3)]
    text = render_latex(build_table(records))
    assert r"1--2 & one" in text
    assert r" & $-$7\% & " in text


def test_no_name_is_read_as_latex(make_record: MakeRecord) -> None:
    records = [make_record("x", 30.0, options={"a_b": "%"}), make_record("x", 20.0)]
    nasty = "[x]* \\input{/etc/passwd} a_b & 50% $x$ #1 {~^}\n\\\\"
    text = render_latex(build_table([replace(record, method=nasty) for record in records]))
    (line, _) = [line.strip() for line in text.splitlines() if "passwd" in line]
    assert line.startswith("prov. & " + escape(nasty) + r" {\footnotesize a\_b=\%} & ")
    bare = re.sub(r"\\text(backslash|asciitilde|asciicircum)\{\}|\\[&%$#_{}]|\{[\[\]*]\}", "", escape(nasty))
    assert not set(bare) & set("\\{}$&#^_~%[]*\n")


def test_empty_table_says_how_to_start() -> None:
    assert render_latex(build_table([])).startswith("% ")
