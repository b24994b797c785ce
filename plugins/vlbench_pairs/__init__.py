"""Readers of a user's own photographs and captions."""

from __future__ import annotations

import vlbench
from vlbench_pairs.options import CocoOptions, Flickr8kOptions, Flickr30kOptions, PairsOptions

_SETS = {
    "pairs": ("Your own photographs and captions, in any of the forms that vlbench data formats lists.", PairsOptions),
    "flickr8k": ("Flickr8k by Karpathy's splits, counted; you bring the files (--data).", Flickr8kOptions),
    "flickr30k": ("Flickr30k by Karpathy's splits, counted; you bring the files (--data).", Flickr30kOptions),
    "coco": ("COCO 2014 by Karpathy's splits, counted; you bring the files (--data).", CocoOptions),
}


@vlbench.hookimpl
def vlbench_datasets() -> list[vlbench.DatasetSpec]:
    """`pairs` reads every usual format of annotations; the others are published sets, and stop at a wrong count."""
    return [
        vlbench.DatasetSpec(
            name,
            "vlbench_pairs.reader:load",
            summary,
            options,
            files="vlbench_pairs.needs:needed_files",
            mock="" if name == "pairs" else f"vlbench_pairs.mock:make_{name}",
            recognise="vlbench_pairs.recognise:recognise" if name == "pairs" else "",
            forms="vlbench_pairs.forms:formats" if name == "pairs" else "",
        )
        for name, (summary, options) in _SETS.items()
    ]
