"""The page on a user's own data says what the program does."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click
import safetensors.torch
import torch
from click.testing import CliRunner

import vlbench
from vlbench.cli.export import FORMATS
from vlbench.cli.main import main
from vlbench.registry.loader import load_registry
from vlbench.registry.options import describe

PAGE = (Path(__file__).parents[2] / "docs" / "your-own-data.md").read_text(encoding="utf-8")


def test_three_lines_of_plain_pytorch_train_on_an_artifact(tmp_path: Path) -> None:
    artifact = vlbench.DistilledPairs(
        sides={"image": torch.randint(0, 256, (6, 3, 8, 8), dtype=torch.uint8), "text": torch.randn(6, 16)},
        spaces={"image": "items", "text": "features:x"},
        fingerprint="0" * 64,
    )
    from vlbench.artifacts.artifact import save_artifact

    save_artifact(artifact, tmp_path)
    (lines,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert len(lines.splitlines()) == 3
    image_tower = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(192, 4))
    text_tower = torch.nn.Linear(16, 4)
    names: dict[str, Any] = {"torch": torch, "safetensors": safetensors, "image_tower": image_tower,
                             "text_tower": text_tower}  # fmt: skip
    exec(lines.replace("artifact.safetensors", str(tmp_path / "artifact.safetensors")), names)
    assert all(parameter.grad is not None for tower in (image_tower, text_tower) for parameter in tower.parameters())


def test_every_command_and_flag_of_the_page_exists() -> None:
    context = main.make_context("vlbench", [], resilient_parsing=True)
    for words in re.findall(r"vlbench ((?:init|run|data \w+|export|plugins new)\b[^`\n|]*)", PAGE):
        command: click.Command | None = main
        for word in words.split():
            if not isinstance(command, click.Group):
                break
            command = command.get_command(context, word)
            assert command is not None, words
        assert command is not None
        flags = {flag for option in command.params for flag in option.opts}
        assert set(re.findall(r"(?<!\S)--?[a-z][a-z-]*", words)) <= flags, words


def test_every_export_format_is_in_the_table() -> None:
    cells = " ".join(re.findall(r"^\| (`\w+`[^|]*)\|", PAGE, re.MULTILINE))
    assert set(re.findall(r"`(\w+)`", cells)) >= set(FORMATS)


def test_options_that_the_page_names_exist() -> None:
    known = {row.name for row in describe(load_registry().get("dataset", "pairs").options)}
    assert set(re.findall(r"-o (\w+)=", PAGE)) | {"skip_bad", "caption_columns"} <= known


def test_the_medical_example_runs(tmp_path: Path, monkeypatch: Any) -> None:
    from PIL import Image

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VLBENCH_CACHE", str(tmp_path / "cache"))
    (tmp_path / "images").mkdir()
    (header, row) = re.findall(r"```csv\n(.*)\n(.*)\n```", PAGE)[0]
    rows = [row.replace("00001", f"{number:05d}").replace("F1", f"F{number}") for number in range(40)]
    (tmp_path / "reports.csv").write_text("\n".join([header, *rows]))
    for number in range(38):
        Image.new("I;16", (8, 8), 1500 * number).save(tmp_path / "images" / f"PMC4083729_F{number}.png")
    (tmp_path / "images" / "PMC4083729_F38.jpg").write_bytes(b"not a picture")
    commands = re.findall(r"^vlbench ((?:init reports|data check roco|run --suite roco).*)$", PAGE, re.MULTILINE)
    assert len(commands) == 3
    for words in commands:
        quick = ["--set", "training.seeds=1", "--set", "rows.always=[]", "--set", "rows.full=false"]
        asked = words.replace("--budget 100", "--budget 10").split() + (quick if words.startswith("run") else [])
        result = CliRunner().invoke(main, asked)
        assert result.exit_code == 0, result.output
