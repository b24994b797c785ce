"""A folder of pages that needs no server, whatever the records in it say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from vlbench.cli.main import main

from .conftest import WriteRun

HOSTILE = '</script><script>document.title="stolen"</script><img src=x onerror="document.title=1">'


@pytest.fixture
def make(runs: Path, tmp_path: Path):
    def make(*words: str, of: Path = runs) -> Result:
        return CliRunner().invoke(main, ["site", str(of), "--to", str(tmp_path / "public"), *words])

    return make


def test_a_site_has_an_index_a_board_for_each_suite_and_a_list_of_its_files(make, tmp_path: Path) -> None:
    done = make("--title", "Our <board>")
    assert done.exit_code == 0, done.output
    public = tmp_path / "public"
    files = json.loads((public / "site.json").read_text())["files"]
    assert files[0] == "index.html"
    assert sorted(name.rpartition("-")[0] for name in files[1:]) == ["flickr30k-vldd", "toy"]
    index = (public / "index.html").read_text()
    assert "Our &lt;board&gt;" in index
    for name in files[1:]:
        assert f'href="{name}"' in index
        assert 'href="index.html"' in (public / name).read_text()


def test_another_call_takes_away_what_is_no_longer_made_and_nothing_else(
    make, write_run: WriteRun, tmp_path: Path
) -> None:
    make()
    public, outside = tmp_path / "public", tmp_path / "outside.html"
    (public / "CNAME").write_text("board.example")
    outside.write_text("mine")
    content = json.loads((public / "site.json").read_text())
    (public / "site.json").write_text(json.dumps({"files": [*content["files"], "../outside.html", str(outside)]}))
    folder = write_run("vldd", 30.0, suite="new")
    assert make(of=folder).exit_code == 0
    assert outside.exists()
    there = {path.name.rpartition("-")[0] or path.name for path in public.iterdir() if path.is_file()}
    assert there == {"CNAME", "index.html", "site.json", "new"}


def test_a_folder_that_is_no_site_is_left_alone(make, tmp_path: Path) -> None:
    (tmp_path / "public").mkdir()
    (tmp_path / "public" / "thesis.tex").write_text("mine")
    done = make()
    assert done.exit_code == 1
    assert "no site.json" in done.output
    assert [path.name for path in (tmp_path / "public").iterdir()] == ["thesis.tex"]


def test_no_record_writes_outside_or_becomes_markup(make, write_run: WriteRun, tmp_path: Path) -> None:
    write_run("..", 40.0, suite=HOSTILE.replace("/", "\u2215"), command=["vlbench", HOSTILE])
    write_run(HOSTILE.replace("/", "\u2215"), 40.0, status="failed", scores={}, message=HOSTILE)
    assert make().exit_code == 0
    assert {path.name for path in tmp_path.iterdir()} <= {"runs", "public"}
    for page in (tmp_path / "public").glob("*.html"):
        text = page.read_text()
        assert "<img src=x" not in text
        assert text.count("<script>") == (0 if page.name == "index.html" else 1)


def test_pages_work_from_a_disk_and_ask_for_nothing(make, chromium: Any, tmp_path: Path) -> None:
    make()
    chromium.get("about:blank")
    for log in ("browser", "performance"):
        chromium.get_log(log)
    chromium.get((tmp_path / "public" / "index.html").as_uri())
    chromium.execute_script("document.querySelector('.suites td a').click()")
    assert chromium.execute_script("return document.querySelector('dialog').open")
    assert chromium.get_log("browser") == []
    events = [json.loads(entry["message"])["message"] for entry in chromium.get_log("performance")]
    asked = [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]
    assert {url.partition(":")[0] for url in asked} <= {"file", "data"}
