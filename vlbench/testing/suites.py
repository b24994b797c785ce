"""The rules that a suite must keep, each called with :class:`SuiteHarness`. Nothing is loaded or trained."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from vlbench.errors import VlbenchError
from vlbench.protocol.load import load_protocol
from vlbench.protocol.protocol import Protocol
from vlbench.registry.options import parse_options
from vlbench.registry.registry import Registry
from vlbench.registry.specs import SuiteSpec
from vlbench.testing.results import Check, require


@dataclass(frozen=True)
class SuiteHarness:
    """One suite, and the registry that knows the names in it."""

    spec: SuiteSpec
    registry: Registry

    @cached_property
    def protocol(self) -> Protocol:
        return load_protocol(self.spec.name, self.registry)


def check_protocol_is_valid(harness: SuiteHarness) -> None:
    """The TOML file is inside the package, and every key and value in it is allowed."""
    named = harness.protocol.name
    require(named == harness.spec.name, f"the file says name = {named!r}, it is declared as {harness.spec.name!r}.")


def check_names_are_declared(harness: SuiteHarness) -> None:
    """Its dataset, encoders and rows are declared by some plugin, and take the options it gives."""
    protocol, registry = harness.protocol, harness.registry
    try:
        dataset = registry.get("dataset", protocol.data)
        parse_options(dataset.options, protocol.data_options, owner=f"dataset {protocol.data!r}")
        for method in protocol.rows.always:
            registry.get("method", method)
        for name, student in protocol.students.items():
            for side, tower in student.towers.items():
                encoder = registry.get("encoder", tower.encoder)
                owner = f"student {name!r}, {side}: encoder {tower.encoder!r}"
                parse_options(encoder.options, tower.options, owner=owner)
                require(encoder.side == side, f"{owner} is one of side {encoder.side!r}, not {side!r}.")
    except VlbenchError as error:
        raise AssertionError(str(error)) from error


SUITE_CHECKS: tuple[Check, ...] = (check_protocol_is_valid, check_names_are_declared)
"""All checks, in the order in which they are worth reading."""
