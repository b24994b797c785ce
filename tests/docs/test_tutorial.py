"""The tutorial for plugin authors, run from the first line to the last."""

import os
import re
import shlex
import subprocess
import sys
import venv
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "plugins.md"
BLOCK = re.compile(r"^```(\w+)(?: title=\"([^\"]+)\")?\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks() -> list[tuple[str, str, str]]:
    return BLOCK.findall(PAGE.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tutorial")
    for _, title, content in blocks():
        if title:
            (folder / title).write_text(content, encoding="utf-8")
    return folder


def call(words: list[str], folder: Path) -> str:
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("line", [line for kind, _, text in blocks() if kind == "sh" for line in text.splitlines()])
def test_every_command_of_the_tutorial_works(line: str, folder: Path):
    words = shlex.split(line)
    assert words[0] == "vlbench"
    assert call([sys.executable, "-m", "vlbench", *words[1:]], folder)


def test_the_tutorial_method_is_known_without_a_flag_once_installed_and_passes_the_checks(folder: Path, tmp_path: Path):
    environment = tmp_path / "venv"
    venv.create(environment, system_site_packages=False, with_pip=False)
    python = environment / "bin" / "python"
    site = next((environment / "lib").glob("python*/site-packages"))
    (site / "host.pth").write_text("\n".join(p for p in sys.path if p and Path(p).is_dir()), encoding="utf-8")
    install = [sys.executable, "-m", "pip", "--quiet", "install", "--no-deps", "--target", str(site), "."]
    call(install, folder)
    listed = call([str(python), "-m", "vlbench", "methods"], tmp_path)
    assert "every-nth" in listed
    (tmp_path / "test_every_nth.py").write_text((folder / "test_every_nth.py").read_text())
    plain = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST")}
    done = subprocess.run(
        [str(python), "-m", "pytest", "-q", "test_every_nth.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env=plain,
    )
    assert done.returncode == 0, done.stdout + done.stderr
