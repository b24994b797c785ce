"""From a name to a package that installs, passes its own tests and runs."""

from __future__ import annotations

import importlib.util
import keyword
import re
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import vlbench
from vlbench.errors import PluginError

if TYPE_CHECKING:
    from vlbench.registry.registry import Registry

KIND_OF = {
    "selection": "method",
    "distillation": "method",
    "dataset": "dataset",
    "encoder": "encoder",
    "suite": "suite",
}
"""Family -> what kind of name the plugin declares."""

TEMPLATES = Path(__file__).parent / "templates"
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


def write_package(name: str, family: str, out: Path, registry: Registry) -> list[Path]:
    """Write ``out/name`` and return its files, relative to it.

    Args:
        name: of the method, data set, encoder or suite; also of the plugin.
        family: a key of ``KIND_OF``.
        out: an existing folder.
        registry: knows the names that are taken.

    Raises:
        PluginError: the name cannot be used or is taken, or the folder is there already.
    """
    module = f"vlbench_{name.replace('-', '_')}"
    _check_name(name, module, family, registry)
    folder = out / name
    if not out.is_dir():
        raise PluginError(f"--out {str(out)!r} is no folder. Make it first, or name another.")
    if folder.exists():
        raise PluginError(f"{str(folder)!r} exists. Take another name, give another --out, or remove it first.")
    values = {"NAME": name, "MODULE": module, "CLASS": _class_name(name), "VERSION": vlbench.__version__}
    fresh = Path(tempfile.mkdtemp(dir=out, prefix=".new-"))
    try:
        for root in (TEMPLATES / "common", TEMPLATES / family):
            for template in sorted(path for path in root.rglob("*.in") if path.is_file()):
                _write(fresh, template.relative_to(root), template.read_text(encoding="utf-8"), values)
        fresh.chmod(0o755)
        fresh.rename(folder)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())


def _check_name(name: str, module: str, family: str, registry: Registry) -> None:
    if not _NAME.fullmatch(name) or keyword.iskeyword(_class_name(name)):
        raise PluginError(
            f"{name!r} cannot name a plugin. Use lower-case letters, digits and single '-', a letter first, as in "
            f"every-nth."
        )
    kind = KIND_OF[family]
    if owner := registry.owner(kind, name):
        raise PluginError(f"{kind} {name!r} is declared by plugin {owner!r} already. Take another name.")
    if name in {plugin.name for plugin in registry.plugins}:
        raise PluginError(f"there is a plugin {name!r} already. Take another name; see: vlbench plugins")
    if importlib.util.find_spec(module) is not None:
        raise PluginError(f"there is a package {module!r} already, as which {name!r} would install. Take another name.")


def _class_name(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("-"))


def _write(folder: Path, relative: Path, text: str, values: dict[str, str]) -> None:
    parts = [part.replace("MODULE", values["MODULE"]).replace("NAME", values["NAME"]) for part in relative.parts]
    target = folder.joinpath(*parts).with_suffix("")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(re.sub("@([A-Z]+)@", lambda match: values[match[1]], text), encoding="utf-8")
