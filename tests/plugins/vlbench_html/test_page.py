"""The page as text: whole, escaped, and forbidding every request."""

from __future__ import annotations

import base64
import hashlib
import html.parser
import json
import re
import time
from pathlib import Path
from typing import Any

import numpy
import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from vlbench.board.leaderboard import build_table
from vlbench.cli.main import main
from vlbench.records.ranks import write_ranks
from vlbench.records.record import StartRecord, find_records, read_record, write_record
from vlbench_html.gallery import Pictures, tiles_per_row
from vlbench_html.hits import hits
from vlbench_html.markup import Html, data_script, element
from vlbench_html.page import render_html

from ...vlbench.conftest import MakeRecord, scores
from .conftest import WriteRun


class Balance(html.parser.HTMLParser):
    """Fails where a tag is not closed in order, and collects what a test asks for."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.attributes |= set(given)
        self.ids += [str(given["id"])] if "id" in given else []
        self.links += [str(given["href"])] if "href" in given else []
        if tag not in ("meta", "input", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def details(page: str) -> dict[str, Any]:
    """What the script would read."""
    (text,) = re.findall(r'<script type="application/json" id="details">(.*?)</script>', page)
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def test_page_is_well_formed_and_every_link_leads_to_a_part_of_it(runs: Path) -> None:
    page = render_html(build_table(find_records([runs])))
    parser = Balance()
    parser.feed(page)
    assert parser.open == []
    assert len(parser.ids) == len(set(parser.ids))
    assert {link.removeprefix("#") for link in parser.links} <= set(parser.ids)
    assert set(details(page)["rows"]) <= set(parser.ids)
    assert not {"style", "src", "onclick", "onload"} & parser.attributes


def test_page_forbids_every_request_and_every_script_but_its_own(runs: Path) -> None:
    page = render_html(build_table(find_records([runs])))
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="(.*?)"', page)
    assert policy.startswith("default-src &#x27;none&#x27;; img-src data:;")
    for kind in ("style", "script"):
        (text,) = re.findall(f"<{kind}>(.*?)</{kind}>", page, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{kind}-src &#x27;sha256-{digest}&#x27;" in policy
    assert "http://" not in page.replace("http://www.w3.org/2000/svg", "")
    assert "https://" not in page
    assert "url(" not in page


def test_row_has_its_pairs_curve_command_cost_and_environment(write_run: WriteRun) -> None:
    curve = [1 / (step + 1) for step in range(1000)]
    folder = write_run(
        "vldd", 30.0, curves={"matching_loss": curve}, command=["vlbench", "run", "-o", "a=b c"],
        environment={"device": "cpu", "versions": {"torch": "2"}},
    )  # fmt: skip
    page = render_html(build_table(find_records([folder])))
    content = details(page)
    (row,) = content["rows"].values()
    (run,) = content["runs"]
    assert run["command"] == "vlbench run -o 'a=b c'"
    assert run["cost"]["condense_s"] == 1.0
    assert content["environments"][run["environment"]]["versions"] == {"torch": "2"}
    drawn = run["curves"]["matching_loss"]
    assert (drawn["last"], drawn["values"][0], drawn["values"][-1]) == (999, 1.0, 0.001)
    assert len(drawn["values"]) == 120
    (gallery,) = re.findall(f'id="{row["gallery"]}">(.*?)</script>', page)
    assert json.loads(gallery)["captions"] == ["one", "two", "three"]
    assert all(image.startswith("data:image/") for image in json.loads(gallery)["images"])


def test_hits_and_misses_are_counted_over_queries_and_students(write_run: WriteRun) -> None:
    folder = write_run("vldd", 30.0)
    ranks = numpy.random.default_rng(0).integers(1, 14, (5, 40))
    ranks[:, :3], ranks[:, 5] = 1, 400
    write_ranks(folder, {"convnet": [{"image_to_text": of_seed} for of_seed in ranks]}, {"image_to_text": range(40)})
    (record,) = find_records([folder])
    (found,) = hits(record, "convnet", Pictures()) or []
    bands = [(1, 1), (2, 5), (6, 10), (11, 100), (101, 10**9)]
    counts = [sum(low <= rank <= high for rank in ranks.ravel()) for low, high in bands]
    assert found["bands"] == [round(100 * count / 200, 1) for count in counts]
    assert found["always"]["such_as"] == [n for n in range(40) if all(rank == 1 for rank in ranks[:, n])]
    assert found["never"]["such_as"] == [n for n in range(40) if all(rank > 10 for rank in ranks[:, n])]
    assert (found["students"], found["queries"], found["direction"]) == (5, 40, "image_to_text")
    assert hits(record, "vit", Pictures()) is None
    (folder / "ranks.parquet").write_bytes(b"nonsense")
    assert hits(record, "convnet", Pictures()) is None


def test_hits_and_misses_are_shown_by_their_pairs_and_equal_pictures_are_held_once(write_run: WriteRun) -> None:
    pixels = numpy.random.default_rng(0).integers(0, 255, (2, 3, 16, 16), dtype=numpy.uint8)
    folders = [write_run("vldd", 30.0), write_run("herding", 20.0), write_run("k-center", 10.0)]
    for folder in folders:
        ranks = [{"image_to_text": [1, 400, 3, 400]}] * 5
        write_ranks(folder, {"convnet": ranks}, {"image_to_text": range(4)})
    for folder in folders[:2]:
        first, second = {"picture": 0, "caption": "a dog"}, {"picture": 1, "caption": "two cats"}
        kept = {"0": first, "3": second, "2": second}
        (folder / "hits.json").write_text(json.dumps({"image_to_text": kept}))
        numpy.save(folder / "hits.npy", pixels)
    page = render_html(build_table(find_records([folders[0].parent])))
    rows = {row["method"]: row["hits"][0] for row in details(page)["rows"].values()}
    for method in ("vldd", "herding"):
        assert rows[method]["always"]["shown"] == [{"caption": "a dog", "picture": 0}]
        assert rows[method]["never"] == {
            "count": 2, "such_as": [1, 3], "shown": [{"caption": "two cats", "picture": 1}]
        }  # fmt: skip
    assert rows["k-center"]["never"] == {"count": 2, "such_as": [1, 3], "shown": []}  # a run of before there were any
    (text,) = re.findall(r'id="hits">(.*?)</script>', page)
    assert len(json.loads(text)) == 2


@pytest.mark.parametrize(
    ("kept", "pixels"),
    [
        ("[1]", None), ("{", None), ('{"image_to_text": {"0": {"picture": 5, "caption": "x"}}}', (2, 3, 16, 16)),
        ('{"image_to_text": {"0": {"picture": "0", "caption": "x"}}}', (2, 3, 16, 16)),
        ('{"image_to_text": {"0": {"picture": 0, "caption": "x"}}}', None),
        ('{"image_to_text": {"0": {"picture": 0, "caption": "x"}}}', (2, 3, 16, 900)),
        ('{"image_to_text": {"0": {"picture": 0, "caption": "x"}}}', (2, 3)),
        (" " * (1 << 20) + "{}", None),
    ],
)  # fmt: skip
def test_damaged_examples_leave_the_numbers(write_run: WriteRun, kept: str, pixels: tuple[int, ...] | None) -> None:
    folder = write_run("vldd", 30.0)
    write_ranks(folder, {"convnet": [{"image_to_text": [1, 400]}] * 5}, {"image_to_text": range(2)})
    (folder / "hits.json").write_text(kept)
    if pixels:
        numpy.save(folder / "hits.npy", numpy.zeros(pixels, dtype=numpy.uint8))
    (row,) = details(render_html(build_table(find_records([folder]))))["rows"].values()
    assert row["hits"][0]["always"] == {"count": 1, "such_as": [0], "shown": []}


def test_columns_are_headed_by_the_directions_of_the_records(make_record: MakeRecord) -> None:
    images = scores(30.0)["directions"]
    sounds = {"audio_to_text": images["image_to_text"], "text_to_audio": images["text_to_image"]}
    record = make_record("vldd", 30.0, scores={"convnet": {**scores(30.0), "directions": sounds}})
    page = render_html(build_table([record]))
    assert 'class="recall">audio to text</th>' in page
    assert "image to text" not in page.partition("<script")[0]


def test_address_of_a_row_is_the_same_on_every_board(runs: Path) -> None:
    whole = render_html(build_table(find_records([runs])))
    alone = render_html(build_table(find_records([runs / "run-0"])))
    assert set(details(alone)["rows"]) < set(details(whole)["rows"])


def test_damaged_preview_leaves_the_rest_of_the_row(write_run: WriteRun) -> None:
    folder = write_run("vldd", 30.0)
    (folder / "preview.npy").write_bytes(b"\x93NUMPY nonsense")
    (row,) = details(render_html(build_table(find_records([folder]))))["rows"].values()
    assert row["gallery"] is None


@pytest.mark.parametrize("text", ["</script><script>alert(1)</script>", "<!--<script>", "]]>", "\u2028", "'\"&<>"])
def test_no_text_leaves_its_place(text: str) -> None:
    written = element("p", {"title": text}, text, Html("<b></b>"))
    assert re.fullmatch(r'<p title="[^"<>]*">[^<>]*<b></b></p>', written)
    data = data_script("x", {"value": text})
    assert data.count("<") == data.count(">") == 2
    assert json.loads(data[data.index(">") + 1 : data.rindex("<")]) == {"value": text}


def test_board_of_two_thousand_records_is_built_in_ten_seconds(make_record: MakeRecord, write_run: WriteRun) -> None:
    folder = write_run("vldd", 30.0)
    records = [
        replace(
            make_record(f"method-{number % 166}", number % 50, curves={"loss": [1.0, 0.5] * 500}),
            budget=str(100 * (1 + number // 498)),
            seed=number // 166 % 3,
            id=str(number),
            folder=folder,
        )
        for number in range(2000)
    ]
    before = time.process_time()
    page = render_html(build_table(records))
    assert time.process_time() - before < 10
    assert len(details(page)["runs"]) == 2000
    assert len(page) < 30e6


def test_every_division_has_plots_of_its_own(make_record: MakeRecord) -> None:
    records = [make_record("vldd", 30.0, budget=budget) for budget in ("100", "500", "900kB", "5MB")]
    page = render_html(build_table(records))
    plots = re.findall(r'<div class="plots" data-division="(\w+)">.*?</div>', page)
    assert plots == ["pairs", "bytes"]
    ticks = re.findall(r'<text class="tick" x="([\d.]+)" y="[\d.]+" text-anchor="middle">(900kB|5MB)</text>', page)
    assert [text for _, text in sorted(ticks, key=lambda tick: float(tick[0]))] == ["900kB", "5MB"]


def test_starts_of_equal_pairs_stand_once_on_the_page(make_record: MakeRecord) -> None:
    start = make_record("start", 12.0)
    first = StartRecord(scores=start.scores, chosen=start.chosen, cost=start.cost)
    table = build_table([replace(make_record(name, 50.0), start=first) for name in ("vldd", "lors", "repblend")])
    assert set(re.findall(r">(start of [\w ]+)<", render_html(table))) == {"start of 3 methods"}


def test_more_rows_have_fewer_pictures_each() -> None:
    assert tiles_per_row(10) == 24
    assert tiles_per_row(2000) * 2000 < 10_000


def test_command_writes_the_page_to_a_file(runs: Path, tmp_path: Path) -> None:
    target = tmp_path / "site" / "board.html"
    done = CliRunner().invoke(main, ["leaderboard", str(runs), "--format", "html", "--out", str(target)])
    assert done.exit_code == 0, done.output
    assert target.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_half_a_character_is_written_as_a_question_mark_and_refused_from_others(write_run: WriteRun) -> None:
    folder = write_run("vldd", 30.0)
    (record,) = find_records([folder])
    write_record(folder, replace(record, message="vl\ud800dd"))
    assert read_record(folder).message == "vl?dd"
    (folder / "record.json").write_text((folder / "record.json").read_text().replace("vl?dd", r"vl\ud800dd"))
    done = CliRunner().invoke(main, ["leaderboard", str(folder)])
    assert done.exit_code == 0
    assert f"Left out: {folder}: record.json cannot be read as a record: JSON is malformed" in done.output


def test_empty_board_is_a_page_that_says_how_to_start() -> None:
    assert "vlbench run" in render_html(build_table([]))
