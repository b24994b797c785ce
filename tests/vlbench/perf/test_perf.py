"""The table of times: what takes turns, what a line says, and that every part can be timed."""

import json
from functools import partial

import pytest
import torch
from click.testing import CliRunner

import vlbench.cli.main
from vlbench.cli import perf
from vlbench.perf import paper, parts
from vlbench.perf.clock import Clock
from vlbench.perf.footprint import Footprint, footprint

TINY = parts.Sizes(steps=2, images=20, candidates=50, picks=3, pictures=2)


def test_both_works_take_turns_and_the_ratio_is_that_of_a_round():
    calls = []
    line = Clock("cpu", 4).line("it", lambda: calls.append("ours"), lambda: calls.append("bare"), per=2)
    assert calls == ["ours", "bare"] * 5
    assert line.ratio is not None
    assert line.bare_s is not None


def test_the_processors_seconds_do_not_grow_while_nothing_is_computed():
    import time

    assert Clock("cpu", 1).line("asleep", lambda: time.sleep(0.2)).seconds < 0.1


@pytest.mark.usefixtures("tiny")
def test_the_command_times_every_part_and_every_selector_that_reads_features():
    done = CliRunner().invoke(vlbench.cli.main.main, ["perf", "--device", "cpu", "--quick", "--json"])
    assert done.exit_code == 0, done.output
    lines = {line["what"]: line for line in json.loads(done.stdout)}
    parts_of_a_run = (
        "a student's step, batch 100",
        "a student's step, batch 100, wBCE",
        "a segment of two heads, 8 inner steps of 250 pairs",
        "ranks both ways, 20 x 100",
        "k-center, a pick out of 50 x 512",
        "augmentation, an image of 224 x 224",
    )
    for what in parts_of_a_run:
        assert lines[what]["seconds"] > 0
        assert lines[what]["ratio"] > 0
    assert not [what for what in lines if what.startswith("random,")]


@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.setattr(parts, "QUICK", TINY)


def test_memory_that_is_counted_is_what_is_held_with_graphs():
    def work(graph: bool) -> Footprint:
        def chain():
            values = torch.zeros(1000, device="meta", requires_grad=graph)
            for _ in range(5):
                values = values.exp()

        return footprint(chain)

    assert work(False).peak_bytes == 2 * 4000
    assert work(True).peak_bytes == 6 * 4000  # every result of exp is kept for the way back


def test_operations_of_a_second_derivative_are_counted():
    def twice():
        weight = torch.zeros(20, 20, device="meta", requires_grad=True)
        inputs = torch.zeros(10, 20, device="meta")
        (gradient,) = torch.autograd.grad((inputs @ weight).square().sum(), weight, create_graph=True)
        torch.autograd.grad(gradient.square().sum(), weight)

    # Forward; by the weight; of the gradient's graph: by the pull and, through it, by the weight.
    assert footprint(twice).flop == 4 * 2 * 10 * 20 * 20


@pytest.mark.parametrize("micro_batch", [0, 10])
def test_a_plan_of_one_inner_step_is_that_of_a_whole_segment(micro_batch, monkeypatch):
    monkeypatch.setattr(paper, "ENCODERS", (("test_resnet", "all"),))
    monkeypatch.setattr(paper, "INNER_STEPS", 3)
    monkeypatch.setattr(paper, "INNER_BATCH", 20)
    case = next(case for case in paper.cases("meta", side=32, micro_batches=(micro_batch,)) if case.steps == 3)
    whole, planned = footprint(partial(case.work, 3)), case.plan()
    assert planned.flop == pytest.approx(whole.flop, rel=1e-3)
    assert planned.peak_bytes == pytest.approx(whole.peak_bytes, rel=0.05)


def test_micro_batches_hold_less_and_compute_more(monkeypatch):
    monkeypatch.setattr(paper, "ENCODERS", (("test_resnet", "all"),))
    monkeypatch.setattr(paper, "INNER_BATCH", 40)
    cases = [case for case in paper.cases("meta", side=64, micro_batches=(0, 10)) if " 100 pairs" in case.what]
    whole, some = (case.plan() for case in cases)
    assert some.peak_bytes < 0.6 * whole.peak_bytes
    assert whole.flop < some.flop < 2 * whole.flop


def test_the_command_plans_the_published_scale_without_a_gpu(monkeypatch):
    monkeypatch.setattr(paper, "ENCODERS", (("test_resnet", "all"),))
    monkeypatch.setattr(paper, "SIDE", 32)
    monkeypatch.setattr(paper, "INNER_BATCH", 20)
    done = CliRunner().invoke(vlbench.cli.main.main, ["perf", "--device", "meta", "--json"])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert len(found["cases"]) == 5
    assert found["flop"] == 4 * sum(case["flop"] for case in found["cases"])


def test_a_case_that_does_not_fit_is_a_line_and_the_others_go_on(monkeypatch):
    def full(steps):
        raise torch.OutOfMemoryError

    both = [paper.Case("large", full), paper.Case("small", lambda steps: None)]
    monkeypatch.setattr(paper, "cases", lambda device: both)
    large, small = perf._at_paper_scale(Clock("cpu", 1))
    assert large.seconds is None
    assert "more memory" in large.note
    assert small.seconds is not None
