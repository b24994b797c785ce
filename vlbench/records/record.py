"""A record: everything asked and everything observed in one run, as JSON beside the artifact.

Fields: schema, id, status ("finished", "diverged" or "failed"), method, family, deterministic (the seed changes
nothing), budget (text), suite, protocol_hash, protocol_version, options, seed, data_fingerprint, mock (the
data are a stand-in), ``scores.<student>.<direction>.<R@K>.{mean,sd,seeds}`` and
``scores.<student>.mean_recall.{mean,sd,seeds}`` in percent, ``chosen.<student>``, ``encoders.<student>.<side>``,
``cost.{pairs,bytes,condense_s,train_s,score_s,peak_rss_bytes}``, environment, plugins, method_code,
``plugin_scores.<student>.<score>.<direction>.{mean,sd,seeds}``, ``start.{scores,chosen,cost}``,
``beside.{method,options,budget}``, resumed, curves, always_on, command, created, message. Each is described in
``record.schema.json``, which ships beside this file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vlbench.cache import short_hash
from vlbench.disk.sums import damage
from vlbench.errors import DataError
from vlbench.files import write_whole
from vlbench.records.schema import SCHEMA, upgrade

FILE_NAME = "record.json"
STATUSES = ("finished", "diverged", "failed")
ASKED = ("method", "budget", "suite", "protocol_hash", "options", "seed", "data_fingerprint", "beside")
"""What a run is asked for; the same in two records of the same run."""
REQUIRED = ("id", "status", "method", "family", "budget", "suite", "protocol_hash", "options", "seed", "scores", "cost")


def record_id(asked: Mapping[str, Any]) -> str:
    """Name of a run: its method, budget, suite and seed, and a hash of all that was asked."""
    name = asked["method"] if asked["method"] == asked["budget"] else f"{asked['method']}-{asked['budget']}"
    digest = short_hash({field: asked[field] for field in ASKED if field in asked}, 8)
    return f"{name}-{asked['suite']}-s{asked['seed']}-{digest}"


def write_record(folder: Path, record: Mapping[str, Any]) -> Path:
    """Write ``folder/record.json``, whole or not at all; ``schema`` is added.

    Raises:
        DataError: a field is missing, or holds NaN, infinity or what JSON cannot hold.
    """
    complete = {"schema": SCHEMA, **record}
    path = folder / FILE_NAME
    write_whole(path, _text(complete, path).encode())
    return path


def read_record(path: Path) -> dict[str, Any]:
    """Read a record file, or the one in a run's folder; one of an older schema comes in the form of the newest.

    Raises:
        DataError: it is missing, damaged, or of another schema.
    """
    file = path / FILE_NAME if path.is_dir() else path
    if file.name == FILE_NAME and (bad := damage(file.parent, FILE_NAME)):
        raise DataError(f"{bad}. Run the command again to replace it.")
    try:
        record = json.loads(file.read_text(encoding="utf-8"), parse_constant=_refuse_constant)
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(
            f"{str(file)!r} cannot be read as a record ({error}). Run the command again to replace it."
        ) from error
    if not isinstance(record, dict):
        raise DataError(f"{str(file)!r} is no record: it holds a {type(record).__name__}, not an object.")
    record = upgrade(record)
    if record.get("schema") != SCHEMA:
        raise DataError(
            f"{str(file)!r} has schema {record.get('schema')!r}; this version reads schema 1 to {SCHEMA}. "
            "Install a newer vlbench, or run the command again to replace it."
        )
    _check(record, file)
    return record


def _text(record: Mapping[str, Any], path: Path) -> str:
    _check(record, path)
    try:
        return json.dumps(record, indent=2, allow_nan=False) + "\n"
    except (TypeError, ValueError) as error:
        raise DataError(
            f"record {record['id']!r} cannot be written ({error}). A diverged run is a status, not a number."
        ) from error


def _check(record: Mapping[str, Any], path: Path) -> None:
    missing = [name for name in REQUIRED if name not in record]
    if missing:
        raise DataError(f"{str(path)!r}: the record has no {', '.join(missing)}.")
    if record["status"] not in STATUSES:
        raise DataError(f"{str(path)!r}: status is {record['status']!r}. It must be one of {', '.join(STATUSES)}.")


def _refuse_constant(name: str) -> float:
    raise ValueError(f"it holds {name}")
