"""Streams of the seed tree."""

import random

import numpy as np
import torch

from vlbench.seeds import SeedTree


def test_a_stream_is_the_same_in_every_process_and_version():
    # A change of these numbers changes every published row.
    assert SeedTree(0).integer("x") == 5917430383744915912
    assert SeedTree(0).child("part", 2).integer("x", 3) == 1625031728746643577


def test_root_path_stream_and_index_all_count():
    trees = [
        SeedTree(0),
        SeedTree(1),
        SeedTree(0).child("a"),
        SeedTree(0).child("a", 1),
        SeedTree(0).child("a").child("b"),
    ]
    drawn = {tree.integer(stream, index) for tree in trees for stream in ("x", "y") for index in range(5)}
    assert len(drawn) == 50


def test_seeds_are_63_bit_numbers_of_both_halves():
    drawn = [SeedTree(0).integer("x", index) for index in range(200)]
    assert all(0 <= value < 2**63 for value in drawn)
    assert 50 < sum(value >= 2**62 for value in drawn) < 150


def test_a_generator_is_fresh_each_time_and_independent_of_earlier_draws():
    first = torch.rand(3, generator=SeedTree(5).generator("x", 7))
    torch.rand(100, generator=SeedTree(5).generator("x", 6))
    assert torch.equal(first, torch.rand(3, generator=SeedTree(5).generator("x", 7)))


def test_no_global_generator_is_touched():
    before = random.getstate(), np.random.get_state()[1].tobytes(), torch.get_rng_state()
    torch.rand(3, generator=SeedTree(0).child("a").generator("x"))
    assert random.getstate() == before[0]
    assert np.random.get_state()[1].tobytes() == before[1]
    assert torch.equal(torch.get_rng_state(), before[2])
