"""The jobs of one command as a file beside the runs, which every machine that sees the folder can read.

A process of its own makes one of them, ``python -m vlbench.runs.worker FILE NUMBER``; ``vlbench status`` shows all.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vlbench.disk.sums import short_hash
from vlbench.errors import DataError
from vlbench.files import read_plain, write_whole
from vlbench.runs.child import asked_of_child
from vlbench.runs.request import RunRequest

if TYPE_CHECKING:
    from vlbench.registry.registry import Registry
    from vlbench.runs.jobs import Job

FOLDER = ".grids"
VERSION = 1
TRAVELS = ("OMP_NUM_THREADS", "HF_HOME", "HF_HUB_CACHE", "VLBENCH_JOURNAL", "VLBENCH_PLUGINS_ALLOW", "VLBENCH_STRICT")
"""Variables of the environment that a worker on another machine takes over. None holds a secret."""


@dataclass(frozen=True)
class Grid:
    """What one command makes.

    Attributes:
        path: of its file, in ``RUNS/.grids``.
        ids: of the runs.
        names: of the rows, for people.
        since_ns: when this wave began, by the clock of the file system.
    """

    path: Path
    ids: tuple[str, ...]
    names: tuple[str, ...]
    since_ns: int

    def words(self, index: int) -> list[str]:
        """The command that makes a row, wherever the folder and this Python are seen."""
        return [sys.executable, "-m", "vlbench.runs.worker", str(self.path), str(index)]

    def shell_line(self, index: int) -> str:
        """The same as a shell takes it, with the row's name as a comment."""
        return f"{shlex.join(self.words(index))}  # {self.names[index]}"

    def log(self, index: int) -> Path:
        """Where the output of a row's process goes."""
        return self.path.with_suffix("") / f"{index:03d}-{self.ids[index]}.log"


def write_grid(jobs: Sequence[Job], ids: Sequence[str], request: RunRequest, registry: Registry, cache: Path) -> Grid:
    """Write the file of a command's jobs; the same jobs give the same file, whose time is then new."""
    request = _absolute(request)
    files = tuple(str(Path(path).absolute()) for path in registry.plugin_files)
    asked = [asked_of_child(job, request, files) for job in jobs]
    shared = {key: value for key, value in asked[0].items() if key != "job"}
    names = [str(job) + (", baseline" if job.baseline else "") for job in jobs]
    environment = {name: os.environ[name] for name in TRAVELS if name in os.environ}
    content = {
        "version": VERSION,
        "shared": shared,
        "folder": str(Path.cwd()),
        "environment": {"VLBENCH_CACHE": str(cache.absolute()), **environment},
        "rows": [{"id": i, "name": n, "job": a["job"]} for i, n, a in zip(ids, names, asked, strict=True)],
    }
    text = json.dumps(content, indent=1, default=str)
    path = request.out / FOLDER / f"{short_hash(text)}.json"
    write_whole(path, text.encode())
    return Grid(path, tuple(ids), tuple(names), path.stat().st_mtime_ns)


def read_grid(path: Path) -> dict[str, Any]:
    """A grid's file as it was written.

    Raises:
        DataError: it cannot be read, or another version wrote it.
    """
    try:
        content: dict[str, Any] = json.loads(read_plain(path))
        if content["version"] == VERSION:
            return content
        reason = f"it has version {content['version']}, and this vlbench reads {VERSION}"
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = str(error) or type(error).__name__
    raise DataError(f"{str(path)!r} cannot be read as the jobs of a command: {reason}. Give the command again.")


def travelled(content: Mapping[str, Any]) -> None:
    """Enter the folder and the environment of the command that asked."""
    if Path(content["folder"]).is_dir():
        os.chdir(content["folder"])
    for name, value in content["environment"].items():
        os.environ.setdefault(name, value)


def _absolute(request: RunRequest) -> RunRequest:
    from dataclasses import replace

    suite = Path(request.suite)
    named = str(suite.absolute()) if suite.suffix == ".toml" and suite.is_file() else request.suite
    data = request.data.absolute() if request.data is not None else None
    return replace(request, out=request.out.absolute(), data=data, suite=named)
