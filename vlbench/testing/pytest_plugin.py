"""Fixtures for the tests of a plugin. pytest finds them by itself; loading them imports no torch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from vlbench.data.pairs import PairDataset
    from vlbench.data.views import TrainView
    from vlbench.methods.context import Context
    from vlbench.students.student import Student


@pytest.fixture(scope="session")
def toy_data() -> PairDataset:
    """A dataset of 60 / 20 / 20 images, uint8 [3, 8, 8], with two captions each. Not to be changed."""
    from vlbench.testing.toys import toy_dataset

    return toy_dataset()


@pytest.fixture
def toy_context(toy_data: PairDataset, tmp_path: Path) -> Context:
    """What ``condense`` is given: seed 0, the toy student, and checkpoints in a folder of its own."""
    from vlbench.testing.toys import toy_context

    return toy_context(toy_data, tmp_path)[1]


@pytest.fixture
def toy_train(toy_data: PairDataset) -> TrainView:
    """What ``condense`` may see of the toy data."""
    from vlbench.data.views import TrainView

    return TrainView(toy_data)


@pytest.fixture
def toy_student(toy_context: Context) -> Student:
    """Two linear heads over frozen toy encoders of 16 features."""
    return toy_context.student
