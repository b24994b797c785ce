"""Ranks and recalls against brute force, and chance against simulation."""

import pytest
import torch

from vlbench.evaluation import retrieval
from vlbench.evaluation.retrieval import (
    ROUNDING,
    UNMATCHED,
    chance,
    clusters,
    direction,
    mean_recall,
    rank_embeddings,
    recalls,
    score_embeddings,
)

unsettled = retrieval._unsettled


def brute_force_ranks(queries, gallery, matches):
    similarity = queries.double() @ gallery.double().T
    belongs = torch.zeros(similarity.shape, dtype=torch.bool)
    belongs[matches[:, 0], matches[:, 1]] = True
    ranks = []
    for scores, own in zip(similarity, belongs, strict=True):
        if not own.any():
            ranks.append(UNMATCHED)
            continue
        before = int(((scores >= scores[own].max() - ROUNDING) & ~own).sum())
        ranks.append(before + 1)
    return torch.tensor(ranks)


def best_ranks(queries, gallery, matches):
    """Of the queries, with the gallery as the second side; as the first side it must rank them the same."""
    ranks = rank_embeddings({"query": queries, "gallery": gallery}, matches)["query_to_gallery"]
    other_way = rank_embeddings({"gallery": gallery, "query": queries}, matches.flip(1))["query_to_gallery"]
    assert torch.equal(ranks, other_way)
    return ranks


def several_captions(images, captions):
    """Captions of each image lie side by side: int64 [caption, 2]."""
    return torch.stack([torch.arange(images).repeat_interleave(captions), torch.arange(images * captions)], 1)


def unit(count, width, generator):
    return torch.nn.functional.normalize(torch.randn(count, width, generator=generator), dim=1)


@pytest.mark.parametrize("captions", [1, 2, 5])
@pytest.mark.parametrize("seed", range(3))
def test_ranks_equal_brute_force_on_random_embeddings_both_ways(seed, captions):
    generator = torch.Generator().manual_seed(seed)
    pairs = several_captions(60, captions)
    images, texts = unit(60, 8, generator), unit(60 * captions, 8, generator)
    assert torch.equal(best_ranks(images, texts, pairs), brute_force_ranks(images, texts, pairs))
    assert torch.equal(best_ranks(texts, images, pairs.flip(1)), brute_force_ranks(texts, images, pairs.flip(1)))


@pytest.mark.parametrize("share", [0.2, 0.4])
def test_ranks_equal_brute_force_where_neighbours_settle_some_queries_of_either_side(share):
    generator = torch.Generator().manual_seed(0)
    pairs = several_captions(300, 3)
    images, noise = unit(300, 16, generator), unit(900, 16, generator)
    texts = torch.nn.functional.normalize(share * images[pairs[:, 0]] + (1 - share) * noise, dim=1)
    found = best_ranks(images, texts, pairs), best_ranks(texts, images, pairs.flip(1))
    assert all(0 < float((ranks > 13).double().mean()) < 1 for ranks in found)  # some settled, some not
    assert torch.equal(found[0], brute_force_ranks(images, texts, pairs))
    assert torch.equal(found[1], brute_force_ranks(texts, images, pairs.flip(1)))


@pytest.mark.parametrize("few", [0.0, 1.1])
def test_ranks_are_the_same_whether_neighbours_are_searched_first_or_all_are_counted(monkeypatch, few):
    generator = torch.Generator().manual_seed(1)
    pairs = several_captions(300, 2)[1:]  # one image has a single caption, one caption no image
    images, noise = unit(300, 16, generator), unit(600, 16, generator)
    texts = torch.nn.functional.normalize(0.4 * images.repeat_interleave(2, 0) + 0.6 * noise, dim=1)
    monkeypatch.setattr(retrieval, "FEW", few)
    searched = []
    monkeypatch.setattr(retrieval, "_unsettled", lambda *way: searched.append(way) or unsettled(*way))
    assert torch.equal(best_ranks(images, texts, pairs), brute_force_ranks(images, texts, pairs))
    assert bool(searched) == (few > 1)


def test_ranks_do_not_depend_on_how_many_queries_are_counted_at_a_time(monkeypatch):
    generator = torch.Generator().manual_seed(0)
    pairs = several_captions(60, 3)
    images, texts = unit(60, 3, generator), unit(180, 3, generator)
    whole = best_ranks(images, texts, pairs)
    assert int(whole.max()) > 20  # beyond what the nearest neighbours settle
    monkeypatch.setattr(retrieval, "BLOCK", 7)
    assert torch.equal(best_ranks(images, texts, pairs), whole)


def test_a_caption_belongs_to_its_first_image_and_one_without_image_to_itself():
    found = clusters(torch.tensor([[2, 0], [1, 0], [0, 2]]), {"image": 3, "text": 3})
    assert {name: of.tolist() for name, of in found.items()} == {"image_to_text": [0, 1, 2], "text_to_image": [1, 4, 0]}


@pytest.mark.parametrize("captions", [1, 5])
@pytest.mark.parametrize("spread", [1, 2, 3])
@pytest.mark.parametrize("seed", range(5))
def test_ranks_equal_brute_force_on_heavily_tied_integer_scores(seed, spread, captions):
    generator = torch.Generator().manual_seed(seed)
    pairs = several_captions(40, captions)
    images = torch.randint(-spread, spread + 1, (40, 2), generator=generator).float()
    texts = torch.randint(-spread, spread + 1, (40 * captions, 2), generator=generator).float()
    assert torch.equal(best_ranks(images, texts, pairs), brute_force_ranks(images, texts, pairs))
    found = best_ranks(texts, images, pairs.flip(1))
    assert torch.equal(found, brute_force_ranks(texts, images, pairs.flip(1)))


@pytest.mark.parametrize("count", [1, 2, 5, 9])
def test_galleries_smaller_than_the_cut_are_ranked_whole(count):
    generator = torch.Generator().manual_seed(count)
    pairs = several_captions(count, 1)
    images, texts = unit(count, 3, generator), unit(count, 3, generator)
    ranks = best_ranks(images, texts, pairs)
    assert torch.equal(ranks, brute_force_ranks(images, texts, pairs))
    assert recalls(ranks)["R@10"] == 100


def test_relations_that_are_uneven_many_to_many_and_unordered():
    generator = torch.Generator().manual_seed(0)
    pairs = torch.randint(60, (100, 2), generator=generator)
    pairs = torch.cat([pairs, pairs[:5]])  # a match that is given twice is one match
    pairs = pairs[torch.randperm(len(pairs), generator=generator)]
    images, texts = unit(60, 4, generator), unit(60, 4, generator)
    assert torch.equal(best_ranks(images, texts, pairs), brute_force_ranks(images, texts, pairs))


def test_a_query_without_a_matching_item_is_a_miss():
    images, texts = torch.eye(3), torch.eye(3)
    assert best_ranks(images, texts, torch.tensor([[0, 0], [2, 2]])).tolist() == [1, UNMATCHED, 1]


@pytest.mark.parametrize("queries", [3, 100])
def test_a_model_that_gives_everything_the_same_embedding_scores_nothing(queries):
    generator = torch.Generator().manual_seed(0)
    vector = unit(1, 256, generator)
    same = vector.expand(500, -1)
    pairs = torch.stack([torch.arange(queries), torch.arange(queries)], 1)
    assert recalls(best_ranks(vector.expand(queries, -1), same, pairs)) == {"R@1": 0.0, "R@5": 0.0, "R@10": 0.0}


@pytest.mark.parametrize(("queries", "size", "width"), [(500, 2500, 256), (500, 1021, 100), (7, 2500, 64)])
def test_copies_in_the_gallery_are_ties_wherever_they_stand(queries, size, width):
    generator = torch.Generator().manual_seed(0)
    once = unit(size, width, generator)
    pairs = torch.stack([torch.arange(queries), torch.arange(queries)], 1)
    ranks = best_ranks(once[:queries], once.repeat(2, 1), pairs)
    assert ranks.tolist() == [2] * queries


def test_scores_name_both_directions_query_side_first():
    pairs = several_captions(12, 2)
    images = torch.eye(12)
    scores = score_embeddings({"image": images, "text": images[pairs[:, 0]].clone()}, pairs)
    assert scores == {name: {"R@1": 100.0, "R@5": 100.0, "R@10": 100.0} for name in ("image_to_text", "text_to_image")}
    assert direction("audio", "text") == "audio_to_text"
    assert mean_recall(scores) == 100


def test_mean_recall_is_the_mean_of_the_six():
    scores = {"a_to_b": {"R@1": 1, "R@5": 2, "R@10": 3}, "b_to_a": {"R@1": 4, "R@5": 5, "R@10": 9}}
    assert mean_recall(scores) == 4


def test_chance_equals_a_simulation_of_random_ranking():
    generator = torch.Generator().manual_seed(0)
    pairs = torch.tensor([[0, 0], [0, 1], [0, 2], *[[i, i + 2] for i in range(1, 28)]])
    counts = {"image": 28, "text": 30}
    expected = chance(counts, pairs)
    total = {name: dict.fromkeys(cuts, 0.0) for name, cuts in expected.items()}
    rounds = 300
    for _ in range(rounds):
        drawn = {"image": unit(28, 40, generator), "text": unit(30, 40, generator)}
        for name, cuts in score_embeddings(drawn, pairs).items():
            for cut, value in cuts.items():
                total[name][cut] += value / rounds
    for name, cuts in expected.items():
        for cut, value in cuts.items():
            assert total[name][cut] == pytest.approx(value, abs=1.2), (name, cut)


def test_chance_of_one_to_one_pairs_is_cut_over_size():
    pairs = several_captions(50, 1)
    assert chance({"image": 50, "text": 50}, pairs)["image_to_text"] == pytest.approx({"R@1": 2, "R@5": 10, "R@10": 20})


def test_chance_counts_queries_without_match_as_misses_and_small_galleries_as_hits():
    scores = chance({"image": 2, "text": 20}, torch.tensor([[0, 0]]))
    assert scores["image_to_text"]["R@1"] == pytest.approx(100 * 0.5 / 20)
    assert chance({"image": 3, "text": 3}, several_captions(3, 1))["image_to_text"]["R@5"] == 100
