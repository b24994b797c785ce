"""Numbers of papers that a plugin declares: shown on the page and in the terminal, and refused where they are unfit."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from vlbench.cli.main import main
from vlbench.records.record import write_record

from ..conftest import MakeRecord

PLUGIN = """
import vlbench

@vlbench.hookimpl
def vlbench_published():
    return [vlbench.board.PublishedSpec(name="memes", numbers="meme_papers:numbers.csv", summary="For a test.",
                                  protocols="meme_papers:protocols.csv")]
"""
HEAD = "method,dataset,budget,metric,value,sd,image_encoder,text_encoder,protocol,seen,source,note\n"
LINE = "MemeMatch,memes,100,TR@1,{value},0.5,ResNet,BERT,{protocol},table,Meme et al. 2025 <b>,\n"
PROTOCOLS = "protocol,trains,loss,training,checkpoint,caveat\nmeme,all,InfoNCE,10 epochs,last epoch,none\n"


@pytest.fixture
def ask(tmp_path: Path):
    def ask(*words: str, numbers: str = HEAD + LINE.format(value=12.3, protocol="meme")) -> Result:
        (tmp_path / "meme_papers.py").write_text(PLUGIN)
        (tmp_path / "numbers.csv").write_text(numbers)
        (tmp_path / "protocols.csv").write_text(PROTOCOLS)
        return CliRunner().invoke(main, ["--plugin", str(tmp_path / "meme_papers.py"), "leaderboard", *words])

    return ask


def test_numbers_of_a_plugin_are_shown_with_how_they_were_made(ask):
    done = ask("--published", "memes")
    assert done.exit_code == 0, done.output
    assert "PUBLISHED on memes: 1 numbers, 1 sources" in done.output
    assert "reported epoch: last epoch" in done.output
    assert "12.3" in done.output


def test_numbers_of_a_plugin_stand_below_the_suite_named_after_the_dataset(
    ask, tmp_path: Path, make_record: MakeRecord
):
    for suite in ("memes-100", "other"):
        write_record(tmp_path / "runs" / suite, make_record("herding", 30.0, suite=suite))
    done = ask(str(tmp_path / "runs"), "--format", "html")
    assert done.exit_code == 0, done.output
    assert done.output.count('<details class="published" open>') == 1
    assert "Meme et al. 2025 &lt;b&gt;" in done.output
    assert done.output.index("MemeMatch") > done.output.index('data-suite="memes-100"')


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        (HEAD.replace("sd,", ""), "has no column 'sd'"),
        (HEAD + LINE.format(value="many", protocol="meme"), "line 2: 'many' is not a percentage"),
        (HEAD + LINE.format(value="nan", protocol="meme"), "line 2: 'nan' is not a percentage"),
        (HEAD + LINE.format(value=3, protocol="mine"), "protocol is 'mine'. It must be one of: "),
        (HEAD + "MemeMatch,memes\n", "line 2: it must have a value"),
    ],
)
def test_a_file_that_is_unfit_is_refused_with_its_line(ask, numbers: str, said: str):
    done = ask("--published", "memes", numbers=numbers)
    assert done.exit_code == 1
    assert said in done.output


def test_a_collection_names_csv_files(ask, tmp_path: Path):
    (tmp_path / "bad.py").write_text(PLUGIN.replace("numbers.csv", "numbers.xlsx"))
    done = CliRunner().invoke(main, ["--plugin", str(tmp_path / "bad.py"), "leaderboard", "--published", "memes"])
    assert "It must be 'package:file.csv'." in done.output


def test_unknown_dataset_names_the_nearest(ask):
    done = ask("--published", "meme")
    assert done.exit_code == 1
    assert "Did you mean 'memes'?" in done.output
    assert ask("--published", "memes", "--format", "csv").exit_code == 2
