"""Suites: shipped, and of the user's own."""

from pathlib import Path

import pytest

from vlbench.errors import ProtocolError, UnknownNameError
from vlbench.protocol.load import load_protocol
from vlbench.registry.loader import load_registry

REGISTRY = load_registry()


@pytest.mark.parametrize("suite", ["scenes", "scenes-encoder", "scenes-vit", "scenes-mini"])
def test_every_shipped_suite_is_valid_and_its_grid_is_small(suite: str):
    protocol = load_protocol(suite, REGISTRY)
    assert protocol.name == suite
    assert 1 <= len(protocol.training.grid) <= 12
    assert set(REGISTRY.all("method")) >= set(protocol.rows.always)


def test_the_shipped_suites_rank_five_students():
    assert all(load_protocol(s, REGISTRY).training.seeds == 5 for s in ("scenes", "scenes-encoder", "scenes-vit"))


def test_the_example_for_photographs_is_valid():
    protocol = load_protocol(str(Path(__file__).parents[3] / "docs" / "photographs.toml"), REGISTRY)
    assert protocol.reference == "mobilenet"


def test_an_override_changes_the_value_and_the_hash():
    plain, changed = (load_protocol("scenes", REGISTRY, o) for o in ({}, {"training.grid.0.steps": "7"}))
    assert changed.training.grid[0].steps == 7
    assert changed.hash != plain.hash


@pytest.mark.parametrize(("key", "other"), [("epochs", "steps"), ("steps", "epochs")])
def test_a_length_given_for_the_student_is_that_of_every_setting_and_of_nothing_else(key: str, other: str):
    plain, changed = (load_protocol("scenes", REGISTRY, o) for o in ({}, {f"student.{key}": "10"}))
    assert {(getattr(one, key), getattr(one, other)) for one in changed.training.grid} == {(10, 0)}
    kept = [(one.learning_rate, one.batch, one.noise) for one in changed.training.grid]
    assert set(kept) == {(one.learning_rate, one.batch, one.noise) for one in plain.training.grid}
    assert len(kept) == len(set(kept))
    assert changed.training.warmup == plain.training.warmup
    assert (changed.hash != plain.hash, changed.overrides) == (True, {f"student.{key}": "10"})


def test_the_loss_of_a_student_is_part_of_the_protocol():
    plain, other = (load_protocol("scenes", REGISTRY, o) for o in ({}, {"students.convnet.loss": "wbce"}))
    assert [protocol.students["convnet"].loss for protocol in (plain, other)] == ["info-nce", "wbce"]
    assert other.hash != plain.hash


def test_a_named_student_is_the_one_written_out_and_can_be_changed_like_it():
    plain = load_protocol("scenes", REGISTRY)
    named = load_protocol("scenes", REGISTRY, {"students.convnet": "convnet"})
    assert (named.students, named.hash) == (plain.students, plain.hash)
    more = load_protocol("scenes", REGISTRY, {"students.vit": "vit", "students.vit.image.head.width": "64"})
    assert list(more.students) == ["convnet", "vit"]
    assert more.students["vit"].towers["image"].encoder == "scenes-vit"
    assert more.students["vit"].towers["image"].head.width == 64
    assert load_protocol("scenes", REGISTRY, {"students.vit": "vit"}).students["vit"].towers["image"].head.width == 256


@pytest.mark.parametrize(
    ("override", "text"),
    [
        ({"training.gird": "1"}, "Did you mean 'grid'"),
        ({"student.epoch": "1"}, "Did you mean 'epochs'"),
        ({"nowhere.at.all": "1"}, "there is no 'nowhere'"),
        ({"training.grid.99.steps": "1"}, "positions 0 to"),
        ({"training.warmup.rate": "0.1"}, "called .learning_rate. since"),
        ({"training.seeds": "0"}, "from 1 to 10,000"),
        ({"training.seeds": "true"}, "from 1 to 10,000"),
        ({"training.seeds": "9" * 30}, "from 1 to 10,000"),
        ({"data.optionsx": "{}"}, "data called 'optionsx'. Did you mean 'options'"),
        ({"training.grid": "[]"}, "1 to 12"),
        ({"students.convnet.image.train": "half"}, "frozen, lora, all"),
        ({"students.convnet.loss": "clip"}, "Allowed: info-nce, wbce"),
        ({"students.other": "convnet-c"}, "no student called 'convnet-c'. Did you mean 'convnet-b'"),
    ],
)
def test_a_wrong_override_says_what_there_is(override: dict[str, str], text: str):
    with pytest.raises((ProtocolError, UnknownNameError), match=text):
        load_protocol("scenes", REGISTRY, override)


def test_a_missing_or_broken_file_is_named(tmp_path: Path):
    with pytest.raises(ProtocolError, match=r"nowhere\.toml"):
        load_protocol(str(tmp_path / "nowhere.toml"), REGISTRY)
    (tmp_path / "bad.toml").write_text("name = ", encoding="utf-8")
    with pytest.raises(ProtocolError, match=r"bad\.toml is no valid TOML"):
        load_protocol(str(tmp_path / "bad.toml"), REGISTRY)
    (tmp_path / "short.toml").write_text('name = "short"', encoding="utf-8")
    with pytest.raises(ProtocolError, match="is missing"):
        load_protocol(str(tmp_path / "short.toml"), REGISTRY)


def test_the_folder_of_files_is_no_part_of_a_protocol_but_their_names_are(tmp_path: Path):
    text = (Path(__file__).parents[3] / "docs" / "photographs.toml").read_text()

    def hashed(old: str, new: str) -> str:
        path = tmp_path / "photographs.toml"
        path.write_text(text.replace(old, new))
        return load_protocol(str(path), REGISTRY).hash

    plain = hashed("DATA/", "DATA/")
    assert hashed("DATA/", "/elsewhere/photos/") == plain
    assert hashed("TEXT_ENCODER", "/models/TEXT_ENCODER/") == plain
    assert hashed("DATA/captions.json", "DATA/other.json") != plain
    assert hashed("size = 128", "size = 64") != plain


def test_the_hash_of_a_suite_without_files_is_that_of_version_0_1():
    assert load_protocol("scenes", REGISTRY).hash == "6509797308ff7e56"
