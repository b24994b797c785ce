"""The tutorial for plugin authors, run from the first line to the last."""

import os
import re
import shlex
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "plugins.md"
BLOCK = re.compile(r"^```(\w+)(?: title=\"([^\"]+)\")?\n(.*?)^```", re.MULTILINE | re.DOTALL)
BLOCKS = BLOCK.findall(PAGE.read_text(encoding="utf-8"))


class Newcomer:
    """Types what the page says, in a folder and an environment of their own that has vlbench and what it needs."""

    def __init__(self, folder: Path) -> None:
        self.folder, environment = folder, folder / "venv"
        venv.create(environment, system_site_packages=False, with_pip=False)
        self.python = environment / "bin" / "python"
        self.site = next((environment / "lib").glob("python*/site-packages"))
        outside = str(ROOT / "tests" / "outside")
        paths = [path for path in sys.path if path and Path(path).is_dir() and not path.startswith(outside)]
        (self.site / "host.pth").write_text("\n".join(paths), encoding="utf-8")

    def type(self, line: str) -> str:
        """Run a line of the page; what it prints."""
        words = shlex.split(line)
        pip = [sys.executable, "-m", "pip", "--quiet", "install", "--no-deps", "--target", str(self.site)]
        commands = {
            "vlbench": [str(self.python), "-m", "vlbench"],
            "pytest": [str(self.python), "-m", "pytest", "-q"],
            "pip": pip,
        }
        rest = words[2:] if words[:2] == ["pip", "install"] else words[1:]
        plain = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST")}
        done = subprocess.run(
            [*commands[words[0]], *rest],
            cwd=self.folder, capture_output=True, text=True, env=plain, check=False, timeout=600,
        )  # fmt: skip
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        return done.stdout


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Every line of the page that is to be typed -> what it printed."""
    newcomer = Newcomer(tmp_path_factory.mktemp("tutorial"))
    out = {}
    for kind, title, content in BLOCKS:
        if title:
            (newcomer.folder / title).write_text(content, encoding="utf-8")
        elif kind == "sh":
            out |= {line: newcomer.type(line) for line in content.splitlines()}
    return out


def mean_recalls(board: str) -> dict[str, float]:
    """Method -> mean recall, in the order of the printed table."""
    rows = re.findall(r"^([a-z][\w-]*)(?: of)?(?: [a-z][\w-]*)?((?: +[\d.]+){7}) ", board, re.MULTILINE)
    return {name: float(values.split()[-1]) for name, values in rows}


def test_every_line_works_and_the_method_ends_above_the_selectors(printed: dict[str, str]):
    recall = mean_recalls(printed["vlbench leaderboard runs"])
    selectors = {"every-nth", "herding", "k-center", "random", "mean-caption"}
    assert {"text-ridge", "start", "random-bytes", "full", "chance", *selectors} == recall.keys()
    assert recall["text-ridge"] > max(recall[name] for name in selectors)
    assert next(iter(recall)) == "text-ridge"


def test_what_is_tuned_on_val_says_so_and_stands_apart(printed: dict[str, str]):
    (tuned,) = (text for line, text in printed.items() if "training.split=val" in line)
    assert "on the val split" in tuned
    assert "Off protocol (training.split=val" in tuned


def test_the_board_on_the_page_is_the_one_printed(printed: dict[str, str]):
    (shown,) = (content for kind, _, content in BLOCKS if kind == "text")
    assert list(mean_recalls(shown)) == list(mean_recalls(printed["vlbench leaderboard runs"]))


def test_the_method_of_the_page_is_short_and_is_the_one_outside_the_tree():
    (code,) = (content for _, title, content in BLOCKS if title == "ridge_meta.py")
    assert len(code.splitlines()) < 60
    assert code == (ROOT / "tests" / "outside" / "ridge-meta" / "ridge_meta.py").read_text(encoding="utf-8")
