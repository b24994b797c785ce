"""Results that are dear to compute, kept on disk under their full key.

An entry is a folder ``<kind>/<hash of the key>`` with ``key.json`` and ``data.safetensors``. It appears whole or not
at all (written beside and renamed), and its key is compared field by field on reading.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import Tensor

Key = dict[str, Any]


def default_cache() -> Path:
    """``VLBENCH_CACHE`` if set, else the user's cache folder."""
    import platformdirs

    return Path(os.environ.get("VLBENCH_CACHE") or platformdirs.user_cache_dir("vlbench"))


def short_hash(value: object, length: int = 16) -> str:
    """Leading hexadecimal digits of the SHA-256 of a value's canonical JSON."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:length]


class Cache:
    """Tensors under a key, and folders for those who store in their own way."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def folder(self, kind: str, key: Key) -> Path:
        """Where an entry lives, whether or not it is there."""
        return self.root / kind / short_hash(key)

    def load(self, kind: str, key: Key) -> dict[str, Tensor] | None:
        """The tensors stored under exactly this key, or None; a broken entry is as good as none."""
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        folder = self.folder(kind, key)
        try:
            stored = json.loads((folder / "key.json").read_text(encoding="utf-8"))
            if stored != json.loads(json.dumps(key)):
                return None
            # Cloned, since a tensor read from a file may lie at an odd address, where sums differ in their last bits.
            return {name: tensor.clone() for name, tensor in load_file(folder / "data.safetensors").items()}
        except (OSError, ValueError, SafetensorError):
            return None

    def store(self, kind: str, key: Key, tensors: dict[str, Tensor]) -> None:
        """Keep tensors under a key; an entry that is there already stays, unless it is broken."""
        from safetensors.torch import save_file

        folder = self.folder(kind, key)
        folder.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".new-"))
        try:
            save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, fresh / "data.safetensors")
            (fresh / "key.json").write_text(json.dumps(key, indent=1, sort_keys=True), encoding="utf-8")
            for file in fresh.iterdir():
                _flush(file)
            with contextlib.suppress(OSError):  # another process was first
                if folder.exists() and self.load(kind, key) is None:
                    shutil.rmtree(folder)
                fresh.rename(folder)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)

    def get(self, kind: str, key: Key, compute: Callable[[], dict[str, Tensor]]) -> dict[str, Tensor]:
        """The stored tensors, computed and stored first where they are not there. A failure is not stored."""
        found = self.load(kind, key)
        if found is None:
            with self._alone(kind, key):
                found = self.load(kind, key)  # another process may have been first
                if found is None:
                    found = compute()
                    self.store(kind, key, found)
        return found

    @contextlib.contextmanager
    def _alone(self, kind: str, key: Key) -> Iterator[None]:
        """One process at a time computes an entry, where the file system has locks; a killed one holds none."""
        lock = self.folder(kind, key).with_suffix(".lock")
        lock.parent.mkdir(parents=True, exist_ok=True)
        with lock.open("w") as opened:
            with contextlib.suppress(OSError):
                fcntl.flock(opened, fcntl.LOCK_EX)
            try:
                yield
            finally:
                lock.unlink(missing_ok=True)


def _flush(file: Path) -> None:
    with file.open("rb") as opened:
        os.fsync(opened.fileno())
