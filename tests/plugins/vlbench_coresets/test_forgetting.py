"""Forgetting on a scripted history, and on toys."""

import pytest
import torch

from vlbench import Budget
from vlbench.testing import toy_context, toy_dataset
from vlbench_coresets.forgetting import Forgetting, ForgettingRecord, both_first
from vlbench_coresets.options import ForgettingOptions

# Rows are passes, columns are pairs; 1 is correct.
HISTORY = torch.tensor(
    [
        #  0: never learned, 1: learned and kept, 2: learned late, 3: forgotten once, 4: twice, 5: forgotten at the end
        [0, 1, 0, 1, 1, 0],
        [0, 1, 0, 0, 0, 0],
        [0, 1, 0, 1, 1, 1],
        [0, 1, 1, 1, 0, 0],
    ],
    dtype=torch.bool,
)
EVENTS = [0, 0, 0, 1, 2, 1]


def scripted(shuffle_seed=0):
    record = ForgettingRecord(6)
    generator = torch.Generator().manual_seed(shuffle_seed)
    for correct in HISTORY:
        for positions in torch.randperm(6, generator=generator).split(4):
            record.see(positions, correct[positions])
    return record


@pytest.mark.parametrize("seed", range(5))
def test_events_are_changes_from_correct_to_wrong_in_whatever_batches(seed):
    record = scripted(seed)
    assert record.events.tolist() == EVENTS
    assert record.learned.tolist() == [False, True, True, True, True, True]


def test_fewest_first_with_never_learned_pairs_last():
    order = scripted().order(torch.Generator().manual_seed(0)).tolist()
    assert (set(order[:2]), set(order[2:4]), order[4:]) == ({1, 2}, {3, 5}, [4, 0])


def test_most_first_with_never_learned_pairs_last():
    order = scripted().order(torch.Generator().manual_seed(0), most_first=True).tolist()
    assert (order[0], set(order[1:3]), set(order[3:5]), order[5]) == (4, {3, 5}, {1, 2}, 0)


def test_equals_are_in_a_drawn_order_that_a_seed_repeats():
    orders = [tuple(scripted().order(torch.Generator().manual_seed(seed)).tolist()) for seed in range(20)]
    assert len(set(orders)) == 4
    assert orders[0] == tuple(scripted().order(torch.Generator().manual_seed(0)).tolist())


def test_a_pair_is_correct_where_both_sides_rank_each_other_first():
    similarity = torch.tensor([[3.0, 1.0, 2.0], [0.0, 1.0, 2.0], [4.0, 0.0, 5.0]])
    # Caption 0 prefers image 2; image 1 prefers caption 2; pair 2 holds.
    assert both_first(similarity).tolist() == [False, False, True]


def test_a_tie_is_no_first_place():
    assert both_first(torch.ones(3, 3)).tolist() == [False] * 3
    assert both_first(torch.ones(1, 1)).tolist() == [True]


class Recorder(Forgetting):
    """Keeps the record, so that the test sees what a real run counts."""

    def _observed_run(self, offered, context):
        self.record = super()._observed_run(offered, context)
        return self.record


def condense(tmp_path, **options):
    method = Recorder(ForgettingOptions(**options))
    view, context = toy_context(toy_dataset(), tmp_path)
    return method.condense(view, Budget(10), context), method.record, context


def test_a_real_run_learns_most_pairs_and_keeps_the_least_forgotten(tmp_path):
    selection, record, context = condense(tmp_path, batch=12)
    assert record.learned.float().mean() > 0.5
    assert record.events.sum() > 0
    candidates = context.candidates()
    chosen = (candidates[:, None] == selection.indices).any(1)
    key = record.events.masked_fill(~record.learned, 10**6)
    assert key[chosen].max() <= key[~chosen].min()


def test_the_order_option_keeps_the_other_end(tmp_path):
    selection, record, context = condense(tmp_path, batch=12, order="most")
    chosen = (context.candidates()[:, None] == selection.indices).any(1)
    key = record.events.masked_fill(~record.learned, -1)
    assert key[chosen].min() >= key[~chosen].max()


def test_every_candidate_is_seen_about_as_often_as_there_are_passes(tmp_path, monkeypatch):
    seen = []
    original = ForgettingRecord.see

    def see(self, positions, correct):
        seen.append(positions)
        original(self, positions, correct)

    monkeypatch.setattr(ForgettingRecord, "see", see)
    condense(tmp_path, batch=20, epochs=3)
    assert torch.bincount(torch.cat(seen), minlength=60).tolist() == [3] * 60
    seen.clear()
    condense(tmp_path, batch=20, epochs=3, repeat_images=True)
    assert len(torch.cat(seen)) == 3 * 120
