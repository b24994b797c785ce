"""From literal VLDD to what ships, one change at a time: which part carries the score.

A rung is a method with options, and differs from the one that it names in one thing. Rows that are finished are found,
not made again, those of the board too where ``--out`` is its folder.

    python benchmarks/field/ladder.py scenes --budget 100 --out runs-field
    python benchmarks/field/ladder.py scenes-encoder --out runs-field --rung ours --rung "no warm start"
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from statistics import fmean
from types import MappingProxyType
from typing import Any, NamedTuple

import click

import vlbench
from vlbench.records.summary import sample_sd

NO_OTHER_ROWS = {"rows.always": "[]", "rows.full": "false"}


class Rung(NamedTuple):
    """A row of the ladder.

    Attributes:
        name: of the change.
        against: the rung that it differs from in that change alone; "" for the first.
        method, options: what is run.
    """

    name: str
    against: str
    method: str = "vldd"
    options: Mapping[str, Any] = MappingProxyType({})


PLAIN = {"captions": "one", "pixels": "free"}
EXPERTS = {
    "experts": 8, "expert_steps": 144, "expert_rate": 0.3, "expert_batch": 256, "interval": 12, "start_range": 3,
    "segment_length": 4, "expert_augment": "none",
}  # fmt: skip
"""Those of our defaults for heads, and the segments of their paths."""
RUNGS = (
    Rung("literal", "", options={"preset": "paper"}),
    Rung("our experts and segments", "literal", options={"preset": "paper", **EXPERTS}),
    Rung("our outer loop", "our experts and segments", options=PLAIN),
    Rung("mean captions", "our outer loop", options={"pixels": "free"}),
    Rung("ours", "mean captions"),
    Rung("TESLA's gradient", "ours", "tesla"),
    Rung("soft targets", "ours", "lors"),
    Rung("blending", "soft targets", "repblend"),
    Rung("no warm start", "ours", options={"warm_start": False}),
)
"""``our outer loop`` is optimiser, rates, updates and inner batch. ``ours`` adds the frequency basis. ``no warm start``
says something where an encoder is trained."""


def scores(rung: Rung, suite: str, budget: int, *, seeds: tuple[int, ...], out: Path) -> list[float]:
    """Mean recall of a rung, for every seed."""
    asked = {"method": rung.method, "budget": budget, "suite": suite, "out": out, "overrides": NO_OTHER_ROWS}
    records = [vlbench.run(**asked, seed=seed, options=dict(rung.options)) for seed in seeds]
    return [record.scores[record.reference].mean_recall.mean for record in records]


@click.command()
@click.argument("suite")
@click.option("--budget", default=100, show_default=True)
@click.option("--seed", "seeds", multiple=True, type=int, default=(0, 1, 2), show_default=True)
@click.option("--rung", "only", multiple=True, type=click.Choice([rung.name for rung in RUNGS]), help="These alone.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder of the runs.")
def main(suite: str, budget: int, seeds: tuple[int, ...], only: tuple[str, ...], out: Path) -> None:
    """Run the rungs and print each with its step."""
    found: dict[str, float] = {}
    for rung in RUNGS:
        if only and rung.name not in only:
            continue
        values = scores(rung, suite, budget, seeds=seeds, out=out)
        found[rung.name] = fmean(values)
        spread = f" ± {sample_sd(values):.1f}" if len(values) > 1 else ""
        step = f"{found[rung.name] - found[rung.against]:+.1f} on {rung.against}" if rung.against in found else ""
        click.echo(f"{rung.name:42} {found[rung.name]:5.1f}{spread}  {step}".rstrip())


if __name__ == "__main__":
    main()
