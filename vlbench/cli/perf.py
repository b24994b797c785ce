"""``vlbench perf``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from vlbench.cli.shared import echo_json, echo_rows, load

if TYPE_CHECKING:
    from vlbench.perf.clock import Line
    from vlbench.registry.registry import Registry


@click.command("perf")
@click.option("--device", default="auto", show_default=True, metavar="NAME", help="auto, cpu, cuda, cuda:1, ...")
@click.option("--quick", is_flag=True, help="Small sizes: a first look.")
@click.option("--json", "as_json", is_flag=True, help="Print the result, and nothing else, on standard output.")
@click.pass_context
def command(context: click.Context, device: str, quick: bool, as_json: bool) -> None:
    """Time the parts of a run beside what they cannot do without.

    On a CPU the seconds are those of the processor, which do not depend on what else the machine does. A ratio is the
    median over rounds in which both take turns.
    """
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
    from vlbench.perf import parts
    from vlbench.perf.clock import Clock
    from vlbench.runs.session import choose_device

    clock = Clock(choose_device(device), 3 if quick else 9)
    sizes = parts.QUICK if quick else parts.Sizes()
    yield from parts.student_steps(clock, sizes)
    yield from parts.ranks(clock, sizes)
    yield from parts.selectors(clock, sizes, registry)
    yield from parts.augmentation(clock, sizes)
    if not quick or clock.device != "cpu":  # minutes on a CPU
        yield from parts.encoder_steps(clock, sizes)


def _figures(line: Line) -> tuple[str, str, str]:
    bare = _seconds(line.bare_s) if line.bare_s is not None else "-"
    return _seconds(line.seconds), bare, f"{line.ratio:.2f}" if line.ratio is not None else "-"


def _seconds(value: float) -> str:
    return f"{value:.2f} s" if value >= 1 else f"{1e3 * value:.2f} ms"
