"""Each check of datasets is broken by a dataset that breaks that one rule, and catches it."""

import os
import random
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

import vlbench
from vlbench.registry.specs import DatasetSpec
from vlbench.testing import check_dataset, toy_dataset


@dataclass(frozen=True)
class Options:
    images: int = vlbench.option(20, help="train images")
    folder: str = vlbench.option("", help="read from here")

    def __post_init__(self):
        if self.images < 1:
            raise vlbench.errors.OptionError(f"option images={self.images} is below 1.")


def good(options, store):
    """Kept in its store once it is made; what the others spoil in one place."""
    if options.folder:
        raise vlbench.errors.DataError(f"folder {options.folder!r} does not exist.")
    (store / "made").write_text("1")
    return toy_dataset(counts={"train": options.images, "val": 8, "test": 8})


def refingerprinted(dataset, **splits):
    splits = dataset.splits | splits
    return replace(dataset, splits=splits, fingerprint=vlbench.fingerprint(dataset.sides, splits))


def no_val(options, store):
    made = good(options, store)
    del made.splits["val"]
    return refingerprinted(made)


def blank_caption(options, store):
    made = good(options, store)
    made.split("val").items["text"][3] = " "
    return refingerprinted(made)


def own_fingerprint(options, store):
    return replace(good(options, store), fingerprint="0" * 64)


def other_each_time(options, store):
    made = good(options, store)
    made.split("train").items["image"][0, 0, 0, 0] = len(list(store.parent.iterdir()))
    return refingerprinted(made)


def other_from_its_store(options, store):
    again = (store / "made").exists()
    made = good(options, store)
    made.split("train").items["image"][0, 0, 0, 0] = again
    return refingerprinted(made)


def leaks_an_image(options, store):
    made = good(options, store)
    made.split("test").items["image"][2] = made.split("train").items["image"][5]
    return refingerprinted(made)


def image_alone(options, store):
    made = good(options, store)
    val = made.split("val")
    return refingerprinted(made, val=replace(val, items={**val.items, "image": val.items["image"].repeat(2, 1, 1, 1)}))


def traceback_for_a_bad_folder(options, store):
    if options.folder:
        Path(options.folder).read_text()
    return good(options, store)


def unnamed_refusal(options, store):
    if options.folder:
        raise vlbench.errors.DataError("it cannot be read.")
    return good(options, store)


def draws_globally(options, store):
    random.random()
    return good(options, store)


def changes_settings(options, store):
    os.environ["VLBENCH_TEST_VIOLATION"] = "1"
    return good(options, store)


def writes_elsewhere(options, store):
    Path("violation.txt").write_text("x")
    return good(options, store)


def not_a_dataset(options, store):
    return good(options, store).splits


def failures(load, pairs_per_item=2):
    spec = DatasetSpec("toy", f"{__name__}:{load.__name__}", "A toy.", Options, pairs_per_item=pairs_per_item)
    return {result.check: result.message for result in check_dataset(spec) if result.status == "failed"}


@pytest.fixture(autouse=True)
def _inside_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_a_dataset_that_keeps_all_rules_passes_every_check():
    assert failures(good) == {}


def test_a_count_that_is_not_declared_is_skipped_and_not_passed():
    spec = DatasetSpec("toy", f"{__name__}:good", "A toy.", Options)
    (skipped,) = (result for result in check_dataset(spec) if result.status != "passed")
    assert (skipped.check, skipped.status) == ("pairs_per_item_are_as_declared", "skipped")


@pytest.mark.parametrize(
    ("load", "check", "words"),
    [
        (no_val, "data_has_the_agreed_form", "its splits are train, test"),
        (blank_caption, "data_has_the_agreed_form", "val: text: item 3 is blank"),
        (own_fingerprint, "fingerprint_is_stable", "Pass on vlbench.fingerprint(sides, splits)"),
        (other_each_time, "fingerprint_is_stable", "two loads give different data"),
        (other_from_its_store, "fingerprint_is_stable", "what it stored differs"),
        (leaks_an_image, "splits_are_disjoint", "image 2 of test is in train as well"),
        (image_alone, "every_item_has_a_partner", "val: 8 of 16 items of image are in no pair (the first is [8])"),
        (traceback_for_a_bad_folder, "bad_options_are_refused_by_name", "-o folder=no-such-value ends in FileNotFound"),
        (unnamed_refusal, "bad_options_are_refused_by_name", "is refused without naming it"),
        (draws_globally, "global_random_state_is_untouched", "random (Python)"),
        (changes_settings, "process_settings_are_untouched", "environment variables"),
        (writes_elsewhere, "only_the_store_is_written", "violation.txt (test_datasets.py:"),
    ],
)
def test_a_dataset_that_breaks_one_rule_fails_that_check(load, check, words):
    found = failures(load, 0 if load is image_alone else 2)
    assert list(found) == [check]
    assert words in found[check]


def test_a_wrong_count_of_captions_is_caught_with_the_first_image():
    (found,) = failures(good, pairs_per_item=5).items()
    assert found[0] == "pairs_per_item_are_as_declared"
    assert found[1].startswith("train: image 0 has 2 pairs, pairs_per_item=5 is declared.")


def test_what_is_no_dataset_is_told_once_by_its_type():
    (told,) = failures(not_a_dataset).values()
    assert told.endswith("not_a_dataset returned dict, not a vlbench.PairDataset.")
