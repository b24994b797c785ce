"""Captions to vectors without training: hashed uni- and bigrams through a fixed random projection."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file
from scipy.sparse import csr_matrix

from vlbench.errors import DataError

WIDTH = 256
BUCKETS = 2**14
PROJECTION = Path(__file__).parent / "weights" / "scenes-text.safetensors"
_FUNCTION_WEIGHT = 0.15
_PAIR_WEIGHT = 0.7
_FUNCTION_WORDS = frozenset(
    [
        "a",
        "an",
        "and",
        "at",
        "image",
        "in",
        "is",
        "of",
        "on",
        "picture",
        "shows",
        "side",
        "the",
        "there",
        "this",
        "very",
    ]
)
_WORD = re.compile(r"[^\W_]+")
_BITS = 0xFFFFFFFF


class HashedProjection:
    """Sum over a caption's terms of weight x (hash, then projection), scaled to unit root mean square.

    Terms are its words and the pairs of neighbouring content words, which count 0.7; function words count 0.15 and make
    no pairs. Hashing and projection are linear, so each distinct term is projected once and kept. They are those of
    scikit-learn (``FeatureHasher``, ``SparseRandomProjection``), whose import takes a second, as all students of a row
    of a small suite do.
    """

    width = WIDTH

    def __init__(self) -> None:
        stored = load_file(PROJECTION)
        parts = (stored["data"], stored["indices"], stored["indptr"])
        self._projection = csr_matrix(parts, shape=(WIDTH, BUCKETS))
        self._ids: dict[str, int] = {}
        self._rows: NDArray[np.float32] = np.empty((0, WIDTH), dtype=np.float32)
        self.digest = _digest(self._projection)

    def transform(self, captions: Sequence[str]) -> NDArray[np.float32]:
        """Vectors [n, 256], float32.

        Raises:
            DataError: a caption without a word, whose vector would be zero.
        """
        terms: list[int] = []
        starts = [0]
        for caption in captions:
            terms.extend(self._ids.setdefault(term, len(self._ids)) for term in _terms(caption))
            if len(terms) == starts[-1]:
                raise DataError(f"caption {caption!r} has no word, so no vector. Write one or leave the caption out.")
            starts.append(len(terms))
        self._project_new_terms()
        counts = csr_matrix(
            (np.ones(len(terms), dtype=np.float32), terms, starts), shape=(len(captions), len(self._ids))
        )
        vectors: NDArray[np.float32] = counts @ self._rows
        scale = np.sqrt(np.mean(np.square(vectors), axis=1, keepdims=True))
        return np.asarray(vectors / np.maximum(scale, np.float32(1e-12)), dtype=np.float32)

    def _project_new_terms(self) -> None:
        new = list(self._ids)[len(self._rows) :]
        if new:
            hashes = [murmur(term.encode()) for term in new]
            buckets = [abs(value) % BUCKETS for value in hashes]
            weights = [_weight(term) * (1 if value >= 0 else -1) for term, value in zip(new, hashes, strict=True)]
            hashed = csr_matrix(
                (np.array(weights, dtype=np.float32), buckets, range(len(new) + 1)), shape=(len(new), BUCKETS)
            )
            self._rows = np.concatenate([self._rows, (hashed @ self._projection.T).toarray()])


def murmur(content: bytes) -> int:
    """MurmurHash3 of 32 bits (Appleby 2011, public domain) with seed 0, as a signed number."""
    end, state = len(content) & ~3, 0
    for at in range(0, len(content), 4):
        word = int.from_bytes(content[at : at + 4], "little") * 0xCC9E2D51 & _BITS
        state ^= (word << 15 | word >> 17) * 0x1B873593 & _BITS
        if at < end:
            state = ((state << 13 | state >> 19) & _BITS) * 5 + 0xE6546B64 & _BITS
    state ^= len(content)
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35), (16, 1)):
        state = (state ^ state >> shift) * factor & _BITS
    return state - (state >> 31 << 32)


def _terms(caption: str) -> list[str]:
    words = _WORD.findall(caption.lower())
    content = [word for word in words if word not in _FUNCTION_WORDS]
    return words + [f"{first} {second}" for first, second in pairwise(content)]


def _weight(term: str) -> float:
    if term in _FUNCTION_WORDS:
        return _FUNCTION_WEIGHT
    return _PAIR_WEIGHT if " " in term else 1.0


def _digest(matrix: csr_matrix) -> str:
    """SHA-256 of everything a vector depends on: the settings and the projection itself."""
    settings = repr((WIDTH, BUCKETS, _FUNCTION_WEIGHT, _PAIR_WEIGHT, sorted(_FUNCTION_WORDS), _WORD.pattern))
    state = hashlib.sha256(settings.encode())
    for part in (matrix.indptr.astype("<i8"), matrix.indices.astype("<i8"), matrix.data.astype("<f4")):
        state.update(part.tobytes())
    return state.hexdigest()
