"""The board of every method that ships, by one command that can be stopped and goes on where it was.

Rows that are finished are found, not made again. What is made, on the three embedded suites: all methods at their
defaults, and each one that has released settings at these as well.

    python benchmarks/field/board.py --out runs-field
    python benchmarks/field/board.py --out trial --suite scenes-mini --budget 20 --seed 0 --without paper
    vlbench leaderboard runs-field
"""

from __future__ import annotations

from pathlib import Path

import click

import vlbench
from vlbench.errors import VlbenchError
from vlbench.registry.loader import load_registry
from vlbench.registry.options import describe

GRID = (("scenes", (100, 500)), ("scenes-encoder", (100,)), ("scenes-vit", (100,)))
SEEDS = (0, 1, 2)
NO_OTHER_ROWS = {"rows.always": "[]", "rows.full": "false"}


def entries(without: tuple[str, ...]) -> list[tuple[str, dict[str, object]]]:
    """Method and options of every row, selectors first; "paper" in ``without`` leaves released settings out."""
    rows: list[tuple[str, dict[str, object]]] = []
    specs = load_registry().all("method").values()
    for spec in sorted(specs, key=lambda spec: (spec.family != "selection", spec.name)):
        if spec.name in without:
            continue
        rows.append((spec.name, {}))
        if "paper" not in without and "preset" in {row.name for row in describe(spec.options)}:
            rows.append((spec.name, {"preset": "paper"}))
    return rows


@click.command()
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder of the runs.")
@click.option("--suite", default="", help="This one alone.")
@click.option("--budget", "budgets", multiple=True, type=int, help="These alone.")
@click.option("--seed", "seeds", multiple=True, type=int, default=SEEDS, show_default=True)
@click.option("--without", multiple=True, help="Methods to leave out; paper: all released settings.")
@click.option("--lean", is_flag=True, help="No random pairs of as many bytes beside every distilled row.")
def main(
    out: Path, suite: str, budgets: tuple[int, ...], seeds: tuple[int, ...], without: tuple[str, ...], lean: bool
) -> None:
    """Make the rows that are not there yet; one that fails is named, and the others are made.

    Seed after seed, so that a board that is stopped has whole ones. What all rows share is made once: full data,
    random pairs, features and experts."""
    grid = [(suite, budgets or (100,))] if suite else GRID
    for name, size in [(name, size) for name, sizes in grid for size in budgets or sizes]:
        for seed in seeds:
            for number, (method, options) in enumerate(entries(without)):
                overrides = NO_OTHER_ROWS if lean and number else {}
                made = {"method": method, "budget": size, "suite": name, "seed": seed, "options": options}
                text = f"{name} {size} {method} {options or ''} seed {seed}"
                try:
                    vlbench.run(out=out, overrides=overrides, **made)
                    click.echo(text)
                except VlbenchError as error:
                    click.echo(f"{text}: {error}", err=True)


if __name__ == "__main__":
    main()
