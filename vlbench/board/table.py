"""What a board shows: groups of comparable rows, with a score in each column."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from vlbench.board.statistics.ranking import Difference
from vlbench.board.statistics.samples import CHANCE
from vlbench.budget import Budget
from vlbench.records.record import FoundRecord

CEILING = "full"
UNBUDGETED = (CEILING, CHANCE)


@dataclass(frozen=True)
class Score:
    """A score in percent: mean and sample standard deviation over ``count`` values (0: nothing was drawn).

    ``interval`` holds the method's true score in 95 % of all repetitions; None where one run of a method that draws, or
    nothing drawn, cannot say.

    Examples:
        >>> import vlbench
        >>> (group,) = vlbench.leaderboard("runs").table.groups
        >>> 0 < group.ranked[0].scores["TR@1"].mean < 100
        True
    """

    mean: float
    sd: float
    count: int
    interval: tuple[float, float] | None = None


@dataclass(frozen=True)
class Worth:
    """How many random real pairs train a student to the same score, along the suite's learning curve.

    Attributes:
        pairs: that many; the curve's first or last size where the score lies outside.
        interval: 95 %, over the curve's draws and the row's runs (or students, where there is one run).
        outside: ``"<"`` below the curve's first score, ``">"`` above its last, else "".

    Examples:
        >>> from vlbench.board.table import Worth
        >>> Worth(6300.0, (5900.0, 6700.0)).outside
        ''
    """

    pairs: float
    interval: tuple[float, float]
    outside: str = ""


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        method: its name.
        options: the options in which it differs from other rows of the same method in its group.
        status: finished, diverged or failed; only a finished row has scores.
        runs: how many runs, with seeds of their own, are merged.
        seeds: how many student seeds each of them was scored with.
        scores: column (``TR@1`` ... ``IR@10``, ``mean``) -> score. The spread is over runs where ``runs`` > 1, and
            over student seeds else.
        recovered: (row - floor) / (full - floor) in mean recall; None where one of the two is missing.
        pairs, bytes, seconds: size of the artifact, and time to condense, train and score, on average over runs.
        baseline: the row is there to give the others meaning.
        message: why it did not finish.
        records: the records merged into this row.
        interval: that of mean recall.
        basis: what it rests on: ``"seeds and images"``, or ``"seeds"`` where ranks were not stored.
        provisional: it has too few seeds to be ranked.
        rank: the places it may have among the ranked rows: ``"2"``, or ``"1-3"`` where it cannot be told from others;
            ``""`` for a row that is not ranked.
        home: mean recall on the student that the pairs were made for, where the row is of another one.
        badge: how far all its records were checked: self-reported, re-evaluated or rebuilt; "" if one was not.
        origin: the claim it was unpacked from; "" for one's own runs, with which it is never merged.
        flags: what the audit found: looks by which the made pairs are nearer to test items than train items are.
        worth: in random real pairs; None where there is no learning curve.
        break_even: ``full`` (all data), ``real`` (as many real pairs as it is worth) -> the number of trainings from
            which condensing has paid in seconds; None where it never does. Without a key, the seconds are not known.

    Examples:
        >>> import vlbench
        >>> (group,) = vlbench.leaderboard("runs").table.groups
        >>> group.ranked[0].method, group.ranked[0].pairs
        ('random', 20.0)
    """

    method: str
    options: Mapping[str, Any]
    status: str
    runs: int
    seeds: int
    scores: Mapping[str, Score]
    pairs: float | None
    bytes: float | None
    seconds: float | None
    baseline: bool
    message: str = ""
    recovered: float | None = None
    records: tuple[FoundRecord, ...] = field(default=(), repr=False)
    interval: tuple[float, float] | None = None
    basis: str = ""
    provisional: bool = False
    rank: str = ""
    badge: str = ""
    home: float | None = None
    origin: str = ""
    flags: tuple[str, ...] = ()
    worth: Worth | None = None
    break_even: Mapping[str, int | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Group:
    """Rows that may be compared: ranked ones best first, then those without a rank, and the baselines.

    Attributes:
        budget: of every row; None where a table has rows without a budget only.
        floor: the baseline from which ``recovered`` is counted; "" where no record names one.
        encoders: a hash that tells the student's encoders from those of other groups, where there are any.
        overrides: what differs from the protocol's file. Where anything does, no row is ranked.
        mock: the data are a stand-in, and no row is ranked.
        resolution: the smallest difference in mean recall, in points, that would tell two of the ranked rows apart.
        differences: all pairs of ranked rows, which come first in ``ranked``.
        apart: field -> its value here, for what keeps this group from another of the same suite in the table.
        directions: short name in ``columns`` -> direction in records, as in ``TR`` -> ``image_to_text``.
        curve: whether the learning curve that ``worth`` is read from was found; None where it was not looked for.

    Examples:
        >>> import vlbench
        >>> (group,) = vlbench.leaderboard("runs").table.groups
        >>> group.suite, group.budget, group.floor
        ('scenes-mini', Budget(amount=20, unit='pairs'), 'random')
    """

    suite: str
    protocol_hash: str
    protocol_version: str
    budget: Budget | None
    student: str
    columns: tuple[str, ...]
    ranked: tuple[Row, ...] = field(default=())
    baselines: tuple[Row, ...] = field(default=())
    floor: str = ""
    overrides: Mapping[str, str] = field(default_factory=dict)
    mock: bool = False
    resolution: float | None = None
    differences: tuple[Difference, ...] = field(default=())
    data_fingerprint: str = ""
    apart: Mapping[str, str] = field(default_factory=dict)
    directions: Mapping[str, str] = field(default_factory=dict)
    encoders: str = ""
    curve: bool | None = None

    @property
    def rows(self) -> tuple[Row, ...]:
        """All rows, ranked ones first."""
        return (*self.ranked, *self.baselines)

    @property
    def budget_name(self) -> str:
        """The budget as programs read it: ``500``, ``5MB``, or ``full`` where there is none."""
        return CEILING if self.budget is None else str(self.budget)


class LeftOut(NamedTuple):
    """A run that no table was made of, and why."""

    folder: str
    reason: str


@dataclass(frozen=True)
class Table:
    """All groups, by suite, protocol, budget and student; and the runs that stand in none.

    Examples:
        >>> import vlbench
        >>> [group.student for group in vlbench.leaderboard("runs").table.groups]
        ['convnet']
    """

    groups: tuple[Group, ...]
    left_out: tuple[LeftOut, ...] = ()
