"""The shape of the tree: who may import whom."""

import ast
from pathlib import Path

import pytest

import vlbench

ROOT = Path(__file__).parents[1]
PLUGINS = sorted(path.name for path in (ROOT / "plugins").iterdir() if (path / "__init__.py").exists())
OUTSIDE = sorted(path.parent for path in (ROOT / "tests" / "outside").glob("*/pyproject.toml"))
CORE = sorted((ROOT / "vlbench").rglob("*.py"))
DOORS = {"vlbench", "vlbench.errors", "vlbench.testing", *(f"vlbench.{name}" for name in vlbench.SUBMODULES)}
"""All that a plugin may import of the core."""
HEAVY = {"torch", "timm", "transformers", "sentence_transformers", "peft", "faiss", "sklearn", "datasets"}


def imports(path: Path, *, inside_functions: bool = True) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = ast.walk(tree) if inside_functions else iter(tree.body)
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found.add(str(node.module))
    return found


def module(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


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


def test_no_module_imports_itself_in_a_circle():
    names = {module(path): path for path in CORE}
    graph = {}
    for name, path in names.items():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        targets = set()
        for node in tree.body:
            if isinstance(node, ast.ImportFrom):
                targets |= {str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)}
        graph[name] = {target for target in targets if target in names and target != name}
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, " -> ".join([*trail, name])
        if name not in done:
            for target in graph[name]:
                visit(target, (*trail, name))
            done.add(name)

    for name in names:
        visit(name, ())
