"""Functions and classes that others rely on, as they were: one that a plugin replaced is put back and named."""

from __future__ import annotations

import copy
import operator
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

_WATCHED = (
    "builtins", "sys", "os", "os.path", "io", "time", "math", random.__name__, "json", "hashlib", "copy", "tempfile",
    "pathlib", "functools", "itertools", "operator", "struct", "statistics", "subprocess", "threading", "warnings",
    "contextlib", "collections", "dataclasses", "re", "shutil", "zipfile", "concurrent.futures",
    "concurrent.futures._base", "concurrent.futures.thread", "numpy",
    "numpy.linalg", "numpy.random", "faiss", "msgspec", "msgspec.json", "safetensors", "safetensors.torch",
    "pyarrow.parquet", "torch", "torch.nn", "torch.nn.init", "torch.nn.utils", "torch.nn.functional", "torch.linalg",
    "torch.fft", "torch.optim", "torch.random", "torch.autograd", "torch.func", "torch.nn.modules.module",
    "torch.nn.modules.linear",
)  # fmt: skip
_CLASSES = (
    ("torch", "Tensor"),
    ("torch.nn.modules.module", "Module"),
    (random.__name__, "Random"),
    ("pathlib", "Path"),
    ("threading", "Thread"),
    ("threading", "Event"),
    ("concurrent.futures._base", "Executor"),
    ("concurrent.futures._base", "Future"),
    ("concurrent.futures.thread", "ThreadPoolExecutor"),
)
_LAYERS = "torch.nn"
"""Each class that stands in it is looked into."""
_OWN = "vlbench"
_LAZY = {
    "__annotations__", "__annotations_cache__", "__abstractmethods__", "__doc__", "__parameters__", "__signature__",
    "__slotnames__",
}  # fmt: skip
"""Names that Python itself adds to a class when they are first asked for."""
_MISSING = object()
Code = tuple[Any, ...]
_plugins: set[str] = set()


def watch_package(module: str) -> None:
    """Look after the functions and classes of a module's package, too: it holds what a plugin declares."""
    _plugins.add(module.partition(".")[0])


class Functions:
    """What modules and classes held when this was made: Python's and torch's that numbers rest on, and all of ours."""

    def __init__(self) -> None:
        self._modules = {name: sys.modules[name] for name in _names()}
        self._held: dict[str, tuple[Any, dict[str, Any]]] = {
            name: (module, dict(vars(module))) for name, module in self._modules.items()
        }
        self._held |= {name: (held, dict(vars(held))) for name, held in _classes(self._modules)}
        own = [one for name, one in self._held.items() if _top(name) == _OWN or _top(name) in _plugins]
        self._code = [(function, _code(function)) for _, held in own for function in _functions(held)]
        self._constants = [
            (f"{held.__name__}.{name}", value, copy.copy(value))
            for held, values in own
            for name, value in values.items()
            if name.strip("_").isupper() and isinstance(value, dict | list | set)
        ]

    def restore(self, *, reloaded: bool = False) -> list[str]:
        """Put back what was replaced, and name it.

        Args:
            reloaded: a plugin's module may be another one of its name now.
        """
        changed = []
        for name, module in self._modules.items():
            if sys.modules.get(name) is not module and not (reloaded and _top(name) in _plugins - {_OWN}):
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


def _top(name: str) -> str:
    return name.partition(".")[0]


def _names() -> list[str]:
    own = [name for name in list(sys.modules) if _top(name) == _OWN or _top(name) in _plugins]
    return [name for name in (*_WATCHED, *own) if isinstance(sys.modules.get(name), ModuleType)]


def _classes(modules: dict[str, ModuleType]) -> Iterator[tuple[str, type]]:
    for module, name in _CLASSES:
        if module in modules and isinstance(getattr(modules[module], name, None), type):
            yield f"{module}.{name}", getattr(modules[module], name)
    for module, held in modules.items():
        if module == _LAYERS or _top(module) == _OWN or _top(module) in _plugins:
            for name, value in list(vars(held).items()):
                if isinstance(value, type) and (value.__module__ == module or module == _LAYERS):
                    yield f"{module}.{name}", value


def _functions(held: dict[str, Any]) -> Iterator[FunctionType]:
    for value in held.values():
        plain = getattr(value, "__func__", getattr(value, "fget", value))  # of a classmethod, a property
        plain = getattr(plain, "__wrapped__", plain)
        if isinstance(plain, FunctionType) and _is_ours(plain.__module__):
            yield plain


def _is_ours(module: str | None) -> bool:
    return _top(module or "") == _OWN or _top(module or "") in _plugins


def _code(function: FunctionType) -> Code:
    return function.__code__, function.__defaults__, function.__kwdefaults__


def _put_back(holder: Any, before: dict[str, Any]) -> Iterator[str]:
    now, is_class = vars(holder), isinstance(holder, type)
    if len(now) == len(before) and all(map(operator.is_, now.values(), before.values())):
        return  # nearly always
    core = _top(holder.__module__ if is_class else holder.__name__) == _OWN
    for name, value in before.items():
        new = now.get(name, _MISSING)
        if new is value or not (_matters(name, value) or (core and is_class and name not in _LAZY)):
            continue
        if not _by_torch(holder, name, new, value) and not _by_itself(holder, new, value):
            setattr(holder, name, value)
            yield name
    if is_class:
        added = [name for name in now if name not in before and name not in _LAZY]
        for name in [name for name in added if core or _is_foreign(holder, now[name])]:
            delattr(holder, name)
            yield name


def _is_foreign(holder: type, value: Any) -> bool:
    """Whether it acts in a class of somebody else: a plugin may add to its own ones what it made late."""
    if _top(holder.__module__) not in _plugins:
        return callable(value) or hasattr(value, "__get__")
    acts = isinstance(value, FunctionType | staticmethod | classmethod | property)
    return acts and _top(getattr(value, "__module__", None) or "") != _top(holder.__module__)


def _by_itself(holder: Any, new: Any, value: Any) -> bool:
    """Whether a plugin replaced something of its own: a function by its compiled form, or what was not made yet."""
    top = _top(holder.__module__ if isinstance(holder, type) else holder.__name__)
    if top not in _plugins or top == _OWN:
        return False
    made = not isinstance(value, type | FunctionType)
    return made or _top(getattr(new, "__module__", None) or "") == top


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
