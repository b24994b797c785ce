"""Readers of a user's own photographs and captions."""

from __future__ import annotations

import vlbench
from vlbench_pairs.options import (
    CocoOptions,
    FeaturesOptions,
    Flickr8kOptions,
    Flickr30kOptions,
    PairsOptions,
    PrecomputedOptions,
)

_SETS = {
    "pairs": ("Your own photographs and captions, in any of the forms that vlbench data formats lists.", PairsOptions),
    "flickr8k": ("Flickr8k by Karpathy's splits, counted; you bring the files (--data).", Flickr8kOptions),
    "flickr30k": ("Flickr30k by Karpathy's splits, counted; you bring the files (--data).", Flickr30kOptions),
    "coco": ("COCO 2014 by Karpathy's splits, counted; you bring the files (--data).", CocoOptions),
}


_FEATURES = vlbench.DatasetSpec(
    "features",
    "vlbench_pairs.features:load",
    "Features that others computed, as clip-retrieval and DataComp store them; no image is opened.",
    FeaturesOptions,
    pairs_per_item=1,
    recognise="vlbench_pairs.features:recognise",
    forms="vlbench_pairs.forms:of_features",
)


@vlbench.hookimpl
def vlbench_datasets() -> list[vlbench.DatasetSpec]:
    """`pairs` reads every usual form of annotations; published sets stop at a wrong count; `features` reads arrays."""
    return [
        _FEATURES,  # before pairs: its files may lie beside metadata that pairs would take for annotations
        *(
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
        ),
    ]


@vlbench.hookimpl
def vlbench_encoders() -> list[vlbench.EncoderSpec]:
    """For each side, the encoder whose features are the items themselves."""
    return [
        vlbench.EncoderSpec(
            f"features-{side}",
            "vlbench_pairs.precomputed:Precomputed",
            side,
            "None: items are features that others computed; for the dataset features.",
            PrecomputedOptions,
            suggest="vlbench_pairs.precomputed:suggest",
        )
        for side in ("image", "text")
    ]
