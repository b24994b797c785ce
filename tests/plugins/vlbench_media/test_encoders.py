"""Encoders of frames and sounds that are timm models."""

from __future__ import annotations

import pytest
import torch

from vlbench.encoders import TimmOptions
from vlbench.errors import DataError
from vlbench_media.encoders import FramesTimm, MelTimm
from vlbench_media.options import PooledTimmOptions

FRAMES = torch.randint(0, 256, (3, 4, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
LEVELS = torch.randint(0, 256, (3, 64, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))


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
