"""Any sentence-transformers model as a text encoder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer
from transformers import BertConfig, BertModel, BertTokenizerFast

from vlbench.encoders.options import SentenceTransformerOptions
from vlbench.encoders.sentence_encoder import SentenceTransformerEncoder
from vlbench.errors import DataError, ProtocolError
from vlbench.testing import check_encoder

WORDS = [
    "a",
    "red",
    "green",
    "blue",
    "big",
    "small",
    "dog",
    "cat",
    "runs",
    "sleeps",
    "on",
    "the",
    "grass",
    "under",
    "tree",
]
TEXTS = [" ".join(WORDS[start % 7 : start % 7 + 1 + start % 8]) for start in range(150)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny random BERT, saved as a sentence-transformers model."""
    root = tmp_path_factory.mktemp("text")
    (root / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]))
    tokenizer = BertTokenizerFast(str(root / "vocab.txt"))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        config = BertConfig(
            vocab_size=len(tokenizer),
            hidden_size=16,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=32,
            max_position_embeddings=40,
        )
        BertModel(config).save_pretrained(root / "bert")
    tokenizer.save_pretrained(root / "bert")
    transformer = Transformer(str(root / "bert"), max_seq_length=32)
    SentenceTransformer(modules=[transformer, Pooling(16, "mean"), Normalize()], device="cpu").save(str(root / "model"))
    return root


def encoder(path: Path, **options: Any) -> SentenceTransformerEncoder:
    return SentenceTransformerEncoder(SentenceTransformerOptions(name=str(path), **options))


def test_vectors_equal_those_of_sentence_transformers(folder: Path) -> None:
    ours = encoder(folder / "model", max_length=24)
    expected = SentenceTransformer(str(folder / "model"), device="cpu").encode(TEXTS, convert_to_tensor=True)
    tokens = ours.inputs(TEXTS)
    assert tokens.shape == (150, 2, 24)
    assert tokens.dtype == torch.long
    assert ours.width == 16
    with torch.inference_mode():
        torch.testing.assert_close(ours.module(tokens), expected.clone(), atol=1e-5, rtol=0)
    torch.testing.assert_close(ours.module(tokens), expected.clone(), atol=1e-5, rtol=0)


def test_the_default_prompt_is_put_before_texts(folder: Path, tmp_path: Path) -> None:
    model = SentenceTransformer(str(folder / "model"), device="cpu", prompts={"p": "the red "}, default_prompt_name="p")
    model.save(str(tmp_path / "prompted"))
    ours = encoder(tmp_path / "prompted")
    expected = torch.from_numpy(model.encode(TEXTS[:5]))
    torch.testing.assert_close(ours.module(ours.inputs(TEXTS[:5])), expected, atol=1e-5, rtol=0)


def test_cls_pooling_takes_the_first_token(folder: Path) -> None:
    ours = encoder(folder / "bert", pooling="cls")
    tokens = ours.inputs(TEXTS[:5])
    model = BertModel.from_pretrained(folder / "bert").eval()
    expected = model(input_ids=tokens[:, 0], attention_mask=tokens[:, 1]).last_hidden_state[:, 0]
    torch.testing.assert_close(ours.module(tokens), expected, atol=1e-5, rtol=0)


def test_long_texts_are_cut_and_the_length_is_at_most_the_models(folder: Path) -> None:
    assert encoder(folder / "model", max_length=6).inputs(["red " * 50]).shape == (1, 2, 6)
    assert encoder(folder / "model", max_length=500).inputs(["red"]).shape == (1, 2, 32)


def test_identity_names_settings_and_weights_but_no_folder(folder: Path, tmp_path: Path) -> None:
    identity = encoder(folder / "model").identity
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "model").symlink_to(folder / "model")
    assert encoder(tmp_path / "elsewhere" / "model").identity == identity
    assert str(folder) not in identity
    assert encoder(folder / "model", max_length=5).identity != identity
    assert encoder(folder / "model", pooling="cls").identity != identity


def test_the_module_can_be_trained_and_takes_lora(folder: Path) -> None:
    ours = encoder(folder / "model")
    ours.module.train()
    ours.module(ours.inputs(TEXTS[:4])).square().sum().backward()
    assert any(parameter.grad is not None for parameter in ours.module.parameters())
    peft = pytest.importorskip("peft")
    model = peft.get_peft_model(ours.module, peft.LoraConfig(r=2, target_modules=["query", "value"]))
    assert model(ours.inputs(TEXTS[:4])).shape == (4, 16)


def test_vectors_can_be_differentiated_twice(folder: Path) -> None:
    ours = encoder(folder / "model")
    weight = next(parameter for name, parameter in ours.module.named_parameters() if "query.weight" in name)
    loss = (ours.module(ours.inputs(TEXTS[:4])) ** 3).sum()
    (gradient,) = torch.autograd.grad(loss, weight, create_graph=True)
    (second,) = torch.autograd.grad(gradient.square().sum(), weight)
    assert float(second.abs().sum()) > 0


def test_a_folder_that_does_not_exist_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(DataError, match=r"cannot be loaded.*Give the folder"):
        encoder(tmp_path / "nowhere")


def test_a_model_without_transformer_is_refused(folder: Path, tmp_path: Path) -> None:
    SentenceTransformer(modules=[Transformer(str(folder / "bert"))], device="cpu").save(str(tmp_path / "bare"))
    with pytest.raises(ProtocolError, match="expected a transformer and a pooling"):
        encoder(tmp_path / "bare")


def test_a_length_below_one_is_refused(folder: Path) -> None:
    with pytest.raises(ProtocolError, match="max_length = 0"):
        encoder(folder / "model", max_length=0)


def test_images_are_refused(folder: Path) -> None:
    with pytest.raises(DataError, match="right side"):
        encoder(folder / "model").inputs(torch.zeros(1, 3, 4, 4, dtype=torch.uint8))


def test_the_encoder_keeps_the_published_rules(folder: Path) -> None:
    results = check_encoder("sentence-transformers", options={"name": str(folder / "model")})
    assert {result.check: result.message for result in results if result.status != "passed"} == {}
