"""From a name to a package that installs, passes its own tests and runs."""

from __future__ import annotations

import importlib.util
import keyword
import re
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import vlbench
from vlbench.errors import PluginError
from vlbench.files import whole_folder
from vlbench.registry.spec_rules import Family

if TYPE_CHECKING:
    from vlbench.registry.registry import Registry

TEMPLATES = Path(__file__).parent / "templates"
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


def write_package(name: str, family: str, out: Path, registry: Registry) -> list[Path]:
    """Write ``out/name`` and return its files, relative to it.

    Args:
        name: of what it declares; also of the plugin.
        family: ``selection`` or ``distillation``, for a method, or another kind of declaration.
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
    with whole_folder(folder) as fresh:
        for root in (TEMPLATES / "common", TEMPLATES / family):
            for template in sorted(path for path in root.rglob("*.in") if path.is_file()):
                _write(fresh, template.relative_to(root), template.read_text(encoding="utf-8"), values)
    return sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())


def _check_name(name: str, module: str, family: str, registry: Registry) -> None:
    if not _NAME.fullmatch(name) or keyword.iskeyword(_class_name(name)):
        raise PluginError(
            f"{name!r} cannot name a plugin. Use lower-case letters, digits and single '-', a letter first, as in "
            f"every-nth."
        )
    kind = "method" if family in get_args(Family) else family
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
