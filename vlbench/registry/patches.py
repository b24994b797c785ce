"""Functions and classes that others rely on, as they were: one that a plugin replaced is put back and named."""

from __future__ import annotations

import copy
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

_WATCHED = (
    "builtins", "sys", "os", "os.path", "io", "time", "math", random.__name__, "json", "hashlib", "copy", "tempfile",
    "pathlib",
    "functools", "itertools", "operator", "struct", "statistics", "subprocess", "threading", "warnings", "numpy",
    "numpy.linalg", "numpy.random", "faiss", "safetensors.torch", "torch", "torch.nn.functional", "torch.linalg",
    "torch.random", "torch.autograd", "torch.func", "torch.nn.modules.module", "torch.nn.modules.linear",
    "torch.nn.modules.normalization", "torch.nn.modules.dropout",
)  # fmt: skip
_CLASSES = (("torch", "Tensor"), ("torch.nn.modules.module", "Module"), ("torch.nn.modules.linear", "Linear"))
_OWN = "vlbench"
_LAZY = {"__annotations__", "__abstractmethods__", "__doc__", "__signature__", "__parameters__"}
"""Names that Python itself adds to a class when they are first asked for."""
_MISSING = object()
Code = tuple[Any, ...]


class Functions:
    """What modules and classes held when this was made: Python's and torch's that numbers rest on, and all of ours."""

    def __init__(self) -> None:
        self._modules = {name: sys.modules[name] for name in _names()}
        self._held: dict[str, tuple[Any, dict[str, Any]]] = {
            name: (module, dict(vars(module))) for name, module in self._modules.items()
        }
        self._held |= {name: (held, dict(vars(held))) for name, held in _classes(self._modules)}
        own = [one for name, one in self._held.items() if name.split(".")[0] == _OWN]
        self._code = [(function, _code(function)) for _, held in own for function in _functions(held)]
        self._constants = [
            (f"{held.__name__}.{name}", value, copy.copy(value))
            for held, values in own
            for name, value in values.items()
            if name.strip("_").isupper() and isinstance(value, dict | list | set)
        ]

    def restore(self) -> list[str]:
        """Put back what was replaced, and name it."""
        changed = []
        for name, module in self._modules.items():
            if sys.modules.get(name) is not module:
                sys.modules[name] = module
                changed.append(f"module {name}")
        for name, (holder, before) in self._held.items():
            changed += [f"{name}.{one}" for one in _put_back(holder, before)]
        for function, before_code in self._code:
            if _code(function) != before_code:
                function.__code__, function.__defaults__, function.__kwdefaults__ = before_code
                changed.append(f"{function.__module__}.{function.__qualname__}")
        for name, value, content in self._constants:
            if value != content:
                value.clear()
                value.extend(content) if isinstance(value, list) else value.update(content)
                changed.append(name)
        return changed


def _names() -> list[str]:
    own = [name for name in list(sys.modules) if name == _OWN or name.startswith(f"{_OWN}.")]
    return [name for name in (*_WATCHED, *own) if isinstance(sys.modules.get(name), ModuleType)]


def _classes(modules: dict[str, ModuleType]) -> Iterator[tuple[str, type]]:
    for module, name in _CLASSES:
        if module in modules and isinstance(getattr(modules[module], name, None), type):
            yield f"{module}.{name}", getattr(modules[module], name)
    for module, held in modules.items():
        if module.split(".")[0] == _OWN:
            for name, value in list(vars(held).items()):
                if isinstance(value, type) and value.__module__ == module:
                    yield f"{module}.{name}", value


def _functions(held: dict[str, Any]) -> Iterator[FunctionType]:
    for value in held.values():
        plain = getattr(value, "__func__", getattr(value, "fget", value))  # of a classmethod, a property
        plain = getattr(plain, "__wrapped__", plain)
        if isinstance(plain, FunctionType) and plain.__module__.split(".")[0] == _OWN:
            yield plain


def _code(function: FunctionType) -> Code:
    return function.__code__, function.__defaults__, function.__kwdefaults__


def _put_back(holder: Any, before: dict[str, Any]) -> Iterator[str]:
    now = vars(holder)
    for name, value in before.items():
        new = now.get(name, _MISSING)
        if new is not value and _matters(name, value) and not _by_torch(holder, name, new, value):
            setattr(holder, name, value)
            yield name
    if isinstance(holder, type):
        for name in [name for name in now if name not in before and name not in _LAZY and callable(now[name])]:
            delattr(holder, name)
            yield name


def _by_torch(holder: Any, name: str, new: Any, value: Any) -> bool:
    """Whether torch itself replaced it: an alias of the default dtype, or a function that its compiler wraps."""
    if getattr(holder, "__name__", "") != "torch":
        return False
    path = getattr(getattr(new, "__code__", None), "co_filename", "")
    wraps = getattr(new, "__wrapped__", None) is value and path.startswith(str(Path(holder.__file__).parent))
    return name == "Storage" or wraps


def _matters(name: str, value: object) -> bool:
    if name in _LAZY:
        return False
    constant = name.strip("_").isupper() and isinstance(value, int | float | str | tuple | frozenset)
    return constant or callable(value) or isinstance(value, property | staticmethod | classmethod | ModuleType)
