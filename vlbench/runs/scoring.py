"""From an artifact to scores: fresh students of every architecture, each scored after its last step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vlbench.artifacts.artifact import Artifact, DistilledPairs
from vlbench.evaluation.evaluate import Evaluator, Outcome, Scores
from vlbench.evaluation.retrieval import Ranks, chance, clusters, mean_recall
from vlbench.records.ranks import write_ranks
from vlbench.records.record import Setting, StudentScores, Summary
from vlbench.records.summary import summarise
from vlbench.runs.meter import Meter
from vlbench.runs.preview import write_examples
from vlbench.seeds import SeedTree
from vlbench.students.training_sets import training_set

if TYPE_CHECKING:
    from vlbench.runs.session import Session


@dataclass(frozen=True)
class Scored:
    """An artifact under every student.

    Attributes:
        scores: student -> its scores, as a record holds them.
        chosen: student -> the recipe chosen on val.
        encoders: student -> side -> the encoder's identity.
        ranks: student -> ranks of each of its seeds.
        train_s, score_s: seconds of all students together.
    """

    scores: dict[str, StudentScores]
    chosen: dict[str, Setting]
    encoders: dict[str, dict[str, str]]
    ranks: dict[str, Sequence[Ranks]]
    train_s: float
    score_s: float


def score(
    session: Session, artifact: Artifact, seed: int, *, label: str, students: Sequence[str] | None = None
) -> Scored:
    """Train and score students on an artifact.

    Args:
        session: protocol, data and student builder.
        artifact: of the session's dataset.
        seed: root of the seed tree.
        label: what progress calls the row.
        students: names; all of the protocol and of the request where None.

    Raises:
        DivergedError: every setting of a student's grid diverged.
    """
    seeds = SeedTree(seed).child("score")
    names = list(session.students) if students is None else list(students)
    # Built before the clock starts: features and statistics belong to no row.
    evaluators = {name: session.evaluator(name) for name in names}
    before_s = sum(evaluator.score_s for evaluator in evaluators.values())
    with Meter() as meter:
        outcomes = {
            name: _outcome(session, artifact, evaluator, seeds, (f"students of {label}", name))
            for name, evaluator in evaluators.items()
        }
    score_s = sum(evaluator.score_s for evaluator in evaluators.values()) - before_s
    return Scored(
        scores={name: student_scores(outcome.runs) for name, outcome in outcomes.items()},
        chosen={name: asdict(outcome.chosen) for name, outcome in outcomes.items()},
        encoders={name: _identities(evaluator) for name, evaluator in evaluators.items()},
        ranks={name: outcome.ranks for name, outcome in outcomes.items()},
        train_s=meter.seconds - score_s,
        score_s=score_s,
    )


def score_start(
    session: Session, artifact: Artifact, seed: int, *, students: Sequence[str] | None = None
) -> Scored | None:
    """The scores of the real pairs that a distillation started from; None for any other artifact."""
    if not isinstance(artifact, DistilledPairs) or artifact.start is None:
        return None
    return score(session, artifact.start, seed, label="the start", students=students)


def write_found(folder: Path, session: Session, scored: Scored) -> None:
    """Write the ranks of all queries, and pictures of some that were found or missed, into ``folder``."""
    sides = session.dataset.sides
    counts = {side: session.scored.count(side) for side in sides}
    write_ranks(folder, scored.ranks, clusters(session.scored.pairs, counts))
    write_examples(folder, session.scored, scored.ranks, sides=sides)


def student_scores(runs: Sequence[Scores]) -> StudentScores:
    """Per-seed recalls in percent -> what a record holds."""
    directions = {
        direction: {cut: summarise([run[direction][cut] for run in runs]) for cut in cuts}
        for direction, cuts in runs[0].items()
    }
    return StudentScores(directions=directions, mean_recall=summarise([mean_recall(run) for run in runs]))


def chance_scores(session: Session) -> dict[str, StudentScores]:
    """Scores of a model that ranks at random, for every student of the session; no seeds."""
    scored = session.scored
    expected = chance({side: scored.count(side) for side in session.dataset.sides}, scored.pairs)
    scores = StudentScores(
        directions={
            direction: {cut: Summary(mean=value, sd=0.0, seeds=[]) for cut, value in cuts.items()}
            for direction, cuts in expected.items()
        },
        mean_recall=Summary(mean=mean_recall(expected), sd=0.0, seeds=[]),
    )
    return dict.fromkeys(session.students, scores)


def _outcome(
    session: Session, artifact: Artifact, evaluator: Evaluator, seeds: SeedTree, phase: tuple[str, str]
) -> Outcome:
    training = session.protocol.training
    data = training_set(artifact, evaluator.student, evaluator.tower_inputs["train"])
    choices = len(training.grid) if len(training.grid) > 1 else 0
    name, student = phase
    session.observer.phase(name, choices + training.seeds, student)
    outcome = evaluator.outcome(data, seeds, training.seeds, session.observer.advance)
    mean = sum(mean_recall(run) for run in outcome.runs) / len(outcome.runs)
    session.observer.done(f"mean recall {mean:.1f}")
    return outcome


def _identities(evaluator: Evaluator) -> dict[str, str]:
    return {side: tower.encoder.identity for side, tower in evaluator.student.towers.items()}
