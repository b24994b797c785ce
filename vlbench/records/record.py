"""A record: everything asked and everything observed in one run. This file declares every field, its unit and version.

``record.json`` next to an artifact holds one. The JSON Schema, reading, writing and comparison follow from the types
here; :mod:`vlbench.records.upgrade` brings records of older schemas into this form. A field that holds its default is
not written, and a field that is not declared is refused.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import msgspec
from msgspec import Meta, Struct

from vlbench.disk.sums import damage, short_hash
from vlbench.errors import DataError
from vlbench.files import read_plain, write_whole
from vlbench.records.evidence import read_evidence
from vlbench.records.upgrade import upgrade

SCHEMA = 5
NO_FAMILY = "none"
"""Of full data and chance, which no method makes."""
FILE_NAME = "record.json"

Name = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"^[^/\\\x00-\x1f]+$")]
Percent = Annotated[float, Meta(ge=0, le=100)]
Spread = Annotated[float, Meta(ge=0)]
Share = Annotated[float, Meta(ge=0, le=1)]
Seconds = Annotated[float, Meta(ge=0)]
Count = Annotated[int, Meta(ge=1)]
Natural = Annotated[int, Meta(ge=0)]
Hash = Annotated[str, Meta(pattern="^[0-9a-f]*$")]
Cut = Annotated[str, Meta(pattern="^R@[1-9][0-9]*$")]
Direction = Annotated[str, Meta(pattern="^.+_to_.+$")]
Status = Literal["finished", "diverged", "failed"]
Setting = dict[str, bool | int | float | str]
"""A recipe chosen on val: fields of :class:`vlbench.students.Recipe`."""


class _Form(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What all parts of a record have in common."""


class Summary(_Form, frozen=True, kw_only=True):
    """A score in percent: mean and sample standard deviation over the student seeds, and the value of each.

    ``seeds`` is empty where nothing was drawn, as in chance.
    """

    mean: Percent
    sd: Spread
    seeds: list[Percent]


class Measure(_Form, frozen=True, kw_only=True):
    """What a plugin declares, in a unit of its own: mean, sample standard deviation, and the value of each seed."""

    mean: float
    sd: Spread
    seeds: list[float]


class StudentScores(_Form, frozen=True, kw_only=True):
    """Scores of one student: direction (``image_to_text``) -> ``R@K`` -> recall, and the mean of these recalls."""

    directions: dict[Direction, dict[Cut, Summary]]
    mean_recall: Summary


class Cost(_Form, frozen=True, kw_only=True):
    """What a run took, measured by the harness. Bytes of an artifact are those of the canonical count."""

    pairs: Annotated[Count | None, Meta(description="In the artifact.")] = None
    bytes: Annotated[Count | None, Meta(description="Of the artifact.")] = None
    condense_s: Annotated[
        Seconds | None, Meta(description="Seconds of the method, the parts of a resumed run added.")
    ] = None
    train_s: Annotated[Seconds | None, Meta(description="Seconds to train the students.")] = None
    score_s: Annotated[Seconds | None, Meta(description="Seconds to score them.")] = None
    step_s: Annotated[Seconds | None, Meta(description="Median seconds of an outer step of the method.")] = None
    peak_rss_bytes: Annotated[Natural | None, Meta(description="Peak of resident memory while condensing.")] = None
    device_peak_bytes: Annotated[Natural | None, Meta(description="Peak of device memory while condensing.")] = None
    device_busy: Annotated[
        Share | None, Meta(description="Mean share of the time in which the device worked, condensing.")
    ] = None


class StartRecord(_Form, frozen=True, kw_only=True):
    """The real pairs that a distillation started from, or what is near its result, scored the same way."""

    scores: dict[Name, StudentScores]
    chosen: dict[Name, Setting] = {}
    cost: Cost = Cost()


class MatchedTo(_Form, frozen=True, kw_only=True):
    """The distilled row whose size a random row copies."""

    method: Name
    options: dict[str, Any]
    budget: Name


class Environment(_Form, frozen=True, kw_only=True):
    """Where a run was made: versions of libraries, device and threads."""

    versions: dict[str, str] = {}
    device: str = ""
    threads: Count | None = None


class PluginRow(_Form, frozen=True, kw_only=True):
    """A plugin that was loaded; ``distribution`` is empty for a file."""

    name: str
    distribution: str = ""
    version: str = ""
    status: str = ""


class Asked(_Form, frozen=True, kw_only=True):
    """What a run is asked for; the same in two records of the same run."""

    method: Name
    budget: Annotated[Name, Meta(description="As Budget prints it; full or chance where there is none.")]
    suite: Name
    protocol_hash: Annotated[str, Meta(pattern="^[0-9a-f]+$")]
    options: Annotated[dict[str, Any], Meta(description="Of the method, every one, as JSON values.")]
    seed: Annotated[Natural, Meta(description="Of the distillation: the root of its seed tree.")]
    data_fingerprint: Annotated[str, Meta(description="SHA-256 of the dataset's content.")] = ""
    matched_to: Annotated[
        MatchedTo | None, Meta(description="The distilled row whose size this random row copies.")
    ] = None

    def same_request(self, other: Asked) -> bool:
        """Whether two runs were asked for the same."""
        return all(getattr(self, name) == getattr(other, name) for name in Asked.__struct_fields__)


class Record(Asked, frozen=True, kw_only=True, tag_field="schema", tag=SCHEMA):
    """A run: what was asked, then what was observed. Scores are in percent, seconds end in ``_s``.

    Examples:
        >>> import vlbench
        >>> record = vlbench.run(method="random", budget=20, suite="scenes-mini")
        >>> isinstance(record, vlbench.Record), record.method, record.family
        (True, 'random', 'selection')
        >>> scores = record.scores["convnet"]
        >>> scores.directions["image_to_text"]["R@1"].mean < scores.directions["image_to_text"]["R@10"].mean
        True
    """

    id: Annotated[Name, Meta(description="Name of the run's folder; ends in a hash of what was asked.")]
    status: Status
    family: Annotated[Name, Meta(description="selection, distillation, or none for full data and chance.")]
    scores: Annotated[dict[Name, StudentScores], Meta(description="Student to its scores.")]
    cost: Cost
    message: Annotated[str, Meta(description="Why a run is not finished.")] = ""
    warnings: Annotated[list[str], Meta(description="What a reader of the scores should know; one sentence each.")] = []
    baseline: Annotated[bool, Meta(description="Made to give other rows their meaning.")] = False
    mock: Annotated[bool, Meta(description="The data are a stand-in (vlbench data mock): never ranked.")] = False
    deterministic: Annotated[bool, Meta(description="The seed changes nothing that is condensed.")] = False
    tries: Annotated[Natural, Meta(description="Settings compared before the method's defaults, which it has.")] = 0
    resumed: Annotated[bool, Meta(description="The method was stopped and continued.")] = False
    protocol_version: Natural | None = None
    overrides: Annotated[
        dict[str, str],
        Meta(description="What --set changed: dotted key to text. A record with any is off protocol."),
    ] = {}
    baselines: Annotated[
        list[str], Meta(description="Methods the protocol shows at every budget; recovered is counted from the first.")
    ] = []
    reference: Annotated[str, Meta(description="The student that methods saw; scores of others show transfer.")] = ""
    settings: Annotated[
        dict[str, Any], Meta(description="What the method resolved where an option left it open, as JSON values.")
    ] = {}
    chosen: Annotated[dict[Name, Setting], Meta(description="Student to the recipe that was chosen on val.")] = {}
    encoders: Annotated[
        dict[str, dict[str, str]],
        Meta(description="Student to side to the encoder's identity: what it computes, and a hash of its weights."),
    ] = {}
    plugin_scores: Annotated[
        dict[str, dict[str, dict[str, Measure]]],
        Meta(description="Student to score to direction: what plugins declare; nothing is ranked by it."),
    ] = {}
    start: StartRecord | None = None
    nearest: Annotated[
        dict[Name, StartRecord],
        Meta(description="readable, nearest-real: train items near the learned pairs, scored the same way."),
    ] = {}
    curves: Annotated[dict[str, list[float]], Meta(description="Name to values over the method's steps.")] = {}
    method_code: Annotated[Hash, Meta(description="Hash of the source of the method's top-level package.")] = ""
    environment: Environment = Environment()
    plugins: list[PluginRow] = []
    command: Annotated[list[str], Meta(description="Words of the command that makes this run again.")] = []
    created: Annotated[str, Meta(description="ISO 8601, UTC.")] = ""


class FoundRecord(Record, frozen=True, kw_only=True):
    """A record and where it was found. These fields are never written.

    Attributes:
        folder: of the run; None for a row of a table that has no folder of its own.
        badge: how far the record was checked, see :mod:`vlbench.records.evidence`; "" if it was not.
        origin: the claim it was unpacked from; "" for one's own run.
        flags: looks by which the audit found made pairs nearer to test items than train items are.
        artifact_sha256: of the tensors next to it; "" where there are none.

    Examples:
        >>> import vlbench
        >>> (group,) = vlbench.leaderboard("runs").table.groups
        >>> (record,) = group.ranked[0].records
        >>> record.folder.name == record.id, record.badge
        (True, '')
    """

    folder: Path | None = None
    badge: str = ""
    origin: str = ""
    flags: list[str] = []
    artifact_sha256: str = ""

    @classmethod
    def of(cls, record: Record, folder: Path | None = None, badge: str = "") -> Self:
        """The record with its place."""
        return cls(**_fields(record), folder=folder, badge=badge)


def record_id(asked: Asked) -> str:
    """Name of a run: its method, budget, suite and seed, and a hash of all that was asked."""
    name = asked.method if asked.method == asked.budget else f"{asked.method}-{asked.budget}"
    return f"{name}-{asked.suite}-s{asked.seed}-{short_hash(_hashed(asked), 8)}"


def read_record(path: Path) -> Record:
    """Read a record file, or the one in a run's folder; a record of an older schema is brought into the newest form.

    Raises:
        DataError: the file is missing or damaged, has another schema, or a field has a value that is not allowed.
    """
    file = path / FILE_NAME if path.is_dir() else path
    if file.name == FILE_NAME and (bad := damage(file.parent, FILE_NAME)):
        raise DataError(f"{bad}. Run the command again to replace it.")
    try:
        return parse_record(msgspec.json.decode(read_plain(file)))
    except (OSError, ValueError, RecursionError, DataError) as error:  # msgspec's own are of ValueError, too
        reason = str(error).rstrip(".")
        raise DataError(
            f"{str(file)!r} cannot be read as a record: {reason}. Run the command again to replace it."
        ) from error


def parse_record(value: object) -> Record:
    """The record that parsed JSON of any schema holds.

    Raises:
        DataError: it is not an object, has another schema, or a field has a value that is not allowed; the message
            names the first such field.
    """
    if not isinstance(value, dict):
        raise DataError(f"it holds a {type(value).__name__}, not an object.")
    newest = upgrade(value)
    if newest.get("schema") != SCHEMA:
        version = str(value.get("schema"))[:20]
        raise DataError(f"it has schema {version}; this version reads 1 to {SCHEMA}. Install a newer vlbench.")
    try:
        return msgspec.convert(newest, Record)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise DataError(f"{' '.join(str(error).split())[:300]}.") from None


def write_record(folder: Path, record: Record) -> Path:
    """Write ``folder/record.json``, whole or not at all.

    Raises:
        DataError: a field has a value that is not allowed, such as NaN or infinity.
    """
    path = folder / FILE_NAME
    write_whole(path, (record_json(record) + "\n").encode())
    return path


def record_json(record: Record) -> str:
    """The text of a record's file, without the last line break; errors as in :func:`write_record`."""
    return json.dumps(record_table(record), indent=2, allow_nan=False)


def record_table(record: Record) -> dict[str, Any]:
    """A record as JSON values, in the order of its fields; errors as in :func:`write_record`."""
    try:
        # Through JSON, which has neither tuples nor NaN nor half a character; then as it will be read.
        text = json.dumps(msgspec.to_builtins(_plain(record)), allow_nan=False, ensure_ascii=False)
        table: dict[str, Any] = json.loads(text.encode(errors="replace"))
        msgspec.convert(table, Record)
    except (TypeError, ValueError, msgspec.MsgspecError) as error:
        raise DataError(
            f"record {record.id!r} cannot be written ({error}). A diverged run is a status, not a number."
        ) from error
    return table


def find_records(paths: Iterable[Path]) -> list[FoundRecord]:
    """All records under some folders, or of some record files; sorted by path, each file once.

    Raises:
        DataError: a path does not exist, or a record is damaged.
    """
    files: dict[Path, Path] = {}
    for path in paths:
        if not path.exists():
            raise DataError(f"{str(path)!r} does not exist. Give the folder that vlbench run --out wrote to.")
        for file in sorted(path.rglob(FILE_NAME)) if path.is_dir() else [path]:
            files.setdefault(file.resolve(), file)
    return [
        FoundRecord.of(read_record(file), file.parent, read_evidence(file.parent).get("badge", ""))
        for file in files.values()
    ]


def record_schema() -> dict[str, Any]:
    """The JSON Schema of a record's file; ``python -m vlbench.records`` prints it."""
    schema = msgspec.json.schema(Record)
    about = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:vlbench:record:{SCHEMA}",
        "title": f"A record of vlbench, schema {SCHEMA}",
    }
    return {**about, **schema}


def _hashed(asked: Asked) -> dict[str, Any]:
    """Under the names of schema 1, so that runs which were made under it are found again."""
    names = {name: name for name in Asked.__struct_fields__} | {"matched_to": "beside"}
    values = {names[name]: getattr(asked, name) for name in names}
    return {name: msgspec.to_builtins(value) for name, value in values.items() if value not in (None, "")}


def _plain(record: Record) -> Record:
    return record if type(record) is Record else Record(**_fields(record))


def _fields(record: Record) -> dict[str, Any]:
    return {name: getattr(record, name) for name in Record.__struct_fields__}
