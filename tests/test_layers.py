"""The shape of the tree: who may import whom."""

import ast
import graphlib
from pathlib import Path

import grimp
import pytest

import vlbench
from vlbench.registry.loader import load_registry

ROOT = Path(__file__).parents[1]
PLUGINS = sorted(path.name for path in (ROOT / "plugins").iterdir() if (path / "__init__.py").exists())
OUTSIDE = sorted(path.parent for path in (ROOT / "tests" / "outside").glob("*/pyproject.toml"))
CORE = sorted((ROOT / "vlbench").rglob("*.py"))
DOORS = {"vlbench", "vlbench.errors", "vlbench.testing", *(f"vlbench.{name}" for name in vlbench.SUBMODULES)}
"""All that a plugin may import of the core."""
HEAVY = {"torch", "timm", "transformers", "sentence_transformers", "peft", "faiss", "sklearn", "datasets"}


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found.add(str(node.module))
    return found


def test_the_core_names_no_plugin():
    for path in CORE:
        tops = {name.split(".")[0] for name in imports(path)}
        assert not tops & {*PLUGINS, "vlbench_suites"}, path


@pytest.mark.parametrize("plugin", PLUGINS)
def test_a_plugin_reaches_the_core_through_the_facade_alone(plugin: str):
    for path in sorted((ROOT / "plugins" / plugin).rglob("*.py")):
        doors = {name for name in imports(path) if name.split(".")[0] == "vlbench"}
        assert doors <= DOORS, path
        others = {name.split(".")[0] for name in imports(path)} & (set(PLUGINS) - {plugin})
        assert not others, path


@pytest.mark.parametrize("folder", OUTSIDE, ids=lambda folder: folder.name)
def test_a_plugin_outside_the_tree_needs_the_facade_alone(folder: Path):
    modules = {path.stem if path.parent == folder else path.parent.name for path in folder.rglob("*.py")}
    for path in folder.rglob("*.py"):
        tops = {name for name in imports(path) if name.split(".")[0].startswith("vlbench")}
        assert {name for name in tops if name.split(".")[0] not in modules} <= DOORS, path


@pytest.mark.parametrize("plugin", [*PLUGINS, "vlbench_suites"])
def test_declaring_a_plugin_imports_nothing_heavy(plugin: str):
    folder = next(p for p in (ROOT / "plugins" / plugin, ROOT / "benchmarks" / plugin) if p.exists())
    assert not {name.split(".")[0] for name in imports(folder / "__init__.py")} & HEAVY


@pytest.fixture(scope="module")
def graph() -> dict[str, set[str]]:
    """Module -> modules it imports, late imports in functions included; those of TYPE_CHECKING are no imports."""
    found = grimp.build_graph("vlbench", *PLUGINS, exclude_type_checking_imports=True, cache_dir=None)
    return {name: found.find_modules_directly_imported_by(name) for name in found.modules}


def assert_no_circle(graph: dict[str, set[str]]) -> None:
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        raise AssertionError(" -> ".join(error.args[1])) from None


def test_no_modules_import_each_other_in_a_circle(graph: dict[str, set[str]]):
    assert_no_circle(graph)


def test_no_rooms_import_each_other_in_a_circle(graph: dict[str, set[str]]):
    def room(name: str) -> str:
        return ".".join(name.split(".")[:2])

    rooms: dict[str, set[str]] = {room(name): set() for name in graph}
    for name, imported in graph.items():
        rooms[room(name)] |= {room(other) for other in imported} - {room(name)}
    assert_no_circle(rooms)


def test_a_late_import_that_closes_a_circle_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "layers_sample").mkdir()
    (tmp_path / "layers_sample" / "__init__.py").write_text("")
    (tmp_path / "layers_sample" / "one.py").write_text("import layers_sample.two")
    (tmp_path / "layers_sample" / "two.py").write_text("def late():\n    import layers_sample.one")
    monkeypatch.syspath_prepend(tmp_path)
    found = grimp.build_graph("layers_sample", exclude_type_checking_imports=True, cache_dir=None)
    with pytest.raises(AssertionError, match=r"layers_sample\.one"):
        assert_no_circle({name: found.find_modules_directly_imported_by(name) for name in found.modules})


OTHER_MEANINGS = {
    "vlbench/registry/patches.py": {"random"},  # Python's module
    "vlbench/records/upgrade.py": {"random", "mean-caption"},  # baselines of records that did not name them
    "vlbench/matching": {"tesla"},  # a gradient, which a method is named after
    "vlbench": {"noise"},  # a setting of Recipe
}
"""File or folder -> names of bundled methods that mean something else there."""


def test_no_text_of_the_core_is_the_name_of_a_bundled_method():
    methods = set(load_registry().all("method"))
    assert methods
    for path in CORE:
        name = path.relative_to(ROOT).as_posix()
        other = {text for where, texts in OTHER_MEANINGS.items() if name.startswith(where) for text in texts}
        nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        texts = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
        assert not texts & (methods - other), (path, texts & methods)


def test_names_of_tests_have_at_most_80_characters():
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                assert len(node.name) <= 80, f"{path.name}: {node.name} has {len(node.name)}"
