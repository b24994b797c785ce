"""Libraries that only this plugin needs."""

from __future__ import annotations

from typing import Any

from vlbench.errors import DataError


def media_library() -> Any:
    """PyAV.

    Raises:
        DataError: it is not installed.
    """
    try:
        import av
        import av.logging
    except ImportError:
        raise DataError(
            "video and sound are read with PyAV, which is not there: pip install 'vlbench[media]'"
        ) from None
    return av
