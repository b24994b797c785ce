"""Pairs of video and text are loaded by the line that each export prints; sounds go out as a table with files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

import vlbench
import vlbench.cli.main

PAIRS = 8
TOOLS = {"table": "pandas", "imagefolder": "datasets", "parquet": "datasets", "webdataset": "webdataset"}
QUICK = {"rows.always": "[]", "rows.full": "false", "training.seeds": "1"}


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs")
    return out / vlbench.run(method="random", budget=PAIRS, suite="clips-mini", out=out, overrides=QUICK).id


def export(run: Path, target: Path, form: str) -> Result:
    words = ["export", str(run), "--to", str(target), "--format", form]
    return CliRunner().invoke(vlbench.cli.main.main, words)


def pairs_of(form: str, loaded: Any, target: Path) -> list[tuple[Any, str]]:
    """Pictures and texts as a tool gives them."""
    if form == "table":
        from PIL import Image

        return [(Image.open(target / row.video_file), row.text) for row in loaded.itertuples()]
    return list(loaded) if form == "webdataset" else [(row["image"], row["text"]) for row in loaded]


# The tools leave files to the garbage collector.
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("form", TOOLS)
def test_clips_are_loaded_by_the_line_that_the_export_prints(
    form: str, clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool = pytest.importorskip(TOOLS[form])
    if form in ("imagefolder", "parquet"):
        monkeypatch.setattr(tool.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    done = export(clips, tmp_path / "out", form)
    assert done.exit_code == 0, done.output
    line = done.output.split("Load it:\n")[1].splitlines()[0].strip()
    found = pairs_of(form, eval(line, {TOOLS[form]: tool}), tmp_path / "out")
    assert len(found) == PAIRS
    assert all(np.asarray(picture).shape == (32, 8 * 32, 3) for picture, _ in found)  # eight frames side by side
    assert all(isinstance(text, str) and " " in text for _, text in found)
