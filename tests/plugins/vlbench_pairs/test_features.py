"""Features that others computed: selecting from them opens no image and copies nothing."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner

import vlbench.cli.main
from vlbench.errors import DataError
from vlbench_pairs.features import load
from vlbench_pairs.options import FeaturesOptions

ROWS, WIDTH = 60, 8


def arrays(dtype: Any = np.float32) -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    image = random.normal(size=(ROWS, WIDTH)).astype(dtype)
    return {"image": image, "text": (image + 0.1 * random.normal(size=image.shape)).astype(dtype)}


def about(first: int, count: int) -> Any:
    import pandas

    rows = range(first, first + count)
    return pandas.DataFrame({"uid": [f"{row:032x}" for row in rows], "text": [f"caption {row}" for row in rows]})


def clip_retrieval(folder: Path, parts: int = 1) -> Path:
    made = arrays()
    for side, name in (("image", "img_emb"), ("text", "text_emb")):
        (folder / name).mkdir(parents=True)
        for number, part in enumerate(np.array_split(made[side], parts)):
            np.save(folder / name / f"{name}_{number}.npy", part)
    (folder / "metadata").mkdir()
    for number, part in enumerate(np.array_split(np.arange(ROWS), parts)):
        about(int(part[0]), len(part)).to_parquet(folder / "metadata" / f"metadata_{number}.parquet")
    return folder


def datacomp(folder: Path) -> Path:
    made = arrays(np.float16)
    (folder / "metadata").mkdir(parents=True)
    for number, part in enumerate(np.array_split(np.arange(ROWS), 3)):
        pieces = {f"{model}_{short}": made[side][part]
                  for model in ("b32", "l14") for side, short in (("image", "img"), ("text", "txt"))}  # fmt: skip
        np.savez(folder / "metadata" / f"{number}.npz", **pieces)
        about(int(part[0]), len(part)).to_parquet(folder / "metadata" / f"{number}.parquet")
    return folder


def parquet(folder: Path) -> Path:
    folder.mkdir()
    frame = about(0, ROWS)
    for side, made in arrays().items():
        frame[f"{side}_embedding"] = list(made)
    frame.to_parquet(folder / "all.parquet")
    return folder / "all.parquet"


FORMS = {
    "clip-retrieval": clip_retrieval,
    "clip-retrieval in parts": lambda folder: clip_retrieval(folder, 12),
    "datacomp": datacomp,
    "parquet": parquet,
}


@pytest.mark.parametrize("form", FORMS)
def test_features_are_read_in_the_order_of_their_files(form: str, tmp_path: Path) -> None:
    pytest.importorskip("pandas")
    dataset = load(FeaturesOptions(files=(str(FORMS[form](tmp_path / "mine")),)), tmp_path / "store")
    expected = arrays(np.float16 if form == "datacomp" else np.float32)
    for side in ("image", "text"):
        rows = torch.cat([dataset.split(split).items[side] for split in ("test", "val", "train")])
        assert np.array_equal(rows.numpy(), expected[side])
    train = dataset.split("train")
    assert [train.count("image"), dataset.split("val").count("image"), dataset.split("test").count("image")] == [
        48,
        6,
        6,
    ]
    assert train.names["image"][0] == f"{12:032x}"
    assert train.names["text"][0] == "caption 12"
    assert torch.equal(train.pairs, torch.arange(48)[:, None].repeat(1, 2))


def test_train_features_are_a_memory_map(tmp_path: Path) -> None:
    pytest.importorskip("pandas")
    folder = clip_retrieval(tmp_path / "mine")
    dataset = load(FeaturesOptions(files=(str(folder),)), tmp_path / "store")
    assert dataset.split("train").count("image") == 48
    assert str(folder / "img_emb" / "img_emb_0.npy") in Path("/proc/self/maps").read_text()
    assert not list((tmp_path / "store").glob("*.npy"))


def test_two_arrays_are_enough(tmp_path: Path) -> None:
    for side, made in arrays().items():
        np.save(tmp_path / f"{side}.npy", made)
    options = FeaturesOptions(image=str(tmp_path / "image.npy"), text=str(tmp_path / "text.npy"))
    assert load(options, tmp_path / "store").split("train").count("text") == 48


def test_sides_of_different_numbers_of_rows_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "image.npy", arrays()["image"])
    np.save(tmp_path / "text.npy", arrays()["text"][1:])
    options = FeaturesOptions(image=str(tmp_path / "image.npy"), text=str(tmp_path / "text.npy"))
    with pytest.raises(DataError, match=r"rows of the sides are .*60.*59"):
        load(options, tmp_path / "store")


@pytest.mark.parametrize("content", [b"no array", b""])
def test_a_broken_array_is_named(content: bytes, tmp_path: Path) -> None:
    pytest.importorskip("pandas")
    folder = clip_retrieval(tmp_path / "mine", 2)
    (folder / "img_emb" / "img_emb_1.npy").write_bytes(content)
    with pytest.raises(DataError, match=r"img_emb_1\.npy: image features cannot be read"):
        load(FeaturesOptions(files=(str(folder),)), tmp_path / "store")


def test_a_key_that_is_not_there_is_named(tmp_path: Path) -> None:
    pytest.importorskip("pandas")
    with pytest.raises(DataError, match=r"0\.npz: no features 'h14_img'; it has \['b32_img', 'b32_txt', 'l14_img'"):
        load(FeaturesOptions(files=(str(datacomp(tmp_path / "mine")),), image="h14_img"), tmp_path / "store")


@pytest.mark.parametrize("form", FORMS)
def test_init_writes_a_suite_on_features_that_runs(form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pandas")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VLBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("vlbench.data.pictures.open_picture", None)
    path = FORMS[form](tmp_path / "mine")
    result = CliRunner().invoke(vlbench.cli.main.main, ["init", str(path), "--to", "own.toml"])
    assert result.exit_code == 0, result.output
    words = ["run", "--suite", "own.toml", "--method", "herding", "--budget", "10", "--json",
             "--set", "training.seeds=1", "--set", "rows.always=[]", "--set", "rows.full=false"]  # fmt: skip
    done = CliRunner().invoke(vlbench.cli.main.main, words)
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)[0]["status"] == "finished"
    assert not list((tmp_path / "cache" / "features").glob("*"))


def test_joined_features_that_were_changed_on_the_disk_are_made_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("pandas")
    folder = clip_retrieval(tmp_path / "features", parts=3)
    before = load(FeaturesOptions(files=(str(folder),)), tmp_path / "store")
    expected = before.split("train").items["image"].clone()
    (path,) = (tmp_path / "store").glob("features-*-image.npy")
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    after = load(FeaturesOptions(files=(str(folder),)), tmp_path / "store")
    assert "is not what its hash says" in capsys.readouterr().err
    assert after.fingerprint == before.fingerprint
    assert torch.equal(after.split("train").items["image"], expected)


def test_joined_features_of_another_time_and_the_same_content_are_not_made_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("pandas")
    folder = clip_retrieval(tmp_path / "features", parts=2)
    load(FeaturesOptions(files=(str(folder),)), tmp_path / "store")
    (path,) = (tmp_path / "store").glob("features-*-image.npy")
    os.utime(path, ns=(1, 1))
    load(FeaturesOptions(files=(str(folder),)), tmp_path / "store")
    assert not capsys.readouterr().err
