"""Experts' paths: straightened, mixed, and what a broken one says."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import vlbench
from vlbench.cache import Cache
from vlbench.errors import DivergedError
from vlbench.matching import Experts, convexified, draw_segment, layout, mixed, train_experts
from vlbench.matching.experts import STREAM
from vlbench.matching.snapshots import Series, paths
from vlbench.seeds import SeedTree
from vlbench.students.training import Recipe, train
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
    assert len(stamps) == 2 * 3  # experts, and snapshots of each
    assert all(same(one, two) for one, two in zip(first, again, strict=True))
    train_experts(run.context(), Experts(2, 24, 0.2, 20, 12))
    assert len(list(folder.iterdir())) == 2 * 2 * 3


def same(one, two):
    return all(torch.equal(torch.stack(list(path)), torch.stack(list(two[branch]))) for branch, path in one.items())


@pytest.mark.parametrize("train", ["frozen", "all"])
def test_an_expert_that_ends_early_and_goes_on_is_the_one_trained_at_once(toy_run, train):
    run, plan = toy_run(train=train), Experts(1, 12, 0.1, 20, 4)
    context = run.context()
    (early,) = train_experts(context, plan, last=1)
    files = {path: path.stat().st_mtime_ns for path in (run.folder / "cache" / "experts").glob("*/data.safetensors")}
    assert len(files) == len(early["image"]) == 2
    (whole,) = train_experts(context, plan)
    assert {path: path.stat().st_mtime_ns for path in files} == files
    kept = []
    recipe = Recipe(12, 20, 0.1, momentum=0.0, schedule="constant")

    def observe(step, _positions, _inputs, parameters):
        if step % 4 == 0:
            kept.append({branch: flat.clone() for branch, flat in parameters.items()})

    last = vlbench.students.train(
        context.student, context.full_set(), recipe, SeedTree(0).child(STREAM, 0), observe=observe
    )
    at_once = [*kept, last]
    assert same(whole, {branch: [snapshot[branch] for snapshot in at_once] for branch in whole})
    assert len(whole["image"]) == 4


def test_training_that_is_interrupted_goes_on_from_the_last_snapshot(toy_run, monkeypatch):
    context, plan = toy_run().context(), Experts(1, 12, 0.1, 20, 4)
    begun = []

    def interrupted(*words, begin=None, **more):
        begun.append(begin[0] if begin else 0)
        if len(begun) == 3:
            raise KeyboardInterrupt
        return train(*words, begin=begin, **more)

    monkeypatch.setattr("vlbench.matching.experts.train", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train_experts(context, plan)
    train_experts(context, plan)
    assert begun == [0, 0, 4, 4, 8]


def test_snapshots_in_bf16_take_half_the_bytes_and_stay_near_the_path(toy_run):
    run = toy_run()
    context = run.context()
    (exact,) = train_experts(context, Experts(1, 12, 0.1, 20, 4))
    (rounded,) = train_experts(context, Experts(1, 12, 0.1, 20, 4, snapshots="bf16"), last=2)
    (longer,) = train_experts(context, Experts(1, 12, 0.1, 20, 4, snapshots="bf16"))
    assert same(rounded, {branch: path[:3] for branch, path in longer.items()})
    for branch, path in exact.items():
        moved = float((path[3] - path[0]).norm())
        assert 0 < float((path[3] - longer[branch][3]).norm()) < 0.01 * moved
    sizes = {}
    for file in (run.folder / "cache" / "experts").glob("*/data.safetensors"):
        key = json.loads(file.with_name("key.json").read_text())
        sizes[key.get("stored", "float32"), key["snapshot"]] = sum(
            tensor.numel() * tensor.element_size() for tensor in load_file(file).values()
        )
    assert [sizes["float32", number] for number in range(4)] == 4 * [sizes["float32", 0]]
    assert [sizes["bf16", number] for number in range(1, 4)] == 3 * [sizes["float32", 0] // 2]


def test_a_snapshot_that_goes_bad_is_made_again(toy_run):
    run, plan = toy_run(), Experts(1, 12, 0.1, 20, 4)
    (first,) = train_experts(run.context(), plan)
    whole = {branch: [snapshot.clone() for snapshot in path] for branch, path in first.items()}
    del first
    folder = next(
        path.parent
        for path in (run.folder / "cache" / "experts").glob("*/key.json")
        if json.loads(path.read_text())["snapshot"] == 1
    )
    file = folder / "data.safetensors"
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    (again,) = train_experts(run.context(), plan)
    assert same(again, whole)


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
    monkeypatch.setattr("vlbench.matching.experts.train", lambda *_, **__: pytest.fail("trained once more"))
    (again,) = train_experts(context, plan, "frozen")
    assert same(first, again)


def _counted(made, wait):
    def following(number, before):
        if number == 0:
            wait()
            made.append(threading.get_ident())
        return {"image": torch.full((2,), float(number))}

    return following


def test_two_who_want_the_same_experts_share_the_work_and_get_them_all(tmp_path: Path):
    made: list[int] = []

    def want():
        following = _counted(made, lambda: time.sleep(0.1))
        wanted = [(Series(Cache(tmp_path), {"expert": index}, "float32"), following) for index in range(4)]
        return {index: path["image"].shape for index, path in paths(wanted, 1, lambda _: None)}

    with ThreadPoolExecutor(2) as pool:
        found = [future.result() for future in [pool.submit(want) for _ in range(2)]]
    assert found == [dict.fromkeys(range(4), (2, 2))] * 2
    assert len(made) == 4  # each once
    assert len(set(made)) == 2  # and by both


def test_experts_are_trained_at_the_same_time_where_that_is_asked(tmp_path: Path):
    meeting, made = threading.Barrier(2, timeout=60), []
    wanted = [
        (Series(Cache(tmp_path), {"expert": index}, "float32"), _counted(made, meeting.wait)) for index in range(4)
    ]
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        found = dict(paths(wanted, 1, lambda _: None, together=2))
    finally:
        torch.set_num_threads(before)
    assert {index: path["image"].shape for index, path in found.items()} == dict.fromkeys(range(4), (2, 2))
