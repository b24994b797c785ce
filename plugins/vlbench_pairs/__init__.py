"""Readers of a user's own photographs and captions."""

from __future__ import annotations

import vlbench
from vlbench_pairs.options import PairsOptions


@vlbench.hookimpl
def vlbench_datasets() -> list[vlbench.DatasetSpec]:
    """One data set, `pairs`, that reads every usual format of annotations."""
    summary = "Your own photographs and captions: Karpathy or retrieval JSON, token, CSV, Hugging Face."
    return [vlbench.DatasetSpec("pairs", "vlbench_pairs.reader:load", summary, PairsOptions)]
