"""Names without importing plugins."""

import json
import os
from pathlib import Path

import pytest

from vlbench.registry.listing import listed

TEXT = """
import vlbench
@vlbench.hookimpl
def vlbench_commands():
    return [vlbench.Declaration({name!r}, "somewhere:command", "Greet.")]
"""


def test_names_are_kept_until_a_plugin_changes_or_is_blocked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLBENCH_CACHE", str(tmp_path / "cache"))
    module = tmp_path / "listing_installed.py"
    module.write_text(TEXT.format(name="first"))
    information = tmp_path / "listing_installed-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: listing-installed\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text("[vlbench]\nlisting = listing_installed\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert listed("command")["first"] == "Greet."
    kept = tmp_path / "cache" / "names.json"
    changed = json.loads(kept.read_text())
    changed["names"]["command"] = {"kept": "Read from the file."}
    kept.write_text(json.dumps(changed))
    assert listed("command") == {"kept": "Read from the file."}
    os.utime(module, ns=(1, 1))
    assert "first" in listed("command")
    monkeypatch.setenv("VLBENCH_PLUGINS_BLOCK", "listing")
    assert "first" not in listed("command")
    kept.write_text("{")
    assert "leaderboard" in listed("command")
