"""What a plugin declares: names and text only, checked at once; what they point at is imported when it is used."""

from __future__ import annotations

import dataclasses
import importlib
import importlib.resources
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from vlbench.errors import PluginError
from vlbench.registry.options import NoOptions

Family = Literal["selection", "distillation"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_TARGET = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
_FILE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[^:\\]+\.toml")


@dataclass(frozen=True)
class MethodSpec:
    """A method.

    Attributes:
        name: what ``--method`` takes.
        target: ``"module:Class"`` of a :class:`vlbench.Method`.
        family: ``"selection"`` (the artifact is a list of real pairs) or ``"distillation"`` (learned tensors).
        summary: one sentence.
        options: a frozen dataclass made with :func:`vlbench.option`.
        paper: where the method was published.
        deterministic: the seed changes nothing.
        sees_val: the method is shown the val split as well.

    Raises:
        PluginError: a field has a value that is not allowed.
    """

    name: str
    target: str
    family: Family
    summary: str
    options: type = NoOptions
    paper: str = ""
    deterministic: bool = False
    sees_val: bool = False

    def __post_init__(self) -> None:
        _check_common("MethodSpec", self.name, self.summary)
        _check_target("MethodSpec", self.name, self.target)
        _check_options("MethodSpec", self.name, self.options)
        if self.family not in get_args(Family):
            raise _wrong("MethodSpec", self.name, "family", self.family, " or ".join(map(repr, get_args(Family))))
        _check_text("MethodSpec", self.name, "paper", self.paper)
        for field in ("deterministic", "sees_val"):
            if not isinstance(getattr(self, field), bool):
                raise _wrong("MethodSpec", self.name, field, getattr(self, field), "True or False")


@dataclass(frozen=True)
class DatasetSpec:
    """A data set or a reader; ``target`` is called with (options, store: Path) and returns a ``PairDataset``.

    ``store`` is a folder where it may keep what is dear to make again.

    Raises:
        PluginError: a field has a value that is not allowed.
    """

    name: str
    target: str
    summary: str
    options: type = NoOptions

    def __post_init__(self) -> None:
        _check_common("DatasetSpec", self.name, self.summary)
        _check_target("DatasetSpec", self.name, self.target)
        _check_options("DatasetSpec", self.name, self.options)


@dataclass(frozen=True)
class EncoderSpec:
    """An encoder of one side; ``target`` is called with (options) and returns an ``Encoder``.

    Raises:
        PluginError: a field has a value that is not allowed.
    """

    name: str
    target: str
    side: str
    summary: str
    options: type = NoOptions

    def __post_init__(self) -> None:
        _check_common("EncoderSpec", self.name, self.summary)
        _check_target("EncoderSpec", self.name, self.target)
        _check_options("EncoderSpec", self.name, self.options)
        if not isinstance(self.side, str) or not self.side.isidentifier():
            raise _wrong("EncoderSpec", self.name, "side", self.side, "one word, such as 'image' or 'text'")


@dataclass(frozen=True)
class SuiteSpec:
    """A named protocol; ``file`` is ``"package:file.toml"``, a resource inside an importable package.

    Raises:
        PluginError: a field has a value that is not allowed.
    """

    name: str
    file: str
    summary: str

    def __post_init__(self) -> None:
        _check_common("SuiteSpec", self.name, self.summary)
        if not isinstance(self.file, str) or not _FILE.fullmatch(self.file):
            raise _wrong("SuiteSpec", self.name, "file", self.file, "'package:file.toml'")

    def read_text(self) -> str:
        """The TOML file's text.

        Raises:
            PluginError: the package or the file in it does not exist.
        """
        package, _, file = self.file.partition(":")
        try:
            module = importlib.import_module(package)
            if hasattr(module, "__path__"):
                return importlib.resources.files(module).joinpath(file).read_text(encoding="utf-8")
            return Path(str(module.__file__)).with_name(file).read_text(encoding="utf-8")
        except (ImportError, OSError) as error:
            raise PluginError(f"suite {self.name!r}: file {self.file!r} cannot be read ({_cause(error)}).") from error


Spec = MethodSpec | DatasetSpec | EncoderSpec | SuiteSpec


def resolve(target: str) -> Any:
    """Import what ``"module:Class"`` points at.

    Raises:
        PluginError: the module cannot be imported, or has no such attribute.
    """
    module_name, _, path = target.partition(":")
    try:
        value: Any = importlib.import_module(module_name)
    except Exception as error:
        raise PluginError(f"target {target!r} cannot be imported ({_cause(error)}).") from error
    for attribute in path.split("."):
        if not hasattr(value, attribute):
            public = ", ".join(name for name in dir(value) if not name.startswith("_")) or "nothing"
            raise PluginError(f"target {target!r}: {module_name!r} has no {attribute!r}. It has: {public}.")
        value = getattr(value, attribute)
    return value


def _cause(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".rstrip(": ")


def _wrong(kind: str, name: object, field: str, value: object, allowed: str) -> PluginError:
    return PluginError(f"{kind} {name!r}: {field} is {value!r}. It must be {allowed}.")


def _check_common(kind: str, name: object, summary: object) -> None:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise _wrong(kind, name, "name", name, "letters, digits, '-' and '_', as in 'every-nth'")
    if not isinstance(summary, str) or not summary.strip() or "\n" in summary:
        raise _wrong(kind, name, "summary", summary, "one line of text")


def _check_text(kind: str, name: str, field: str, value: object) -> None:
    if not isinstance(value, str):
        raise _wrong(kind, name, field, value, "text")


def _check_target(kind: str, name: str, target: object) -> None:
    if not isinstance(target, str) or not _TARGET.fullmatch(target):
        raise _wrong(kind, name, "target", target, "text of the form 'package.module:Name'")


def _check_options(kind: str, name: str, options: object) -> None:
    if not isinstance(options, type) or not dataclasses.is_dataclass(options):
        raise _wrong(kind, name, "options", options, "a dataclass, written with @dataclass(frozen=True)")
    if not options.__dataclass_params__.frozen:  # type: ignore[attr-defined]  # private to the standard library's stubs
        raise _wrong(kind, name, "options", options.__name__, "frozen: write @dataclass(frozen=True)")
