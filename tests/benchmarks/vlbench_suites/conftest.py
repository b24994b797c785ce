"""Tiny encoders of the kinds that the released suites name, made and saved by the libraries' own calls."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import (
    BertConfig,
    BertModel,
    BertTokenizerFast,
    CLIPConfig,
    CLIPImageProcessor,
    CLIPModel,
    CLIPProcessor,
    CLIPTokenizerFast,
)

WORDS = ["a", "red", "green", "blue", "yellow", "purple", "white", "circle", "square", "triangle", "bar", "on", "left"]
ARGUMENTS = {
    "nfnet": "{depths=[1,1,1,1], channels=[8,8,8,8], stem_chs=16, num_features=24, group_size=4}",
    "vit": "{embed_dim=24, depth=1, num_heads=2, img_size=32}",
}


def save_bert(folder: Path) -> None:
    folder.mkdir()
    (folder / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]))
    tokenizer = BertTokenizerFast(str(folder / "vocab.txt"))
    config = BertConfig(
        vocab_size=len(tokenizer), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=40,
    )  # fmt: skip
    BertModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def save_clip(folder: Path) -> None:
    folder.mkdir()
    letters = [chr(ord("a") + index) for index in range(26)]
    names = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({name: index for index, name in enumerate(names)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    tokenizer = CLIPTokenizerFast(str(folder / "vocab.json"), str(folder / "merges.txt"))
    small = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    text = small | {"vocab_size": len(names), "eos_token_id": tokenizer.eos_token_id}
    vision = small | {"image_size": 32, "patch_size": 16}
    CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=12)).save_pretrained(folder)
    size = {"height": 32, "width": 32}
    processor = CLIPImageProcessor(size={"shortest_edge": 32}, crop_size=size)
    CLIPProcessor(processor, tokenizer).save_pretrained(folder)


@pytest.fixture(scope="session")
def encoders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the folders ``bert`` and ``clip``."""
    folder = tmp_path_factory.mktemp("encoders")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        save_bert(folder / "bert")
        save_clip(folder / "clip")
    return folder


@pytest.fixture
def stand_ins(encoders: Path) -> Callable[[str], dict[str, str]]:
    """Suite -> overrides that put tiny encoders of the same kind into it."""

    def overrides(suite: str) -> dict[str, str]:
        student = "vit" if "vit" in suite else "nfnet"
        text = encoders / ("clip" if "clip" in suite else "bert")
        at = f"students.{student}"
        changed = {
            "data.options.size": "32",
            f"{at}.image.options.weights": '""',
            f"{at}.image.options.arguments": ARGUMENTS[student],
            f"{at}.text.options.name": json.dumps(str(text)),
            f"{at}.text.options.max_length": "24",
            f"{at}.text.head.width": "24",
        }
        return changed | ({f"{at}.image.head.width": "24"} if suite.endswith("heads") else {})

    return overrides
