"""What a plugin declares: names and text only, checked at once; what they point at is imported when it is used."""

from __future__ import annotations

import copy
import dataclasses
import importlib
import importlib.resources
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vlbench.errors import PluginError
from vlbench.registry.options import NoOptions
from vlbench.registry.patches import watch_package
from vlbench.registry.spec_rules import RULES, Family, Scaling
from vlbench.visible import cause_of


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
        scaling: how work and memory grow with the number of train pairs, at most: ``"linear"`` or ``"quadratic"``.
        quick: option name -> value that makes a run on toys short; the conformance checks give them.
        advice: what to try where a row ends below its own start, or a loss rose; a sentence.
        tries: how many settings were compared before the defaults were chosen, those of a method that it is made from
            included; boards show it. 0: nobody counted.

    Raises:
        vlbench.errors.PluginError: a field has a value that is not allowed.

    Examples:
        >>> import vlbench
        >>> spec = vlbench.MethodSpec(
        ...     name="every-nth", target="every_nth:EveryNth", family="selection", summary="Keep every n-th pair."
        ... )
        >>> vlbench.MethodSpec(name="every nth", target="every_nth:EveryNth", family="selection", summary="No.")
        Traceback (most recent call last):
        vlbench.errors.PluginError: MethodSpec 'every nth': name is 'every nth'. It must be letters, ...
    """

    name: str
    target: str
    family: Family
    summary: str
    options: type = NoOptions
    paper: str = ""
    deterministic: bool = False
    sees_val: bool = False
    scaling: Scaling = "linear"
    quick: Mapping[str, object] = dataclasses.field(default_factory=dict, hash=False)
    advice: str = ""
    tries: int = 0

    def __post_init__(self) -> None:
        _check(self)


@dataclass(frozen=True)
class NeededFile:
    """A file or folder that a dataset reads.

    Attributes:
        path: where it is looked for.
        there: whether it exists.
        source: where users get it, in words.

    Examples:
        >>> import vlbench
        >>> from pathlib import Path
        >>> def files(options):  # what DatasetSpec(..., files="my_memes:files") names
        ...     path = Path(options.root) / "memes.csv"
        ...     return [vlbench.data.NeededFile(path, path.exists(), "memes.csv of the paper's page")]
        >>> from types import SimpleNamespace
        >>> files(SimpleNamespace(root="nowhere"))[0].there
        False
    """

    path: Path
    there: bool
    source: str


@dataclass(frozen=True)
class DatasetSpec:
    """A dataset or a reader; ``target`` is called with (options, store: Path) and returns a ``PairDataset``.

    ``store`` is a folder for what is expensive to make again. A dataset of files the user brings has an
    option ``root``, which ``--data DIR`` sets: the folder its relative paths count from.

    Attributes:
        name: what a suite's ``data.name`` takes.
        target: ``"module:function"``.
        summary: one sentence.
        options: a frozen dataclass made with :func:`vlbench.option`.
        files: ``"module:function"``, called with (options), lists every :class:`NeededFile` for ``vlbench prepare``.
        mock: ``"module:function"``, called with (images, out), writes a small stand-in for ``vlbench data mock``.
        pairs_per_item: pairs of each first-side item (captions of an image), in every split; 0 where that varies.
        recognise: ``"module:function"``, called with (path, captions), both text, says for ``vlbench init`` whether it
            reads what lies there: a :class:`vlbench.data.Draft`, or None.
        forms: ``"module:function"``, called without arguments, lists names and descriptions of the forms of files that
            it reads, for ``vlbench data formats``.

    Raises:
        vlbench.errors.PluginError: a field has a value that is not allowed.

    Examples:
        >>> import vlbench
        >>> spec = vlbench.DatasetSpec(name="memes", target="my_memes:load", summary="Memes and their captions.")
        >>> spec.options.__name__  # called as load(options, store)
        'NoOptions'
    """

    name: str
    target: str
    summary: str
    options: type = NoOptions
    files: str = ""
    mock: str = ""
    pairs_per_item: int = 0
    recognise: str = ""
    forms: str = ""

    def __post_init__(self) -> None:
        _check(self)


@dataclass(frozen=True)
class EncoderSpec:
    """An encoder of one side; ``target`` is called with (options) and returns an ``Encoder``.

    Attributes:
        name: what a suite's ``encoder`` takes.
        target: ``"module:Class"``.
        side: which items it reads.
        summary: one sentence.
        options: a frozen dataclass made with :func:`vlbench.option`.
        suggest: ``"module:function"``, called with (model), a name of the user's or "", gives options for ``vlbench
            init``: a list of :class:`vlbench.data.Suggestion`.

    Raises:
        vlbench.errors.PluginError: a field has a value that is not allowed.

    Examples:
        >>> import vlbench
        >>> spec = vlbench.EncoderSpec(name="colour", target="my_colour:Colour", side="image", summary="Mean colour.")
        >>> spec.side
        'image'
    """

    name: str
    target: str
    side: str
    summary: str
    options: type = NoOptions
    suggest: str = ""

    def __post_init__(self) -> None:
        _check(self)


@dataclass(frozen=True)
class HeadSpec:
    """A head; ``target`` is called with (options, features, width, dropout) and returns a ``torch.nn.Module``.

    The module maps features [item, features] to embeddings [item, width], each item by itself, and has a function
    ``start(generator)`` that sets every weight in place, drawn from that generator alone. Methods that match paths
    differentiate it twice.

    Attributes:
        name: what a tower's ``head.kind`` takes.
        target: ``"module:Class"``.
        summary: one sentence.
        options: a frozen dataclass made with :func:`vlbench.option`; a tower gives them as ``head.options``.

    Raises:
        vlbench.errors.PluginError: a field has a value that is not allowed.

    Examples:
        >>> import vlbench
        >>> spec = vlbench.students.HeadSpec(name="deep", target="my_heads:Deep", summary="Three layers.")
        >>> spec.options.__name__
        'NoOptions'
    """

    name: str
    target: str
    summary: str
    options: type = NoOptions

    def __post_init__(self) -> None:
        _check(self)


@dataclass(frozen=True)
class StudentSpec:
    """A student that suites can name: ``students.NAME = "<its name>"`` stands for the table it holds.

    Attributes:
        name: what a suite, or ``--set students.NAME=<name>``, takes.
        towers: side -> tower, with the keys that a tower has in a suite's TOML, as in
            ``{"image": {"encoder": "scenes-convnet", "head": {"width": 256}}, "text": {...}}``.
        summary: one sentence.
        temperature: of its loss.

    Raises:
        vlbench.errors.PluginError: a field has a value that is not allowed.

    Examples:
        >>> import vlbench
        >>> towers = {"image": {"encoder": "scenes-convnet"}, "text": {"encoder": "scenes-words"}}
        >>> vlbench.StudentSpec(name="small", towers=towers, summary="Two linear heads.").temperature
        0.07
    """

    name: str
    towers: Mapping[str, Mapping[str, Any]]
    summary: str
    temperature: float = 0.07

    def __post_init__(self) -> None:
        _check(self)

    def table(self) -> dict[str, Any]:
        """A copy of what would stand under ``[students.NAME]`` of a suite that wrote the student out."""
        return {"temperature": self.temperature, **copy.deepcopy(dict(self.towers))}


@dataclass(frozen=True)
class SuiteSpec:
    """A named protocol; ``file`` is ``"package:file.toml"``, a resource inside an importable package.

    Raises:
        vlbench.errors.PluginError: a field has a value that is not allowed.

    Examples:
        >>> import vlbench
        >>> spec = vlbench.SuiteSpec(name="memes-100", file="my_memes:memes-100.toml", summary="Memes, 100 pairs.")
        >>> spec.name  # read_text() gives the file in the package my_memes
        'memes-100'
    """

    name: str
    file: str
    summary: str

    def __post_init__(self) -> None:
        _check(self)

    def read_text(self) -> str:
        """The TOML file's text.

        Raises:
            PluginError: the package or the file in it does not exist.
        """
        return _packaged_text(self.file, f"suite {self.name!r}")


@dataclass(frozen=True)
class PublishedSpec:
    """A collection of numbers that papers report: CSV files inside an importable package, shown and never ranked.

    Attributes:
        name: of the collection.
        numbers: ``"package:file.csv"``, one number a line; docs/hooks.md describes its columns.
        summary: one sentence.
        protocols: ``"package:file.csv"``, how they were made; may be empty where another collection says so.

    Raises:
        vlbench.errors.PluginError: a field has a value that is not allowed.

    Examples:
        >>> import vlbench
        >>> spec = vlbench.board.PublishedSpec(name="memes", numbers="my_memes:numbers.csv", summary="Of memes.")
        >>> spec.protocols
        ''
    """

    name: str
    numbers: str
    summary: str
    protocols: str = ""

    def __post_init__(self) -> None:
        _check(self)

    def read_text(self, file: str) -> str:
        """The text of one of the two files.

        Raises:
            PluginError: the package or the file in it does not exist.
        """
        return _packaged_text(file, f"published numbers {self.name!r}")


@dataclass(frozen=True)
class Declaration:
    """A score, board format, command, executor or run observer: the hook that returns it says what its target is.

    Attributes:
        name: what users call it.
        target: ``"module:name"``.
        summary: one sentence.
        by_request: of an observer: it is made only where ``vlbench run --log`` names it.

    Raises:
        vlbench.errors.PluginError: a field has a value that is not allowed.

    Examples:
        >>> import vlbench
        >>> @vlbench.hookimpl
        ... def vlbench_formats():
        ...     return [vlbench.Declaration("names", target="my_board:names", summary="The methods, best first.")]
        >>> vlbench_formats()[0].name
        'names'
    """

    name: str
    target: str
    summary: str
    by_request: bool = False

    def __post_init__(self) -> None:
        _check(self)


Spec = MethodSpec | DatasetSpec | EncoderSpec | HeadSpec | StudentSpec | SuiteSpec | PublishedSpec | Declaration


def resolve(target: str) -> Any:
    """Import what ``"module:Class"`` points at.

    Raises:
        PluginError: the module cannot be imported, or has no such attribute.
    """
    module_name, _, path = target.partition(":")
    watch_package(module_name)
    try:
        value: Any = importlib.import_module(module_name)
    except Exception as error:
        raise PluginError(f"target {target!r} cannot be imported ({cause_of(error)}).") from error
    for attribute in path.split("."):
        if not hasattr(value, attribute):
            public = ", ".join(name for name in dir(value) if not name.startswith("_")) or "nothing"
            raise PluginError(f"target {target!r}: {module_name!r} has no {attribute!r}. It has: {public}.")
        value = getattr(value, attribute)
    return value


def _packaged_text(where: str, owner: str) -> str:
    """The text of ``"package:file"``."""
    package, _, file = where.partition(":")
    try:
        module = importlib.import_module(package)
        if hasattr(module, "__path__"):
            return importlib.resources.files(module).joinpath(file).read_text(encoding="utf-8")
        return Path(str(module.__file__)).with_name(file).read_text(encoding="utf-8")
    except (ImportError, OSError) as error:
        raise PluginError(f"{owner}: file {where!r} cannot be read ({cause_of(error)}).") from error


def _check(spec: Spec) -> None:
    for field in dataclasses.fields(spec):
        value = getattr(spec, field.name)
        fits, allowed = RULES[field.name]
        if not fits(value):
            raise PluginError(f"{type(spec).__name__} {spec.name!r}: {field.name} is {value!r}. It must be {allowed}.")
