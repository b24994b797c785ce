"""The gradient of trajectory matching against plain unrolling."""

import dataclasses

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from vlbench.matching.gradient import Segment, inner_path, match, matching_loss, tesla
from vlbench.matching.gradient import unrolled as by_graph
from vlbench.matching.soft_targets import TARGETS, as_targets, first_rows

PAIRS, STEPS = 6, 5
ALL = torch.arange(PAIRS)


def double_student(toy_run, train, loss="info-nce"):
    """The toy student in float64, with tower_inputs of its first train pairs."""
    run = toy_run(train=train)
    run.config = dataclasses.replace(run.config, loss=loss)
    student, tower_inputs = run.context().student_with()
    for tower in student.towers.values():
        tower.trained.double()
    rows = torch.arange(PAIRS)
    values = {
        side: tower_inputs.take(side, tower_inputs.pairs[rows * 2, column]) for column, side in enumerate(student.sides)
    }
    return student, {side: value.double() for side, value in values.items()}


def problem(student, generator):
    """A segment between random parameters, inner step sizes and batches with and without overlap."""
    sizes = {branch: size for branch, (_, size) in student.branches.items()}
    start = {b: 0.3 * torch.randn(n, generator=generator, dtype=torch.float64) for b, n in sizes.items()}
    target = {b: v + 0.1 * torch.randn(v.shape, generator=generator, dtype=torch.float64) for b, v in start.items()}
    rates = {b: torch.tensor(0.1 + 0.05 * i, dtype=torch.float64) for i, b in enumerate(sizes)}
    batches = [torch.randperm(PAIRS, generator=generator)[: PAIRS - step % 3] for step in range(STEPS)]
    return Segment(start, target), rates, batches


def of(student):
    """A student's loss as matching wants it."""

    def loss(tower_inputs, parameters, step=0):
        rows = tower_inputs.get(TARGETS)
        return student.loss(
            tower_inputs, parameters, targets=rows if rows is None else as_targets(rows).matrix(ALL[: len(rows)])
        )

    return loss


def unrolled(student, tower_inputs, segment, *, rates, batches):
    """Loss and gradients by autograd through all inner steps."""
    tower_inputs = {side: value.clone().requires_grad_() for side, value in tower_inputs.items()}
    rates = {branch: rate.clone().requires_grad_() for branch, rate in rates.items()}
    now = {branch: value.clone().requires_grad_() for branch, value in segment.start.items()}
    for batch in batches:
        loss = of(student)({side: value[batch] for side, value in tower_inputs.items()}, now)
        gradient = torch.autograd.grad(loss, list(now.values()), create_graph=True)
        now = {branch: now[branch] - rates[branch] * part for branch, part in zip(now, gradient, strict=True)}
    total = torch.stack(list(matching_loss(now, segment).values())).sum()
    back = torch.autograd.grad(total, [*tower_inputs.values(), *rates.values()])
    return total, dict(zip(tower_inputs, back, strict=False)), dict(zip(rates, back[len(tower_inputs) :], strict=True))


@pytest.mark.parametrize(
    ("train", "loss", "soft"),
    [("frozen", "info-nce", False), ("lora", "info-nce", False), ("all", "info-nce", False),
     ("frozen", "info-nce", True), ("frozen", "wbce", True)],
)  # fmt: skip
def test_gradient_equals_that_of_unrolling_every_inner_step(toy_run, generator, train, loss, soft):
    student, tower_inputs = double_student(toy_run, train, loss)
    if soft:
        tower_inputs[TARGETS] = first_rows(PAIRS, 2, generator).double() + 0.3 * torch.rand(
            PAIRS, 5, generator=generator
        )
    segment, rates, batches = problem(student, generator)
    total, by_entries, by_rates = unrolled(student, tower_inputs, segment, rates=rates, batches=batches)
    found = match(of(student), tower_inputs, segment, rates=rates, batches=batches, sides=tuple(tower_inputs))
    assert found.loss == pytest.approx(float(total.detach()), rel=1e-10)
    for side in tower_inputs:
        assert (found.tower_inputs[side] - by_entries[side]).norm() <= 1e-8 * by_entries[side].norm()
    for branch in rates:
        torch.testing.assert_close(found.rates[branch], by_rates[branch], rtol=1e-8, atol=0)


def test_gradient_of_inner_step_sizes_equals_finite_differences(toy_run, generator):
    student, tower_inputs = double_student(toy_run, "frozen")
    segment, rates, batches = problem(student, generator)
    found = match(of(student), tower_inputs, segment, rates=rates, batches=batches, sides=())
    for branch in rates:
        ends = []
        for sign in (1, -1):
            moved = rates | {branch: rates[branch] + sign * 1e-5}
            end = inner_path(of(student), tower_inputs, segment.start, moved, batches)[-1]
            ends.append(sum(matching_loss(end, segment).values()))
        assert float(found.rates[branch]) == pytest.approx(float(ends[0] - ends[1]) / 2e-5, rel=1e-6)


def test_loss_is_one_per_branch_without_movement_and_zero_at_the_target():
    segment = Segment({"a": torch.zeros(3), "b": torch.ones(2)}, {"a": torch.ones(3), "b": torch.zeros(2)})
    assert [float(part) for part in matching_loss(segment.start, segment).values()] == [1.0, 1.0]
    assert [float(part) for part in matching_loss(segment.target, segment).values()] == [0.0, 0.0]


def test_graph_memory_does_not_grow_with_the_number_of_inner_steps(generator):
    layer = nn.Linear(4, 4, dtype=torch.float64)
    tower_inputs = {"one": torch.randn(5, 4, generator=generator, dtype=torch.float64)}
    start = {"layer": layer.weight.detach().flatten()}
    segment = Segment(start, {"layer": start["layer"] + 0.1})
    alive, most = [0], [0]

    class Counted:
        """A saved tensor, counted for as long as autograd holds it."""

        def __init__(self, tensor):
            self.tensor = tensor
            alive[0] += 1
            most[0] = max(most[0], alive[0])

        def __del__(self):
            alive[0] -= 1

    def loss(batch, parameters, step):
        return (batch["one"] @ parameters["layer"].view(4, 4)).tanh().square().sum()

    def peak(steps):
        most[0] = alive[0] = 0
        with torch.autograd.graph.saved_tensors_hooks(Counted, lambda held: held.tensor):
            rates, batches = {"layer": torch.tensor(0.01, dtype=torch.float64)}, [torch.arange(5)] * steps
            match(loss, tower_inputs, segment, rates=rates, batches=batches, sides=("one",))
        return most[0]

    assert peak(2) == peak(16) > 0


def test_sides_that_are_not_learned_get_no_gradient(toy_run, generator):
    student, tower_inputs = double_student(toy_run, "frozen")
    segment, rates, batches = problem(student, generator)
    both = match(of(student), tower_inputs, segment, rates=rates, batches=batches, sides=student.sides)
    one = match(of(student), tower_inputs, segment, rates=rates, batches=batches, sides=("text",))
    assert list(one.tower_inputs) == ["text"]
    torch.testing.assert_close(one.tower_inputs["text"], both.tower_inputs["text"])


def test_the_full_graph_as_a_fallback_gives_the_same(toy_run, generator):
    student, entries = double_student(toy_run, "frozen")
    segment, rates, batches = problem(student, generator)
    given = {"rates": rates, "batches": batches, "sides": ("image",)}
    one, two = (way(of(student), entries, segment, **given) for way in (match, by_graph))
    assert one.loss == pytest.approx(two.loss, rel=1e-10)
    torch.testing.assert_close(one.tower_inputs, two.tower_inputs)
    torch.testing.assert_close(one.rates, two.rates)


@pytest.mark.parametrize("way", [match, tesla])
def test_graphs_that_are_kept_give_the_numbers_of_graphs_made_again(toy_run, generator, way):
    student, tower_inputs = double_student(toy_run, "frozen")
    segment, rates, batches = problem(student, generator)
    kept, again = (
        way(of(student), tower_inputs, segment, rates=rates, batches=batches, sides=student.sides, keep=keep)
        for keep in (True, False)
    )
    assert kept.ratios == again.ratios
    for side in student.sides:
        assert torch.equal(kept.tower_inputs[side], again.tower_inputs[side])
        assert torch.equal(kept.rates[side], again.rates[side])


class _Waits(TorchDispatchMode):
    """Counts where a GPU would have to finish before the program goes on."""

    count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += func is torch.ops.aten._local_scalar_dense.default
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("train", ["frozen", "all"])
def test_no_inner_step_waits_for_a_number(toy_run, generator, train):
    student, tower_inputs = double_student(toy_run, train)
    segment, rates, batches = problem(student, generator)
    counts = []
    for steps in (1, STEPS):
        with _Waits() as waits:
            match(of(student), tower_inputs, segment, rates=rates, batches=batches[:steps], sides=student.sides)
        counts.append(waits.count)
    assert counts[0] == counts[1] == len(segment.start)  # the two ratios that are reported, at the end


def test_teslas_gradient_equals_its_closed_form_with_the_other_steps_constant(toy_run, generator):
    student, entries = double_student(toy_run, "frozen")
    segment, rates, batches = problem(student, generator)
    path = inner_path(of(student), entries, segment.start, rates, batches)
    total = {b: (segment.start[b] - path[-1][b]) / rates[b] for b in rates}  # G, the sum of all gradients
    expected = {side: torch.zeros_like(values) for side, values in entries.items()}
    for now, batch in zip(path, batches, strict=False):
        leaves = {b: flat.clone().requires_grad_() for b, flat in now.items()}
        inputs = {side: values.clone().requires_grad_() for side, values in entries.items()}
        loss = of(student)({side: value[batch] for side, value in inputs.items()}, leaves)
        gradient = dict(zip(leaves, torch.autograd.grad(loss, list(leaves.values()), create_graph=True), strict=True))
        weighted = sum(
            2 * (rates[b] * (segment.target[b] - segment.start[b]) + rates[b] ** 2 * total[b]) @ gradient[b]
            / (segment.start[b] - segment.target[b]).square().sum()
            for b in rates
        )  # fmt: skip
        for side, part in zip(inputs, torch.autograd.grad(weighted, list(inputs.values())), strict=True):
            expected[side] += part
    found = tesla(of(student), entries, segment, rates=rates, batches=batches, sides=tuple(entries))
    torch.testing.assert_close(found.tower_inputs, expected)
    for b, rate in rates.items():
        length = (segment.start[b] - segment.target[b]).square().sum()
        by_rate = -2 * (segment.start[b] - rate * total[b] - segment.target[b]) @ total[b] / length
        torch.testing.assert_close(found.rates[b], by_rate)
    exact = match(of(student), entries, segment, rates=rates, batches=batches, sides=tuple(entries))
    assert not torch.allclose(exact.tower_inputs["image"], expected["image"])


def test_a_merged_segment_has_one_ratio_of_all_distances_to_all_lengths():
    start, target = {"a": torch.zeros(1), "b": torch.zeros(1)}, {"a": torch.ones(1), "b": torch.full((1,), 3.0)}
    end = {"a": torch.ones(1), "b": torch.full((1,), 1.0)}
    parts = matching_loss(end, Segment(start, target, merged=True))
    assert float(sum(parts.values())) == pytest.approx((0 + 4) / (1 + 9))
