"""Ask every dataset whether it reads what lies at a path."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from vlbench.errors import DataError
from vlbench.registry.drafts import Draft
from vlbench.registry.specs import DatasetSpec, resolve

if TYPE_CHECKING:
    from vlbench.registry.registry import Registry


def recognised(registry: Registry, path: str, captions: str = "") -> tuple[DatasetSpec, Draft]:
    """The first dataset that reads what lies at a path, and its draft.

    Args:
        registry: knows the datasets.
        path: file, folder or name, as the user gave it.
        captions: annotation file, where the user names one.

    Raises:
        DataError: none reads it, or it is a pipe or a device.
    """
    for one in filter(None, (path, captions)):
        if Path(one).exists() and not (Path(one).is_file() or Path(one).is_dir()):
            raise DataError(f"{one}: neither a file nor a folder, but a pipe or a device. Save it to a file first.")
    able = [spec for spec in registry.all("dataset").values() if spec.recognise]
    for spec in able:
        draft: Draft | None = resolve(spec.recognise)(path, captions)
        if draft is not None:
            return spec, draft
    raise DataError(
        f"{path}: no pictures, videos or sounds with captions were recognised here. See what can be read: vlbench data "
        f"formats. Name the file with the captions: --captions FILE."
    )
