"""Results that are expensive to compute, stored on disk under their full key.

An entry is a folder ``<kind>/<hash of the key>`` with ``key.json``, ``data.safetensors`` and the hashes of both in
``SHA256SUMS``. It appears whole or not at all (written under another name and renamed). Key and hashes are compared on
every reading; an entry that is not what they say is named, set aside and made again. So is one without hashes, as
version 0.1 wrote them: nobody can say whether it is whole.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vlbench.disk.leftovers import remove_leftovers
from vlbench.disk.locks import alone
from vlbench.disk.sums import FILE_NAME as SUMS
from vlbench.disk.sums import damaged_files, read_sums, short_hash, sums_text
from vlbench.files import fresh_prefix, set_aside

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    Compute = Callable[[], dict[str, Tensor]]

Key = dict[str, Any]
KEY, DATA = "key.json", "data.safetensors"


def entry_problem(folder: Path) -> str:
    """Why an entry of the cache cannot be trusted; "" for a whole one."""
    sums = read_sums(folder)
    if sums is None or set(sums) != {KEY, DATA}:
        return f"it has no {SUMS}" if sums is None else f"{SUMS} names other files"
    bad = damaged_files(folder)
    return f"{', '.join(bad)} is not what {SUMS} says" if bad else ""


class Cache:
    """Tensors under a key, and folders for those who store in their own way.

    Args:
        root: folder of the cache; what killed processes left half-written there is removed.
        report: given one line for each entry that is set aside, and where another process is waited for.
    """

    def __init__(self, root: Path, report: Callable[[str], None] = lambda _: None) -> None:
        self.root, self._report = root, report
        remove_leftovers(root)

    def folder(self, kind: str, key: Key) -> Path:
        """Where an entry lives, whether or not it is there."""
        return self.root / kind / short_hash(key)

    def load(self, kind: str, key: Key) -> dict[str, Tensor] | None:
        """The tensors stored under exactly this key, or None; an entry that is not whole is set aside."""
        found = self.mapped(kind, key)
        # Cloned, since a tensor read from a file may lie at an odd address: sums differ in their last bits.
        return {name: tensor.clone() for name, tensor in found.items()} if found is not None else None

    def mapped(self, kind: str, key: Key) -> dict[str, Tensor] | None:
        """As :meth:`load`, memory-mapped: nothing of them is in memory before it is read."""
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        folder = self.folder(kind, key)
        if not folder.exists():
            return None
        problem = entry_problem(folder)
        try:
            if not problem and json.loads((folder / KEY).read_text(encoding="utf-8")) != json.loads(json.dumps(key)):
                problem = "it was made for another key"
            if not problem:
                _mark_used(folder)
                tensors: dict[str, Tensor] = load_file(folder / DATA)
                return tensors
        except (OSError, ValueError, SafetensorError) as error:
            problem = problem or str(error)[:200]
        with contextlib.suppress(OSError):  # another process was first, or nobody may write here
            aside = set_aside(folder)
            self._report(f"cache: {kind} {folder.name} is damaged ({problem}). Set aside as {aside.name}; made again.")
        return None

    def store(self, kind: str, key: Key, tensors: dict[str, Tensor]) -> None:
        """Store tensors under a key; an entry that is there already stays, unless it is broken."""
        from safetensors.torch import save_file

        folder = self.folder(kind, key)
        folder.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(dir=folder.parent, prefix=fresh_prefix()))
        try:
            save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, fresh / DATA)
            (fresh / KEY).write_text(json.dumps(key, indent=1, sort_keys=True), encoding="utf-8")
            (fresh / SUMS).write_bytes(sums_text(fresh, (KEY, DATA)))
            for file in fresh.iterdir():
                _flush(file)
            with contextlib.suppress(OSError):  # another process was first
                if folder.exists() and entry_problem(folder):
                    shutil.rmtree(folder)
                fresh.rename(folder)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)

    def get(self, kind: str, key: Key, compute: Callable[[], dict[str, Tensor]]) -> dict[str, Tensor]:
        """The stored tensors, computed and stored first where they are not there. A failure is not stored."""
        found = self.load(kind, key)
        if found is None:
            name = f"{kind}-{short_hash(key)}"
            with alone(self.root, name, self._report, what=f"cache: {kind}"):
                found = self.load(kind, key)  # another process may have been first
                if found is None:
                    found = compute()
                    self.store(kind, key, found)
        return found


def _mark_used(folder: Path) -> None:
    """The time of the key's file is that of the last reading, for ``vlbench cache``."""
    with contextlib.suppress(OSError):
        os.utime(folder / KEY)


def _flush(file: Path) -> None:
    with file.open("rb") as opened:
        os.fsync(opened.fileno())
