"""Which code a method was run with."""

from __future__ import annotations

import hashlib
import importlib.util
from importlib.machinery import ModuleSpec
from pathlib import Path


def code_hash(target: str) -> str:
    """Leading 16 hexadecimal digits of the SHA-256 of a target's source, wherever it is installed; "" if none is found.

    Of all Python files of the target's top-level package, with their paths inside it, or of its single module.

    Args:
        target: ``"package.module:Name"``; the package is found, not imported.
    """
    spec = importlib.util.find_spec(target.partition(":")[0].split(".")[0])
    digest = hashlib.sha256()
    files = _sources(spec) if spec else []
    for name, path in files:
        content = path.read_bytes().replace(b"\r\n", b"\n")
        digest.update(f"{name}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()[:16] if files else ""


def _sources(spec: ModuleSpec) -> list[tuple[str, Path]]:
    """(path inside the package, file), in the order of the former."""
    folders = [Path(folder) for folder in spec.submodule_search_locations or ()]
    if not folders and spec.origin and Path(spec.origin).is_file():
        return [(Path(spec.origin).name, Path(spec.origin))]
    return sorted((path.relative_to(folder).as_posix(), path) for folder in folders for path in folder.rglob("*.py"))
