"""What an artifact may be, and that it survives the disk."""

import json
from dataclasses import replace

import pytest
import torch

from vlbench.artifacts import Targets
from vlbench.artifacts.artifact import (
    DistilledPairs,
    Selection,
    check_artifact,
    load_artifact,
    save_artifact,
)
from vlbench.artifacts.quantise import pack, unpack
from vlbench.errors import ArtifactError
from vlbench.testing import toy_dataset

DATA = toy_dataset()
TRAIN = DATA.split("train")


def selection(indices=(3, 1, 4), **fields):
    return Selection(torch.tensor(indices), DATA.fingerprint, **fields)


def distilled(**fields):
    sides = {"image": torch.full((3, 3, 8, 8), 7, dtype=torch.uint8), "text": torch.arange(48.0).view(3, 16)}
    spaces = {"image": "items", "text": "features:toy"}
    return replace(DistilledPairs(sides, spaces, DATA.fingerprint), **fields)


def packed(storage="uint8", **fields):
    text, scales = pack(distilled().sides["text"], storage)
    sides = {**distilled().sides, "text": text}
    return replace(distilled(sides=sides, scales={} if scales is None else {"text": scales}), **fields)


def soft(rank=2, dtype=torch.float32, **fields):
    """Targets of three pairs."""
    draw = torch.Generator().manual_seed(0)
    drawn = [torch.rand(shape, generator=draw).to(dtype) for shape in ((3,), (3, rank), (3, rank))]
    return replace(Targets(*drawn), **fields)


def test_targets_are_the_same_where_something_learns_from_them():
    draw = torch.Generator().manual_seed(0)
    drawn = (torch.tensor([1.4, -0.3, 0.5]), *(torch.randn(3, 2, generator=draw) for _ in range(2)))
    plain, learned = Targets(*drawn), Targets(*(part.clone().requires_grad_() for part in drawn))
    at = torch.tensor([2, 0])
    expected = (drawn[1] @ drawn[2].T + torch.diag(drawn[0]))[at][:, at].clamp(0, 1)
    torch.testing.assert_close(plain.matrix(at), expected)
    assert torch.equal(plain.matrix(at), learned.matrix(at))
    assert torch.autograd.grad(learned.matrix(at).sum(), learned.diagonal)[0][1] == 0


def check(artifact):
    check_artifact(artifact, train=TRAIN, fingerprint=DATA.fingerprint)


def test_good_artifacts_pass():
    check(selection())
    check(selection(mean_sides=("text",)))
    check(distilled(rates={"image": 0.1}, start=selection()))
    check(packed())
    check(packed("float16"))
    for rank in (0, 3):
        check(distilled(targets=soft(rank)))
    check(distilled(targets=soft(dtype=torch.float16)))


def with_side(side, tensor):
    return distilled(sides={**distilled().sides, side: tensor})


@pytest.mark.parametrize(
    ("artifact", "words"),
    [
        ([1, 2, 3], "returned list, not a Selection"),
        (Selection(torch.empty(0, dtype=torch.long), DATA.fingerprint), "holds no pair"),
        (replace(selection(), fingerprint="another"), "another dataset's fingerprint"),
        (replace(selection(), indices=torch.tensor([1.0])), "expected int64"),
        (replace(selection(), indices=torch.tensor([[1]])), "expected int64"),
        (selection((1, 120)), "index 120 is outside the train split's 120 pairs"),
        (selection((-1, 2)), "index -1 is outside"),
        (selection((5, 5)), "occurs twice"),
        (distilled(sides={"image": distilled().sides["image"]}), "has sides"),
        (with_side("text", torch.zeros(2, 16)), "differ in length"),
        (with_side("text", torch.full((3, 16), torch.inf)), "not finite"),
        (with_side("image", torch.zeros(3, 3, 8, 8)), "is not the form of the data's items"),
        (with_side("image", torch.zeros(3, 3, 9, 8, dtype=torch.uint8)), "is not the form of the data's items"),
        (distilled(rates={"text": float("nan")}), "inner rate of 'text' is not finite"),
        (distilled(spaces={"image": "items", "text": "items"}), "is not the form of the data's items"),
        (with_side("text", torch.zeros(3, 16, dtype=torch.uint8)), "without scales"),
        (distilled(scales={"text": torch.ones(3, 2)}), "expected uint8 with finite"),
        (packed(scales={"text": torch.ones(2, 2)}), "expected uint8 with finite"),
        (packed(scales={"text": torch.full((3, 2), torch.nan)}), "expected uint8 with finite"),
        (distilled(targets=torch.eye(3)), "targets are Tensor, expected vlbench.artifacts.Targets"),
        (distilled(targets=soft(4)), "have rank 4. 3 pairs need no more than 3"),
        (distilled(targets=soft(left=torch.zeros(3, 1))), r"right is torch.float32 \[3, 2\], expected \[3, 1\]"),
        (distilled(targets=soft(diagonal=torch.ones(2))), r"diagonal is torch.float32 \[2\], expected \[3\]"),
        (distilled(targets=soft(left=torch.ones(3))), r"left is torch.float32 \[3\]"),
        (distilled(targets=soft(right=torch.zeros(3, 2).half())), "right is torch.float16"),
        (distilled(targets=soft(dtype=torch.float64)), "diagonal is torch.float64"),
        (distilled(targets=soft(right=torch.full((3, 2), torch.nan))), "right holds a number that is not finite"),
    ],
)
def test_a_bad_artifact_is_refused_with_its_reason(artifact, words):
    with pytest.raises(ArtifactError, match=words):
        check(artifact)


@pytest.mark.parametrize("artifact", [selection(), selection(mean_sides=("text",))])
def test_a_selection_survives_the_disk(artifact, tmp_path):
    save_artifact(artifact, tmp_path)
    loaded = load_artifact(tmp_path)
    assert torch.equal(loaded.indices, artifact.indices)
    assert (loaded.fingerprint, loaded.mean_sides) == (artifact.fingerprint, artifact.mean_sides)


def test_distilled_pairs_survive_the_disk_with_the_order_of_their_sides(tmp_path):
    artifact = distilled(rates={"image": 0.5, "text": 0.1}, start=selection((7, 5, 2), mean_sides=("text",)))
    save_artifact(artifact, tmp_path)
    loaded = load_artifact(tmp_path)
    assert list(loaded.sides) == ["image", "text"]
    for side, tensor in artifact.sides.items():
        assert torch.equal(loaded.sides[side], tensor)
        assert loaded.sides[side].dtype == tensor.dtype
    assert (loaded.spaces, loaded.rates, loaded.fingerprint) == (artifact.spaces, artifact.rates, artifact.fingerprint)
    assert loaded.start.indices.tolist() == [7, 5, 2]
    assert loaded.start.mean_sides == ("text",)


@pytest.mark.parametrize("rank", [0, 2])
def test_targets_survive_the_disk_and_an_artifact_without_them_says_nothing_of_them(rank, tmp_path):
    save_artifact(distilled(targets=soft(rank)), tmp_path)
    loaded = load_artifact(tmp_path)
    for part, tensor in soft(rank).tensors.items():
        assert torch.equal(loaded.targets.tensors[part], tensor)
    assert json.loads((tmp_path / "artifact.json").read_text())["target_rank"] == rank
    save_artifact(distilled(), tmp_path)
    assert load_artifact(tmp_path).targets is None
    for file in ("artifact.json", "artifact.safetensors"):
        assert b"target" not in (tmp_path / file).read_bytes()


def test_targets_of_a_batch_are_the_diagonal_and_the_product_between_nothing_and_all():
    made = soft(diagonal=torch.tensor([1.0, 0.5, -1.0]), left=torch.tensor([[1.0, 2], [0, -1], [3, 0]]))
    at = [2, 0]
    for row, i in enumerate(at):
        for column, j in enumerate(at):
            entry = sum(float(made.left[i, k] * made.right[j, k]) for k in range(2)) + (i == j) * float(
                made.diagonal[i]
            )
            assert float(made.matrix(torch.tensor(at))[row, column]) == pytest.approx(min(max(entry, 0), 1))


def test_views_and_graphs_are_stored_as_plain_values(tmp_path):
    text = torch.arange(96.0, requires_grad=True).view(3, 32)[:, ::2]
    save_artifact(with_side("text", text), tmp_path)
    assert torch.equal(load_artifact(tmp_path).sides["text"], text.detach())


def test_saving_twice_gives_the_same_bytes(tmp_path):
    for name in "ab":
        save_artifact(distilled(rates={"image": 0.1}), tmp_path / name)
    for file in ("artifact.json", "artifact.safetensors"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_nothing_is_pickled(tmp_path):
    save_artifact(distilled(), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["artifact.json", "artifact.safetensors"]
    json.loads((tmp_path / "artifact.json").read_text())


@pytest.mark.parametrize("spoil", ["missing", "cut", "text", "empty"])
def test_a_broken_artifact_is_an_error_and_not_a_crash(spoil, tmp_path):
    save_artifact(selection(), tmp_path)
    tensors, about = tmp_path / "artifact.safetensors", tmp_path / "artifact.json"
    if spoil == "missing":
        tensors.unlink()
    elif spoil == "cut":
        tensors.write_bytes(tensors.read_bytes()[:-5])
    elif spoil == "text":
        about.write_text("not json")
    else:
        about.write_text("{}")
    with pytest.raises(ArtifactError, match="no readable artifact"):
        load_artifact(tmp_path)


@pytest.mark.parametrize(("storage", "off"), [("float32", 0), ("float16", 2**-6), ("uint8", 15 / 255 / 2)])
def test_packed_vectors_survive_the_disk_and_are_read_as_float32(storage, off, tmp_path):
    save_artifact(packed(storage), tmp_path)
    values = load_artifact(tmp_path).values("text")
    assert values.dtype == torch.float32
    assert float((values - distilled().sides["text"]).abs().max()) <= off + 1e-6
    assert torch.equal(values, packed(storage).values("text"))


def test_constant_vectors_are_packed_exactly():
    stored, scales = pack(torch.full((2, 4), 0.3), "uint8")
    assert torch.equal(unpack(stored, scales), torch.full((2, 4), 0.3))
