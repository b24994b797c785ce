"""For methods that train students themselves, as experts, as teachers or to see what they forget.

Examples:
    >>> from pathlib import Path
    >>> import tempfile, vlbench
    >>> from vlbench.testing import toy_context, toy_dataset
    >>> train, context = toy_context(toy_dataset(), Path(tempfile.mkdtemp()))
    >>> seeds = context.seeds.child("teacher")
    >>> parameters = vlbench.students.train(context.student, context.full_set(), context.recipe, seeds)
    >>> sorted(parameters)
    ['image', 'text']
"""

from vlbench.score.train import Recipe, TrainingSet, train
from vlbench.towers.student import Student, Tower

__all__ = ["Recipe", "Student", "Tower", "TrainingSet", "train"]
