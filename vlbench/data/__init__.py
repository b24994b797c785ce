"""For datasets that read a user's files: pictures, sounds, and files that ``vlbench prepare`` asks for. Light.

Examples:
    >>> import vlbench
    >>> from pathlib import Path
    >>> def vlbench_prepare_files(options):  # DatasetSpec(files=...)
    ...     return [vlbench.data.NeededFile(Path(options.root) / "captions.json")]
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vlbench.lazy import lazy_name

if TYPE_CHECKING:
    from vlbench.data.images import EncodedImage, cached_images, read_images
    from vlbench.data.pictures import open_picture
    from vlbench.data.sounds import listen, log_mel, wav
    from vlbench.disk.made import made_once
    from vlbench.registry.drafts import Draft, Suggestion
    from vlbench.registry.specs import NeededFile

__all__ = [
    "Draft",
    "EncodedImage",
    "NeededFile",
    "Suggestion",
    "cached_images",
    "listen",
    "log_mel",
    "made_once",
    "open_picture",
    "read_images",
    "wav",
]

_MODULES = {
    "vlbench.data.images": ("EncodedImage", "cached_images", "read_images"),
    "vlbench.data.pictures": ("open_picture",),
    "vlbench.data.sounds": ("listen", "log_mel", "wav"),
    "vlbench.disk.made": ("made_once",),
    "vlbench.registry.drafts": ("Draft", "Suggestion"),
    "vlbench.registry.specs": ("NeededFile",),
}


def __getattr__(name: str) -> Any:
    return lazy_name(__name__, _MODULES, name)
