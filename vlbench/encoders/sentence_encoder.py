"""Any sentence-transformers model as a text encoder."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Pooling
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from transformers.utils import logging as transformers_logging

from vlbench.data.fingerprint import tensors_fingerprint
from vlbench.data.pairs import Items
from vlbench.encoders.base import Encoder
from vlbench.encoders.options import SentenceTransformerOptions
from vlbench.errors import DataError, ProtocolError

_BATCH = 64


class SentenceTransformerEncoder(Encoder):
    """Texts -> token ids and attention mask, int64 [item, 2, max_length] -> sentence vectors [item, width].

    The vectors are those of ``SentenceTransformer.encode``, the default prompt included, for texts of up to
    ``max_length`` tokens; longer ones are cut.

    Raises:
        DataError: the model cannot be loaded.
        ProtocolError: it is no transformer on tokens, or ``max_length`` is not positive.
    """

    def __init__(self, options: SentenceTransformerOptions) -> None:
        model = _load(options.folder or options.name)
        modules = _with_pooling(list(model), options)
        limit = model.max_seq_length
        self._tokenizer = model.tokenizer
        self._prompt = model.prompts.get(model.default_prompt_name or "", "")
        self._length = min(options.max_length, limit) if limit else options.max_length
        self._check(options)
        self.module = SentenceModel(modules).eval()
        with torch.inference_mode():
            self.width = int(self.module(self.inputs(["width"])).shape[1])
        settings = {"max_length": self._length, "pooling": options.pooling, "prompt": self._prompt}
        weights = tensors_fingerprint(self.module.state_dict())
        # A folder's name is no part of what is computed, and would make the identity differ between machines.
        is_folder = not options.folder and Path(options.name).exists()
        name = Path(options.name).name if is_folder else options.name
        self.identity = f"sentence-transformers {name} {json.dumps(settings, sort_keys=True)} weights {weights}"

    def inputs(self, items: Items) -> Tensor:
        """Token ids and attention mask of texts, padded: int64 [item, 2, max_length].

        Raises:
            DataError: the items are no texts.
        """
        if isinstance(items, str | Tensor) or not all(isinstance(item, str) for item in items):
            raise DataError("a text encoder takes a list of texts. Is it on the right side?")
        texts = [self._prompt + item for item in items]
        if not texts:
            return torch.empty(0, 2, self._length, dtype=torch.long)
        tokens = self._tokenizer(
            texts, padding="max_length", truncation=True, max_length=self._length, return_tensors="pt"
        )
        return torch.stack([tokens["input_ids"], tokens["attention_mask"]], dim=1)

    def _check(self, options: SentenceTransformerOptions) -> None:
        what = f"text encoder {options.name!r}"
        if self._length < 1:
            raise ProtocolError(f"{what}: max_length = {options.max_length}, expected 1 or more.")
        if self._tokenizer is None or getattr(self._tokenizer, "pad_token", None) is None:
            raise ProtocolError(f"{what} has no tokenizer that pads. Take a transformer with a padding token.")


class SentenceModel(nn.Module):
    """The modules of a SentenceTransformer, in turn: int64 [item, 2, length] -> sentence vectors [item, width]."""

    def __init__(self, modules: Sequence[nn.Module]) -> None:
        super().__init__()
        self.stages = nn.ModuleList(modules)

    def forward(self, tokens: Tensor) -> Tensor:
        """Sentence vectors [item, width]. Without a graph, in small batches of similar length, to save padding."""
        if self.training or torch.is_grad_enabled() or len(tokens) <= _BATCH:
            # Fused attention cannot be differentiated twice, which matching losses need.
            with sdpa_kernel(SDPBackend.MATH) if torch.is_grad_enabled() else nullcontext():
                return self._vectors(tokens)
        order = tokens[:, 1].sum(1).argsort()
        vectors = torch.cat([self._vectors(tokens[part]) for part in torch.split(order, _BATCH)])
        return vectors[order.argsort()]

    def _vectors(self, tokens: Tensor) -> Tensor:
        # What is padding in every row changes no vector and is most of the work.
        tokens = tokens[:, :, tokens[:, 1].any(0)]
        features = {"input_ids": tokens[:, 0], "attention_mask": tokens[:, 1]}
        for stage in self.stages:
            features = stage(features)
        return features["sentence_embedding"]


def _load(name: str) -> SentenceTransformer:
    try:
        with _no_progress_bar():
            return SentenceTransformer(name, device="cpu")
    # transformers, sentence-transformers and the hub client raise errors of many unrelated classes.
    except Exception as error:
        raise DataError(
            f"text encoder {name!r} cannot be loaded ({type(error).__name__}: {error}). Give the folder of a "
            f"sentence-transformers model, or the name of one on the Hugging Face hub, which needs a network."
        ) from error


@contextmanager
def _no_progress_bar() -> Iterator[None]:
    """Loading weights takes a moment; transformers draws a bar for it in the midst of ours."""
    shown = transformers_logging.is_progress_bar_enabled()
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            transformers_logging.enable_progress_bar()


def _with_pooling(modules: list[nn.Module], options: SentenceTransformerOptions) -> list[nn.Module]:
    """The model's modules, with another pooling where the options ask for one."""
    positions = [index for index, module in enumerate(modules) if isinstance(module, Pooling)]
    if getattr(modules[0], "module_output_name", "") == "sentence_embedding":  # CLIP's text encoder pools by itself
        if options.pooling:
            raise ProtocolError(f"text encoder {options.name!r} gives one vector by itself. Leave out 'pooling'.")
        return modules
    if not hasattr(modules[0], "auto_model") or not positions:
        kinds = ", ".join(type(module).__name__ for module in modules)
        raise ProtocolError(
            f"text encoder {options.name!r} is made of {kinds}; expected a transformer and a pooling. Take another."
        )
    if options.pooling:
        position = positions[0]
        width = int(modules[0].get_embedding_dimension())  # type: ignore[operator]  # a method, not a submodule
        modules[position] = Pooling(width, options.pooling)
    elif not modules[positions[0]].include_prompt:
        raise ProtocolError(
            f"text encoder {options.name!r} leaves its prompt out of pooling, which is not supported. "
            f"Set pooling = 'mean', or take another model."
        )
    return modules
