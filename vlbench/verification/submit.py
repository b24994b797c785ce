"""Pack a finished run into one file that others can verify."""

from __future__ import annotations

from pathlib import Path

from vlbench.disk.leftovers import remove_leftovers
from vlbench.errors import DataError
from vlbench.records.record import FILE_NAME, read_record
from vlbench.verification.bundle import about_run, pack
from vlbench.verification.checks import claimable, record_checks
from vlbench.verification.rank_checks import rank_checks
from vlbench.verification.verify import read_stranger


def submit(folder: Path, target: Path | None = None) -> Path:
    """Write a run's bundle; the same run gives the same bytes.

    Args:
        folder: of the run.
        target: the file to write; by default ``<id>.zip`` in the current folder.

    Raises:
        DataError: the run is no claim (unfinished, off protocol, a reference row, made on a mock), or does not hold
            together.

    Examples:
        >>> import vlbench
        >>> record = vlbench.run(method="herding", budget=20, suite="scenes-mini", progress=False)
        >>> bundle = vlbench.board.submit(record.folder)
        >>> bundle.name == f"{record.id}.zip"
        True
    """
    record = read_record(folder)
    if reasons := list(claimable(record)):
        raise DataError(f"{record.id} cannot be submitted: {'; '.join(reasons)}.")
    written, version = read_stranger(folder / FILE_NAME)
    checks = [*record_checks(written), *rank_checks(written, version, folder)]
    problems = [f"{check.name}: {check.detail}." for check in checks if check.outcome == "failed"]
    if problems:
        raise DataError(f"{record.id} does not hold together. {' '.join(problems)} Run the command again.")
    path = target or Path(f"{record.id}.zip")
    pack(folder, path, about_run(record))
    remove_leftovers(path.parent, depth=0)
    return path
