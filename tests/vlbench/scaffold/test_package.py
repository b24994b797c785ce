"""``vlbench plugins new``: all families are made, installed together, pass their own tests and run."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import vlbench.cli.main
from vlbench.cli.plugins_new import FAMILIES

ENTRY = re.compile(r"^(\S+) = \"(\w+)\"$", re.MULTILINE)


def invoke(*words: str) -> Result:
    return CliRunner().invoke(vlbench.cli.main.main, ["plugins", "new", *words])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one package of each family, beside what an installer would note of them."""
    folder = tmp_path_factory.mktemp("made")
    for family in FAMILIES:
        done = invoke(f"my-{family}", "--family", family, "--out", str(folder))
        assert done.exit_code == 0, done.output
        project = (folder / f"my-{family}" / "pyproject.toml").read_text(encoding="utf-8")
        name, module = ENTRY.findall(project.split("[project.entry-points.vlbench]")[1])[0]
        noted = folder / f"my-{family}" / "src" / f"{module}-0.1.0.dist-info"
        noted.mkdir()
        (noted / "METADATA").write_text(f"Metadata-Version: 2.1\nName: vlbench-my-{family}\nVersion: 0.1.0\n")
        (noted / "entry_points.txt").write_text(f"[vlbench]\n{name} = {module}\n")
    return folder


def call(made: Path, *words: str) -> str:
    paths = [str(path) for path in made.glob("*/src")]
    code = f"import sys, runpy; sys.path[:0] = {paths}; runpy.run_module(sys.argv.pop(1), run_name='__main__')"
    command = [sys.executable, "-c", code, *words]
    done = subprocess.run(command, cwd=made, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_family_passes_its_own_tests(made: Path):
    folders = [f"my-{family}/tests" for family in FAMILIES]
    told = call(made, "pytest", "-q", "-p", "no:cacheprovider", "--import-mode=importlib", *folders)
    assert " passed" in told
    assert "skipped" not in told


def test_everything_that_was_made_runs_at_once(made: Path):
    words = ["run", "--method", "my-selection", "--method", "my-distillation", "--budget", "20", "--suite", "my-suite"]
    changes = ["data.name=my-dataset", "data.options={}", "students.convnet.image.encoder=my-encoder"]
    changes += ["rows.always=[]", "rows.full=false", "training.seeds=1"]
    told = call(made, "vlbench", *words, *(word for change in changes for word in ("--set", change)))
    assert re.search(
        r"^my-selection .*^my-distillation |^my-distillation .*^my-selection ", told, re.MULTILINE | re.DOTALL
    )


def test_modules_are_short_and_no_placeholder_is_left(made: Path):
    texts = [path for path in made.rglob("*") if path.suffix in (".py", ".toml", ".md", ".yml")]
    assert len(texts) >= 4 * len(FAMILIES)
    for path in texts:
        text = path.read_text(encoding="utf-8")
        assert not re.search("@[A-Z]+@", text), path
        assert path.suffix != ".py" or len(text.splitlines()) < 60


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["Every Nth"], "cannot name a plugin. Use lower-case letters"),
        (["9lives"], "a letter first, as in every-nth"),
        (["none"], "cannot name a plugin"),
        (["vldd"], "method 'vldd' is declared by plugin 'trajectory' already"),
        (["scenes", "--family", "dataset"], "dataset 'scenes' is declared by plugin 'scenes' already"),
        (["coresets"], "there is a plugin 'coresets' already"),
        (["taken"], "exists. Take another name, give another --out, or remove it first"),
        (["fresh", "--out", "nowhere"], "--out 'nowhere' is no folder"),
    ],
)
def test_what_cannot_be_made_is_refused_with_a_reason_and_leaves_nothing(
    words: list[str], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    Path("taken").mkdir()
    done = invoke(*words)
    assert done.exit_code == 1
    assert told in done.output
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]
