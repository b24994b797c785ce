"""``vlbench perf``."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

import click

from vlbench.cli.shared import echo_json, echo_rows, load

if TYPE_CHECKING:
    from vlbench.perf.clock import Clock, Line
    from vlbench.registry.registry import Registry


@click.command("perf")
@click.option("--device", default="auto", show_default=True, metavar="NAME", help="auto, cpu, cuda, cuda:1, ...")
@click.option("--quick", is_flag=True, help="Small sizes: a first look.")
@click.option("--json", "as_json", is_flag=True, help="Print the result, and nothing else, on standard output.")
@click.pass_context
def command(context: click.Context, device: str, quick: bool, as_json: bool) -> None:
    """Time the parts of a run next to the least that they need.

    On a CPU the seconds are those of the processor, which do not depend on what else the machine does. A ratio is the
    median over rounds in which both take turns. A GPU is also timed at the published scale, on 100 and 500 pairs.

    --device meta makes no measurement: it counts the operations and the memory of that scale, on any machine.
    """
    if device == "meta":
        _plan(as_json)
        return
    lines = []
    for line in _lines(load(context), device, quick=quick):
        click.echo(line.what, err=True)
        lines.append(line)
    if as_json:
        echo_json(lines)
        return
    header = ("part", "time", "bare", "ratio", "")
    echo_rows([(line.what, *_figures(line), line.note) for line in lines], header=header)


def _lines(registry: Registry, device: str, *, quick: bool) -> Iterator[Line]:
    from vlbench.memory import keep_freed_memory
    from vlbench.perf import heads, parts
    from vlbench.perf.clock import Clock
    from vlbench.runs.session import choose_device

    keep_freed_memory()  # as a run does
    clock = Clock(choose_device(device), 3 if quick else 9)
    sizes = parts.QUICK if quick else parts.Sizes()
    yield from heads.student_steps(clock, sizes.steps)
    yield heads.segment(clock)
    yield from parts.ranks(clock, sizes)
    yield from parts.selectors(clock, sizes, registry)
    yield from parts.augmentation(clock, sizes)
    if not quick and clock.device != "cpu":  # an hour on a CPU
        yield from _at_paper_scale(clock)


def _at_paper_scale(clock: Clock) -> Iterator[Line]:
    """Each case as often as :data:`vlbench.perf.paper.ROUNDS` says; one that does not fit is a line, too."""
    import torch

    from vlbench.perf import paper
    from vlbench.perf.clock import Clock, Line

    for case in paper.cases(clock.device):
        try:
            yield Clock(clock.device, paper.ROUNDS).line(case.what, partial(case.work, case.steps))
        except torch.OutOfMemoryError:
            yield Line(case.what, None, note="more memory than the GPU has")


def _plan(as_json: bool) -> None:
    """Operations and memory of each case, and how fast a GPU must be for all of them."""
    from vlbench.perf import paper

    found = {}
    for case in paper.cases("meta"):
        click.echo(case.what, err=True)
        found[case.what] = case.plan()
    total = (paper.ROUNDS + 1) * sum(one.flop for one in found.values())
    if as_json:
        lines = [{"what": what, "flop": one.flop, "peak_bytes": one.peak_bytes} for what, one in found.items()]
        echo_json({"cases": lines, "flop": total, "flop_per_s": total / paper.LIMIT_S})
        return
    rows = [(what, f"{one.flop / 1e12:.1f}", f"{one.peak_bytes / 1e9:.1f}") for what, one in found.items()]
    echo_rows(rows, header=("part", "TFLOP", "GB"))
    click.echo(
        f"'vlbench perf --device cuda' makes each {paper.ROUNDS + 1} times, {total / 1e15:.2f} PFLOP together: "
        f"{paper.LIMIT_S // 60} minutes on a GPU that does {total / paper.LIMIT_S / 1e12:.1f} TFLOP a second on them."
    )


def _figures(line: Line) -> tuple[str, str, str]:
    ours, bare = (_seconds(value) if value is not None else "-" for value in (line.seconds, line.bare_s))
    return ours, bare, f"{line.ratio:.2f}" if line.ratio is not None else "-"


def _seconds(value: float) -> str:
    return f"{value:.2f} s" if value >= 1 else f"{1e3 * value:.2f} ms"
