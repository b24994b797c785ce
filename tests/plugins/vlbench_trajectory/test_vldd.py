"""``vldd`` end to end on toys."""

import dataclasses
import io

import pytest
import torch

import vlbench
from vlbench import Budget, SeedTree, TrainView
from vlbench.artifacts import artifact_bytes
from vlbench.errors import OptionError
from vlbench.evaluation.evaluate import embed_split
from vlbench.evaluation.retrieval import mean_recall, score_embeddings
from vlbench.matching import Task
from vlbench.matching.distiller import task_of
from vlbench.progress import PlainObserver, SilentObserver
from vlbench.students.training import train
from vlbench.students.training_sets import training_set
from vlbench.testing import parametrize_with_checks
from vlbench.testing.toys import TOY_RECIPE, toy_student
from vlbench_trajectory import vlbench_methods
from vlbench_trajectory.options import VLDDOptions
from vlbench_trajectory.settings import resolve
from vlbench_trajectory.vldd import VLDD

SPEC = vlbench_methods()[0]
QUICK = {"rows.always": "[]", "rows.full": "false", "training.seeds": "1"}


@parametrize_with_checks([SPEC])
def test_conformance(check):
    check()


class Killed(Exception):
    """Stands for an interruption."""


class Killer(SilentObserver):
    """Kills a run after some steps of matching."""

    def __init__(self, steps):
        self.left = steps
        self.name = ""

    def phase(self, name, total=None, detail=""):
        self.name = name

    def advance(self, steps=1, note=""):
        self.left -= self.name == "matching"
        if self.left < 0:
            raise Killed


def recall(run, artifact):
    """Mean recall on val, mean over three fresh students."""
    student = run.builder.student("toy", run.config)
    data = training_set(artifact, student, run.builder.tower_inputs(student, "train"))
    val = run.builder.tower_inputs(student, "val")
    seeds = [SeedTree(0).child("student", index) for index in range(3)]
    embeddings = [embed_split(student, train(student, data, TOY_RECIPE, seed), val) for seed in seeds]
    return sum(mean_recall(score_embeddings(one, val.pairs)) for one in embeddings) / len(seeds)


def test_learned_pairs_beat_the_pairs_they_start_from(toy_run):
    run = toy_run()
    artifact = run.condense(6, outer_steps=60)
    assert recall(run, artifact) > recall(run, artifact.start) + 5


@pytest.mark.parametrize(("train", "branches"), [("lora", {"image-lora", "image", "text"}), ("all", {"image", "text"})])
def test_what_is_trained_is_what_is_matched(toy_run, train, branches):
    run = toy_run(train=train)
    context = run.context()
    artifact = run.condense(6, context=context, warm_start=False, start_range=0)
    curve = context.curves["matching_loss"]
    assert set(artifact.rates) == branches
    assert sum(curve[-5:]) < 0.95 * sum(curve[:5])


@pytest.mark.parametrize("train", ["frozen", "lora"])
@pytest.mark.parametrize(("share", "targets"), [(1.0, "none"), (0.5, "learned")])
def test_a_resumed_run_equals_an_uninterrupted_one(toy_run, tmp_path, train, share, targets):
    run = toy_run(train=train)
    whole_context = run.context()
    whole = run.condense(8, refresh_fraction=share, targets=targets, context=whole_context)
    said = io.StringIO()
    killed, resumed = run.context(observer=Killer(28)), run.context(observer=PlainObserver(said))
    killed.work = resumed.work = tmp_path
    with pytest.raises(Killed):
        run.condense(8, refresh_fraction=share, targets=targets, context=killed)
    again = run.condense(8, refresh_fraction=share, targets=targets, context=resumed)
    assert "resumed at update" in said.getvalue()
    for side in whole.sides:
        assert torch.equal(whole.sides[side], again.sides[side])
    assert whole.rates == again.rates
    assert (whole.targets is None) == (targets == "none")
    for part, tensor in whole.targets.tensors.items() if whole.targets else ():
        assert torch.equal(tensor, again.targets.tensors[part])
    assert whole_context.curves == resumed.curves


@pytest.mark.parametrize(("learn", "kept"), [("text", "image"), ("image", "text")])
def test_a_side_that_is_not_learned_stays_as_it_was(toy_run, learn, kept):
    run = toy_run()
    artifact, other = run.condense(learn=learn), run.condense(learn="both")
    start = run.context().training_set(artifact.start)
    assert not torch.equal(artifact.sides[kept], other.sides[kept])
    if kept == "image":
        index = run.dataset.split("train").pairs[artifact.start.indices, 0]
        assert torch.equal(artifact.sides["image"], run.dataset.split("train").items["image"][index])
    else:
        tower_inputs = run.context().student.towers["text"].from_features(artifact.sides["text"])
        torch.testing.assert_close(tower_inputs, start.take("text", torch.arange(12)), rtol=0, atol=1e-5)


def test_learned_pixels_are_8_bit_and_vectors_live_in_the_encoders_space(toy_run):
    run = toy_run()
    artifact = run.condense()
    tower = run.context().student.towers["text"]
    assert artifact.sides["image"].dtype == torch.uint8
    assert artifact.spaces == {"image": "items", "text": tower.space}
    assert set(artifact.rates) == {"image", "text"}


def test_coarser_text_vectors_leave_room_for_more_pairs_in_as_many_bytes(toy_run):
    run = toy_run()
    kept = {storage: run.condense("5kB", storage=storage) for storage in ("float32", "float16", "uint8")}
    assert [len(kept[storage]) for storage in kept] == [4992 // (192 + 64), 4992 // (192 + 32), 4992 // (192 + 24)]
    for artifact in kept.values():
        assert artifact_bytes(artifact, run.dataset.split("train")) <= 5000
    assert kept["float16"].sides["text"].dtype == torch.float16
    assert set(kept["uint8"].scales) == {"text"}


def test_learned_targets_are_of_the_rank_asked_for_and_weigh_in_a_budget_of_bytes(toy_run):
    run = toy_run()
    artifact = run.condense("5kB", targets="learned", target_rank=3, outer_steps=3)
    assert len(artifact) == 4992 // (192 + 64 + 4 * (1 + 2 * 3))
    assert artifact_bytes(artifact, run.dataset.split("train")) <= 5000
    assert artifact.targets.rank == 3
    assert run.condense(1, targets="learned", target_rank=3, outer_steps=3).targets.rank == 1
    with pytest.raises(OptionError, match="target_rank=-1 is outside of its range"):
        run.condense(targets="learned", target_rank=-1)


def test_targets_learned_alone_leave_the_identity_and_lower_the_matching_loss(toy_run):
    run, ends = toy_run(), {}
    alone = {"item_rate": 0, "vector_rate": 0, "step_rate": 0, "target_rate": 0.03, "target_rank": 3}
    alone |= {
        "experts": 1,
        "start_range": 0,
        "segments_per_step": 1,
    }  # one segment, so that every step lowers the same loss
    for targets in ("none", "learned"):
        context = run.context()
        artifact = run.condense(10, targets=targets, context=context, **alone)
        ends[targets] = sum(context.curves["matching_loss"][-5:])
    matrix = artifact.targets.matrix(torch.arange(10))
    assert bool(((matrix >= 0) & (matrix <= 1)).all())
    assert float((matrix.diag() - 1).abs().max()) > 0.05
    assert bool(artifact.targets.right.any())
    assert ends["learned"] < 0.99 * ends["none"]


def test_a_side_can_start_from_noise_and_the_artifact_then_names_no_starting_pairs(toy_run):
    run = toy_run()
    noisy, real = run.condense(noise="image"), run.condense()
    assert noisy.start is None
    assert real.start is not None
    assert not torch.equal(noisy.sides["image"], real.sides["image"])


def test_experts_are_shared_by_budgets_and_seeds(toy_run):
    run = toy_run()
    run.condense(6)
    made = set((run.folder / "cache" / "experts").iterdir())
    run.condense(9, context=run.context(seed=1))
    assert made
    assert set((run.folder / "cache" / "experts").iterdir()) == made


def test_dropout_leaves_the_global_generator_alone_and_repeats(toy_run):
    run = toy_run(dropout=0.2)
    before = torch.random.get_rng_state()
    one, two = run.condense(5), run.condense(5)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.equal(one.sides["text"], two.sides["text"])


def test_every_outer_step_leaves_its_loss_on_the_curve(toy_run):
    context = toy_run().context()
    toy_run().condense(context=context)
    curve = context.curves["matching_loss"]
    assert len(curve) == 30
    assert sum(curve[-5:]) < sum(curve[:5])


def test_text_whose_encoder_is_trained_is_refused(toy_run):
    run = toy_run()
    config = toy_student()
    text = dataclasses.replace(config.towers["text"], train="all")
    run.config = dataclasses.replace(config, towers=config.towers | {"text": text})
    with pytest.raises(OptionError, match='Set train = "frozen" for text'):
        run.condense()


def test_a_side_that_does_not_exist_is_refused(toy_run):
    with pytest.raises(OptionError, match="Allowed: both, image, text"):
        toy_run().condense(learn="video")
    with pytest.raises(OptionError, match="noise='video'"):
        toy_run().condense(noise="video")


def test_heads_are_matched_before_adapters_unless_told_otherwise(toy_run):
    task = task_of(TrainView(toy_run().dataset), toy_run(train="lora").context().student, 5)
    assert task.trained == "lora"
    assert [plan.variant for plan in VLDD(VLDDOptions()).plans(task)] == ["frozen", ""]
    for options in (VLDDOptions(warm_start=False), VLDDOptions(preset="paper")):
        assert [plan.variant for plan in VLDD(options).plans(task)] == [""]


def test_the_paper_preset_has_the_published_numbers():
    settings = resolve(VLDDOptions(preset="paper"), Task("all", pairs=100, items=29_000, captions=145_000))
    assert (settings.optimiser, settings.item_rate, settings.vector_rate, settings.step_rate) == ("sgd", 1e3, 1e3, 1e-2)
    assert (settings.inner_steps, settings.inner_batch, settings.inner_rate) == (8, 100, 0.1)
    assert (settings.start_range, settings.segment_length) == (1, 1)
    assert settings.interval == 145_000 // 128  # an epoch of the published experts is all captions
    assert (settings.experts, settings.expert_steps, settings.expert_passes) == (20, 2 * 1132, "pairs")
    assert (settings.in_turn, settings.draws, settings.expert_augment) == (True, True, "randaugment")


def test_given_options_win_and_segments_stay_within_the_path():
    options = VLDDOptions(expert_steps=24, interval=12, outer_steps=7)
    settings = resolve(options, Task("heads", pairs=100, items=1_000))
    assert settings.outer_steps == 7
    assert settings.start_range + settings.segment_length <= 2


def test_the_paper_preset_runs(toy_run):
    run = toy_run()
    artifact = run.condense(preset="paper", outer_steps=3, item_rate=0.1, vector_rate=0.1)
    assert len(artifact) == 12
    assert Budget(12).pairs == len(artifact.start)
    assert TrainView(run.dataset).fingerprint == artifact.fingerprint


def test_the_published_rates_learn_in_the_space_they_are_meant_for(tmp_path):
    record = vlbench.run(
        method="vldd", budget=50, suite="scenes-mini", out=tmp_path, overrides=QUICK,
        options={"preset": "paper", "experts": 2, "outer_steps": 24},
    )  # fmt: skip
    curve = record.curves["matching_loss"]
    assert record.settings["item_rate"] == 1000.0
    assert record.settings["step_rate"] == 0.01
    assert max(curve) < 3
    assert sum(curve[-8:]) < 0.9 * sum(curve[:8])


def test_a_dataset_smaller_than_a_batch_has_slow_experts():
    tiny = resolve(VLDDOptions(), Task("heads", pairs=10, items=40))
    small = resolve(VLDDOptions(), Task("heads", pairs=10, items=600))
    assert tiny.expert_rate < 0.1 * small.expert_rate
    assert tiny.start_range + tiny.segment_length <= tiny.expert_steps // tiny.interval


def test_pixels_that_shall_stay_leave_the_real_ones_less(toy_run):
    run = toy_run()
    changes = []
    for stay in (0.0, 1.0, 5.0):
        artifact = run.condense(8, anchor_strength=stay)
        split = run.dataset.split("train")
        real = split.items["image"][split.pairs[artifact.start.indices, 0]]
        changes.append(float((artifact.sides["image"].float() - real.float()).abs().mean()))
    assert changes[0] > changes[1] > changes[2] > 0


def test_the_inner_temperature_is_the_students_own_unless_told(toy_run):
    run = toy_run()
    plain, same, other = (
        run.condense(outer_steps=3, **more) for more in ({}, *({"inner_temperature": t} for t in (0.07, 0.376)))
    )
    assert torch.equal(plain.sides["text"], same.sides["text"])
    assert not torch.equal(plain.sides["text"], other.sides["text"])


def test_experts_of_a_trained_encoder_may_see_augmented_images(toy_run):
    run = toy_run(train="all")
    plain, augmented = (
        run.condense(outer_steps=3, warm_start=False, expert_augment=how).sides["image"]
        for how in ("none", "randaugment")
    )
    assert not torch.equal(plain, augmented)
