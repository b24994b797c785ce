"""For data sets that read a user's files: images decoded once, and files that ``vlbench prepare`` asks for. Light.

Examples:
    >>> import vlbench
    >>> from pathlib import Path
    >>> def vlbench_prepare_files(options):  # DatasetSpec(files=...)
    ...     return [vlbench.reading.NeededFile(Path(options.root) / "captions.json")]
"""

from vlbench.data.images import EncodedImage, cached_images
from vlbench.registry.specs import NeededFile

__all__ = ["EncodedImage", "NeededFile", "cached_images"]
