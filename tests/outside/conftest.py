"""The plugins of this folder as if they were installed: their modules on the path, and their entry points beside them.

Continuous integration installs them for good (``.ci/run``).
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
SOURCES = sorted(path.parent for path in HERE.glob("*/pyproject.toml"))

# Test modules beside the plugins import them, and are themselves imported before any fixture runs.
sys.path.extend(str(source) for source in SOURCES)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder on the path with the metadata that installing would leave."""
    folder = tmp_path_factory.mktemp("site-packages")
    for source in SOURCES:
        project = tomllib.loads((source / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        about = folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
        about.mkdir()
        header = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
        (about / "METADATA").write_text(header, encoding="utf-8")
        lines = [f"{name} = {target}" for name, target in project["entry-points"]["vlbench"].items()]
        (about / "entry_points.txt").write_text("\n".join(["[vlbench]", *lines, ""]), encoding="utf-8")
    sys.path.append(str(folder))
    yield folder
    sys.path.remove(str(folder))
