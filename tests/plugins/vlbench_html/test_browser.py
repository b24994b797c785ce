"""The page in a real Chromium: it sorts, filters, opens rows, obeys the keyboard, and asks nobody for anything."""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch

import vlbench
from vlbench.board.leaderboard import build_table
from vlbench.board.published import Literature
from vlbench.records.ranks import write_ranks
from vlbench.records.record import find_records, write_record
from vlbench.registry.loader import load_registry
from vlbench_html.page import render_html

from ...vlbench.conftest import MakeRecord, scores
from .conftest import WriteRun

Page = Any
"""A selenium driver that shows a board."""

FIRST = ".suite[data-suite=toy] .group[data-budget='100']"
METHODS = (
    f'return [...document.querySelectorAll("{FIRST} tbody.ranked tr:not([hidden]) .method a")].map(a => a.textContent)'
)
PAPERS = Literature(load_registry().all("published").values())
WIDE, NARROW = 1280, 360


@pytest.fixture
def show(chromium: Page, tmp_path: Path) -> Callable[..., Page]:
    """Show a board in the browser; a console message, or a request for anything but the file, fails the test."""

    def show(source: Path, *, width: int = WIDE, scheme: str = "light", address: str = "") -> Page:
        file = tmp_path / "board.html"
        file.write_text(render_html(build_table(find_records([source])), PAPERS), encoding="utf-8")
        media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        chromium.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        chromium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        chromium.get("about:blank")
        for log in ("browser", "performance"):
            chromium.get_log(log)
        chromium.get(file.as_uri() + address)
        return chromium

    return show


def quiet(page: Page, file: Path) -> None:
    """Nothing was written to the console, and nothing but the file was asked for."""
    assert page.get_log("browser") == []
    events = [json.loads(entry["message"])["message"] for entry in page.get_log("performance")]
    asked = {event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"}
    assert {url.partition("#")[0] for url in asked if not url.startswith("data:")} == {file.as_uri()}


def js(page: Page, script: str) -> Any:
    return page.execute_script(script)


def press(page: Page, *keys: str) -> None:
    from selenium.webdriver.common.action_chains import ActionChains

    ActionChains(page).send_keys(*keys).perform()


def click(page: Page, selector: str) -> None:
    found = page.find_element("css selector", selector)
    page.execute_script("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", found)
    found.click()


def waited(condition: Callable[[], object]) -> bool:
    """Whether something comes true within ten seconds."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return False


def test_heads_of_columns_sort_and_say_so(show: Callable[..., Page], runs: Path, tmp_path: Path) -> None:
    page = show(runs)
    first = ["vldd", "herding", "k-center", "craig", "glister"]
    assert js(page, METHODS) == first
    head = f"{FIRST} thead th.method"
    click(page, f"{head} button")
    assert js(page, METHODS) == sorted(first)
    assert js(page, f'return document.querySelector("{head}").ariaSort') == "ascending"
    click(page, f"{head} button")
    assert js(page, METHODS) == sorted(first, reverse=True)
    click(page, f"{head} button")
    assert js(page, METHODS) == first
    click(page, f"{FIRST} thead th.mean button")
    assert js(page, METHODS) == ["vldd", "craig", "herding", "k-center", "glister"]
    assert js(page, "return document.querySelectorAll('[aria-sort=descending]').length") == 1
    quiet(page, tmp_path / "board.html")


def test_filters_hide_rows_tables_and_suites(show: Callable[..., Page], runs: Path, tmp_path: Path) -> None:
    page = show(runs)
    groups = (
        "return [...document.querySelectorAll('.group')].filter(g => g.checkVisibility()).map(g => g.dataset.budget)"
    )
    assert js(page, groups) == ["100", "100", "500"]
    click(page, "#filter-text")
    press(page, "k-cen")
    assert js(page, METHODS) == ["k-center"]
    assert js(page, groups) == ["100", "500"]
    assert js(page, "return document.querySelector('#count').textContent").startswith("2 of ")
    click(page, "#reset")
    assert waited(lambda: len(js(page, groups)) == 3)
    click(page, "#filter-provisional")
    assert js(page, METHODS) == ["vldd", "herding", "k-center", "glister"]
    choose = "arguments[0].value = '500'; arguments[0].dispatchEvent(new Event('input', {bubbles: true}))"
    page.execute_script(choose, page.find_element("css selector", "#filter-budget"))
    assert js(page, groups) == ["500"]
    click(page, "#filter-baselines")
    assert (
        js(page, "return [...document.querySelectorAll('tbody.baseline tr')].some(row => row.checkVisibility())")
        is False
    )
    quiet(page, tmp_path / "board.html")


def test_row_opens_by_keyboard_and_gives_the_focus_back(show: Callable[..., Page], runs: Path, tmp_path: Path) -> None:
    page = show(runs)
    js(page, f'document.querySelector("{FIRST} tbody.ranked a").focus()')
    press(page, "\ue007")  # Enter
    dialog = "return document.querySelector('dialog').open"
    assert waited(lambda: js(page, dialog))
    assert js(page, "return document.querySelector('dialog').contains(document.activeElement)")
    text = js(page, "return document.querySelector('dialog').innerText")
    for part in (
        "vldd",
        "3 runs",
        "mean recall",
        "vlbench run --seed 0",
        "matching loss",
        "nearest to each text vector",
    ):
        assert part in text
    drawn = "return [...document.querySelectorAll('dialog img')].every(i => i.complete && i.naturalWidth)"
    assert waited(lambda: js(page, drawn))
    click(page, ".runs button:nth-child(3)")
    assert "--seed 2" in js(page, "return document.querySelector('dialog pre').textContent")
    press(page, "\ue00c")  # Escape
    assert waited(lambda: not js(page, dialog))
    assert js(page, "return document.activeElement.textContent") == "vldd"
    quiet(page, tmp_path / "board.html")


def test_row_shows_the_pairs_it_found_and_missed_and_what_plugins_tell(
    show: Callable[..., Page], write_run: WriteRun, tmp_path: Path
) -> None:
    summary = {"mean": 3.25, "sd": 0.5, "seeds": [3.25]}
    of_plugin = {"convnet": {"median-rank": {"image_to_text": summary}}}
    folder = write_run("vldd", 30.0, plugin_scores=of_plugin)
    keep_examples(folder, "a dog")
    page = show(folder)
    js(page, f'document.querySelector("{FIRST} tbody a").click()')
    assert waited(lambda: js(page, "return document.querySelector('dialog').open"))
    text = js(page, "return document.querySelector('dialog').innerText")
    for part in ("first for every student: 1", "a dog", "never among the first 10: 1", "Scores of plugins", "3.25"):
        assert part in text
    drawn = "return [...document.querySelectorAll('dialog .hits ~ .tiles img')].map(i => i.complete && i.naturalWidth)"
    assert waited(lambda: js(page, drawn) == [16, 16])
    assert "median-rank" not in js(page, "return document.querySelector('main').textContent")
    quiet(page, tmp_path / "board.html")


def keep_examples(folder: Path, caption: str) -> None:
    """Ranks of two queries, one found and one missed, and the pairs they belong to."""
    write_ranks(folder, {"convnet": [{"image_to_text": [1, 400]}] * 5}, {"image_to_text": range(2)})
    kept = {str(query): {"picture": query, "caption": caption} for query in range(2)}
    (folder / "hits.json").write_text(json.dumps({"image_to_text": kept, caption: kept}))
    numpy.save(folder / "hits.npy", numpy.random.default_rng(0).integers(0, 255, (2, 3, 16, 16), dtype=numpy.uint8))


def test_paper_has_room_for_every_column_and_cuts_no_plot(show: Callable[..., Page], runs: Path) -> None:
    page = show(runs, width=718)  # A4 without its margins
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        fits = "return [...document.querySelectorAll('.group .scroll')].every(at => at.scrollWidth <= at.clientWidth)"
        assert js(page, fits)
        columns = "th => getComputedStyle(th).display === 'table-cell'"
        assert js(page, f'return [...document.querySelectorAll("{FIRST} thead tr:last-child th")].every({columns})')
        assert js(page, "return getComputedStyle(document.querySelector('.plots figure')).breakInside") == "avoid"
    finally:
        page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


def test_address_of_a_row_opens_it(show: Callable[..., Page], runs: Path, tmp_path: Path) -> None:
    page = show(runs)
    name = js(page, f'return document.querySelector("{FIRST} tbody.ranked tr:nth-child(2)").id')
    page = show(runs, address=f"#{name}")
    assert js(page, "return document.querySelector('dialog[open] h2').textContent") == "herding"
    page = show(runs, address="#toString")
    assert js(page, "return document.querySelector('dialog').open") is False
    quiet(page, tmp_path / "board.html")


def test_theme_follows_the_system_and_the_switch(show: Callable[..., Page], runs: Path, tmp_path: Path) -> None:
    background = "return getComputedStyle(document.body).backgroundColor"
    light, page = js(show(runs), background), show(runs, scheme="dark")
    dark = js(page, background)
    assert light == "rgb(255, 255, 255)" != dark
    click(page, "#theme")
    assert js(page, background) == light
    click(page, "#theme")
    assert js(page, background) == dark
    quiet(page, tmp_path / "board.html")


def test_every_control_is_reached_by_tab_and_shows_it(show: Callable[..., Page], runs: Path) -> None:
    page = show(runs)
    reached = []
    for _ in range(24):
        press(page, "\ue004")  # Tab
        focus = "const at = document.activeElement; return [at.tagName, getComputedStyle(at).outlineStyle]"
        reached.append(js(page, focus))
    assert {"A", "BUTTON", "INPUT", "SELECT"} <= {name for name, _ in reached}
    assert all(style != "none" for _, style in reached)


def test_narrow_screen_needs_no_sideways_scrolling(show: Callable[..., Page], runs: Path, tmp_path: Path) -> None:
    page = show(runs, width=NARROW)
    js(page, "document.querySelectorAll('details').forEach(d => d.open = true)")
    fits = "const at = document.querySelector(arguments[0]); return at.scrollWidth <= at.clientWidth"
    assert page.execute_script(fits, "html")
    assert js(page, f'return document.querySelector("{FIRST} tbody .mean").getBoundingClientRect().right < {NARROW}')
    js(page, f'document.querySelector("{FIRST} tbody.ranked a").click()')
    assert waited(lambda: page.execute_script("return document.querySelector('dialog').open"))
    assert page.execute_script(fits, "dialog")
    quiet(page, tmp_path / "board.html")


def test_published_numbers_stand_apart_from_the_tables(show: Callable[..., Page], runs: Path) -> None:
    page = show(runs)
    published = "return document.querySelectorAll('.suite[data-suite=flickr30k-vldd] .published tbody tr').length"
    assert js(page, published) > 100
    assert js(page, "return document.querySelectorAll('.suite[data-suite=toy] .published').length") == 0
    assert js(page, "return document.querySelectorAll('.published .board, .board .published').length") == 0


def test_filters_stand_in_the_address_and_say_where_nothing_matches(
    show: Callable[..., Page], runs: Path, tmp_path: Path
) -> None:
    page = show(runs, address="#?find=k-cen&budget=500")
    count, address = "return document.querySelector('#count').textContent", "return location.hash"
    assert js(page, count).startswith("1 of ")
    click(page, "#filter-text")
    press(page, "zzz")
    assert js(page, address) == "#?find=k-cenzzz&budget=500"
    assert js(page, "return document.querySelector('#nothing').checkVisibility()")
    click(page, "#again")
    assert waited(lambda: js(page, address) == "")
    assert not js(page, "return document.querySelector('#nothing').checkVisibility()")
    press(page, "/herd")
    assert waited(lambda: js(page, address) == "#?find=herd")
    quiet(page, tmp_path / "board.html")


def test_baselines_stay_where_they_are(show: Callable[..., Page], runs: Path) -> None:
    page = show(runs)
    baselines = f'return [...document.querySelectorAll("{FIRST} tbody.baseline tr:not([hidden])")].map(row => row.id)'
    before = js(page, baselines)
    assert len(before) == 3
    click(page, f"{FIRST} thead th.mean button")
    click(page, f"{FIRST} thead th.mean button")
    click(page, "#filter-text")
    press(page, "herding")
    assert js(page, baselines) == before


def test_a_row_opens_by_a_click_anywhere_on_it(show: Callable[..., Page], runs: Path) -> None:
    page = show(runs)
    click(page, f"{FIRST} tbody.ranked tr td.size")
    assert waited(lambda: js(page, "return document.querySelector('dialog').open"))
    assert js(page, "return document.querySelector('#row-title').textContent") == "vldd"


def test_a_table_and_a_plot_can_be_taken_away(show: Callable[..., Page], runs: Path, tmp_path: Path) -> None:
    page = show(runs)
    js(page, "window.taken = []; URL.createObjectURL = blob => { taken.push(blob); return '#'; }")
    click(page, f"{FIRST} .csv")
    page.set_script_timeout(10)
    text = page.execute_async_script("taken[0].text().then(arguments[0])")
    head, first, *_ = (line.split(",") for line in text.splitlines())
    assert (head[0], first[0], first[head.index("rank")]) == ("method", "vldd", "1")
    assert float(first[head.index("mean")]) == 31.0
    click(page, ".suite[data-suite=toy] .png")
    assert waited(lambda: js(page, "return taken.length") == 2)
    assert js(page, "return taken[1].type") == "image/png"
    assert js(page, "return taken[1].size") > 5000
    quiet(page, tmp_path / "board.html")


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_labels_of_plots_lie_over_no_other(
    show: Callable[..., Page], runs: Path, write_run: WriteRun, width: int
) -> None:
    for number in range(6):
        write_run(f"nearly-alike-{number}", 30 + number / 5, budget="100")
        write_run(f"nearly-alike-{number}", 50 + number / 5, budget="500")
    write_run("only-once", 33, budget="100")
    page = show(runs, width=width)
    overlaps = """
      return [...document.querySelectorAll('.suite[data-suite=toy] figure svg')].map(svg => {
        const boxes = [...svg.querySelectorAll('text.label')].map(text => text.getBBox());
        const apart = (a, b) => a.x >= b.x + b.width || a.y + 3 >= b.y + b.height - 3;
        const lie = (a, b) => !apart(a, b) && !apart(b, a);
        return [boxes.length, boxes.filter((a, at) => boxes.some((b, other) => other > at && lie(a, b))).length];
      })"""
    found = js(page, overlaps)
    assert len(found) == 2
    assert all(labels > 6 and over == 0 for labels, over in found), found


def test_start_stands_beside_the_learned_pairs_and_given_options_before_all(
    show: Callable[..., Page], runs: Path, write_run: WriteRun
) -> None:
    start = {"scores": {"convnet": scores(12.0)}, "cost": {"pairs": 3, "bytes": 1}}
    command = ["vlbench", "run", "--method", "learnt", "-o", "learnt.rate=2", "--set", "training.seeds=1"]
    more = {"options": {"rate": 2, "stay": 1.5}, "start": start, "command": command, "family": "distillation"}
    folder = write_run("learnt", 40.0, budget="100", **more)
    numpy.save(folder / "start.npy", numpy.load(folder / "preview.npy"))
    about = {"captions": ["one", "two", "three"], "cosines": [0.5, 0.25, 1.0]}
    (folder / "start.json").write_text(json.dumps(about), encoding="utf-8")
    page = show(runs)
    js(page, f"""document.querySelector('{FIRST.replace("'", '"')} tr[data-method=learnt] a').click()""")
    assert waited(lambda: js(page, "return document.querySelector('dialog').open"))
    text = js(page, "return document.querySelector('#row-content').innerText")
    assert "+28.00" in text
    assert "0.25 · two" in text
    assert js(page, "return document.querySelectorAll('#row-content .starts .two img').length") == 6
    given = js(
        page,
        "return [...document.querySelectorAll('#row-content section')]"
        ".filter(part => part.querySelector('h3').textContent.startsWith('Options'))"
        ".map(part => part.querySelector('table').innerText).at(-1)",
    )
    assert "rate" in given
    assert "stay" not in given


HOSTILE = (
    "</script><script>document.title='stolen'</script>",
    '"><img src=x onerror="document.title=\'stolen\'">',
    "' onmouseover='document.title=1' autofocus onfocus='document.title=1",
    "javascript:document.title='stolen'",
    "<!--<script>document.title='stolen'//",
    "${document.title='stolen'}",
    "__proto__",
    "<svg onload=document.title=1><style>*{display:none}</style>",
)


def test_nothing_that_a_record_says_runs(
    show: Callable[..., Page], write_run: WriteRun, make_record: MakeRecord, tmp_path: Path
) -> None:  # every text of a record, and its preview's captions, comes from a stranger
    write_run("vldd", 50.0)
    directions = scores(30.0)["directions"]
    for text in HOSTILE:
        # The form of a record leaves "/", backslashes and control characters out of names; other text is free.
        name = re.sub(r"[/\\\x00-\x1f]", "", text)
        more = {
            "id": name, "suite": name, "family": name, "message": text, "created": text, "data_fingerprint": text,
            "options": {text: text}, "overrides": {text: text}, "settings": {text: text}, "warnings": [text],
            "command": [text], "environment": {"device": text, "versions": {text: text}}, "curves": {text: [2.0, 1.0]},
            "plugins": [{"name": text, "version": text, "status": text}], "chosen": {name: {text: text}},
            "scores": {
                name: {**scores(30.0), "directions": {**directions, f"{text}_to_text": directions["image_to_text"]}}
            },
            "baselines": [text], "reference": text, "encoders": {text: {text: text}},
            "plugin_scores": {text: {text: {text: {"mean": 1.0, "sd": 1.0, "seeds": [1.0]}}}},
        }  # fmt: skip
        folder = write_run(name, 30.0, captions=(text, text), **more)
        keep_examples(folder, text)
        failed = {**more, "status": "failed", "scores": {}, "budget": "200"}
        write_record(folder / "failed", make_record(name, 0.0, **failed))
    page = show(tmp_path / "runs")
    opened = js(page, "return [...document.querySelectorAll('.board tbody a')].map(a => { a.click(); return a.hash })")
    assert len(opened) == 1 + 2 * len(HOSTILE)
    for address in opened:
        js(page, f"location.hash = {json.dumps(address)}")
        assert waited(lambda: js(page, "return document.querySelector('dialog').open"))
    titles = set(js(page, "return [...document.querySelectorAll('.board .method a')].map(a => a.textContent)"))
    assert titles == {"vldd", *(re.sub(r"[/\\\x00-\x1f]", "", text) for text in HOSTILE)}
    assert page.title == "vlbench leaderboard"
    assert js(page, "return document.querySelectorAll('[onerror], [onload], [onfocus], [onmouseover]').length") == 0
    assert js(page, "return [...document.links].every(a => a.getAttribute('href').startsWith('#'))")
    assert js(page, "return document.querySelectorAll('body script:not([type])').length") == 1
    quiet(page, tmp_path / "board.html")


def test_the_page_could_not_run_what_it_let_through(show: Callable[..., Page], runs: Path, tmp_path: Path) -> None:
    page = show(runs)
    js(page, "document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"document.title=1\">')")
    js(
        page,
        "const s = document.createElement('script'); s.textContent = 'document.title = 1'; document.body.append(s)",
    )
    js(page, "return fetch('data:,x').then(() => document.title = 2, () => 0)")
    assert page.title == "vlbench leaderboard"
    assert any("Content Security Policy" in entry["message"] for entry in page.get_log("browser"))


PLAY = """
const done = arguments[arguments.length - 1], player = document.querySelector('dialog audio');
player.muted = true;  // so that it may play without a click
const end = () => done([player.error && player.error.message, player.duration, player.currentTime, player.readyState]);
player.addEventListener('ended', end);
player.addEventListener('error', end);
player.play().catch((error) => done([String(error), 0, 0, 0]));
"""


def test_sounds_of_pairs_play_to_their_end(show: Callable[..., Page], write_run: WriteRun, tmp_path: Path) -> None:
    folder = write_run("vldd", 30.0)
    levels = torch.full((64, 32), 150, dtype=torch.uint8)
    preview = json.loads((folder / "preview.json").read_text())
    sounds = [base64.b64encode(vlbench.data.listen(levels)).decode()] * 2
    (folder / "preview.json").write_text(json.dumps(preview | {"sounds": sounds}))
    page = show(tmp_path / "runs")
    click(page, f"{FIRST} tbody.ranked .method a")
    assert waited(lambda: js(page, "return document.querySelectorAll('dialog audio').length") == len(sounds))
    error, duration, at, ready = page.execute_async_script(PLAY)
    assert error is None
    assert duration == pytest.approx(31 * 500 / 16_000, abs=0.01)
    assert (at, ready) == (pytest.approx(duration, abs=0.05), 4)
    quiet(page, tmp_path / "board.html")
