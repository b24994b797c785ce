"""Who imports a heavy library while plugins are merely listed, and where."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from importlib.machinery import ModuleSpec
from types import FrameType, ModuleType

_MODELS = (
    "torch",
    "torchvision",
    "timm",
    "transformers",
    "sentence_transformers",
    "peft",
    "faiss",
    "tensorflow",
    "jax",
)
_TABLES = ("sklearn", "scipy", "datasets", "pandas", "pyarrow", "matplotlib", "cv2")
HEAVY = frozenset((*_MODELS, *_TABLES))


class HeavyImports:
    """``with HeavyImports("package") as heavy: ...``; afterwards ``heavy.found`` says what the package imported.

    What was imported before is not seen: nobody waits for it twice.

    Args:
        package: top-level name of the plugin's module; of the lines that lead to an import, its last one is named.

    Attributes:
        found: one line on the first heavy import, or "".
    """

    def __init__(self, package: str) -> None:
        self._package = package
        self._first: tuple[str, str] | None = None
        self.found = ""

    def __enter__(self) -> HeavyImports:
        sys.meta_path.insert(0, self)
        return self

    def __exit__(self, *_: object) -> None:
        sys.meta_path.remove(self)
        if self._first and self._first[0] in sys.modules:
            name, place = self._first
            self.found = f"imports {name} when listed ({place}). Import it inside the functions that use it."

    def find_spec(
        self,
        name: str,
        path: Sequence[str] | None = None,  # noqa: ARG002  # the protocol of sys.meta_path
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        """Note who asks, and leave the finding to others."""
        if name in HEAVY and self._first is None:
            self._first = (name, self._place())
        return None

    def _place(self) -> str:
        frames = [frame for frame in _callers() if not frame.f_code.co_filename.startswith("<frozen")]
        own = [frame for frame in frames if frame.f_globals.get("__name__", "").split(".")[0] == self._package]
        frame = (own or frames)[0]
        return f"{frame.f_code.co_filename}, line {frame.f_lineno}"


def _callers() -> Iterator[FrameType]:
    """Frames outside this module, innermost first."""
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        if frame.f_code.co_filename != __file__:
            yield frame
        frame = frame.f_back
