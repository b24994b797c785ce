"""How the formats of the board write its numbers and notes.

Examples:
    >>> import vlbench
    >>> (group,) = vlbench.leaderboard("runs").table.groups
    >>> vlbench.board.format.budget_text(group.budget), vlbench.board.format.pairs_text(group.ranked[0])
    ('20 pairs', '20')
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from textwrap import shorten

from vlbench.board.derived_rows import AS_MANY_BYTES, AS_MANY_PAIRS, NEAREST_REAL, READABLE, START
from vlbench.board.statistics.samples import CHANCE, DISTILLATION_SEEDS, STUDENT_SEEDS
from vlbench.board.table import CEILING, UNBUDGETED, Group, Row, Score
from vlbench.budget import Budget
from vlbench.progress import seconds_text
from vlbench.records.evidence import BADGES
from vlbench.records.evidence import PROVES as PROVES

DERIVED = {
    START: "the real pairs that it began with",
    AS_MANY_BYTES: "as many random pairs as fit in its bytes",
    AS_MANY_PAIRS: "as many random pairs as it has",
    READABLE: "its pictures with the nearest train captions, as text exports hold them",
    NEAREST_REAL: "the real pair nearest to each of its pairs",
}
"""Part of a derived row's name -> what it is."""
OF_DATA = "Data: "
LONGEST = 200
"""Characters of a warning in a legend; the whole text stands in the record."""
EMPTY = "No finished runs. Start with:  vlbench run --method vldd --budget 500"


def title(group: Group) -> str:
    """What the rows of a group have in common."""
    encoders = f" with encoders {group.encoders}" if group.encoders else ""
    parts = [group.suite, budget_text(group.budget)]
    parts += [f"student {group.student}{encoders}"] if group.student else []
    version = f" v{group.protocol_version}" if group.protocol_version else ""
    return " · ".join([*parts, f"protocol{version} {group.protocol_hash[:8]}"])


def budget_text(budget: Budget | None) -> str:
    """A budget with its unit; None is all data."""
    return "all data" if budget is None else f"{budget} pairs" if budget.unit == "pairs" else str(budget)


def label(row: Row) -> str:
    """The method, and how many runs are merged."""
    return row.method + (f" ({row.runs} runs)" if row.runs > 1 else "")


def options_text(row: Row) -> str:
    """The options that tell this row from others of its method."""
    return " ".join(f"{name}={value}" for name, value in row.options.items())


def usual_runs(group: Group) -> int:
    """The number of runs that most rows of a budget have: said once, not in every row."""
    counts = Counter(row.runs for row in group.rows if row.method not in UNBUDGETED)
    return counts.most_common(1)[0][0] if counts else 1


def details_text(row: Row, usual: int = 1) -> str:
    """How many runs are merged if not ``usual``, how far they were checked, and the options: what stands under the
    method's name."""
    runs = "" if row.runs == usual or row.method == CHANCE else f"{row.runs} run{'s' * (row.runs > 1)}"
    home = "" if row.home is None else f"home {row.home:.1f}"
    return " ".join(filter(None, [runs, home, row.badge, row.origin, flags_text(row), options_text(row)]))


def flags_text(row: Row) -> str:
    """A warning where the audit found made pairs that resemble test items."""
    return f"RESEMBLES TEST ({', '.join(row.flags)})" if row.flags else ""


def mean_text(score: Score | None) -> str:
    """A percentage with one decimal."""
    return f"{score.mean:.1f}" if score else "-"


def spread_text(score: Score | None) -> str:
    """Half the width of the 95 % interval; where one run has none, the standard deviation over its student seeds."""
    if score is None:
        return ""
    if score.interval is not None:
        return f"±{max(score.interval[1] - score.mean, score.mean - score.interval[0]):.1f}"
    return f"({score.sd:.1f})" if score.count > 1 else ""


def shows_pairs(group: Group) -> bool:
    """Whether the number of pairs says more than the budget does."""
    return any(pairs_text(row) != group.budget_name for row in group.rows if _is_budgeted(row))


def _is_budgeted(row: Row) -> bool:
    return row.pairs is not None and row.method not in UNBUDGETED


def rank_text(row: Row) -> str:
    """The places a row may have, or why it has none."""
    return row.rank or ("prov." if row.provisional and not row.baseline else "")


def is_best(row: Row) -> bool:
    """Whether no row is surely better."""
    return row.rank.split("-")[0] == "1"


def recovered_text(row: Row) -> str:
    """Share recovered, as a percentage."""
    return "-" if row.recovered is None else f"{100 * row.recovered:.0f}%"


def worth_text(row: Row) -> str:
    """Random real pairs of the same score: ``6.3k``, or ``>29k`` beyond the curve."""
    return "-" if row.worth is None else row.worth.outside + short_count(row.worth.pairs)


def worth_interval_text(row: Row) -> str:
    """Its 95 % interval."""
    return "" if row.worth is None or row.worth.outside else "-".join(map(short_count, row.worth.interval))


def break_even_text(row: Row, against: str) -> str:
    """Trainings from which condensing has paid, against ``full`` data or as many ``real`` pairs."""
    trainings = row.break_even.get(against, 0)
    return "never" if trainings is None else short_count(trainings) if trainings else "-"


def short_count(number: float) -> str:
    """A number in at most four characters up to a million: ``950``, ``6.3k``, ``29k``."""
    if number < 999.5:
        return f"{number:.0f}"
    thousands = number / 1000
    return f"{thousands:.1f}k" if thousands < 9.95 else f"{thousands:.0f}k"


def pairs_text(row: Row) -> str:
    """Number of pairs."""
    return "-" if row.pairs is None else f"{row.pairs:.0f}"


def bytes_text(row: Row) -> str:
    """Bytes in decimal units."""
    return "-" if row.bytes is None else size_text(row.bytes)


def size_text(size: float) -> str:
    """A number of bytes in decimal units."""
    unit = "B"
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            break
        size /= 1000
    return f"{size:.0f} {unit}" if size >= 10 or unit == "B" else f"{size:.1f} {unit}"


def time_text(row: Row) -> str:
    """Time to condense, train and score."""
    return "-" if row.seconds is None else seconds_text(row.seconds) + ("*" if row.origin else "")


def notes(group: Group) -> list[str]:
    """What a reader must know to read the table."""
    rows = list(group.rows)
    spread = any(spread_text(score) for row in rows for score in row.scores.values())
    lines = [_spread_note(rows, group.overrides.get("training.split", "test"))] if spread else []
    lines += _rank_notes(group)
    if group.apart:
        values = ", ".join(f"{name} {value[:16] or 'none'}" for name, value in group.apart.items())
        lines.append(f"Not to be compared with the other tables of {group.suite}: here {values}.")
    if any(row.recovered is not None for row in rows):
        below = any(row.recovered is not None and row.recovered < 0 for row in rows)
        less = f" Below 0: worse than {group.floor} at the same budget." if below else ""
        lines.append(f"recovered = (row - {group.floor}) / (full - {group.floor}) in mean recall.{less}")
    lines += [*_worth_notes(group), *_tries_notes(rows)]
    if any(row.home is not None for row in rows):
        lines.append("home = mean recall on the student that methods saw; no method saw this one.")
    if group.directions:
        lines.append(", ".join(f"{short} = {name}" for short, name in group.directions.items()) + ".")
    for part, text in DERIVED.items():
        names = dict.fromkeys(row.method.partition(part)[0] for row in rows if part in row.method)
        lines += [f"{name}{part}a row: {text}." for name in names]
    lines += _claim_notes(rows)
    lines += [f"{row.method} {row.status}: {row.message}" for row in rows if row.status != "finished" and row.message]
    return lines + _warnings(rows)


def _worth_notes(group: Group) -> list[str]:
    if group.curve is False and any(row.method == CEILING for row in group.baselines):
        return [f"What the scores are worth in real pairs is not shown: vlbench curve {group.suite} makes its curve."]
    if group.curve:
        return ["worth = random real pairs that train a student to the same score, with its 95 % interval."]
    return []


def _tries_notes(rows: Sequence[Row]) -> list[str]:
    """What the settings of ranked rows cost their authors."""
    tries = {
        row.method: max(record.tries for record in row.records) for row in rows if row.records and not row.baseline
    }
    said = [f"{name} {count}" for name, count in tries.items() if count]
    return [f"Settings that were compared before the defaults were chosen: {', '.join(said)}."] if said else []


def _warnings(rows: Sequence[Row]) -> list[str]:
    """What records warn of: of the data once, of a row under its name."""
    found = [(row.method, text) for row in rows for record in row.records for text in record.warnings]
    lines = dict.fromkeys(text if text.startswith(OF_DATA) else f"{method}: {text}" for method, text in found)
    return [shorten(line, LONGEST) for line in lines]


def _claim_notes(rows: list[Row]) -> list[str]:
    lines = [f"{badge} = {PROVES[badge]}" for badge in BADGES if any(row.badge == badge for row in rows)]
    if any(row.origin for row in rows):
        lines.append("* A row of a claim; its time, date and curves are claimed, and nobody can check them here.")
    if any(row.flags for row in rows):
        lines.append("RESEMBLES TEST: made pairs lie nearer to test items than train items do. Ask: vlbench leaks.")
    return lines


def _spread_note(rows: list[Row], split: str) -> str:
    parts = [f"Percent on the {split} split"]
    bases = sorted({row.basis for row in rows if row.basis}, reverse=True)
    if bases == ["seeds"]:
        parts.append("± is half the 95 % interval over seeds alone (no ranks were stored)")
    elif bases:
        without = dict.fromkeys(row.method for row in rows if row.basis == "seeds")
        but = f" (over seeds alone: {', '.join(without)})" if without else ""
        parts.append(f"± is half the 95 % interval over seeds and images{but}")
    alone = sorted({row.seeds for row in rows if row.scores and not row.interval and row.seeds > 1})
    if alone:
        seeds = " or ".join(map(str, alone))
        parts.append(f"(in brackets) the standard deviation over {seeds} student seeds of a single run")
    return "; ".join(parts) + "."


def _rank_notes(group: Group) -> list[str]:
    lines = []
    if group.mock:
        return ["A stand-in for the data (vlbench data mock): never ranked."]
    if group.overrides:
        changed = ", ".join(f"{name}={value}" for name, value in group.overrides.items())
        return [f"Off protocol ({changed}): never ranked."]
    if any("-" in row.rank for row in group.ranked):
        lines.append("A rank such as 1-3: the places that cannot be told apart (paired, Holm-corrected, 95 %).")
    if group.resolution is not None:
        lines.append(f"The smallest difference told apart here: {group.resolution:.1f} points of mean recall.")
    if any(row.provisional for row in group.rows):
        lines.append(
            f"Provisional, not ranked: under {DISTILLATION_SEEDS} distillation or {STUDENT_SEEDS} student seeds."
        )
    return lines
