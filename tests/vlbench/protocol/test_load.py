"""Suites: shipped, and of the user's own."""

import json
from pathlib import Path

import pytest

from vlbench.errors import ProtocolError, UnknownNameError, VlbenchError
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


MINI = REGISTRY.get("suite", "scenes-mini").read_text()
NAMES = [
    "..",
    ".",
    "",
    "a/b",
    "a\\b",
    "-x",
    "--help",
    " x",
    "x ",
    "a\x00b",
    "a\x9bb",
    "a\u202eb",
    "a\nb",
    "e\u0301",
    "n" * 101,
]


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_a_suite_whose_name_cannot_be_that_of_a_folder_is_refused(tmp_path: Path, name: str):
    text = MINI.replace('name = "scenes-mini"', f"name = {json.dumps(name)}")
    (tmp_path / "own.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ProtocolError, match=r"name is .* It must be letters, digits"):
        load_protocol(str(tmp_path / "own.toml"), REGISTRY)


@pytest.mark.parametrize("name", ["a", "My set 2.0+x_y-z", "caf\u00e9", "\u65e5\u672c"])
def test_a_suite_may_have_a_name_of_any_letters(tmp_path: Path, name: str):
    (tmp_path / "own.toml").write_text(MINI.replace('"scenes-mini"', json.dumps(name)), encoding="utf-8")
    assert load_protocol(str(tmp_path / "own.toml"), REGISTRY).name == name


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("student.steps", "99999999999"), ("student.epochs", "99999999999"), ("student.batch", "0"),
        ("student.batch", "99999999999"), ("student.learning_rate", "-1.0"), ("student.learning_rate", "1e9"),
        ("student.learning_rate", "nan"), ("student.weight_decay", "inf"), ("student.momentum", "1.0"),
        ("student.noise", "-0.1"), ("training.warmup.steps", "99999999999"), ("training.seeds", "99999999999"),
        ("students.convnet.image.head.width", "0"), ("students.convnet.image.head.width", "99999999999"),
        ("students.convnet.image.head.gain", "nan"), ("students.convnet.temperature", "1e9"),
        ("students.convnet.micro_batch", "99999999999"),
    ],
)  # fmt: skip
def test_a_number_that_no_suite_has_is_refused_with_what_is_allowed(key: str, value: str):
    with pytest.raises(VlbenchError, match=r"(?s)" + key.rpartition(".")[2] + ".*(Allowed|at least|from 1 to)"):
        load_protocol("scenes-mini", REGISTRY, {key: value})


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
