"""Encoders of frames, spectrograms and waveforms, saved and loaded by the calls that real models take."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from vlbench.encoders import TimmOptions
from vlbench.errors import DataError, ProtocolError
from vlbench.students.lora import LoraConfig, add_adapters
from vlbench_media.encoders import FramesTimm, MelTimm, Transformers
from vlbench_media.options import PooledTimmOptions, TransformersOptions

transformers = pytest.importorskip("transformers")

FRAMES = torch.randint(0, 256, (3, 4, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
LEVELS = torch.randint(0, 256, (3, 64, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
SOUND = torch.randn(3, 4_000, generator=torch.Generator().manual_seed(2)).clamp(-1, 1)


def test_features_of_frames_are_the_mean_or_the_maximum_of_each_frames():
    one, most = (FramesTimm(PooledTimmOptions(model="test_resnet", pooling=how)) for how in ("mean", "max"))
    each = torch.stack([one.module.model(one.inputs(FRAMES)[:, at]) for at in range(4)])
    assert torch.allclose(one.module(one.inputs(FRAMES)), each.mean(0), atol=1e-5)
    assert torch.allclose(most.module(most.inputs(FRAMES)), each.amax(0), atol=1e-5)
    assert one.identity != most.identity
    with pytest.raises(DataError, match=r"frames \[item, time"):
        one.inputs(LEVELS)


def test_a_timm_model_reads_spectrograms_and_gives_sounds_back():
    encoder = MelTimm(TimmOptions(model="test_resnet"))
    assert encoder.module(encoder.inputs(LEVELS)).shape == (3, encoder.width)
    suffix, content = encoder.file_of(LEVELS[0])
    assert (suffix, content[:4]) == ("wav", b"RIFF")


SMALL = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}


def made(kind: str) -> tuple[torch.nn.Module, torch.Tensor]:
    if kind == "wav2vec2":
        few = {"conv_dim": (16, 16), "conv_kernel": (10, 8), "conv_stride": (5, 4), "num_conv_pos_embeddings": 16}
        config = transformers.Wav2Vec2Config(
            **SMALL, **few, num_feat_extract_layers=2, num_conv_pos_embedding_groups=2, feat_extract_norm="layer"
        )
        return transformers.Wav2Vec2Model(config), SOUND
    if kind == "ast":
        config = transformers.ASTConfig(**SMALL, num_mel_bins=64, max_length=32, patch_size=8)
        return transformers.ASTModel(config), LEVELS
    config = transformers.VideoMAEConfig(**SMALL, image_size=32, patch_size=16, num_frames=4, tubelet_size=2)
    return transformers.VideoMAEModel(config), FRAMES


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["wav2vec2", "ast", "videomae"])
def test_models_of_transformers_are_loaded_adapted_and_differentiated(kind: str, tmp_path: Path):
    model, items = made(kind)
    model.save_pretrained(tmp_path / kind)
    encoder, again = (Transformers(TransformersOptions(name=str(tmp_path / kind))) for _ in range(2))
    inputs = encoder.inputs(items).requires_grad_()
    features = encoder.module(inputs)
    assert features.shape == (3, encoder.width)
    assert torch.equal(features, again.module(again.inputs(items)))
    assert encoder.identity == again.identity
    (gradient,) = torch.autograd.grad(features.square().sum(), inputs, create_graph=True)
    (second,) = torch.autograd.grad(gradient.square().sum(), inputs)  # as matching needs it
    assert second.isfinite().all()
    assert len(add_adapters(encoder.module, LoraConfig(rank=2))) > 0
    assert torch.allclose(encoder.module(inputs), features, atol=1e-6)  # adapters start at nought


def test_a_model_that_is_not_there_is_named(tmp_path: Path):
    with pytest.raises(ProtocolError, match="cannot be loaded"):
        Transformers(TransformersOptions(name=str(tmp_path / "none")))
