"""All that a suite needs, fetched and computed once: files, encoders, pixels, the frozen side."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from vlbench.data.folders import remember_folder
from vlbench.encoders.local import locate
from vlbench.errors import VlbenchError
from vlbench.registry.specs import NeededFile, resolve
from vlbench.runs.session import Session

if TYPE_CHECKING:
    from vlbench.progress import Observer
    from vlbench.registry.registry import Registry
    from vlbench.runs.request import RunRequest
    from vlbench.students.student import TowerConfig


@dataclass(frozen=True)
class Preparation:
    """What was found, and what is missing.

    Attributes:
        files: that the dataset reads.
        encoders: of each tower, as ``student, side: encoder`` -> what is wrong with it; empty where nothing is.
        data: one line on the data; empty where it could not be read.
        problem: why the data could not be read although all files are there.
        weights: files of the user's that an encoder is read from, by the same names as ``encoders``.
    """

    files: list[NeededFile]
    encoders: dict[str, str] = field(default_factory=dict)
    data: str = ""
    problem: str = ""
    weights: dict[str, Path] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """Whether a run needs nothing more."""
        return bool(self.data) and not any(self.encoders.values())


def prepare(registry: Registry, request: RunRequest, observer: Observer, *, weights: Path | None = None) -> Preparation:
    """Look for the files, fetch the encoders, decode the images and compute the frozen side of every student.

    What is missing does not stop the rest. A folder given as ``request.data`` is remembered for later runs of the suite
    once its data could be read, and so are the files of encoders that are found in a folder ``weights``.

    Raises:
        VlbenchError: a name or a value of the suite is wrong.
    """
    session = Session(registry, request, observer)
    spec, options = registry.get("dataset", session.protocol.data), session.data_options
    files = resolve(spec.files)(options) if spec.files else []
    encoders: dict[str, str] = {}
    local: dict[str, Path] = {}
    for place, tower in _towers(session):
        observer.phase("encoder", None, place)
        encoders[place] = _try_encoder(session, tower, weights, local=local, place=place)
        observer.done()
    so_far = Preparation(files, encoders, weights=local)
    if not all(file.there for file in files):
        return so_far
    try:
        about = _describe(session)
    except VlbenchError as error:
        return replace(so_far, problem=str(error))
    if request.data is not None:
        remember_folder(session.cache.root, session.protocol.name, request.data)
    if not any(encoders.values()):
        for student in session.protocol.students:
            session.evaluator(student)
        observer.done()
    return replace(so_far, data=about)


def _towers(session: Session) -> Iterator[tuple[str, TowerConfig]]:
    for name, student in session.protocol.students.items():
        for side, tower in student.towers.items():
            what = tower.options.get("model") or tower.options.get("name") or tower.encoder
            yield f"{name}, {side}: {what}", tower


def _try_encoder(
    session: Session, tower: TowerConfig, weights: Path | None, *, local: dict[str, Path], place: str
) -> str:
    """What is wrong with it; where its weights are found goes into ``local``."""
    try:
        if weights is not None and tower.sha256:
            kind = session.registry.get("encoder", tower.encoder).options
            local[place] = locate(weights, kind, tower.sha256, session.cache.root)
        session.make_encoder(tower)
    except VlbenchError as error:
        return str(error)
    return ""


def _describe(session: Session) -> str:
    dataset = session.dataset
    counts = [
        " and ".join(f"{split.count(side):,} {side}" for side in dataset.sides) + f" items in {name}"
        for name, split in dataset.splits.items()
    ]
    mock = "a MOCK, whose rows are never ranked: " if dataset.mock else ""
    return f"{mock}{', '.join(counts)}; fingerprint {dataset.fingerprint[:12]}"
