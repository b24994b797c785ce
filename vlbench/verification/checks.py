"""What can be said of a claim from its record alone: form, arithmetic, and whether it is what it was asked to be."""

from __future__ import annotations

import datetime
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, Literal

from vlbench.records.fit import record_problem
from vlbench.records.record import (
    NO_FAMILY,
    SCHEMA,
    Environment,
    Record,
    StudentScores,
    Summary,
    record_id,
    record_table,
)
from vlbench.records.summary import sample_sd
from vlbench.verification.names import MOST_CURVES, MOST_POINTS, text_problem, texts

CheckOutcome = Literal["ok", "failed", "open", "claimed"]
ROWS = ("rows.always", "rows.reference", "rows.full", "rows.nearest")
"""What ``--set`` may change in a claim: which other rows are made."""
TOLERANCE = 1e-9
"""Percent by which a mean may be off: rounding of a sum in another order."""
CLAIMED = (
    "created", "nearest", "environment", "plugins", "method_code", "plugin_scores", "curves", "settings",
    "warnings", "resumed", "cost: seconds and memory",
)  # fmt: skip
"""Fields that nobody else can check."""
MOST_SEED, MOST_VALUES = 10**18, 20_000
"""Of a seed, as the command line takes it; of values in a record, curves apart."""
LONGEST_S, LARGEST_BYTES = 1e9, 10**16
"""Seconds (30 years) and bytes of a cost."""
COMPLETE = ("data_fingerprint", "protocol_version", "chosen", "environment", "plugins", "command", "created")
"""Fields that may be empty, as in a record of a run that failed, but not in a claim."""


@dataclass(frozen=True)
class ClaimCheck:
    """One line of a verification.

    Attributes:
        name: what was checked.
        outcome: ``ok``, ``failed``, ``open`` (not checked here, the detail says why) or ``claimed`` (nobody can).
        detail: what was found.
    """

    name: str
    outcome: CheckOutcome
    detail: str = ""


def verdict(name: str, problems: list[str], detail: str = "") -> ClaimCheck:
    """Failed with the first problems, or ok with the detail."""
    if not problems:
        return ClaimCheck(name, "ok", detail)
    more = f"; and {len(problems) - 3} more" if len(problems) > 3 else ""
    return ClaimCheck(name, "failed", "; ".join(problems[:3]) + more)


def record_checks(record: Record) -> list[ClaimCheck]:
    """Checks that need nothing but the record, whose form was checked when it was read."""
    return [
        ClaimCheck("schema", "ok", f"every field known, as in schema {SCHEMA}"),
        verdict("asked", list(_asked(record)), "finished, by the protocol, and the id is the hash of what was asked"),
        verdict("texts", list(_texts(record)), "none is endless or holds what is not seen; the date is one"),
        verdict("command", list(_command(record)), "asks for the same"),
        verdict(
            "arithmetic", list(_arithmetic(record)), "recalls rise with K; means and spread are those of the seeds"
        ),
        ClaimCheck("claimed", "claimed", f"not checked: {', '.join(CLAIMED)}"),
    ]


def _asked(record: Record) -> Iterator[str]:
    yield from claimable(record)
    missing = [name for name in COMPLETE if getattr(record, name) in (None, "", [], {}, Environment())]
    if missing:
        yield f"{', '.join(missing)} missing"
    elif record.id != (expected := record_id(record)):
        yield f"id is {record.id!r}, what was asked gives {expected!r}"
    if problem := record_problem(record):
        yield problem
    if record.seed >= MOST_SEED:
        yield f"seed has {len(str(record.seed))} digits. Allowed: 18"
    for cost in (record.cost, record.start.cost if record.start else record.cost):
        seconds = [value for value in (cost.condense_s, cost.train_s, cost.score_s, cost.step_s) if value]
        sizes = [value for value in (cost.peak_rss_bytes, cost.device_peak_bytes) if value]
        if max(seconds, default=0) > LONGEST_S or max(sizes, default=0) > LARGEST_BYTES:
            yield f"a cost is above {LONGEST_S:g} seconds or {LARGEST_BYTES:g} bytes"


def _texts(record: Record) -> Iterator[str]:
    table = record_table(record)
    if (count := _count(table)) > MOST_VALUES:
        yield f"it holds {count:,} values beside its curves. Allowed: {MOST_VALUES:,}"
        return
    for place, text in texts(table):
        if problem := text_problem(text):
            yield f"{place} {problem}"
    if record.message:
        yield "a finished run has no message"
    if len(record.curves) > MOST_CURVES or sum(map(len, record.curves.values())) > MOST_POINTS:
        yield f"more than {MOST_CURVES} curves or {MOST_POINTS:,} points"
    names = [plugin.name for plugin in record.plugins]
    if len(set(names)) < len(names):
        yield "a plugin is named twice"
    try:
        created = datetime.datetime.fromisoformat(record.created)
        if created.tzinfo is None or created > datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=1):
            yield f"created is {record.created!r}: in the future, or without a time zone"
    except (ValueError, OverflowError):
        yield f"created is {record.created[:40]!r}, no date"


def _count(value: Any, at: str = "") -> int:
    """Values in JSON, but for the points of curves."""
    if at == "curves":
        return len(value)
    if isinstance(value, dict):
        return 1 + sum(_count(inner, key if not at else " ") for key, inner in value.items())
    return 1 + sum(_count(inner, " ") for inner in value) if isinstance(value, list) else 1


def claimable(record: Record) -> Iterator[str]:
    """Why a record can be no claim."""
    if record.status != "finished":
        yield f"status is {record.status!r}, not 'finished'"
    if record.family == NO_FAMILY:
        yield f"{record.method!r} is a baseline that every board has by itself; there is no artifact"
    if record.matched_to is not None:
        yield "a random row of another row's size is one that every board has by itself"
    if record.overrides:
        yield f"off protocol: --set changed {', '.join(sorted(record.overrides))}"
    if record.mock:
        yield "made on a mock dataset, which no board shows"
    if not record.scores:
        yield "there are no scores"
    if record.message:
        yield "a finished run has no message"


def _command(record: Record) -> Iterator[str]:
    words = record.command
    if words[:2] != ["vlbench", "run"] or len(words) % 2:
        yield f"{' '.join(words)[:80]!r} is no vlbench run"
        return
    pairs = list(zip(words[2::2], words[3::2], strict=True))
    for flag in ("method", "budget", "seed"):
        given = [value for name, value in pairs if name == f"--{flag}"]
        if given != [str(getattr(record, flag))]:
            yield f"--{flag} is {', '.join(given) or 'missing'}, the record says {getattr(record, flag)}"
    suites = [value for name, value in pairs if name == "--suite"]
    if len(suites) != 1 or not (suites[0] == record.suite or suites[0].endswith(".toml")):
        yield f"--suite is {', '.join(suites) or 'missing'}, the record says {record.suite}"
    keys = [f"{name} {value.partition('=')[0] if name in ('-o', '--set') else ''}" for name, value in pairs]
    yield from (f"{key.strip()} is given twice" for key in dict.fromkeys(keys) if keys.count(key) > 1)
    known = {"--method", "--budget", "--seed", "--suite", "--students", "-o", "--set"}
    yield from (f"{name} is unknown" for name, _ in pairs if name not in known)
    for name, value in pairs:
        key, _, text = value.partition("=")
        if name == "--students" and not set(value.split(",")) <= set(record.scores):
            yield f"--students {value}: the record has scores of {', '.join(record.scores)}"
        if name == "-o" and not _same_value(record.options.get(key, ...), text):
            yield f"-o {value} is not the record's option"
        if name == "--set" and key not in ROWS and record.overrides.get(key) != text:
            yield f"--set {value} is not the record's override"


def _same_value(value: object, text: str) -> bool:
    """Whether text of the command line may have given an option its value; lists and tables are not compared."""
    if value is ...:
        return False
    if isinstance(value, bool):
        return text.strip().lower() in (("true", "yes", "on", "1") if value else ("false", "no", "off", "0"))
    if isinstance(value, int | float):
        try:
            return float(text) == value
        except ValueError:
            return False
    return text == value if isinstance(value, str) else True


def _arithmetic(record: Record) -> Iterator[str]:
    for where, students in (("", record.scores), ("start: ", record.start.scores if record.start else {})):
        for student, scores in students.items():
            recalls = recalls_of(scores)
            counts = {len(summary.seeds) for summary in (*recalls.values(), scores.mean_recall)}
            if len(counts) != 1 or 0 in counts or len(scores.directions) != 2:
                yield f"{where}{student}: not two directions with the same seeds in every score"
                continue
            problems = [
                *_summary_problems({**recalls, "mean recall": scores.mean_recall}),
                *_rising(scores),
                *_mean_problems(list(recalls.values()), scores.mean_recall),
            ]
            yield from (f"{where}{student}: {problem}" for problem in problems)


def recalls_of(scores: StudentScores) -> dict[str, Summary]:
    """``image_to_text R@1`` -> recall, of every direction and cut."""
    return {f"{name} {cut}": summary for name, cuts in scores.directions.items() for cut, summary in cuts.items()}


def _summary_problems(summaries: Mapping[str, Summary]) -> Iterator[str]:
    for name, summary in summaries.items():
        for part, value in (("mean", fmean(summary.seeds)), ("sd", sample_sd(summary.seeds))):
            if not math.isclose(getattr(summary, part), value, rel_tol=0, abs_tol=TOLERANCE):
                yield f"{part} of {name} is {getattr(summary, part)}, its seeds give {value}"


def _rising(scores: StudentScores) -> Iterator[str]:
    for direction, cuts in scores.directions.items():
        if list(cuts) != ["R@1", "R@5", "R@10"]:
            yield f"{direction} holds {', '.join(cuts)}, not R@1, R@5, R@10"
            continue
        rows = zip(*(summary.seeds for summary in cuts.values()), strict=True)
        if any(low > high + TOLERANCE for row in rows for low, high in itertools.pairwise(row)):
            yield f"{direction} falls with K"


def _mean_problems(recalls: Sequence[Summary], whole: Summary) -> Iterator[str]:
    for index, value in enumerate(whole.seeds):
        expected = fmean(summary.seeds[index] for summary in recalls)
        if not math.isclose(value, expected, rel_tol=0, abs_tol=TOLERANCE):
            yield f"mean recall of seed {index} is {value}, its parts give {expected}"
