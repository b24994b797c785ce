"""Plugins: found, isolated from one another, and reported by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from vlbench.errors import PluginError, UnknownNameError
from vlbench.registry.loader import load_registry
from vlbench.registry.registry import Plugin, Registry
from vlbench.registry.specs import resolve

GOOD = """
from dataclasses import dataclass
import vlbench

@dataclass(frozen=True)
class Options:
    start: int = vlbench.option(0, help="first")

class EveryNth:
    pass

@vlbench.hookimpl
def vlbench_methods():
    return [vlbench.MethodSpec(name="{name}", target="{module}:EveryNth", options=Options, family="selection",
                               summary="Keep every n-th pair.")]
"""


def plugin(folder: Path, module: str, *, name: str = "", text: str = "") -> str:
    """A plugin file with one method, or with the text given."""
    path = folder / f"{module}.py"
    path.write_text(text or GOOD.format(name=name or module, module=module))
    return str(path)


def hook(body: str) -> str:
    return f"import vlbench\n@vlbench.hookimpl\ndef vlbench_methods():\n    {body}\n"


def found(registry: Registry, name: str) -> Plugin:
    return next(plugin for plugin in registry.plugins if plugin.name == name)


def test_core_declares_its_encoders_through_the_hooks() -> None:
    registry = load_registry()
    assert {"timm", "sentence-transformers"} <= set(registry.encoders)
    assert registry.owner("encoder", "timm") == "vlbench"
    assert registry.plugins[0].status == "ok"


def test_file_plugin_is_loaded_and_its_target_resolves(tmp_path: Path) -> None:
    registry = load_registry([plugin(tmp_path, "loader_good", name="every-nth")])
    assert found(registry, "loader_good").status == "ok"
    assert resolve(registry.method("every-nth").target).__name__ == "EveryNth"


def test_file_plugin_can_be_loaded_again_and_replaced(tmp_path: Path) -> None:
    first = plugin(tmp_path, "loader_twice", name="one")
    assert "one" in load_registry([first]).methods
    assert "one" in load_registry([first]).methods
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert "two" in load_registry([plugin(elsewhere, "loader_twice", name="two")]).methods


@pytest.mark.parametrize(
    ("text", "status", "detail"),
    [
        ("import no_such_module_at_all", "missing dependency no_such_module_at_all", "no_such_module_at_all"),
        ("1 / 0", "import error", "ZeroDivisionError"),
        ("raise SystemExit(3)", "import error", "SystemExit"),
        ("def broken(:", "import error", "SyntaxError"),
        ("x = 1", "incompatible", "no hook"),
        (hook("raise ValueError('told you')"), "incompatible", "told you"),
        (hook("import no_such_module_at_all"), "missing dependency no_such_module_at_all", "vlbench_methods"),
        (hook("return None"), "incompatible", "returned None"),
        (hook("return ['vldd']"), "incompatible", "'vldd'"),
        (hook("return [vlbench.MethodSpec('a b', 'm:C', 'selection', 's')]"), "incompatible", "'a b'"),
        (hook("return [vlbench.SuiteSpec('s', 'p:f.toml', 's')]"), "incompatible", "MethodSpec only"),
        (hook("yield 1"), "incompatible", "generator"),
        (hook("return []").replace("vlbench_methods()", "vlbench_methods(registry)"), "incompatible", "registry"),
        (hook("return []").replace("vlbench_methods", "vlbench_metods"), "incompatible", "vlbench_metods"),
        (hook("return 2 * [vlbench.MethodSpec('twice', 'm:C', 'selection', 's')]"), "duplicate", "'twice'"),
    ],
)
def test_broken_plugin_is_reported_and_the_rest_go_on(tmp_path: Path, text: str, status: str, detail: str) -> None:
    files = [plugin(tmp_path, "loader_broken", text=text), plugin(tmp_path, "loader_fine")]
    registry = load_registry(files)
    broken = found(registry, "loader_broken")
    assert broken.status == status
    assert detail in broken.detail
    assert found(registry, "loader_fine").status == "ok"
    assert "loader_fine" in registry.methods


def test_taken_name_is_refused_and_the_first_keeps_it(tmp_path: Path) -> None:
    files = [plugin(tmp_path, "loader_first", name="same"), plugin(tmp_path, "loader_second", name="same")]
    registry = load_registry(files)
    assert registry.method("same").target == "loader_first:EveryNth"
    assert found(registry, "loader_second").status == "duplicate"
    assert "loader_first" in found(registry, "loader_second").detail


def test_file_may_not_replace_another_module(tmp_path: Path) -> None:
    registry = load_registry([plugin(tmp_path, "json", name="mine")])
    assert found(registry, "json").status == "duplicate"
    assert "Rename" in found(registry, "json").detail


def test_installed_plugin_is_found_by_its_entry_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plugin(tmp_path, "loader_installed", name="installed")
    information = tmp_path / "loader_installed-2.5.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: loader-installed\nVersion: 2.5\n")
    (information / "entry_points.txt").write_text("[vlbench]\ninstalled-plugin = loader_installed\n")
    monkeypatch.syspath_prepend(tmp_path)
    registry = load_registry()
    assert found(registry, "installed-plugin") == Plugin("installed-plugin", "loader-installed", "2.5", "ok")
    assert "installed" in registry.methods
    row = {"name": "installed-plugin", "distribution": "loader-installed", "version": "2.5", "status": "ok"}
    assert row in registry.plugin_rows()


def test_blocked_plugin_is_not_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = plugin(tmp_path, "loader_blocked", text="raise RuntimeError('imported')")
    monkeypatch.setenv("VLBENCH_BLOCK_PLUGINS", "other, loader_blocked")
    assert found(load_registry([file]), "loader_blocked").status == "blocked"


def test_only_allowed_plugins_are_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [plugin(tmp_path, "loader_wanted"), plugin(tmp_path, "loader_unwanted")]
    monkeypatch.setenv("VLBENCH_ALLOW_PLUGINS", "loader_wanted")
    registry = load_registry(files)
    assert list(registry.methods) == ["loader_wanted"]
    assert found(registry, "loader_unwanted").status == "blocked"
    assert "timm" in registry.encoders


def test_strict_turns_a_broken_plugin_into_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLBENCH_STRICT", "1")
    with pytest.raises(PluginError, match="loader_strict: import error"):
        load_registry([plugin(tmp_path, "loader_strict", text="1 / 0")])


def test_plugin_file_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(PluginError, match=r"nowhere\.py"):
        load_registry(["nowhere.py"])


def test_unknown_name_names_the_nearest_and_what_is_broken(tmp_path: Path) -> None:
    files = [plugin(tmp_path, "loader_near", name="every-nth"), plugin(tmp_path, "loader_bad", text="1 / 0")]
    with pytest.raises(UnknownNameError) as caught:
        load_registry(files).method("evry-nth")
    assert "no method called 'evry-nth'. Did you mean 'every-nth'?" in str(caught.value)
    assert "Details: vlbench methods" in str(caught.value)
    assert "loader_bad (import error)" in str(caught.value)


def test_what_a_plugin_prints_does_not_reach_standard_output(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    load_registry([plugin(tmp_path, "loader_chatty", text="print('hello')\n" + hook("print('there'); return []"))])
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "hello\nthere\n"
