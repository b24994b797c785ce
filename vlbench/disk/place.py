"""Where the cache is."""

from __future__ import annotations

import os
from pathlib import Path


def default_cache() -> Path:
    """``VLBENCH_CACHE`` if set, else the user's cache folder."""
    chosen = os.environ.get("VLBENCH_CACHE")
    if chosen:
        return Path(chosen)
    import platformdirs

    return Path(platformdirs.user_cache_dir("vlbench"))
