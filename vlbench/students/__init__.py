"""For methods that train students themselves, as experts, teachers or to see what they forget; and for heads.

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

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vlbench.lazy import lazy_name

if TYPE_CHECKING:
    from vlbench.registry.specs import HeadSpec
    from vlbench.students.student import Student, Tower
    from vlbench.students.training import Recipe, TrainingSet, train

__all__ = ["HeadSpec", "Recipe", "Student", "Tower", "TrainingSet", "train"]

_MODULES = {
    "vlbench.registry.specs": ("HeadSpec",),
    "vlbench.students.student": ("Student", "Tower"),
    "vlbench.students.training": ("Recipe", "TrainingSet", "train"),
}


def __getattr__(name: str) -> Any:
    return lazy_name(__name__, _MODULES, name)
