"""``vlbench.run`` and ``vlbench.score``: what the commands of these names do, from Python."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vlbench.board.notebook import RunRecord
from vlbench.budget import Budget
from vlbench.progress import Observer, PlainObserver, SilentObserver
from vlbench.runs.request import RunRequest
from vlbench.threads import wait_passively

if TYPE_CHECKING:
    from vlbench.registry.registry import Registry


def run(
    *,
    method: str,
    budget: Budget | int | str,
    suite: str = "scenes",
    seed: int = 0,
    options: Mapping[str, object] | None = None,
    overrides: Mapping[str, str] | None = None,
    students: Sequence[str] = (),
    out: Path | str = "runs",
    data: Path | str | None = None,
    device: str = "auto",
    executor: str = "serial",
    plugins: Sequence[str] = (),
    log: Sequence[str] = (),
    observer: Observer | None = None,
    progress: bool = True,
) -> RunRecord:
    """Condense, score and record; what ``vlbench run`` does.

    Args:
        method: a declared method.
        budget: a number of pairs, or of bytes as in ``"5MB"``.
        suite: a declared suite, or the path of a TOML file.
        seed: of the distillation, the root of its seed tree.
        options: of the method, name -> value.
        overrides: dotted key of the protocol -> TOML value as text, as in ``{"training.seeds": "1"}``.
        students: declared students that score the artifact too.
        out: folder of the runs.
        data: folder of the dataset's files, where it reads any.
        device: ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ...
        executor: how rows are run, by name.
        plugins: plugin files.
        log: trackers, as in ``["tensorboard"]``.
        observer: receives progress instead of standard error.
        progress: say on standard error what is done and how long it will take.

    Returns:
        the record, as also written to ``<out>/<id>/record.json``: scores in percent, ``cost`` in seconds (``_s``) and
        bytes. A notebook draws it as a table. A method that failed or diverged is a ``status`` of its record, not an
        error. The protocol's baselines are made too. A method that crashes the interpreter ends the caller's process;
        the command line survives that (SECURITY.md), and the same call finds what was finished.

    Raises:
        vlbench.errors.VlbenchError: a name, option, budget or file is wrong.

    Examples:
        >>> import vlbench
        >>> record = vlbench.run(method="random", budget=20, suite="scenes-mini")
        >>> record.status, record.cost.pairs
        ('finished', 20)
        >>> 0 < record.scores["convnet"].mean_recall.mean < 100
        True
    """
    wait_passively()
    from vlbench.runs.pipeline import run_many

    registry = _registry(plugins)
    request = RunRequest(
        suite=str(suite),
        seeds=(seed,),
        device=device,
        options=dict(options or {}),
        overrides={str(key): _text(value) for key, value in (overrides or {}).items()},
        out=Path(out),
        executor=registry.get("executor", executor).name,
        data=_folder(data),
        students=_names(students),
        log=_names(log),
    )
    parsed = [Budget.parse(budget)]
    watching = _watching(observer, progress)
    record = run_many(registry, methods=[method], budgets=parsed, request=request, observer=watching)[0]
    return RunRecord.of(record, request.out / record.id)


def score(
    artifact: Path | str,
    *,
    suite: str = "",
    students: Sequence[str] = (),
    data: Path | str | None = None,
    device: str = "auto",
    plugins: Sequence[str] = (),
    observer: Observer | None = None,
    progress: bool = True,
) -> RunRecord:
    """Train fresh students on a saved artifact and score them, without the method's code.

    Args:
        artifact: folder of a run, or of a saved artifact.
        suite: on which it is scored; by default the one it was made for.
        students: declared students that score it beside those of the suite.
        data: folder of the dataset's files, where it reads any.
        device: ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ...
        plugins: plugin files.
        observer: receives progress instead of standard error.
        progress: say on standard error what is done and how long it will take.

    Returns:
        a record of the scores, which is not written.

    Raises:
        vlbench.errors.VlbenchError: a name or a file is wrong, or the artifact is of other data.

    Examples:
        >>> import vlbench
        >>> record = vlbench.run(method="random", budget=20, suite="scenes-mini")
        >>> vlbench.score(record.folder).scores == record.scores
        True
    """
    wait_passively()
    from vlbench.runs.rescoring import score_artifact

    request = RunRequest(suite=str(suite), device=device, data=_folder(data), students=_names(students))
    record = score_artifact(artifact, request, registry=_registry(plugins), observer=_watching(observer, progress))
    return RunRecord.of(record, Path(artifact))


def _names(given: Sequence[str]) -> tuple[str, ...]:
    """One name alone is a list of one."""
    return (given,) if isinstance(given, str) else tuple(map(str, given))


def _text(value: object) -> str:
    """A protocol's value as TOML has it, where Python's own is given."""
    return value if isinstance(value, str) else json.dumps(value, default=str)


def _registry(plugins: Sequence[str]) -> Registry:
    from vlbench.registry.loader import load_registry

    return load_registry(_names(plugins))


def _folder(data: Path | str | None) -> Path | None:
    return None if data is None else Path(data)


def _watching(observer: Observer | None, progress: bool) -> Observer:
    return observer or (PlainObserver() if progress else SilentObserver())
