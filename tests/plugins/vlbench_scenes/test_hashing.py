"""Hashed captions against scikit-learn, which is not imported where they are made."""

import subprocess
import sys

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from sklearn.feature_extraction import FeatureHasher
from sklearn.random_projection import SparseRandomProjection
from sklearn.utils import murmurhash3_32

from vlbench_scenes.hashing import BUCKETS, WIDTH, HashedProjection, murmur

WEIGHT = {"a": 0.15, "red": 1.0, "star": 1.0, "red star": 0.7}


@given(st.binary(max_size=40))
def test_hashes_are_those_of_scikit_learn(content: bytes):
    assert murmur(content) == murmurhash3_32(content, seed=0, positive=False)


def test_vectors_are_those_of_its_hasher_and_projection():
    projection = SparseRandomProjection(WIDTH, random_state=20_240_229)
    projection.fit(csr_matrix((1, BUCKETS), dtype=np.float32))
    hasher = FeatureHasher(BUCKETS, input_type="pair", dtype=np.float32)
    summed = projection.transform(hasher.transform([list(WEIGHT.items())])).toarray()[0]
    (vector,) = HashedProjection().transform(["A red star"])
    np.testing.assert_allclose(vector, summed / np.sqrt(np.mean(np.square(summed))), rtol=1e-6)


def test_the_space_has_the_name_that_artifacts_were_stored_with():
    assert HashedProjection().digest == "b3c31d025b072bd1c7bc86215695de77819ed5aa43fb7662a73b03c7f489b7f6"


def test_captions_are_encoded_without_importing_scikit_learn():
    code = (
        "import sys; from vlbench_scenes.encoders import ScenesHashedText;"
        "ScenesHashedText().inputs(['a red star']); sys.exit('sklearn' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
