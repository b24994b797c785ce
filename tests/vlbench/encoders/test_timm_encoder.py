"""Any timm model as an image encoder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from safetensors.torch import save_file

from vlbench.encoders.options import TimmOptions
from vlbench.encoders.timm_encoder import TimmEncoder
from vlbench.errors import DataError, ProtocolError, UnknownNameError
from vlbench.testing import check_encoder

MODEL = "mobilenetv3_small_050"


def encoder(**options: Any) -> TimmEncoder:
    return TimmEncoder(TimmOptions(**({"model": MODEL} | options)))


@pytest.fixture
def images() -> torch.Tensor:
    return torch.randint(0, 256, (70, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("suffix", ["safetensors", "pth"])
def test_weights_of_a_file_are_used_and_its_classifier_is_dropped(
    tmp_path: Path, images: torch.Tensor, suffix: str
) -> None:
    reference = timm.create_model(MODEL, pretrained=False).eval()
    path = tmp_path / f"weights.{suffix}"
    if suffix == "pth":
        torch.save({"state_dict": reference.state_dict()}, path)
    else:
        save_file(reference.state_dict(), path)
    ours = encoder(weights=str(path))
    mean = torch.tensor(reference.pretrained_cfg["mean"]).view(3, 1, 1)
    std = torch.tensor(reference.pretrained_cfg["std"]).view(3, 1, 1)
    with torch.inference_mode():
        expected = reference.forward_head(reference.forward_features((images / 255 - mean) / std), pre_logits=True)
        found = ours.module(ours.inputs(images))
    assert found.shape == (70, ours.width)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)
    assert ours.identity != encoder().identity


@pytest.mark.parametrize("model", ["resnet10t", "vit_tiny_patch16_224", MODEL])
def test_width_is_that_of_the_features(model: str) -> None:
    ours = encoder(model=model, arguments={"img_size": 32} if "vit" in model else {})
    assert ours.module(torch.rand(2, 3, 32, 32)).shape == (2, ours.width)


def test_random_weights_are_the_same_every_time_and_global_random_state_is_untouched(images: torch.Tensor) -> None:
    before = torch.get_rng_state()
    first, second = encoder(), encoder()
    assert torch.equal(before, torch.get_rng_state())
    assert first.identity == second.identity
    with torch.no_grad():
        inputs = first.inputs(images[:4])
        assert torch.equal(first.module(inputs), second.module(inputs))


def test_settings_are_part_of_the_identity() -> None:
    identities = {
        encoder().identity,
        encoder(arguments={"pad_type": "same"}).identity,
        encoder(mean=(0.5, 0.5, 0.5)).identity,
    }
    assert len(identities) == 3


def test_inputs_are_scaled_to_one(images: torch.Tensor) -> None:
    inputs = encoder().inputs(images)
    assert inputs.dtype == torch.float32
    assert float(inputs.min()) == 0
    assert float(inputs.max()) == 1


def test_gradients_reach_the_pixels_and_the_weights() -> None:
    ours = encoder()
    ours.module.train()
    pixels = torch.rand(4, 3, 32, 32, requires_grad=True)
    ours.module(pixels).square().sum().backward()
    assert pixels.grad is not None
    assert float(pixels.grad.abs().sum()) > 0
    assert all(parameter.grad is not None for parameter in ours.module.parameters())


@pytest.mark.parametrize("model", ["vit_tiny_patch16_224", "resnet10t"])
def test_features_can_be_differentiated_twice(model: str) -> None:
    arguments = {"img_size": 32, "depth": 2} if "vit" in model else {}
    ours = encoder(model=model, arguments=arguments)
    pixels = torch.rand(2, 3, 32, 32, requires_grad=True)
    weight = next(iter(ours.module.parameters()))
    (gradient,) = torch.autograd.grad(ours.module(pixels).square().sum(), weight, create_graph=True)
    (second,) = torch.autograd.grad(gradient.square().sum(), pixels)
    assert float(second.abs().sum()) > 0


def test_lora_can_be_put_on_the_module() -> None:
    peft = pytest.importorskip("peft")
    ours = encoder(model="vit_tiny_patch16_224", arguments={"img_size": 32, "depth": 2})
    model = peft.get_peft_model(ours.module, peft.LoraConfig(r=4, target_modules="all-linear"))
    assert model(torch.rand(2, 3, 32, 32)).shape == (2, ours.width)


def test_an_unknown_model_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"'mobilenetv2-100'\. Did you mean 'mobilenetv2_100'"):
        encoder(model="mobilenetv2-100")


def test_arguments_a_model_does_not_take_are_refused() -> None:
    with pytest.raises(ProtocolError, match=r"does not take these arguments.*padding_kind"):
        encoder(model="vit_tiny_patch16_224", arguments={"padding_kind": "same"})


def test_weights_of_another_model_are_refused(tmp_path: Path) -> None:
    save_file(timm.create_model("resnet10t", pretrained=False).state_dict(), tmp_path / "other.safetensors")
    with pytest.raises(DataError, match=r"other\.safetensors: weights do not fit.*missing.*unexpected"):
        encoder(weights=str(tmp_path / "other.safetensors"))


def test_weights_with_a_key_too_few_are_refused(tmp_path: Path) -> None:
    state = timm.create_model(MODEL, pretrained=False).state_dict()
    del state["conv_stem.weight"]
    save_file(state, tmp_path / "short.safetensors")
    with pytest.raises(DataError, match=r"1 missing \(conv_stem\.weight\), 0 unexpected"):
        encoder(weights=str(tmp_path / "short.safetensors"))


@pytest.mark.parametrize("name", ["broken.safetensors", "broken.pth"])
def test_a_file_that_holds_no_weights_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"nothing of the kind")
    with pytest.raises(DataError, match="not a whole"):
        encoder(weights=str(tmp_path / name))


def test_a_missing_weights_file_is_refused(tmp_path: Path) -> None:
    for name in ("nowhere.safetensors", "nowhere.pth"):
        with pytest.raises(DataError, match="no such file"):
            encoder(weights=str(tmp_path / name))


def test_pretrained_weights_without_network_say_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise OSError("no network")

    monkeypatch.setattr(timm, "create_model", fail)
    with pytest.raises(DataError, match=r"no network.*give the file as 'weights'"):
        encoder(weights="pretrained")


def test_texts_are_refused() -> None:
    with pytest.raises(DataError, match="right side"):
        encoder().inputs(["a caption"])


def test_the_encoder_keeps_the_published_rules() -> None:
    results = check_encoder("timm", options={"model": "resnet10t"})
    assert {result.check: result.message for result in results if result.status != "passed"} == {}


def test_a_model_without_second_derivatives_is_told_by_the_check() -> None:
    failed = {r.check: r.message for r in check_encoder("timm", options={"model": MODEL}) if r.status == "failed"}
    assert list(failed) == ["it_can_be_differentiated_twice"]
    assert "hardsigmoid" in failed["it_can_be_differentiated_twice"]
