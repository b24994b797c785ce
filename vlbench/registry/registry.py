"""The names that exist, who declared them, and how each plugin fared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from vlbench.registry.names import unknown
from vlbench.registry.specs import DatasetSpec, EncoderSpec, MethodSpec, Spec, SuiteSpec

T = TypeVar("T")


class Kind(NamedTuple):
    """What one hook declares, and the command that lists it."""

    name: str
    hook: str
    spec: type[Spec]
    command: str


KINDS = (
    Kind("method", "vlbench_methods", MethodSpec, "vlbench methods"),
    Kind("data set", "vlbench_datasets", DatasetSpec, "vlbench plugins"),
    Kind("encoder", "vlbench_encoders", EncoderSpec, "vlbench plugins"),
    Kind("suite", "vlbench_suites", SuiteSpec, "vlbench suites"),
)


@dataclass(frozen=True)
class Plugin:
    """How a plugin fared.

    Attributes:
        name: of its entry point, or the stem of its file.
        distribution: the installed distribution it came with; "" for a file.
        version: of that distribution; "" for a file.
        status: ok, missing dependency X, import error, incompatible, duplicate or blocked.
        detail: why it is not ok, in one line.
    """

    name: str
    distribution: str
    version: str
    status: str
    detail: str = ""


class Registry:
    """What all plugins declare. Made by :func:`vlbench.registry.loader.load_registry`.

    Attributes:
        plugins: every plugin that was found, in the order loaded.
        methods, datasets, encoders, suites: name -> declaration.
    """

    def __init__(self) -> None:
        self.plugins: list[Plugin] = []
        self.methods: dict[str, MethodSpec] = {}
        self.datasets: dict[str, DatasetSpec] = {}
        self.encoders: dict[str, EncoderSpec] = {}
        self.suites: dict[str, SuiteSpec] = {}
        self._owners: dict[tuple[str, str], str] = {}

    def add(self, kind: str, spec: Spec, plugin: str) -> None:
        """Take a declaration of a plugin; the name must be free."""
        self._owners[kind, spec.name] = plugin
        if isinstance(spec, MethodSpec):
            self.methods[spec.name] = spec
        elif isinstance(spec, DatasetSpec):
            self.datasets[spec.name] = spec
        elif isinstance(spec, EncoderSpec):
            self.encoders[spec.name] = spec
        else:
            self.suites[spec.name] = spec

    def owner(self, kind: str, name: str) -> str:
        """Name of the plugin that declared a name of a kind ("method", "data set", "encoder", "suite"), or ""."""
        return self._owners.get((kind, name), "")

    def method(self, name: str) -> MethodSpec:
        """A method by name; UnknownNameError if there is none."""
        return self._get(KINDS[0], self.methods, name)

    def dataset(self, name: str) -> DatasetSpec:
        """A data set by name; UnknownNameError if there is none."""
        return self._get(KINDS[1], self.datasets, name)

    def encoder(self, name: str) -> EncoderSpec:
        """An encoder by name; UnknownNameError if there is none."""
        return self._get(KINDS[2], self.encoders, name)

    def suite(self, name: str) -> SuiteSpec:
        """A suite by name; UnknownNameError if there is none."""
        return self._get(KINDS[3], self.suites, name)

    def plugin_rows(self) -> list[dict[str, str]]:
        """Name, version and status of every plugin, as records store them."""
        return [{"name": p.name, "version": p.version, "status": p.status} for p in self.plugins]

    def _get(self, kind: Kind, declared: Mapping[str, T], name: str) -> T:
        if name in declared:
            return declared[name]
        error = unknown(kind.name, name, declared, hint=kind.command)
        broken = [f"{plugin.name} ({plugin.status})" for plugin in self.plugins if plugin.status != "ok"]
        if broken:
            error.args = (f"{error}\nPlugins that are not used: {', '.join(broken)}.  Details: vlbench plugins",)
        raise error
