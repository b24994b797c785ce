"""Progress as plain lines, and its rich form on a terminal."""

from __future__ import annotations

import io

from rich.console import Console

from vlbench.cli.progress import RichObserver
from vlbench.progress import PlainObserver, seconds_text


def test_plain_lines_have_the_time_left_and_are_throttled() -> None:
    now = [0.0]
    stream = io.StringIO()
    observer = PlainObserver(stream, every_s=5.0, clock=lambda: now[0])
    observer.phase("matching", 100, "vldd")
    for _ in range(100):
        now[0] += 0.1
        observer.advance(note="loss 0.5")
    observer.done("loss 0.4")
    lines = stream.getvalue().splitlines()
    assert lines[0] == "matching (100 steps): vldd"
    assert lines[-1] == "  matching done in 10 s: loss 0.4"
    assert 3 <= len(lines) <= 4
    assert "left, loss 0.5" in lines[1]


def test_next_phase_ends_the_one_before() -> None:
    stream = io.StringIO()
    observer = PlainObserver(stream)
    observer.phase("a")
    observer.phase("b")
    assert "a done in" in stream.getvalue()


def test_rich_observer_leaves_one_line_per_phase() -> None:
    stream = io.StringIO()
    with RichObserver(Console(file=stream, force_terminal=True, width=100)) as observer:
        observer.phase("experts [1]", 3, "detail")
        observer.advance(2, "loss [0.5]")
        observer.done("stored")
        observer.phase("data")
        observer.message("found [cached]")
        observer.done()
    text = stream.getvalue()
    for part in ("experts [1]", "stored", "found [cached]", "✓"):
        assert part in text


def test_durations_are_short() -> None:
    assert [seconds_text(s) for s in (0.44, 12.2, 99.6, 185, 7800)] == ["0.4 s", "12 s", "1m40", "3m05", "2h10"]
