"""The selectors against brute force, and what their options do."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from vlbench import Budget
from vlbench.methods.method import Selector
from vlbench.registry.specs import resolve
from vlbench.testing import toy_context, toy_dataset
from vlbench_coresets.blocks import on_shared_file
from vlbench_coresets.clip_score import ClipScore
from vlbench_coresets.facility import facility_location
from vlbench_coresets.herding import herding
from vlbench_coresets.kcenter import k_center
from vlbench_coresets.kmeans import centres, nearest_to_centres
from vlbench_coresets.options import SelectorOptions
from vlbench_coresets.random_pairs import RandomPairs
from vlbench_coresets.semdedup import redundance


def features(count=80, width=6, seed=0):
    return torch.randn(count, width, generator=torch.Generator().manual_seed(seed))


def brute_force_herding(data, size):
    data = data.astype(np.float64)
    chosen = []
    for step in range(size):
        total = data[chosen].sum(0)
        distance = {
            i: np.sum((total + x - (step + 1) * data.mean(0)) ** 2) for i, x in enumerate(data) if i not in chosen
        }
        chosen.append(min(distance, key=distance.get))
    return chosen


def brute_force_k_center(data, size, first):
    data = data.astype(np.float64)
    distance = np.linalg.norm(data[:, None] - data[None], axis=2)
    chosen = [first]
    while len(chosen) < size:
        chosen.append(int(distance[:, chosen].min(1).argmax()))
    return chosen


@pytest.mark.parametrize("seed", range(4))
def test_herding_equals_brute_force_up_to_all_pairs(seed):
    data = features(40, seed=seed)
    assert herding(data, 40).tolist() == brute_force_herding(data.numpy(), 40)


def test_the_mean_of_a_herded_set_is_closer_to_the_data_mean_than_random_ones():
    data = features(400, 8)
    error = (data[herding(data, 40)].mean(0) - data.mean(0)).norm()
    generator = torch.Generator().manual_seed(0)
    drawn = [(data[torch.randperm(400, generator=generator)[:40]].mean(0) - data.mean(0)).norm() for _ in range(50)]
    assert error < min(drawn) / 2


@pytest.mark.parametrize("seed", range(4))
def test_k_center_equals_the_quadratic_version(seed):
    data = features(60, seed=seed)
    chosen = k_center(data, 25, torch.Generator().manual_seed(seed)).tolist()
    assert chosen == brute_force_k_center(data.numpy(), 25, chosen[0])


def one_pass_a_pick(data, size, generator):
    """Farthest first as it is defined: distances to each pick alone."""
    norms, chosen = data.square().sum(1), []
    nearest = torch.full_like(norms, torch.inf)
    for step in range(size):
        chosen.append(int(nearest.argmax() if step else torch.randint(len(data), (), generator=generator)))
        distance = torch.addmv(norms + norms[chosen[-1]], data, data[chosen[-1]], alpha=-2).clamp_min(0)
        nearest = torch.minimum(nearest, distance)
        nearest[chosen] = -1
    return chosen


@pytest.mark.parametrize(("count", "width", "size"), [(3000, 64, 200), (500, 3, 500), (40, 8, 40), (1, 4, 1)])
def test_k_center_picks_what_one_pass_a_pick_gives(count, width, size):
    data = torch.nn.functional.normalize(features(count, width), dim=1)
    ours = k_center(data, size, torch.Generator().manual_seed(5)).tolist()
    assert ours == one_pass_a_pick(data, size, torch.Generator().manual_seed(5))


def test_k_center_reads_its_features_less_than_once_a_pick(monkeypatch):
    passes, addmm = [], torch.addmm
    monkeypatch.setattr(torch, "addmm", lambda *a, **k: passes.append(1) or addmm(*a, **k))
    k_center(features(5000, 64), 100, torch.Generator())
    assert len(passes) < 50


def test_k_center_starts_at_a_drawn_pair():
    data = features()
    assert len({int(k_center(data, 1, torch.Generator().manual_seed(seed))) for seed in range(20)}) > 10


@pytest.mark.parametrize("select", [lambda x, n: herding(x, n), lambda x, n: k_center(x, n, torch.Generator())])
def test_every_pair_is_taken_once_even_where_all_are_copies(select):
    assert sorted(select(torch.ones(9, 4), 9).tolist()) == list(range(9))


def test_selectors_leave_their_features_as_they_are():
    data = features()
    before = data.clone()
    herding(data, 20)
    k_center(data, 20, torch.Generator())
    assert torch.equal(data, before)


def test_random_pairs_are_uniform():
    selector = RandomPairs(SelectorOptions())
    picks = [selector.select(torch.empty(10, 0), 3, torch.Generator().manual_seed(seed)) for seed in range(2000)]
    share = torch.bincount(torch.cat(picks), minlength=10) / 2000
    assert all(len(pick.unique()) == 3 for pick in picks)
    assert (share - 0.3).abs().max() < 0.05


def run(name, tmp_path, pairs=12, seed=0, **options):
    import vlbench_coresets

    spec = next(spec for spec in vlbench_coresets.vlbench_methods() if spec.name == name)
    view, context = toy_context(toy_dataset(), tmp_path, seed=seed)
    return resolve(spec.target)(spec.options(**options)).condense(view, Budget(pairs), context), view


NAMES = ["random", "mean-caption", "herding", "k-center", "forgetting"]


@pytest.mark.parametrize("name", NAMES)
def test_an_image_is_chosen_once_unless_repeats_are_allowed(name, tmp_path):
    once, view = run(name, tmp_path, pairs=60)
    assert len(view.pairs[once.indices, 0].unique()) == 60
    repeated, _ = run(name, tmp_path, pairs=100, repeat_images=True)
    assert len(repeated.indices.unique()) == 100


@pytest.mark.parametrize("name", NAMES)
def test_captions_say_which_text_a_pair_has(name, tmp_path):
    one, _ = run(name, tmp_path, captions="one")
    mean, _ = run(name, tmp_path, captions="mean")
    assert (one.mean_sides, mean.mean_sides) == ((), ("text",))


def test_random_and_mean_caption_choose_the_same_images(tmp_path):
    assert torch.equal(run("random", tmp_path)[0].indices, run("mean-caption", tmp_path)[0].indices)
    assert run("mean-caption", tmp_path)[0].mean_sides == ("text",)


@pytest.mark.parametrize("name", NAMES)
def test_more_pairs_than_images_are_refused(name, tmp_path):
    from vlbench.errors import BudgetError

    with pytest.raises(BudgetError, match="at most --budget 60"):
        run(name, tmp_path, pairs=61)


def test_random_pairs_do_not_train_a_student_for_features(tmp_path, monkeypatch):
    monkeypatch.setattr("vlbench.methods.context.train", lambda *args, **kwargs: pytest.fail("a student was trained"))
    assert len(run("random", tmp_path)[0]) == 12


@pytest.mark.parametrize("name", ["random", "herding", "k-center"])
def test_a_selector_is_a_selector(name):
    import vlbench_coresets

    spec = next(spec for spec in vlbench_coresets.vlbench_methods() if spec.name == name)
    assert issubclass(resolve(spec.target), Selector)


def test_listing_the_selectors_imports_no_torch():
    import subprocess
    import sys

    code = "import sys, vlbench_coresets; vlbench_coresets.vlbench_methods(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("seed", range(4))
def test_lazy_facility_location_takes_the_highest_gain_in_every_step(seed):
    unit = torch.nn.functional.normalize(features(60, seed=seed), dim=1)
    similarity = 1 + unit.double() @ unit.double().T
    covered = torch.zeros(60, dtype=torch.double)
    for index in facility_location(unit, 20).tolist():
        gains = (similarity - covered[:, None]).clamp_min(0).sum(0)
        assert float(gains[index]) == pytest.approx(float(gains.max()), abs=1e-4)
        covered = torch.maximum(covered, similarity[:, index])


def test_facility_location_can_take_all_pairs_each_once():
    unit = torch.nn.functional.normalize(features(50).repeat(2, 1), dim=1)
    assert sorted(facility_location(unit, 100).tolist()) == list(range(100))


def test_k_means_takes_a_pair_of_each_of_well_separated_groups():
    groups = 20 * torch.eye(6)
    data = groups.repeat_interleave(10, 0) + features(60, 6) * 0.1
    chosen = nearest_to_centres(data, centres(data, 6, 25, torch.Generator().manual_seed(0)))
    assert sorted((chosen // 10).tolist()) == list(range(6))


def test_k_means_takes_each_pair_once_where_pairs_are_alike():
    data = features(10).repeat(3, 1)
    chosen = nearest_to_centres(data, centres(data, 25, 5, torch.Generator().manual_seed(0)))
    assert len(set(chosen.tolist())) == 25


def test_redundance_is_the_highest_cosine_with_a_pair_farther_from_the_centre():
    data, middle = features(40, 5), features(3, 5, seed=1)
    cluster = [min(range(3), key=lambda c: float((x - middle[c]).norm())) for x in data]
    away = [float((x - middle[c]).norm()) for x, c in zip(data, cluster, strict=True)]
    found = redundance(data, middle)
    for i, x in enumerate(data):
        others = [
            float(torch.cosine_similarity(x, data[j], dim=0))
            for j in range(40) if j != i and cluster[j] == cluster[i] and away[j] > away[i]
        ]  # fmt: skip
        assert float(found[i]) == pytest.approx(max(others, default=-1.0), abs=1e-5)


def test_semdedup_keeps_one_of_each_pair_of_copies(tmp_path):
    data = features(30, 8)
    twice = torch.cat([data, data])
    chosen = redundance(twice, features(2, 8, seed=3)).argsort(stable=True)[:30]
    assert len({int(i) % 30 for i in chosen}) == 30


def test_the_longest_captions_come_first_and_clip_score_takes_the_most_alike(tmp_path):
    from vlbench_coresets.clip_score import ClipScore
    from vlbench_coresets.length import Length
    from vlbench_coresets.options import LengthOptions

    data = toy_dataset()
    train, context = toy_context(data, tmp_path)
    chosen = Length(LengthOptions(unit="characters")).condense(train, Budget(10), context)
    texts = data.split("train").items["text"]
    lengths = [len(texts[index]) for index in train.pairs[context.candidates(), 1].tolist()]
    taken = [len(texts[index]) for index in train.pairs[chosen.indices, 1].tolist()]
    assert taken == sorted(lengths, reverse=True)[:10]
    both = torch.nn.functional.normalize(features(30, 8).view(30, 2, 4), dim=2).view(30, 8)
    score = (both[:, :4] * both[:, 4:]).sum(1)
    best = ClipScore(SelectorOptions()).select(both, 5, torch.Generator())
    assert best.tolist() == score.topk(5).indices.tolist()


def test_semdedup_compares_large_clusters_in_blocks(monkeypatch: pytest.MonkeyPatch):
    from vlbench_coresets import semdedup

    features = torch.randn(60, 6, generator=torch.Generator().manual_seed(0))
    middle = features[:2].clone()
    whole = semdedup.redundance(features, middle)
    monkeypatch.setattr(semdedup, "ROWS", 7)
    torch.testing.assert_close(semdedup.redundance(features, middle), whole)
    assert (semdedup.clusters(29_000), semdedup.clusters(1_000_000), semdedup.clusters(100_000_000)) == (
        580, 1_000, 10_000
    )  # fmt: skip


def test_semdedup_says_beforehand_how_long_it_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from vlbench_coresets import semdedup
    from vlbench_coresets.options import DedupOptions

    train, context = toy_context(toy_dataset(), tmp_path)
    said: list[str] = []
    monkeypatch.setattr(context.observer, "message", said.append)
    monkeypatch.setattr(semdedup, "MANY", 10)
    for slow, lines in ((60.0, 0), (0.0, 1)):
        monkeypatch.setattr(semdedup, "SLOW", slow)
        chosen = semdedup.SemDeDup(DedupOptions()).condense(train, Budget(5), context)
        assert len(chosen) == 5
        assert len(said) == lines
    assert re.fullmatch(r"semdedup: \d+ pairs in \d+ clusters take about 0 min .*iterations=N.*", said[0])


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="pages of files are given back on Linux")
@pytest.mark.parametrize("choose", [
    lambda data: herding(data, 20),
    lambda data: k_center(data, 20, torch.Generator().manual_seed(0)),
    lambda data: redundance(data, data[:5].clone()),
    lambda data: ClipScore(SelectorOptions()).select(data, 20, torch.Generator()),
])  # fmt: skip
def test_features_on_a_shared_file_give_the_same_choice(choose, tmp_path, monkeypatch):
    monkeypatch.setattr("vlbench_coresets.blocks.BLOCK", 150)
    data = features(1_000, 16)
    mapped = torch.from_file(str(tmp_path / "data"), shared=True, size=data.numel(), dtype=torch.float32).view_as(data)
    mapped.copy_(data)  # written pages are given back too, and lose nothing
    assert on_shared_file(mapped)
    assert not on_shared_file(data)
    assert torch.allclose(choose(mapped), choose(data), atol=1e-6)
    assert torch.equal(mapped, data)
