"""Experts' paths: straightened, mixed, and what a broken one says."""

from pathlib import Path

import pytest
import torch

from vlbench.errors import DivergedError
from vlbench.matching import Experts, convexified, draw_segment, layout, mixed, train_experts
from vlbench.testing import toy_context, toy_dataset


def test_a_straightened_path_walks_each_layer_as_far_as_the_expert_had_walked(generator):
    path = torch.randn(6, 7, generator=generator, dtype=torch.float64)
    straight = convexified({"b": path}, {"b": [3, 4]})["b"]
    for part in (slice(0, 3), slice(3, 7)):
        steps = [float((path[t + 1, part] - path[t, part]).norm()) for t in range(5)]
        for t in range(6):
            share = sum(steps[:t]) / sum(steps)
            expected = (1 - share) * path[0, part] + share * path[5, part]
            torch.testing.assert_close(straight[t, part], expected)


def test_a_mixed_teacher_follows_the_published_ratio_in_every_layer(generator):
    anchor, one, two = (torch.randn(5, generator=generator, dtype=torch.float64) for _ in range(3))
    two = one + 0.1 * two
    teacher = mixed({"b": anchor}, {"b": one}, {"b": two}, {"b": [2, 3]}, alpha=0.5)["b"]
    for part in (slice(0, 2), slice(2, 5)):
        ways = [weights[part] - anchor[part] for weights in (one, two)]
        cosine = float(ways[0] @ ways[1] / (ways[0].norm() * ways[1].norm()))
        share = 2 * cosine / (1 + cosine)
        torch.testing.assert_close(teacher[part], anchor[part] + 0.5 * share * (ways[0] + ways[1]) / 2)


def test_opposite_experts_leave_the_anchor_where_it_is():
    opposite = mixed({"b": torch.zeros(2)}, {"b": torch.ones(2)}, {"b": -0.5 * torch.ones(2)}, {"b": [2]})
    assert torch.equal(opposite["b"], torch.zeros(2))


def test_a_window_of_starts_is_kept(generator):
    expert = {"w": torch.arange(9.0)[:, None]}
    drawn = [
        draw_segment([expert], first_start=2, last_start=4, segment_length=3, generator=generator, device="cpu")
        for _ in range(40)
    ]
    assert {int(one.start["w"]) for one in drawn} == {2, 3, 4}
    assert {int(one.target["w"] - one.start["w"]) for one in drawn} == {3}


def test_the_same_plan_finds_experts_trained_before_and_another_does_not(toy_run):
    run = toy_run()
    first = train_experts(run.context(), Experts(2, 24, 0.1, 20, 12))
    folder = run.folder / "cache" / "experts"
    stamps = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    again = train_experts(run.context(seed=7), Experts(2, 24, 0.1, 20, 12))
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == stamps
    assert all(torch.equal(one["image"], two["image"]) for one, two in zip(first, again, strict=True))
    train_experts(run.context(), Experts(2, 24, 0.2, 20, 12))
    assert len(list(folder.iterdir())) == 4


def test_a_broken_expert_is_named_with_the_option_to_change(toy_run):
    with pytest.raises(DivergedError, match=r"an expert's training diverged: .* Lower expert_rate"):
        train_experts(toy_run().context(), Experts(1, 6, 3e38, 20, 2))


def test_layers_cover_a_students_branches(toy_run):
    student = toy_run(train="all", dropout=0.1).context().student
    assert {name: sum(sizes) for name, sizes in layout(student).items()} == {
        name: size for name, (_, size) in student.branches.items()
    }


def test_experts_of_frozen_encoders_are_shared_by_both_ways_of_asking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    _, context = toy_context(toy_dataset(), tmp_path)
    plan = Experts(count=1, steps=4, learning_rate=0.1, batch=16, interval=2)
    (first,) = train_experts(context, plan)
    monkeypatch.setattr("vlbench.matching.experts.trajectory", lambda *_, **__: pytest.fail("trained once more"))
    (again,) = train_experts(context, plan, "frozen")
    assert all(torch.equal(path, again[branch]) for branch, path in first.items())
