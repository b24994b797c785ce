"""A protocol: the data, the students, how they are trained, and the rows that are always shown."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vlbench.disk.sums import short_hash
from vlbench.encoders.local import check_stated
from vlbench.errors import ProtocolError
from vlbench.protocol.limits import check_limits
from vlbench.records.upgrade import RENAMED_SETTINGS
from vlbench.registry.options import parse_options
from vlbench.students.build import StudentConfig
from vlbench.students.heads import HeadConfig
from vlbench.students.lora import LoraConfig
from vlbench.students.losses import INFO_NCE
from vlbench.students.precision import FLOAT32
from vlbench.students.student import TowerConfig
from vlbench.students.training import Recipe

if TYPE_CHECKING:
    from collections.abc import Mapping

LARGEST_GRID = 12
"""Settings a student's recipe may be chosen from."""
READABLE, NEAREST_REAL = "readable", "nearest-real"
NEAREST = (READABLE, NEAREST_REAL)
"""Rows beside a distilled one that are made of train items near its pairs."""
_PATH = re.compile(r"^[/.~]|/[^/]*\.[A-Za-z]\w*$")
"""A path, and not a name on a hub: it begins as one, or ends as a file."""


MOST_SEEDS = 10_000
"""Students of one artifact: a number above is a slip, and a run without end."""


@dataclass(frozen=True)
class Rows:
    """Baselines, which give a score its meaning.

    Attributes:
        always: methods that are run at every budget.
        reference: the one of them that "recovered" counts from and distilled rows are matched with; "": the first.
        full: whether a student trained on all train pairs is shown.
        nearest: what is shown beside a distilled row, from train items near its pairs: ``readable``, ``nearest-real``;
            see :mod:`vlbench.runs.nearest`. Each takes the time of training the row's students once more.
    """

    always: tuple[str, ...] = ()
    reference: str = ""
    full: bool = True
    nearest: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in self.nearest:
            if name not in NEAREST:
                raise ValueError(f"nearest is {name!r}. Allowed: {', '.join(NEAREST)}.")
        if self.reference and self.reference not in self.always:
            raise ValueError(f"reference is {self.reference!r}. Allowed: {', '.join(self.always) or 'nothing'}.")

    @property
    def reference_row(self) -> str:
        """The baseline that other rows are compared with; "" if there is none."""
        return self.reference or next(iter(self.always), "")


@dataclass(frozen=True)
class Training:
    """How every row's students are trained.

    Attributes:
        grid: settings, at most 12; the one with the highest mean recall on val is used.
        seeds: fresh students per artifact, each scored after its last step.
        warmup: short training on all pairs that selectors' features come from.
        split: on which they are scored: ``test``; ``val`` by ``--set`` alone, while a method is tuned.
    """

    grid: tuple[Recipe, ...]
    seeds: int
    warmup: Recipe
    split: str = "test"


@dataclass(frozen=True)
class Protocol:
    """A suite's TOML, checked.

    Attributes:
        name: of the suite.
        version: a changed protocol is a new file; this number tells them apart at a glance.
        summary: one line.
        data: a declared dataset's name.
        data_options: of that dataset.
        sides: the two of its sides that are taken; empty for a dataset of two.
        students: name -> student; the first is the reference that methods see.
        training: of every row.
        rows: always shown.
        overrides: what ``--set`` changed that decides a score; a record with any is off protocol.
        hash: of all that decides a score; not of which other rows are shown, nor of the folders in which files lie.
    """

    name: str
    version: int
    summary: str
    data: str
    data_options: dict[str, Any]
    sides: tuple[str, ...]
    students: dict[str, StudentConfig]
    training: Training
    rows: Rows
    overrides: dict[str, str]
    hash: str

    @property
    def reference(self) -> str:
        """Name of the student that methods see."""
        return next(iter(self.students))


def parse_protocol(table: Mapping[str, Any], *, where: str, overrides: Mapping[str, str] | None = None) -> Protocol:
    """Check a TOML table.

    Args:
        table: as read from the file, with overrides put in.
        where: what errors call it.
        overrides: kept in the result, but for those of ``rows``.

    Raises:
        ProtocolError: a part is missing, unknown or out of range.
        UnknownNameError: a key is unknown; the nearest one is named.
    """
    known = {"name", "version", "summary", "data", "students", "training", "rows"}
    _check_keys(table, known, f"suite {where}")
    for part in known - {"rows", "summary"}:
        if part not in table:
            raise ProtocolError(f"suite {where}: {part!r} is missing. A suite has: {', '.join(sorted(known))}.")
    _check_keys(table["data"], {"name", "options", "sides"}, f"suite {where}: data")
    students = {
        name: parse_student(value, f"suite {where}: student {name!r}") for name, value in table["students"].items()
    }
    if not students:
        raise ProtocolError(f"suite {where} has no student. Add a table [students.NAME].")
    training = _training(table["training"], f"suite {where}")
    if training.split != "test" and "training.split" not in (overrides or {}):
        raise ProtocolError(f"suite {where}: rows are scored on test. To tune on val: --set training.split=val.")
    return Protocol(
        name=table["name"],
        version=table["version"],
        summary=table.get("summary", ""),
        data=table["data"]["name"],
        data_options=table["data"].get("options", {}),
        sides=tuple(table["data"].get("sides", ())),
        students=students,
        training=training,
        rows=parse_options(Rows, table.get("rows", {}), owner=f"suite {where}: rows"),
        overrides={key: value for key, value in (overrides or {}).items() if not key.startswith("rows.")},
        hash=short_hash(_counted(table)),
    )


_FIRST_NAMES = {new: old for old, new in RENAMED_SETTINGS.items()}


def _counted(table: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a suite that its hash is made of. Of a path in the options only the last part counts.

    The same files in another folder make the same protocol; their content is compared by the dataset's
    fingerprint and the encoders' identities, which a record holds.
    """
    counted = {key: value for key, value in table.items() if key not in ("summary", "rows")}
    students = {
        name: {key: _counted_tower(value) if isinstance(value, dict) else value for key, value in student.items()}
        for name, student in table["students"].items()
    }
    training = {key: _with_first_names(value) for key, value in table["training"].items()}
    return counted | {"data": _without_folders(table["data"]), "students": students, "training": training}


def _with_first_names(part: Any) -> Any:
    """Settings under the names that version 0.1 gave them: a rename makes no other protocol."""
    if isinstance(part, dict):
        return {_FIRST_NAMES.get(key, key): value for key, value in part.items()}
    return [_with_first_names(one) for one in part] if isinstance(part, list) else part


def _without_folders(part: Mapping[str, Any]) -> dict[str, Any]:
    """A table whose ``options`` name files without their folders."""
    return {key: _last_parts(value) if key == "options" else value for key, value in part.items()}


def _counted_tower(tower: Mapping[str, Any]) -> dict[str, Any]:
    """A tower without what is stated of its files: their content is in the encoder's identity."""
    return {key: value for key, value in _without_folders(tower).items() if key != "sha256"}


def _last_parts(value: Any) -> Any:
    if isinstance(value, str):
        return value.rstrip("/").rpartition("/")[2] if _PATH.search(value) else value
    if isinstance(value, dict):
        return {key: _last_parts(inner) for key, inner in value.items()}
    return [_last_parts(inner) for inner in value] if isinstance(value, list) else value


def _training(table: Mapping[str, Any], where: str) -> Training:
    _check_keys(table, {"grid", "seeds", "warmup", "common", "split"}, f"{where}: training")
    common = table.get("common", {})
    settings = table.get("grid", [])
    if not 1 <= len(settings) <= LARGEST_GRID:
        raise ProtocolError(f"{where}: training.grid has {len(settings)} settings. Allowed: 1 to {LARGEST_GRID}.")
    grid = tuple(_recipe({**common, **setting}, f"{where}: training.grid") for setting in settings)
    seeds = table.get("seeds", 5)
    if type(seeds) is not int or not 1 <= seeds <= MOST_SEEDS:
        raise ProtocolError(
            f"{where}: training.seeds is {seeds!r}. It must be a whole number from 1 to {MOST_SEEDS:,}."
        )
    split = table.get("split", "test")
    if split not in ("test", "val"):
        raise ProtocolError(f"{where}: training.split is {split!r}. Allowed: test; val, while a method is tuned.")
    warmup = _recipe({**common, **table.get("warmup", {})}, f"{where}: training.warmup")
    return Training(grid, seeds, warmup, split)


def _recipe(table: Mapping[str, Any], where: str) -> Recipe:
    for old in RENAMED_SETTINGS.keys() & table.keys():
        raise ProtocolError(f"{where}: {old!r} is called {RENAMED_SETTINGS[old]!r} since version 0.2. Rename it.")
    steps = {"steps": 0} if "epochs" in table else {}
    recipe: Recipe = check_limits(parse_options(Recipe, {**steps, **table}, owner=where), where)
    return recipe


HOTTEST = 1e6
"""Of a student's temperature."""


def parse_student(table: Mapping[str, Any], where: str) -> StudentConfig:
    """Check the table of a student.

    Raises:
        ProtocolError: a part is missing or out of range.
        UnknownNameError: a key is unknown.
    """
    towers = {key: _tower(value, f"{where}: {key}") for key, value in table.items() if isinstance(value, dict)}
    rest = {key: value for key, value in table.items() if not isinstance(value, dict)}
    _check_keys(rest, {"temperature", "learn_temperature", "loss", "precision", "micro_batch"}, where)
    temperature, learned = rest.get("temperature", 0.07), rest.get("learn_temperature", False)
    if isinstance(temperature, bool) or not isinstance(temperature, int | float) or not 0 < temperature < HOTTEST:
        raise ProtocolError(f"{where}: temperature = {temperature!r:.60} is not allowed. Allowed: above 0, to 1e6.")
    if not isinstance(learned, bool):
        raise ProtocolError(f"{where}: learn_temperature = {learned!r:.60} is not allowed. Allowed: true, false.")
    config: StudentConfig = check_limits(
        StudentConfig(
            towers,
            float(temperature),
            learned,
            rest.get("loss", INFO_NCE),
            rest.get("precision", FLOAT32),
            rest.get("micro_batch", 0),
        ),
        where,
    )
    return config


def _tower(table: Mapping[str, Any], where: str) -> TowerConfig:
    parts = {
        "head": check_limits(
            parse_options(HeadConfig, table.get("head", {}), owner=f"{where}: head"), f"{where}: head"
        ),
        "lora": check_limits(
            parse_options(LoraConfig, table.get("lora", {}), owner=f"{where}: lora"), f"{where}: lora"
        ),
    }
    _check_keys(table, {"encoder", "options", "train", "standardise", "head", "lora", "dropout", "sha256"}, where)
    if "encoder" not in table:
        raise ProtocolError(f"{where}: encoder is missing. Name a declared one, such as timm.")
    check_stated(table.get("sha256", {}), where)
    return TowerConfig(**{**table, **parts})


def _check_keys(table: Mapping[str, Any], known: set[str], where: str) -> None:
    from vlbench.registry.suggestions import unknown_name

    for key in table:
        if key not in known:
            raise unknown_name(f"key in {where}", key, known)
