"""Students on tensors without values whose device is "cuda": the branches of the code that only a GPU takes.

Forwards alone: PyTorch's way back asks the driver of a GPU, whether or not tensors have values. Heads have a way back
of their own. Both ways are gone through on the device of ``vlbench.testing.pretend_gpu``.
"""

from contextlib import contextmanager

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from vlbench.perf import heads, paper
from vlbench.seeds import SeedTree
from vlbench.students.losses import LOSSES
from vlbench.students.training import Recipe, train
from vlbench.transfer import on_device

pytestmark = pytest.mark.filterwarnings("ignore:Accessing the data pointer of FakeTensor")  # by torch's own deepcopy

SMALL = [("test_nfnet", "all", 64), ("test_vit", "lora", 160)]
"""Models of the same kinds as the published ones, of some thousand weights; which of them are trained; pixels."""


class Cuda(TorchDispatchMode):
    """The rule of CUDA that tensors without values do not know, and the number 1 for each that is read."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func is torch.ops.aten._local_scalar_dense.default:
            return 1.0
        out = func(*args, **(kwargs or {}))
        drawn = any(isinstance(leaf, torch.Generator) for leaf in tree_leaves((args, kwargs)))
        if drawn and any(isinstance(leaf, torch.Tensor) and leaf.device.type == "cuda" for leaf in tree_leaves(out)):
            raise RuntimeError(f"{func}: Expected a 'cuda' device type for generator but found 'cpu'")
        return out


def moved(module, device, dtype=None):
    """As ``Module.to``, which cannot swap weights without values in place."""
    for part in module.modules():
        for name, weight in part._parameters.items():
            if weight is not None:
                part._parameters[name] = nn.Parameter(weight.detach().to(device, dtype), weight.requires_grad)
        for name, values in part._buffers.items():
            part._buffers[name] = values.to(device, dtype) if values is not None else None
    return module


@pytest.fixture
def fake_cuda(monkeypatch):
    @contextmanager
    def mode():
        monkeypatch.setattr(nn.Module, "to", moved)
        with FakeTensorMode(allow_non_fake_inputs=True), Cuda():
            yield "cuda"

    return mode()


def test_the_device_knows_cudas_rules(fake_cuda):
    with fake_cuda as device:
        with pytest.raises(RuntimeError, match="generator"):
            torch.empty(3, device=device).normal_(generator=torch.Generator())
        with pytest.raises(RuntimeError, match="device"):
            torch.empty(3, device=device) + torch.empty(3)


@pytest.mark.parametrize(("model", "trained", "side"), SMALL)
@pytest.mark.parametrize(("precision", "micro_batch"), [("float32", 0), ("tf32", 2)])
def test_a_batch_of_a_published_student_has_a_loss(model, trained, side, precision, micro_batch, fake_cuda):
    with fake_cuda as device:
        student = paper.paper_student(model, trained, device, micro_batch=micro_batch)
        student.precision = precision
        loss = student.loss(paper.drawn(student, 4, side), student.start(SeedTree(0)))
    # bf16 is left out: torch's autocast refuses a device that it does not find.
    assert (loss.device.type, loss.dtype, loss.shape) == ("cuda", torch.float32, torch.Size([]))


@pytest.mark.parametrize("objective", LOSSES)
def test_two_heads_are_trained_on_pinned_batches(objective, fake_cuda, monkeypatch):
    pinned = []
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda values: pinned.append(values.shape) or values)
    # A thread of its own would not see that tensors have no values here.
    monkeypatch.setattr("vlbench.students.training.one_ahead", lambda *what, ahead: map(what[0], range(*what[1:])))
    drawn = {}
    data = heads._training_set(drawn, "cpu", soft=False)
    data.take = lambda side, at: drawn[side].index_select(0, on_device(at, "cuda"))
    with fake_cuda as device:
        drawn |= heads._drawn(device)[0]
        found = train(heads._student(device, objective), data, Recipe(2, 100, 0.1, noise=0.5), SeedTree(0))
    assert {flat.device.type for flat in found.values()} == {"cuda"}
    assert len(pinned) == 2 * 4  # in each step positions of both sides, and their noise
