"""How the renderings of the table write its numbers and notes."""

from __future__ import annotations

from vlbench.board.leaderboard import Cell, Group, Row
from vlbench.observe import seconds_text

EMPTY = "No finished runs. Start with:  vlbench run --method vldd --budget 500"


def title(group: Group) -> str:
    """What the rows of a group have in common."""
    budget = (
        "all data" if group.budget == "full" else f"{group.budget} pairs" if group.budget.isdigit() else group.budget
    )
    parts = [group.suite, budget]
    parts += [f"student {group.student}"] if group.student else []
    version = f" v{group.protocol_version}" if group.protocol_version else ""
    return " · ".join([*parts, f"protocol{version} {group.protocol_hash[:8]}"])


def label(row: Row) -> str:
    """The method, and how many runs are merged."""
    return row.method + (f" ({row.runs} runs)" if row.runs > 1 else "")


def options_text(row: Row) -> str:
    """The options that tell this row from others of its method."""
    return " ".join(f"{name}={value}" for name, value in row.options.items())


def details_text(row: Row) -> str:
    """How many runs are merged, and the options: what stands under the method's name."""
    return " ".join(filter(None, [f"{row.runs} runs" if row.runs > 1 else "", options_text(row)]))


def mean_text(cell: Cell | None) -> str:
    """A percentage with one decimal."""
    return f"{cell.mean:.1f}" if cell else "-"


def spread_text(cell: Cell | None) -> str:
    """The standard deviation, where there are at least two values."""
    return f"±{cell.sd:.1f}" if cell and cell.count > 1 else ""


def recovered_text(row: Row) -> str:
    """Share recovered, as a percentage."""
    return "-" if row.recovered is None else f"{100 * row.recovered:.0f}%"


def pairs_text(row: Row) -> str:
    """Number of pairs."""
    return "-" if row.pairs is None else f"{row.pairs:.0f}"


def bytes_text(row: Row) -> str:
    """Bytes in decimal units."""
    if row.bytes is None:
        return "-"
    size, unit = row.bytes, "B"
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            break
        size /= 1000
    return f"{size:.0f} {unit}" if size >= 10 or unit == "B" else f"{size:.1f} {unit}"


def time_text(row: Row) -> str:
    """Time to condense, train and score."""
    return "-" if row.seconds is None else seconds_text(row.seconds)


def notes(group: Group) -> list[str]:
    """What a reader must know to read the table."""
    rows = [*group.ranked, *group.always_on]
    seeds = sorted({row.seeds for row in rows if row.runs == 1 and row.seeds})
    lines = []
    spread = [f"{' or '.join(map(str, seeds))} student seeds"] if seeds else []
    spread += ["runs where several are merged"] if _merged(rows) else []
    if spread:
        lines.append(f"Percent on the test split; ± is the standard deviation over {', and over '.join(spread)}.")
    if any(row.recovered is not None for row in rows):
        lines.append("recovered = (row - random) / (full - random) in mean recall.")
    lines += [f"{row.method} {row.status}: {row.message}" for row in rows if row.status != "finished" and row.message]
    return lines


def _merged(rows: list[Row]) -> bool:
    return any(row.runs > 1 for row in rows)
