"""Scores that look at whole ranks rather than at the first ten: stored in records, never ranked by."""

from __future__ import annotations

import vlbench


@vlbench.hookimpl
def vlbench_scores() -> list[vlbench.Declaration]:
    """Both are usual in the retrieval literature."""
    return [
        vlbench.Declaration(
            name="median-rank",
            target="vlbench_ranks.scores:median_rank",
            summary="Median over queries of the rank of the best matching item; 1 is best.",
        ),
        vlbench.Declaration(
            name="mean-reciprocal-rank",
            target="vlbench_ranks.scores:mean_reciprocal_rank",
            summary="Mean over queries of one over the rank of the best matching item; 1 is best.",
        ),
    ]
