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


def _install(site: Path, name: str) -> Path:
    """A plugin as pip leaves it; gives its module's file."""
    information = site / f"listing_{name}-1.0.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: listing-{name}\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text(f"[vlbench]\nlisting-{name} = listing_{name}\n")
    module = site / f"listing_{name}.py"
    module.write_text(TEXT.format(name=name))
    return module


def test_names_are_kept_until_a_plugin_comes_changes_or_is_blocked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VLBENCH_CACHE", str(tmp_path / "cache"))
    site = tmp_path / "site"
    module = _install(site, "first")
    monkeypatch.syspath_prepend(site)
    assert listed("command")["first"] == "Greet."
    kept = tmp_path / "cache" / "names.json"
    changed = json.loads(kept.read_text())
    changed["names"]["command"] = {"kept": "Read from the file."}
    kept.write_text(json.dumps(changed))
    assert listed("command") == {"kept": "Read from the file."}
    os.utime(module, ns=(1, 1))
    assert "first" in listed("command")
    _install(site, "second")
    assert {"first", "second"} <= set(listed("command"))
    monkeypatch.setenv("VLBENCH_PLUGINS_BLOCK", "listing-first")
    assert "first" not in listed("command")
    kept.write_text("{")
    assert "leaderboard" in listed("command")
