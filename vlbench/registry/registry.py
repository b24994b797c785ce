"""The names that exist, who declared them, and how each plugin fared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from vlbench.registry.specs import (
    DatasetSpec,
    Declaration,
    EncoderSpec,
    MethodSpec,
    Spec,
    StudentSpec,
    SuiteSpec,
)
from vlbench.registry.suggestions import unknown

T = TypeVar("T")


class Kind(NamedTuple):
    """What one hook declares.

    Attributes:
        name: what errors call it.
        hook: whose implementations return it.
        spec: the type of a declaration.
        offers: the arguments that a declaration's target is called with.
        command: lists the names.
    """

    name: str
    hook: str
    spec: type[Spec]
    offers: tuple[str, ...]
    command: str = "vlbench plugins"


KINDS = {
    kind.name: kind
    for kind in (
        Kind("method", "vlbench_methods", MethodSpec, ("options",), "vlbench methods"),
        Kind("data set", "vlbench_datasets", DatasetSpec, ("options", "store")),
        Kind("encoder", "vlbench_encoders", EncoderSpec, ("options",)),
        Kind("student", "vlbench_students", StudentSpec, ()),
        Kind("score", "vlbench_scores", Declaration, ("ranks", "gallery_size")),
        Kind("suite", "vlbench_suites", SuiteSpec, (), "vlbench suites"),
        Kind("format", "vlbench_formats", Declaration, ("table", "width", "styled")),
        Kind("command", "vlbench_commands", Declaration, (), "vlbench --help"),
        Kind("executor", "vlbench_executors", Declaration, ("count", "run", "commands")),
        Kind("observer", "vlbench_observers", Declaration, ()),
    )
}


@dataclass(frozen=True)
class Plugin:
    """How a plugin fared.

    Attributes:
        name: of its entry point, or the stem of its file.
        distribution: the installed distribution it came with; "" for a file.
        version: of that distribution; "" for a file.
        status: ok, slow (used, but importing it is dear), missing dependency X, import error, incompatible, duplicate
            or blocked.
        detail: why it is not ok, in one line.
    """

    name: str
    distribution: str
    version: str
    status: str
    detail: str = ""

    @property
    def used(self) -> bool:
        """Whether what it declares can be used."""
        return self.status in ("ok", "slow")


class Registry:
    """What all plugins declare. Made by :func:`vlbench.registry.loader.load_registry`.

    Attributes:
        plugins: every plugin that was found, in the order loaded.
        plugin_files: paths of those that are single files.
        methods, datasets, encoders, students, scores, suites, formats, commands, executors, observers: name ->
            declaration.
    """

    def __init__(self) -> None:
        self.plugins: list[Plugin] = []
        self.plugin_files: tuple[str, ...] = ()
        self.methods: dict[str, MethodSpec] = {}
        self.datasets: dict[str, DatasetSpec] = {}
        self.encoders: dict[str, EncoderSpec] = {}
        self.students: dict[str, StudentSpec] = {}
        self.scores: dict[str, Declaration] = {}
        self.suites: dict[str, SuiteSpec] = {}
        self.formats: dict[str, Declaration] = {}
        self.commands: dict[str, Declaration] = {}
        self.executors: dict[str, Declaration] = {}
        self.observers: dict[str, Declaration] = {}
        self._owners: dict[tuple[str, str], str] = {}

    def add(self, kind: str, spec: Spec, plugin: str) -> None:
        """Take a declaration of a plugin; the name must be free."""
        self._owners[kind, spec.name] = plugin
        self.declared(kind)[spec.name] = spec

    def declared(self, kind: str) -> dict[str, Any]:
        """Name -> declaration of a kind ("method", "data set", ...): what ``methods`` and the others hold."""
        declared: dict[str, Any] = getattr(self, KINDS[kind].hook.removeprefix("vlbench_"))
        return declared

    def owner(self, kind: str, name: str) -> str:
        """Name of the plugin that declared a name of a kind, or ""."""
        return self._owners.get((kind, name), "")

    def foreign_owner(self, kind: str, name: str) -> str:
        """Name of the plugin that declared a name of a kind, or "" where that is one of vlbench's own."""
        owner = self.owner(kind, name)
        own = any(plugin.name == owner and plugin.distribution == "vlbench" for plugin in self.plugins)
        return "" if own else owner

    def declared_by(self, plugin: str) -> dict[str, list[str]]:
        """Kind -> names, of all that a plugin declares."""
        names: dict[str, list[str]] = {}
        for (kind, name), owner in self._owners.items():
            if owner == plugin:
                names.setdefault(kind, []).append(name)
        return names

    def method(self, name: str) -> MethodSpec:
        """A method by name; UnknownNameError if there is none."""
        return self._get("method", self.methods, name)

    def dataset(self, name: str) -> DatasetSpec:
        """A data set by name; UnknownNameError if there is none."""
        return self._get("data set", self.datasets, name)

    def encoder(self, name: str) -> EncoderSpec:
        """An encoder by name; UnknownNameError if there is none."""
        return self._get("encoder", self.encoders, name)

    def student(self, name: str) -> StudentSpec:
        """A student by name; UnknownNameError if there is none."""
        return self._get("student", self.students, name)

    def suite(self, name: str) -> SuiteSpec:
        """A suite by name; UnknownNameError if there is none."""
        return self._get("suite", self.suites, name)

    def format(self, name: str) -> Declaration:
        """A form of the board by name; UnknownNameError if there is none."""
        return self._get("format", self.formats, name)

    def command(self, name: str) -> Declaration:
        """A command by name; UnknownNameError if there is none."""
        return self._get("command", self.commands, name)

    def executor(self, name: str) -> Declaration:
        """An executor by name; UnknownNameError if there is none."""
        return self._get("executor", self.executors, name)

    def plugin_rows(self) -> list[dict[str, str]]:
        """Name, distribution, version and status of every plugin, as records store them."""
        fields = ("name", "distribution", "version", "status")
        return [{field: getattr(plugin, field) for field in fields} for plugin in self.plugins]

    def _get(self, kind: str, declared: Mapping[str, T], name: str) -> T:
        if name in declared:
            return declared[name]
        error = unknown(kind, name, declared, hint=KINDS[kind].command)
        broken = [f"{plugin.name} ({plugin.status})" for plugin in self.plugins if not plugin.used]
        if broken:
            error.args = (f"{error}\nPlugins that are not used: {', '.join(broken)}.  Details: vlbench plugins",)
        raise error
