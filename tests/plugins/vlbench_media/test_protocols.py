"""Public annotation files: read, counted, stood in for by mocks, and run."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image

import vlbench
from vlbench.errors import DataError
from vlbench_media.annotations import READERS, check_counts, didemo
from vlbench_media.options import DidemoOptions, MediaOptions, StampsOptions
from vlbench_media.stamps import load as load_stamps

pytest.importorskip("av")
from vlbench_media import dataset, mock

REAL = Path(__file__).parents[4] / "shared" / "data" / "annotations"
STAMPS = Path("/usr/share/tuxpaint/stamps")


@pytest.mark.skipif(not REAL.is_dir(), reason="the real annotation files are not at hand")
def test_the_real_files_of_didemo_and_audiocaps_have_the_counts_that_are_checked(tmp_path: Path):
    for split in ("train", "val", "test"):
        source = split if split != "train" else "val"  # the train files are too large to be at hand
        shutil.copy(REAL / f"didemo_{source}_data.json", tmp_path / f"{split}_data.json")
        shutil.copy(REAL / f"audiocaps_{source}.csv", tmp_path / f"{split}.csv")
    for split in ("val", "test"):
        clips = didemo(tmp_path, DidemoOptions())[split]
        check_counts("didemo", split, clips)
        moments = didemo(tmp_path, DidemoOptions(moments=True))[split]
        check_counts("didemo", split, moments, joined=False)
        assert all(0 <= clip.span[0] < clip.span[1] <= 30 for clip in moments)
        sounds = READERS["audiocaps"](tmp_path, MediaOptions())[split]
        check_counts("audiocaps", split, sounds)
        assert max(len(clip.captions) for clip in sounds) == 5


def test_descriptions_of_a_video_are_joined_and_moments_are_those_most_agreed_on(tmp_path: Path):
    rows = [
        {"video": "a.mov", "description": "a dog runs.", "times": [[0, 0], [1, 2], [1, 2]]},
        {"video": "b.mov", "description": "rain", "times": [[3, 3]]},
        {"video": "a.mov", "description": "it stops", "times": [[2, 2], [2, 2]]},
        {"video": "a.mov", "description": "fast", "times": [[1, 2]]},
    ]
    for split in ("train", "val", "test"):
        (tmp_path / f"{split}_data.json").write_text(json.dumps(rows), encoding="utf-8")
    whole = didemo(tmp_path, DidemoOptions())["test"]
    assert [clip.captions for clip in whole] == [("a dog runs. it stops. fast",), ("rain",)]
    moments = didemo(tmp_path, DidemoOptions(moments=True))["test"]
    assert [clip.span for clip in moments] == [(5.0, 15.0), (15.0, 20.0), (10.0, 15.0)]
    assert moments[0].captions == ("a dog runs.", "fast")  # of the same seconds: not two clips of the same frames
    with pytest.raises(DataError, match="2 clips, expected 1,037"):
        check_counts("didemo", "test", whole)


@pytest.fixture(scope="module")
def stand_in(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("mocks") / "didemo"
    mock.make("didemo", 16, out)
    return out


def read(root: Path, store: Path, **options: object) -> vlbench.PairDataset:
    return dataset.load("didemo", DidemoOptions(root=str(root), frames=2, size=16, seconds=2.0, **options), store)


def test_a_mock_of_didemo_is_read_as_the_real_set_would_be(stand_in: Path, tmp_path: Path):
    found = read(stand_in, tmp_path)
    assert found.mock
    split = found.split("train")
    assert split.items["video"].shape == (12, 2, 3, 16, 16)
    assert split.items["audio"].shape == (12, 64, 64)
    assert split.items["text"][0].count(". ") == 3
    assert read(stand_in, tmp_path).fingerprint == found.fingerprint
    moments = read(stand_in, tmp_path, moments=True).split("val")
    assert moments.items["video"].shape[0] == 4  # two of each video, with two descriptions
    assert moments.pairs.tolist() == [[at // 2, at // 2, at] for at in range(8)]
    assert not torch.equal(moments.items["video"][0], moments.items["video"][1])
    two = read(stand_in, tmp_path, sides=("audio", "video"))
    assert (two.sides, two.split("test").pairs.tolist()) == (("audio", "video"), [[0, 0], [1, 1]])


def test_a_video_that_is_gone_is_named_or_left_out_by_request(stand_in: Path, tmp_path: Path):
    root = tmp_path / "didemo"
    shutil.copytree(stand_in, root)
    gone = sorted((root / "videos").glob("train*"))[0]
    gone.unlink()
    with pytest.raises(DataError, match="no such file"):
        read(root, tmp_path / "store")
    left = read(root, tmp_path / "store", skip_bad=True)
    assert left.split("train").count("video") == 11
    assert "train: 1 of 12 clips are left out" in left.notes[0]


def test_sounds_in_a_folder_of_their_own_are_those_of_the_videos_by_name(stand_in: Path, tmp_path: Path):
    root = tmp_path / "didemo"
    shutil.copytree(stand_in, root)
    own = read(root, tmp_path / "store", sides=("audio", "video"))
    for video in (root / "videos").glob("t*.mp4"):
        mock.write_sound(root / "audio" / f"{video.stem}.wav", mock.sound(("red", "up", "high", 5), 2.0) / 100)
    apart = read(root, tmp_path / "store", sides=("audio", "video"))
    assert torch.equal(own.split("test").items["video"], apart.split("test").items["video"])
    assert apart.split("test").items["audio"].max() < own.split("test").items["audio"].max() - 50
    assert [note[:30] for note in apart.notes] == ["train: 12 of 12 videos have th", "test: 2 of 2 videos have their"]


def test_a_clip_that_is_gone_is_not_taken_for_one_of_another_name_or_folder(tmp_path: Path):
    mock.make("clotho", 16, tmp_path / "clotho")
    gone = sorted((tmp_path / "clotho" / "development").glob("*.wav"))[0]
    shutil.copy(gone, tmp_path / "clotho" / "validation" / gone.name)
    gone.unlink()
    with pytest.raises(DataError, match=f"development/{gone.name}: no such file"):
        dataset.load("clotho", MediaOptions(root=str(tmp_path / "clotho"), seconds=1.0), tmp_path)


def test_two_files_that_fit_one_name_and_differ_are_both_named(stand_in: Path, tmp_path: Path):
    root = tmp_path / "didemo"
    shutil.copytree(stand_in, root)
    one = sorted((root / "videos").glob("train*"))[0]
    (root / "again").mkdir()
    (root / "again" / one.name).write_bytes(one.read_bytes() + b"more")
    with pytest.raises(DataError, match=r"again/.* and videos/.* both fit"):
        read(root, tmp_path / "store")


def test_a_text_of_the_stamps_that_is_not_utf8_is_named(tmp_path: Path):
    (tmp_path / "a.txt").write_bytes("Caf\u00e9".encode("latin-1"))
    with pytest.raises(DataError, match=r"a\.txt: is not UTF-8"):
        load_stamps(StampsOptions(root=str(tmp_path), sides=("text",)), tmp_path)


@pytest.mark.parametrize("name", ["audiocaps", "clotho"])
def test_mocks_of_sounds_are_read(name: str, tmp_path: Path):
    mock.make(name, 16, tmp_path / name)
    found = dataset.load(name, MediaOptions(root=str(tmp_path / name), seconds=1.0), tmp_path)
    assert found.split("test").items["audio"].shape == (2, 64, 32)
    assert found.split("test").pairs.tolist() == [[at // 5, at] for at in range(10)]
    assert [file.there for file in dataset.needed(name, MediaOptions(root=str(tmp_path / name)))] == [True] * 4


def test_a_suite_of_didemo_runs_on_its_mock(stand_in: Path, tmp_path: Path):
    small = {
        "data.options": "{ frames = 2, size = 32, seconds = 1.0 }",
        "students.heads.audio.options": '{ model = "test_resnet" }',
        "students.heads.video.options": '{ model = "test_resnet" }',
        "rows.always": "[]",
        "rows.full": "false",
        "training.seeds": "1",
        "student.steps": "3",
        "training.warmup.steps": "3",
    }
    record = vlbench.run(
        method="random", budget=5, suite="didemo-audio-video", data=stand_in, out=tmp_path, overrides=small
    )
    assert set(record.scores["heads"].directions) == {"audio_to_video", "video_to_audio"}


@pytest.mark.skipif(not STAMPS.is_dir(), reason="Debian's tuxpaint-stamps-default is not installed")
def test_stamps_have_pictures_and_captions_of_the_installed_package(tmp_path: Path):
    found = load_stamps(StampsOptions(sides=("image", "text"), size=32), tmp_path)
    counts = {name: split.count("image") for name, split in found.splits.items()}
    assert sum(counts.values()) > 700
    assert counts["test"] > 150
    assert found.split("train").items["image"].dtype == torch.uint8


def test_a_recording_that_stamps_share_is_one_item_in_one_split(tmp_path: Path):
    for number in range(80):  # two pictures of each letter, spoken once
        stamp = tmp_path / "stamps" / f"{number:02}.png"
        mock.write_sound(stamp.with_name(f"{number:02}_desc.wav"), mock.sound(("red", "up", "low", number // 2), 0.2))
        Image.new("RGB", (8, 8), (3 * number, 90, 20)).save(stamp)
        stamp.with_suffix(".txt").write_text(f"letter {number // 2}")
    options = StampsOptions(root=str(tmp_path / "stamps"), sides=("image", "speech"), size=8, seconds=0.25)
    found = load_stamps(options, tmp_path / "store")
    heard = [{item.numpy().tobytes() for item in split.items["speech"]} for split in found.splits.values()]
    assert list(map(len, heard)) == [split.count("speech") for split in found.splits.values()] == [24, 6, 10]
    assert len(set.union(*heard)) == 40
    assert found.split("test").pairs.tolist() == [[at, at // 2] for at in range(20)]


def test_a_package_that_is_not_installed_is_named(tmp_path: Path):
    with pytest.raises(DataError, match="apt-get install tuxpaint-stamps-default"):
        load_stamps(StampsOptions(root=str(tmp_path)), tmp_path)
