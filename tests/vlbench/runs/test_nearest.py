"""Rows of train items near a distilled set: `readable` and `nearest-real`."""

from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

import vlbench
from vlbench.board.leaderboard import build_table
from vlbench.cli.main import main
from vlbench.errors import OptionError
from vlbench.records.record import FoundRecord

PLUGIN = """
import vlbench

class Noisy(vlbench.Method):
    '''Real pairs, disturbed so little that each is still nearest to itself.'''
    def condense(self, train, budget, context):
        import torch
        tower = context.student.towers["text"]
        chosen = context.candidates()[: budget.pairs]
        start = vlbench.Selection(chosen, train.fingerprint)
        vectors = context.training_set(start).tower_inputs(torch.arange(len(chosen)))["text"]
        text = tower.standardise.inverse(vectors + 0.01 * torch.randn(vectors.shape, generator=torch.Generator()))
        return vlbench.DistilledPairs({"image": train.items("image")[train.pairs[chosen, 0]], "text": text},
                                      {"image": "items", "text": tower.space}, train.fingerprint, start=start)

@vlbench.hookimpl
def vlbench_methods():
    return [vlbench.MethodSpec("noisy", f"{__name__}:Noisy", "distillation", "Real pairs with noise.")]
"""
FAST = {"training.seeds": "1", "rows.full": "false", "rows.always": "[]"}
BOTH = '["readable", "nearest-real"]'


def run(plugin: Path, out: Path, **overrides: str) -> vlbench.Record:
    return vlbench.run(
        method="noisy", budget=12, suite="scenes-mini", out=out, plugins=[plugin], overrides={**FAST, **overrides}
    )


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    path = tmp_path / "noisy.py"
    path.write_text(PLUGIN)
    return path


def test_real_pairs_with_a_little_noise_come_back_as_themselves(plugin: Path, tmp_path: Path):
    record = run(plugin, tmp_path / "runs", **{"rows.nearest": BOTH})
    assert set(record.nearest) == {"readable", "nearest-real"}
    # The nearest pairs are the pairs themselves: their students are those of the start, seed for seed.
    assert record.nearest["nearest-real"].scores == record.start.scores
    assert record.nearest["readable"].scores == record.start.scores
    assert record.scores != record.start.scores
    rows = build_table([FoundRecord.of(record)]).groups[0].baselines
    assert {"readable of noisy", "nearest-real of noisy", "start of noisy"} <= {row.method for row in rows}


def test_a_finished_run_gets_the_rows_that_are_asked_for_later(plugin: Path, tmp_path: Path):
    out = tmp_path / "runs"
    before = run(plugin, out)
    assert before.nearest == {}
    after = run(plugin, out, **{"rows.nearest": '["readable"]'})
    assert (after.created, after.scores, set(after.nearest)) == (before.created, before.scores, {"readable"})
    words = ["--plugin", str(plugin), "export", str(after.folder), "--format", "imagefolder", "--to"]
    printed = CliRunner().invoke(main, [*words, str(tmp_path / "out")])
    read, learned = after.nearest["readable"].scores["convnet"], after.scores["convnet"]
    said = f"convnet: {read.mean_recall.mean:.1f} mean recall with these captions, {learned.mean_recall.mean:.1f} with"
    assert said in printed.output, printed.output


def test_no_real_pair_is_taken_twice(plugin: Path, tmp_path: Path):
    from vlbench.progress import SilentObserver
    from vlbench.registry.loader import load_registry
    from vlbench.runs.nearest import nearest_real
    from vlbench.runs.request import RunRequest
    from vlbench.runs.session import Session

    session = Session(load_registry(), RunRequest(suite="scenes-mini"), SilentObserver())
    train = session.dataset.split("train")
    tower = session.evaluator(session.protocol.reference).student.towers["text"]
    one = session.builder.features(tower.encoder, "train", "text")[train.pairs[:1, 1]]
    same = vlbench.DistilledPairs(
        {"image": train.items["image"][train.pairs[:1, 0]].repeat(3, 1, 1, 1), "text": one.repeat(3, 1)},
        {"image": "items", "text": tower.space}, session.dataset.fingerprint,
    )  # fmt: skip
    chosen = nearest_real(session, same).indices
    assert len(chosen.unique()) == 3
    assert torch.equal(train.pairs[chosen[0]], train.pairs[0])


def test_an_unknown_row_of_near_items_is_refused(plugin: Path, tmp_path: Path):
    with pytest.raises(OptionError, match="readable, nearest-real"):
        run(plugin, tmp_path / "runs", **{"rows.nearest": '["readible"]'})
