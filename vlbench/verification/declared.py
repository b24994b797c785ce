"""Whether a claim says of its method what is declared here: family, randomness, and every option with its type."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from vlbench.errors import VlbenchError
from vlbench.records.record import SCHEMA, Record
from vlbench.registry.options import parse_options, recorded
from vlbench.runs.jobs import changed_options
from vlbench.verification.checks import ClaimCheck, verdict
from vlbench.verification.names import method_name_problems, name_problems

if TYPE_CHECKING:
    from vlbench.registry.registry import Registry
    from vlbench.registry.specs import MethodSpec

NAMES_TRIES = 5
"""Schema of the first records that name how many settings were tried."""
MOST_OPTIONS, MOST_VALUES, MOST_CHARACTERS = 64, 256, 2_000


def name_checks(record: Record, registry: Registry, methods: Collection[str] = ()) -> list[ClaimCheck]:
    """Whether no name of a claim can be taken for another: one that is declared, or one of ``methods``."""
    problems = list(method_name_problems(record.method, {*registry.all("method"), *methods}))
    problems += name_problems(record.suite, "suite")
    for student in record.scores:
        problems += name_problems(student, "student")
    return [verdict("names", problems, "none is reserved, looks like another, or holds what is not seen")]


def method_checks(record: Record, registry: Registry, version: int = SCHEMA) -> list[ClaimCheck]:
    """Whether the claim's method is what is declared here; ``open`` where it is not declared.

    ``version`` is the schema the record was written in.
    """
    spec = registry.all("method").get(record.method)
    if spec is not None:
        return [
            verdict(
                "method", list(_declared(record, spec, version)), "family, options and 'deterministic' as declared here"
            )
        ]
    if problems := list(_plain_options(record.options)):
        return [verdict("method", problems)]
    return [
        ClaimCheck("method", "open", "not declared here, so not taken as deterministic, and its options not compared")
    ]


def _declared(record: Record, spec: MethodSpec, version: int) -> Iterator[str]:
    for name, declared in (("family", spec.family), ("deterministic", spec.deterministic)):
        if getattr(record, name) != declared:
            yield f"{name} is {getattr(record, name)!r}, the method declares {declared!r}"
    try:
        parsed: Any = parse_options(spec.options, record.options, owner=f"method {spec.name!r}")
    except VlbenchError as error:
        yield str(error)
        return
    resolved = json.loads(json.dumps(recorded(parsed), default=str))
    # As JSON: 1, 1.0 and true are three values.
    if json.dumps(resolved, sort_keys=True) != json.dumps(record.options, sort_keys=True):
        given = {name: json.dumps(value, sort_keys=True) for name, value in record.options.items()}
        names = [name for name, value in resolved.items() if json.dumps(value, sort_keys=True) != given.get(name)]
        yield f"options are not those of the method as a run records them: {', '.join(names)}"
    tries = 0 if any(changed_options(parsed)) else spec.tries
    if record.tries != tries and (record.tries or version >= NAMES_TRIES):
        yield f"tries is {record.tries}, the method declares {tries}"


def _plain_options(options: Mapping[str, Any]) -> Iterator[str]:
    if len(options) > MOST_OPTIONS:
        yield f"it has {len(options)} options. Allowed: {MOST_OPTIONS}"
    if (length := len(json.dumps(dict(options)))) > MOST_CHARACTERS:
        yield f"its options are {length:,} characters long. Allowed: {MOST_CHARACTERS:,}"
    for name, value in options.items():
        if not name.isidentifier() or not name.isascii():
            yield f"option {name[:60]!r} is no name of an option"
        parts = value if isinstance(value, list) else list(value.values()) if isinstance(value, dict) else [value]
        if len(parts) > MOST_VALUES or not all(part is None or isinstance(part, str | int | float) for part in parts):
            yield f"option {name[:60]!r} is neither a value nor a short list of values"
