"""``vlbench init`` on a user's videos and sounds."""

from __future__ import annotations

import csv
import json
import subprocess
import tarfile
import tomllib
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result

import vlbench
import vlbench.cli.main

pytest.importorskip("av")
from vlbench_media import dataset, mock
from vlbench_media.folder import rows_of
from vlbench_media.options import FolderOptions

TRAITS = [("red", "left", "low", 1), ("blue", "up", "high", 7), ("green", "down", "middle", 3)]


def init(*arguments: object) -> Result:
    return CliRunner().invoke(vlbench.cli.main.main, ["init", *map(str, arguments)])


def videos(folder: Path) -> Path:
    for number, traits in enumerate(TRAITS):
        mock.write_video(folder / f"{number}.mp4", mock.frames(traits, 4), mock.sound(traits, 1.0))
        (folder / f"{number}.txt").write_text(f"{traits[0]} goes {traits[1]}\n{traits[2]}, number {number}\n")
    return folder


def sounds(folder: Path) -> Path:
    for number, traits in enumerate(TRAITS):
        mock.write_sound(folder / "wav" / f"{number}.wav", mock.sound(traits, 1.0))
    return folder


def test_videos_with_texts_beside_them_become_a_suite_that_runs(tmp_path: Path):
    target = tmp_path / "mine.toml"
    result = init(videos(tmp_path / "clips"), "--to", target)
    assert result.exit_code == 0, result.output
    assert len(target.read_text().splitlines()) <= 20
    assert "videos with a text file beside each" in result.output
    assert "train 1, val 1, test 1" in result.output
    written = tomllib.loads(target.read_text())
    assert written["data"]["options"]["sides"] == ["video", "text"]
    fast = {
        "rows.always": "[]",
        "rows.full": "false",
        "rows.nearest": "[]",
        "training.seeds": "1",
        "student.steps": "2",
    }
    record = vlbench.run(method="random", budget=1, suite=str(target), out=tmp_path / "runs", overrides=fast)
    assert set(record.scores["own"].directions) == {"video_to_text", "text_to_video"}


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_a_table_of_sounds_is_recognised_by_the_names_in_it(suffix: str, tmp_path: Path):
    rows = [(f"wav/{at}.wav", f"a {traits[2]} tone", split) for at, (traits, split) in
            enumerate(zip(TRAITS, ("test", "dev", "training"), strict=True))]  # fmt: skip
    table = sounds(tmp_path) / f"all.{suffix}"
    with table.open("w", newline="") as file:
        if suffix == "csv":
            csv.writer(file).writerows([("where", "text", "split"), *rows])
        else:
            file.writelines(json.dumps({"where": name, "text": text, "split": s}) + "\n" for name, text, s in rows)
    result = init(table, "--to", tmp_path / "a.toml")
    assert result.exit_code == 0, result.output
    assert "splits from the column 'split'" in result.output
    options = tomllib.loads((tmp_path / "a.toml").read_text())["data"]["options"]
    assert options["sides"] == ["audio", "text"]
    found = dataset.media(FolderOptions(root=str(tmp_path), sides=("audio", "text"), table=table.name), tmp_path)
    assert found.split("test").names["audio"] == ["wav/0.wav"]
    assert found.split("val").items["text"] == ["a high tone"]


def test_the_sound_of_videos_is_taken_by_an_option(tmp_path: Path):
    result = init(videos(tmp_path / "clips"), "-o", "sides=audio,text", "--to", tmp_path / "a.toml")
    assert result.exit_code == 0, result.output
    assert "audio encoder clips-audio" in result.output
    assert "sides: video" not in result.output


def test_files_of_one_stem_in_two_folders_are_not_confused(tmp_path: Path):
    for folder, traits in (("a/x", TRAITS[0]), ("b/x", TRAITS[1]), ("c/x", TRAITS[2])):
        mock.write_sound(tmp_path / folder / "0.wav", mock.sound(traits, 1.0))
        (tmp_path / folder / "0.txt").write_text(traits[2])
    found = dataset.media(FolderOptions(root=str(tmp_path), sides=("audio", "text"), seconds=1.0), tmp_path / "store")
    levels = torch.cat([split.items["audio"] for split in found.splits.values()])
    assert len({item.numpy().tobytes() for item in levels}) == 3


def test_a_public_set_is_recognised_by_its_annotation_files(tmp_path: Path):
    mock.make("clotho", 16, tmp_path / "clotho")
    result = init(tmp_path / "clotho", "-o", "seconds=1", "--to", tmp_path / "a.toml")
    assert result.exit_code == 0, result.output
    assert "Recognised: the annotation files of clotho" in result.output


def test_sounds_without_captions_are_one_line_that_says_what_to_write(tmp_path: Path):
    result = init(sounds(tmp_path), "--to", tmp_path / "a.toml")
    assert result.exit_code != 0
    assert "3 videos or sounds without captions" in result.output
    assert "--captions FILE" in result.output
    assert "Traceback" not in result.output


def test_two_files_are_too_few_for_three_splits(tmp_path: Path):
    (videos(tmp_path) / "0.txt").unlink()
    result = init(tmp_path, "--to", tmp_path / "a.toml")
    assert "3 are the fewest" in result.output


def test_captions_end_at_line_breaks_only_and_must_be_utf8(tmp_path: Path):
    folder = videos(tmp_path)
    (folder / "0.txt").write_bytes("a red\u2028thing\x85moves\r\nanother\rthird".encode())
    (row,) = (row for row in rows_of(folder, FolderOptions()) if row.name == "0.mp4")
    assert row.captions == ("a red\u2028thing\x85moves", "another", "third")
    (folder / "1.txt").write_bytes("caf\u00e9".encode("latin-1"))
    result = init(folder)
    assert result.exit_code == 1
    assert "1.txt: is not UTF-8" in result.output
    assert "Traceback" not in result.output


def loud(folder: Path, level: float) -> None:
    for number in range(len(TRAITS)):
        mock.write_sound(folder / f"{number}.wav", level * mock.sound(TRAITS[0], 1.0) / 0.3)


def brightest(data: vlbench.PairDataset) -> list[int]:
    return [int(split.items["audio"].max()) for split in data.splits.values()]


def test_a_sound_beside_a_video_is_its_sound_which_is_said_with_its_option(tmp_path: Path):
    folder = videos(tmp_path / "clips")
    loud(folder, 0.001)
    both = {"root": str(folder), "sides": ("video", "audio"), "seconds": 1.0}
    found = dataset.media(FolderOptions(**both), tmp_path / "store")
    assert "1 of 1 videos have their sound in a file of its own, as" in found.notes[0]
    assert "sounds_of = 'videos'" in found.notes[0]
    own = dataset.media(FolderOptions(**both, sounds_of="videos"), tmp_path / "store")
    assert not own.notes
    assert all(quiet + 100 < usual for quiet, usual in zip(brightest(found), brightest(own), strict=True))
    result = init(folder, "-o", "sides=audio,text", "--to", tmp_path / "a.toml")
    assert result.exit_code == 0, result.output
    assert "Note: train: 1 of 1 videos have their sound in a file of its own" in result.output


def test_a_table_may_name_the_sound_of_each_video(tmp_path: Path):
    folder = videos(tmp_path / "clips")
    loud(tmp_path / "voices", 0.001)
    rows = [("seen", "heard", "caption"), *((f"{n}.mp4", f"../voices/{n}.wav", f"number {n}") for n in range(3))]
    with (folder / "all.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    result = init(folder / "all.csv", "-o", "sides=video,audio", "-o", "seconds=1", "--to", tmp_path / "a.toml")
    assert result.exit_code == 0, result.output
    assert "sound column: heard  (change: -o sound_column=NAME)" in result.output
    options = FolderOptions(root=str(folder), sides=("video", "audio"), table="all.csv", seconds=1.0)
    assert max(brightest(dataset.media(options, tmp_path / "store"))) < 150


def test_two_videos_of_one_text_are_named(tmp_path: Path):
    folder = videos(tmp_path)
    (folder / "1.mkv").write_bytes((folder / "1.mp4").read_bytes())
    result = init(folder, "--to", tmp_path / "a.toml")
    assert result.exit_code == 1
    assert "1.mkv and 1.mp4 have one text, 1.txt" in result.output


def test_shards_of_videos_name_the_command_that_unpacks_them_and_it_works(tmp_path: Path):
    folder = videos(tmp_path / "clips")
    (tmp_path / "shards").mkdir()
    for number in range(len(TRAITS)):
        with tarfile.open(tmp_path / "shards" / f"{number}.tar", "w") as shard:
            for suffix in ("mp4", "txt"):
                shard.add(folder / f"{number}.{suffix}", f"{number}.{suffix}")
    for path in ("shards", "shards/{0..2}.tar", "shards/0.tar"):
        assert "0.tar: holds videos or sounds" in init(tmp_path / path).output
    command = init(tmp_path / "shards").output.partition("Unpack: ")[2].partition(" Then: ")[0].removesuffix(".")
    subprocess.run(command.replace("clips", "unpacked"), shell=True, check=True, cwd=tmp_path)
    result = init(tmp_path / "unpacked", "--to", tmp_path / "a.toml")
    assert "train 1, val 1, test 1" in result.output
