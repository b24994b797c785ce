"""Every distiller on toys: it conforms, ends above its start, and its formula is the one its docstring gives."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch

from vlbench import Budget, SeedTree, TrainView
from vlbench.matching import Task
from vlbench.registry.options import parse_options
from vlbench.registry.specs import resolve
from vlbench.testing import parametrize_with_checks
from vlbench_trajectory import vlbench_methods
from vlbench_trajectory.covariance import cross_covariance
from vlbench_trajectory.kernels import energy, kernel, unit
from vlbench_trajectory.options import LinearGradientOptions, PathOptions, SoftOptions
from vlbench_trajectory.projector import projector
from vlbench_trajectory.repblend import blended
from vlbench_trajectory.ridge_meta import ridge_map
from vlbench_trajectory.settings import paper_lors, script
from vlbench_trajectory.settings import resolve as settings

SPECS = {spec.name: spec for spec in vlbench_methods()}
LEARNING = sorted(SPECS.keys() - {"noise"})
PRESETS = sorted(name for name, spec in SPECS.items() if "preset" in {f.name for f in dataclasses.fields(spec.options)})


TEACHES_NOTHING = {"result_teaches": "noise is what must teach nothing"}


@parametrize_with_checks([spec for spec in vlbench_methods() if spec.name not in ("vldd", "noise")])
def test_conformance(check):
    check()


@parametrize_with_checks([SPECS["noise"]], expected_failures=TEACHES_NOTHING)
def test_noise_conforms_but_for_what_it_teaches(check):
    check()


def make(name, **options):
    spec = SPECS[name]
    return resolve(spec.target)(parse_options(spec.options, {**spec.quick, **options}, owner=name))


def condense(run, name, context, pairs=8, **options):
    return make(name, **options).condense(TrainView(run.dataset), Budget(pairs), context)


@pytest.mark.parametrize("name", LEARNING)
def test_the_loss_of_every_method_falls(toy_run, name):
    run = toy_run()
    context = run.context()
    condense(run, name, context, outer_steps=40)
    curve = next(iter(context.curves.values()))
    assert sum(curve[-8:]) < sum(curve[:8])
    assert context.resolved["outer_steps"] in (40, 20)


@pytest.mark.parametrize("name", PRESETS)
def test_every_published_preset_runs_and_says_what_it_resolved_to(toy_run, name):
    run = toy_run()
    context = run.context()
    artifact = condense(run, name, context, preset="paper", outer_steps=3)
    assert len(artifact) == 8
    assert context.resolved["optimiser"] == ("adam" if name == "linear-gradient" else "sgd")


def test_noise_says_no_pairs_it_started_from_and_has_the_datas_scale(toy_run):
    run = toy_run()
    artifact = condense(run, "noise", run.context(), pairs=50)
    assert artifact.start is None
    real = run.dataset.split("train").items["image"].float()
    assert float(artifact.sides["image"].float().mean()) == pytest.approx(float(real.mean()), rel=0.15)


@pytest.mark.parametrize("name", ["mdm", "covariance", "linear-gradient", "projector", "repblend"])
def test_methods_for_heads_run_where_an_encoder_is_trained(toy_run, name):
    run = toy_run(train="lora")
    assert len(condense(run, name, run.context(), pairs=5)) == 5


def test_kernel_energy_equals_its_double_sum(generator):
    made, real = (unit(torch.randn(n, 4, generator=generator, dtype=torch.float64)) for n in (5, 7))

    def mean(one, two, *, same=False):
        values = [
            math.exp(-(math.acos(max(-1.0, min(1.0, float(a @ b)))) ** 2) / (2 * 0.5**2))
            for i, a in enumerate(one) for j, b in enumerate(two) if not (same and i == j)
        ]  # fmt: skip
        return sum(values) / len(values)

    expected = mean(made, made, same=True) + mean(real, real, same=True) - 2 * mean(made, real)
    assert float(energy(made, real, 0.5)) == pytest.approx(math.sqrt(max(expected, 0) + 1e-12), rel=1e-4)
    assert kernel(made, made, 0.5).diagonal() == pytest.approx(1, abs=1e-4)


def test_the_cross_covariance_of_the_data_is_that_of_all_its_pairs(toy_run):
    context = toy_run().context()
    inputs = context.full_set().tower_inputs(torch.arange(len(context.full_set().pairs)))
    one, two = (values - values.mean(0) for values in inputs.values())
    torch.testing.assert_close(cross_covariance(context), one.T @ two / len(one), rtol=1e-4, atol=1e-5)


def test_the_covariance_loss_is_zero_on_the_data_itself_at_scale_one(toy_run):
    run = toy_run()
    context, method = run.context(), make("covariance", rho=1)
    inputs = context.full_set().tower_inputs(torch.arange(120))
    method.prepare(context.student, context, start=type("Start", (), {"selection": range(120)}))
    centred = {side: values - values.mean(0) for side, values in inputs.items()}
    assert float(method.loss(context.student, centred, SeedTree(0))) < 1e-8
    doubled = {side: 2**0.5 * values for side, values in centred.items()}
    assert float(method.loss(context.student, doubled, SeedTree(0))) == pytest.approx(1, rel=1e-4)


def test_the_gradient_loss_is_one_minus_the_cosine_of_each_branch(toy_run):
    from vlbench_trajectory.linear_gradient import LinearGradient

    run = toy_run()
    context, method, draw = run.context(), LinearGradient(LinearGradientOptions(batch=30)), SeedTree(3)
    method.prepare(context.student, context, start=None)
    inputs = context.full_set().tower_inputs(torch.arange(12) * 2)
    heads = context.student.start(draw.child("heads"))
    real = method.real.tower_inputs(method.real.positions(0, 30, draw))
    expected = 0.0
    for branch in heads:
        one, two = (context.student.gradient(batch, heads)[0][branch] for batch in (inputs, real))
        expected += 1 - float(one @ two / (one.norm() * two.norm()))
    assert float(method.loss(context.student, inputs, draw).detach()) == pytest.approx(expected, rel=1e-4)
    assert float(method.loss(context.student, real, draw).detach()) == pytest.approx(0, abs=1e-5)


def test_the_ridge_map_minimises_the_penalised_squares(generator):
    x, t = (torch.randn(6, width, generator=generator, dtype=torch.float64) for width in (9, 4))
    penalty = 3.0 * float((x @ x.T).diagonal().mean())
    primal = torch.linalg.inv(x.T @ x + penalty * torch.eye(9, dtype=torch.float64)) @ x.T @ t
    torch.testing.assert_close(ridge_map(x, t, 3.0), primal)


def test_the_projector_of_few_pairs_equals_its_normal_equations(generator):
    x, y = (torch.randn(6, width, generator=generator, dtype=torch.float64) for width in (9, 4))
    primal = torch.linalg.inv(x.T @ x / 6 + 0.7 * torch.eye(9, dtype=torch.float64)) @ x.T @ y / 6
    torch.testing.assert_close(projector(x, y, 0.7), primal)


def test_blending_mixes_both_sides_by_one_share_and_one_order(generator):
    inputs = {side: torch.randn(6, 3, generator=generator) for side in ("image", "text")}
    draw = SeedTree(1).child("inner", 5)
    mixed = blended(inputs, ("image", "text"), draw)
    own = draw.generator("blend")
    share, order = float(torch.rand((), generator=own)), torch.randperm(6, generator=own)
    for side, values in inputs.items():
        torch.testing.assert_close(mixed[side], share * values + (1 - share) * values[order])
    assert torch.equal(mixed["text"], blended(inputs, ("image", "text"), draw)["text"])


def test_the_weighted_loss_of_lors_equals_its_sum_over_both_groups(toy_run, generator):
    context = toy_run().context()
    student, inputs = context.student, context.full_set().tower_inputs(torch.arange(8) * 2)
    parameters, targets = student.start(SeedTree(0)), torch.rand(8, 8, generator=generator)
    one, two = (student.embed(side, inputs[side], parameters) for side in student.sides)
    groups: dict[bool, list[float]] = {True: [], False: []}
    for i in range(8):
        for j in range(8):
            p, s = 1 / (1 + math.exp(-float(one[i] @ two[j]) / student.temperature)), float(targets[i, j])
            groups[s > 0.5].append(-s * math.log(p + 1e-12) - (1 - s) * math.log(1 - p + 1e-12))
    expected = sum(sum(group) / len(group) for group in groups.values()) / 2
    found = student.loss(inputs, parameters, targets=targets, objective="wbce")
    assert float(found) == pytest.approx(expected, rel=1e-3)


def test_phases_learn_their_own_part_of_the_pairs_from_their_own_window(toy_run):
    method = make("ptm-st", phases=2, outer_steps=10, expert_steps=72)
    first, second = method.plans(Task("heads", pairs=8, items=60))
    assert [(plan.settings.part, plan.settings.first_start) for plan in (first, second)] == [((0, 2), 0), ((1, 2), 1)]
    run = toy_run()
    options = {"phases": 2, "outer_steps": 2, "ema": 0}
    artifact = condense(run, "ptm-st", run.context(), **options)
    assert len(artifact) == 8


@pytest.mark.parametrize(("pairs", "rate", "batch"), [(100, 100, 20), (200, 1000, 20), (500, 1000, 40)])
def test_lors_has_the_numbers_of_its_scripts_for_each_budget(pairs, rate, batch):
    found = settings(SoftOptions(preset="paper"), Task("all", pairs=pairs, items=29_000, captions=145_000), paper_lors)
    assert (found.item_rate, found.vector_rate, found.inner_batch) == (rate, rate, batch)
    assert (found.gradient, found.outer_steps, found.inner_steps, found.inner_rate) == ("tesla", 3000, 8, 0.1)


def test_an_interval_without_a_path_is_refused_before_anything_is_trained():
    with pytest.raises(Exception, match="interval=48 is more than expert_steps=24"):
        settings(PathOptions(expert_steps=24, interval=48), Task("heads", pairs=5, items=60))


def test_released_numbers_follow_the_budget_and_given_options_still_count():
    two, five = (Task("heads", pairs=pairs, items=29_000, captions=145_000) for pairs in (200, 500))
    mdm, covariance = make("mdm", preset="paper", outer_steps=7), make("covariance", preset="paper", item_rate=0.5)
    assert [mdm.settings(task).item_rate for task in (two, five)] == [1000, 1000]
    assert (mdm.settings(two).outer_steps, mdm.settings(two).max_grad_norm) == (7, 1)
    assert (covariance.settings(five).item_rate, covariance.settings(five).vector_rate) == (0.5, 1)
    assert [script(pairs)[-2:] for pairs in (100, 200, 500)] == [(10, 3), (5, 1), (20, 0.01)]
    phased = make("ptm-st", preset="paper", expert_steps=4000).settings(five)
    assert (phased.item_rate, phased.target_rate, phased.convex, phased.gradient) == (1000, 10, True, "tesla")
