"""What is learned of a side, and what is stored."""

import pytest
import torch

from vlbench import TrainView
from vlbench.artifacts import pack, unpack
from vlbench.matching.basis import cosine_basis, frequency_weight, to_coefficients, to_pixels
from vlbench.matching.learned import LearnedItems, LearnedVectors


def test_pixels_survive_the_frequency_basis(generator):
    pixels = torch.rand(3, 3, 12, 20, generator=generator)
    torch.testing.assert_close(to_pixels(to_coefficients(pixels)), pixels, rtol=0, atol=1e-5)


def test_the_cosine_basis_is_orthonormal():
    basis = cosine_basis(16)
    torch.testing.assert_close(basis @ basis.T, torch.eye(16), rtol=0, atol=1e-6)


def test_high_frequencies_weigh_less():
    weight = frequency_weight(8, 8)
    assert weight[0, 0] == 1
    assert weight[7, 7] == pytest.approx(1 / (3.5 * 2**0.5))
    assert bool((weight[:, 1:] <= weight[:, :-1]).all())


@pytest.mark.parametrize("basis", ["frequency", "free"])
def test_every_8_bit_image_is_stored_as_it_was(toy_run, basis):
    run = toy_run()
    train = TrainView(run.dataset)
    items = train.items("image")
    how = LearnedItems(run.context().student.towers["image"], items.float() / 255, basis=basis)
    variable = how.variable(items.float() / 255)
    assert float(variable.square().mean().sqrt()) == pytest.approx(1, rel=1e-4)
    assert torch.equal(train.as_items("image", how.inputs(variable)), items)


@pytest.mark.parametrize("basis", ["frequency", "free"])
@pytest.mark.parametrize("bounds", [(0.0, 1.0), (-80.0, 5.0)])
@pytest.mark.parametrize("shape", [(4, 3, 8, 8), (4, 8, 12)])
def test_projected_items_are_valid(toy_run, generator, basis, bounds, shape):
    low, high = bounds
    real = low + (high - low) * torch.rand(shape, generator=generator)
    how = LearnedItems(toy_run().context().student.towers["image"], real, basis=basis, bounds=bounds)
    far = how.variable(real) + torch.randn(real.shape, generator=generator)
    inputs = how.inputs(how.project(far))
    slack = 1e-5 * (high - low)
    assert float(how.inputs(far).max()) > high
    assert float(inputs.min()) > low - slack
    assert float(inputs.max()) < high + slack


def test_vectors_have_unit_size_and_come_back(toy_run, generator):
    real = 7 * torch.randn(5, 16, generator=generator)
    how = LearnedVectors(toy_run().context().student.towers["text"], real)
    variable = how.variable(real)
    assert float(variable.square().mean().sqrt()) == pytest.approx(1, rel=1e-5)
    torch.testing.assert_close(how.tower_inputs(variable), real)


@pytest.mark.parametrize(("storage", "coarsest"), [("float16", 1e-3), ("uint8", 1e-2)])
def test_a_student_reads_what_is_stored_and_the_gradient_passes_as_if_it_were_exact(
    toy_run, generator, storage, coarsest
):
    towers = toy_run().context().student.towers
    vectors, pixels = torch.randn(5, 16, generator=generator), torch.rand(5, 3, 8, 8, generator=generator)
    for how, exact, values, read in (
        (LearnedVectors(towers["text"], vectors, storage=storage), LearnedVectors(towers["text"], vectors),
         towers["text"].standardise.inverse(vectors), towers["text"].from_features),
        (LearnedItems(towers["image"], pixels, basis="free", storage=storage),
         LearnedItems(towers["image"], pixels, basis="free"), pixels, towers["image"].encode_frozen),
    ):  # fmt: skip
        variable = how.variable(pixels if how.is_items else vectors).requires_grad_()
        expected = read(unpack(*pack(values, storage)))
        torch.testing.assert_close(how.tower_inputs(variable), expected, rtol=0, atol=1e-5)
        error = (expected - exact.tower_inputs(variable.detach())).abs().max() / expected.abs().max()
        assert 0 < float(error) < 3 * coarsest
        weight = torch.randn(expected.shape, generator=generator)
        gradients = [torch.autograd.grad((h.tower_inputs(variable) * weight).sum(), variable)[0] for h in (how, exact)]
        torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-5)
