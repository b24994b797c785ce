"""The names that exist, who declared them, and whether each plugin could be loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, overload

from vlbench.registry.specs import (
    DatasetSpec,
    Declaration,
    EncoderSpec,
    HeadSpec,
    MethodSpec,
    PublishedSpec,
    Spec,
    StudentSpec,
    SuiteSpec,
)
from vlbench.registry.suggestions import unknown_name


class Kind(NamedTuple):
    """What one hook declares.

    Attributes:
        name: what errors call it.
        hook: whose implementations return it.
        spec: the type of a declaration.
        offers: the arguments that a declaration's target is called with; :mod:`vlbench.registry.invoke` holds to it.
        command: lists the names.
    """

    name: str
    hook: str
    spec: type[Spec]
    offers: tuple[str, ...] = ()
    command: str = "vlbench plugins"


KINDS = {
    kind.name: kind
    for kind in (
        Kind("method", "vlbench_methods", MethodSpec, ("options",), "vlbench methods"),
        Kind("dataset", "vlbench_datasets", DatasetSpec, ("options", "store"), "vlbench datasets"),
        Kind("encoder", "vlbench_encoders", EncoderSpec, ("options",), "vlbench encoders"),
        Kind("head", "vlbench_heads", HeadSpec, ("options", "features", "width", "dropout")),
        Kind("student", "vlbench_students", StudentSpec, (), "vlbench students"),
        Kind("score", "vlbench_scores", Declaration, ("ranks", "gallery_size")),
        Kind("suite", "vlbench_suites", SuiteSpec, (), "vlbench suites"),
        Kind("published", "vlbench_published", PublishedSpec),
        Kind("format", "vlbench_formats", Declaration, ("table", "width", "styled", "published")),
        Kind("command", "vlbench_commands", Declaration, (), "vlbench --help"),
        Kind("executor", "vlbench_executors", Declaration, ("count", "run", "commands", "needs")),
        Kind("observer", "vlbench_observers", Declaration),
    )
}


@dataclass(frozen=True)
class Plugin:
    """A plugin, and whether it could be loaded.

    Attributes:
        name: of its entry point, or the stem of its file.
        distribution: the installed distribution it came with; "" for a file.
        version: of that distribution; "" for a file.
        status: ok, missing dependency X, import error, incompatible, duplicate or blocked.
        detail: why it is not ok, in one line.
        file: the path it was given by; "" for an installed one.
    """

    name: str
    distribution: str
    version: str
    status: str
    detail: str = ""
    file: str = ""

    @property
    def used(self) -> bool:
        """Whether what it declares can be used."""
        return self.status == "ok"


class Registry:
    """What all plugins declare. Made by :func:`vlbench.registry.loader.load_registry`.

    Attributes:
        plugins: every plugin that was found, in the order loaded.
        plugin_files: paths of those that are single files.
    """

    def __init__(self) -> None:
        self.plugins: list[Plugin] = []
        self.plugin_files: tuple[str, ...] = ()
        self._declared: dict[str, dict[str, Any]] = {kind: {} for kind in KINDS}
        self._owners: dict[tuple[str, str], str] = {}

    def add(self, kind: str, spec: Spec, plugin: str) -> None:
        """Take a declaration of a plugin; the name must be free."""
        self._owners[kind, spec.name] = plugin
        self._declared[kind][spec.name] = spec

    def forget(self, kind: str) -> None:
        """Leave out what was declared of a kind."""
        self._declared[kind].clear()

    @overload
    def all(self, kind: Literal["method"]) -> Mapping[str, MethodSpec]: ...
    @overload
    def all(self, kind: Literal["dataset"]) -> Mapping[str, DatasetSpec]: ...
    @overload
    def all(self, kind: Literal["encoder"]) -> Mapping[str, EncoderSpec]: ...
    @overload
    def all(self, kind: Literal["head"]) -> Mapping[str, HeadSpec]: ...
    @overload
    def all(self, kind: Literal["student"]) -> Mapping[str, StudentSpec]: ...
    @overload
    def all(self, kind: Literal["suite"]) -> Mapping[str, SuiteSpec]: ...
    @overload
    def all(self, kind: Literal["published"]) -> Mapping[str, PublishedSpec]: ...
    @overload
    def all(self, kind: str) -> Any: ...
    def all(self, kind: str) -> Mapping[str, Any]:
        """Name -> declaration, of a kind in :data:`KINDS`."""
        return self._declared[kind]

    @overload
    def get(self, kind: Literal["method"], name: str) -> MethodSpec: ...
    @overload
    def get(self, kind: Literal["dataset"], name: str) -> DatasetSpec: ...
    @overload
    def get(self, kind: Literal["encoder"], name: str) -> EncoderSpec: ...
    @overload
    def get(self, kind: Literal["head"], name: str) -> HeadSpec: ...
    @overload
    def get(self, kind: Literal["student"], name: str) -> StudentSpec: ...
    @overload
    def get(self, kind: Literal["suite"], name: str) -> SuiteSpec: ...
    @overload
    def get(self, kind: str, name: str) -> Any: ...
    def get(self, kind: str, name: str) -> Any:
        """The declaration of a name.

        Raises:
            UnknownNameError: nobody declared it; the closest name is given, and the plugins that could not be loaded.
        """
        declared = self._declared[kind]
        if name in declared:
            return declared[name]
        error = unknown_name(kind, name, declared, hint=KINDS[kind].command)
        broken = [f"{plugin.name} ({plugin.status})" for plugin in self.plugins if not plugin.used]
        if broken:
            error.args = (f"{error}\nPlugins that are not used: {', '.join(broken)}.  Details: vlbench plugins",)
        raise error

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

    def plugin_rows(self) -> list[dict[str, str]]:
        """Name, distribution, version and status of every plugin, as records store them."""
        fields = ("name", "distribution", "version", "status")
        return [{field: getattr(plugin, field) for field in fields} for plugin in self.plugins]
