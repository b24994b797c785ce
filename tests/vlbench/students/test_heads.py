"""Heads: their form, and a start that only its generator decides."""

import math

import pytest
import torch
from torch import nn

from vlbench.errors import ProtocolError
from vlbench.students.heads import HeadConfig, ResidualHead, build_head, start_head


def started(config, features=64, seed=0):
    head = build_head(config, features)
    start_head(head, config, torch.Generator().manual_seed(seed))
    return head


def test_no_head_passes_features_on():
    features = torch.randn(2, 5)
    assert torch.equal(started(HeadConfig(kind="none"), 5)(features), features)


def test_a_linear_head_is_one_matrix():
    head = started(HeadConfig(width=16))
    assert [tuple(weight.shape) for weight in head.parameters()] == [(16, 64)]


@pytest.mark.parametrize("gain", [0.5, 2.0])
def test_a_normal_start_has_the_deviation_that_keeps_lengths(gain):
    weight = started(HeadConfig(width=256, gain=gain), 400).weight
    assert float(weight.detach().std()) == pytest.approx(gain / math.sqrt(400), rel=0.02)


def test_an_identity_start_is_the_gain_on_the_diagonal():
    head = started(HeadConfig(width=3, start="identity", gain=2.0), 5)
    assert torch.equal(head.weight.detach(), 2 * torch.eye(3, 5))


@pytest.mark.parametrize("config", [HeadConfig(width=256, start="uniform"), HeadConfig(kind="residual", width=256)])
def test_a_uniform_start_stays_within_its_bound_and_fills_it(config):
    weight = next(started(config, 400).parameters()).detach()
    assert 0.99 / 20 < float(weight.abs().max()) <= 1 / 20
    assert abs(float(weight.mean())) < 1e-3


def test_a_residual_head_starts_as_torch_starts_its_layers():
    head = started(HeadConfig(kind="residual", width=400), 100)
    for layer, bound in ((head.first, 1 / 10), (head.second, 1 / 20)):
        for values in (layer.weight.detach(), layer.bias.detach()):
            assert 0.95 * bound < float(values.abs().max()) <= bound
            assert float(values.std()) == pytest.approx(bound / math.sqrt(3), rel=0.1)


def test_a_residual_head_is_the_one_of_the_paper():
    head = started(HeadConfig(kind="residual", width=6, dropout=0.3), 4).eval()
    features = torch.randn(5, 4, generator=torch.Generator().manual_seed(0))
    hidden = features @ head.first.weight.T + head.first.bias
    deep = nn.functional.gelu(hidden) @ head.second.weight.T + head.second.bias
    total = hidden + deep
    centred = total - total.mean(1, keepdim=True)
    expected = centred / (centred.square().mean(1, keepdim=True) + 1e-5).sqrt()
    torch.testing.assert_close(head(features), expected)


@pytest.mark.parametrize("config", [HeadConfig(width=8), HeadConfig(kind="residual", width=8)])
def test_a_start_depends_on_its_generator_and_on_nothing_before_it(config):
    head = build_head(config, 10)
    for parameter in head.parameters():
        nn.init.constant_(parameter, 9.0)
    start_head(head, config, torch.Generator().manual_seed(1))
    fresh = started(config, 10, seed=1)
    assert all(torch.equal(a, b) for a, b in zip(head.parameters(), fresh.parameters(), strict=True))
    other = started(config, 10, seed=2)
    assert not torch.equal(next(head.parameters()), next(other.parameters()))


def test_dropout_is_where_the_paper_has_it():
    head = build_head(HeadConfig(kind="residual", width=6, dropout=0.3), 4)
    assert isinstance(head, ResidualHead)
    assert head.dropout.p == 0.3


@pytest.mark.parametrize("wrong", [{"kind": "deep"}, {"start": "zeros"}])
def test_a_head_that_does_not_exist_is_refused(wrong):
    with pytest.raises(ProtocolError, match=r"does not exist. Allowed:"):
        build_head(HeadConfig(**wrong), 4)


def test_a_built_in_head_takes_no_options():
    with pytest.raises(ProtocolError, match="head 'linear' has no options"):
        HeadConfig(options={"layers": 2})
