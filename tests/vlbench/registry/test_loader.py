"""Plugins: found, isolated from one another, and reported by name."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from vlbench.errors import PluginError, UnknownNameError
from vlbench.registry.api import PLUGIN_API
from vlbench.registry.loader import load_registry, try_plugins
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
    registry = try_plugins()
    assert {"timm", "sentence-transformers"} <= set(registry.all("encoder"))
    assert registry.owner("encoder", "timm") == "vlbench"
    assert registry.plugins[0].status == "ok"


def test_file_plugin_is_loaded_and_its_target_resolves(tmp_path: Path) -> None:
    registry = try_plugins([plugin(tmp_path, "loader_good", name="every-nth")])
    assert found(registry, "loader_good").status == "ok"
    assert resolve(registry.get("method", "every-nth").target).__name__ == "EveryNth"


def test_file_plugin_can_be_loaded_again_and_replaced(tmp_path: Path) -> None:
    first = plugin(tmp_path, "loader_twice", name="one")
    assert "one" in try_plugins([first]).all("method")
    assert "one" in try_plugins([first]).all("method")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert "two" in try_plugins([plugin(elsewhere, "loader_twice", name="two")]).all("method")


@pytest.mark.parametrize(
    ("text", "status", "detail"),
    [
        ("import no_such_module_at_all", "missing dependency no_such_module_at_all", "no_such_module_at_all"),
        ("x = 1\n1 / 0", "import error", "ZeroDivisionError: division by zero (loader_broken.py, line 2)"),
        ("raise SystemExit(3)", "import error", "SystemExit"),
        ("def broken(:", "import error", "SyntaxError"),
        ("x = 1", "incompatible", "implements no hook. Write a function such as vlbench_methods."),
        ("def vlbench_suites(): return []", "incompatible", "vlbench_suites is not marked. Mark it with @vlbench.hook"),
        (hook("raise ValueError('told you')"), "incompatible", "told you"),
        (hook("import no_such_module_at_all"), "missing dependency no_such_module_at_all", "vlbench_methods"),
        (hook("return None"), "incompatible", "returned None"),
        (hook("return ['vldd']"), "incompatible", "'vldd'"),
        (hook("return [vlbench.MethodSpec('a b', 'm:C', 'selection', 's')]"), "incompatible", "'a b'"),
        (hook("return [vlbench.SuiteSpec('s', 'p:f.toml', 's')]"), "incompatible", "MethodSpec only"),
        (hook("yield 1"), "incompatible", "generator"),
        (hook("return []").replace("vlbench_methods()", "vlbench_methods(registry)"), "incompatible", "registry"),
        (
            hook("return []").replace("vlbench_methods", "vlbench_metods"),
            "incompatible",
            "Did you mean 'vlbench_methods'?",
        ),
        (
            hook("return []").replace("vlbench_methods", "vlbench_zzz"),
            "incompatible",
            "There are vlbench_methods, vlbench_d",
        ),
        (hook("return 2 * [vlbench.MethodSpec('twice', 'm:C', 'selection', 's')]"), "duplicate", "'twice'"),
    ],
)
def test_broken_plugin_is_reported_and_the_rest_go_on(tmp_path: Path, text: str, status: str, detail: str) -> None:
    files = [plugin(tmp_path, "loader_broken", text=text), plugin(tmp_path, "loader_fine")]
    registry = try_plugins(files)
    broken = found(registry, "loader_broken")
    assert broken.status == status
    assert detail in broken.detail
    assert found(registry, "loader_fine").status == "ok"
    assert "loader_fine" in registry.all("method")


def test_taken_name_is_refused_and_the_first_keeps_it(tmp_path: Path) -> None:
    files = [plugin(tmp_path, "loader_first", name="same"), plugin(tmp_path, "loader_second", name="same")]
    registry = try_plugins(files)
    assert registry.get("method", "same").target == "loader_first:EveryNth"
    assert found(registry, "loader_second").status == "duplicate"
    assert "loader_first" in found(registry, "loader_second").detail


def test_file_may_not_replace_another_module(tmp_path: Path) -> None:
    registry = try_plugins([plugin(tmp_path, "json", name="mine")])
    assert found(registry, "json").status == "duplicate"
    assert "Rename" in found(registry, "json").detail


def test_installed_plugin_is_found_by_its_entry_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plugin(tmp_path, "loader_installed", name="installed")
    information = tmp_path / "loader_installed-2.5.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: loader-installed\nVersion: 2.5\n")
    (information / "entry_points.txt").write_text("[vlbench]\ninstalled-plugin = loader_installed\n")
    monkeypatch.syspath_prepend(tmp_path)
    registry = try_plugins()
    assert found(registry, "installed-plugin") == Plugin("installed-plugin", "loader-installed", "2.5", "ok")
    assert "installed" in registry.all("method")
    row = {"name": "installed-plugin", "distribution": "loader-installed", "version": "2.5", "status": "ok"}
    assert row in registry.plugin_rows()


def test_blocked_plugin_is_not_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = plugin(tmp_path, "loader_blocked", text="raise RuntimeError('imported')")
    monkeypatch.setenv("VLBENCH_PLUGINS_BLOCK", "other, loader_blocked")
    assert found(try_plugins([file]), "loader_blocked").status == "blocked"


def test_bundled_plugin_can_be_blocked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLBENCH_PLUGINS_BLOCK", "coresets,vlbench")
    registry = try_plugins()
    assert found(registry, "coresets").status == "blocked"
    assert "random" not in registry.all("method")
    assert found(registry, "vlbench").status == "ok"


def test_only_allowed_plugins_are_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [plugin(tmp_path, "loader_wanted"), plugin(tmp_path, "loader_unwanted")]
    monkeypatch.setenv("VLBENCH_PLUGINS_ALLOW", "loader_wanted")
    registry = try_plugins(files)
    assert list(registry.all("method")) == ["loader_wanted"]
    assert found(registry, "loader_unwanted").status == "blocked"
    assert "timm" in registry.all("encoder")


def test_strict_turns_a_broken_plugin_into_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLBENCH_STRICT", "1")
    (tmp_path / "loader_strict.py").write_text("1 / 0")
    information = tmp_path / "loader_strict-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: loader-strict\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text("[vlbench]\nstrict = loader_strict\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(PluginError, match="strict: import error"):
        load_registry()


def test_a_plugin_file_that_cannot_be_used_is_an_error_with_its_name(tmp_path: Path) -> None:
    files = [plugin(tmp_path, "loader_fine"), plugin(tmp_path, "loader_typo", text="x = 1\n1 / 0")]
    with pytest.raises(PluginError, match=r"loader_typo.py' cannot be used, import error: ZeroDivisionError.*line 2"):
        load_registry(files)


@pytest.mark.parametrize(
    ("limits", "detail"),
    [
        (">=3", "written for VLBENCH_API >=3, this vlbench has 2."),
        ("<2,>=0", "written for VLBENCH_API <2,>=0, this vlbench has 2."),
        ("!=2", "this vlbench has 2."),
        ("~=2", "Write limits with commas, as in '>=2,<3'."),
        ("", None),
        (">=2,<3", None),
        ("== 2", None),
    ],
)
def test_plugin_outside_the_range_it_was_written_for_is_refused(tmp_path: Path, limits: str, detail: str) -> None:
    assert PLUGIN_API == 2
    text = f"VLBENCH_API = {limits!r}\n" + GOOD.format(name="mine", module="loader_range")
    registry = try_plugins([plugin(tmp_path, "loader_range", text=text)])
    loaded = found(registry, "loader_range")
    assert loaded.status == ("incompatible" if detail else "ok")
    assert (detail or "") in loaded.detail
    assert ("mine" in registry.all("method")) is (detail is None)


@pytest.mark.parametrize("raised", ["BaseException('odd')", "GeneratorExit", "SystemExit(0)"])
def test_no_exception_of_a_plugin_gets_through(tmp_path: Path, raised: str) -> None:
    for text in (f"raise {raised}", hook(f"raise {raised}")):
        assert not found(try_plugins([plugin(tmp_path, "loader_odd", text=text)]), "loader_odd").used
        sys.modules.pop("loader_odd", None)


def test_plugin_file_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(PluginError, match=r"nowhere\.py"):
        try_plugins(["nowhere.py"])


def test_unknown_name_names_the_nearest_and_what_is_broken(tmp_path: Path) -> None:
    files = [plugin(tmp_path, "loader_near", name="every-nth"), plugin(tmp_path, "loader_bad", text="1 / 0")]
    with pytest.raises(UnknownNameError) as caught:
        try_plugins(files).get("method", "evry-nth")
    assert "no method called 'evry-nth'. Did you mean 'every-nth'?" in str(caught.value)
    assert "Details: vlbench methods" in str(caught.value)
    assert "loader_bad (import error)" in str(caught.value)


def test_what_a_plugin_prints_does_not_reach_standard_output(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    try_plugins([plugin(tmp_path, "loader_chatty", text="print('hello')\n" + hook("print('there'); return []"))])
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "hello\nthere\n"
