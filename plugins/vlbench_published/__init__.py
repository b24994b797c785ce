"""1,201 numbers of papers on dataset distillation for image-text data, with their sources and how they were made.

``results.csv`` and ``protocols.csv`` are described in ``README.md`` next to them.
"""

from __future__ import annotations

import vlbench


@vlbench.hookimpl
def vlbench_published() -> list[vlbench.board.PublishedSpec]:
    """One collection."""
    return [
        vlbench.board.PublishedSpec(
            name="papers",
            numbers="vlbench_published:results.csv",
            protocols="vlbench_published:protocols.csv",
            summary="Image-text dataset distillation: Flickr8k, Flickr30k, COCO, and some on video.",
        )
    ]
