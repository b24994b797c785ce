"""Each form of export is loaded by the tool that it is named after, by the line that the export prints."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result

import vlbench
import vlbench.cli.main

Runs = dict[str, Path]
PAIRS = 30


def invoke(plugin: str, *words: object) -> Result:
    return CliRunner().invoke(vlbench.cli.main.main, ["--plugin", plugin, "export", *map(str, words)])


@pytest.fixture
def offline_datasets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "hf")
    return datasets


def export(plugin: str, run: Path, target: Path, form: str, *more: object) -> str:
    """The line that loads the folder."""
    result = invoke(plugin, run, "--to", target, "--format", form, *more)
    assert result.exit_code == 0, result.output
    return result.output.split("Load it:\n")[1].splitlines()[0].strip()


def check(rows: list[tuple[Any, str]], run: Path) -> None:
    """Pictures and texts are those of the run."""
    artifact = vlbench.load_artifact(run)
    assert len(rows) >= len(artifact) == PAIRS
    assert all(isinstance(text, str) and text for _, text in rows)
    assert all(np.asarray(picture).shape == (32, 32, 3) for picture, _ in rows)
    if isinstance(artifact, vlbench.DistilledPairs):
        shown = torch.from_numpy(np.stack([np.asarray(picture) for picture, _ in rows])).permute(0, 3, 1, 2)
        assert torch.equal(shown, artifact.sides["image"])


# The tools leave files to the garbage collector.
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("form", ["imagefolder", "parquet", "hf"])
@pytest.mark.parametrize("method", ["brighter", "random", "mean-caption"])
def test_datasets_loads_pictures_with_their_texts(
    form: str, method: str, study_plugin: str, runs: Runs, tmp_path: Path, offline_datasets: Any
) -> None:
    line = export(study_plugin, runs[method], tmp_path / "out", form)
    assert line.startswith("datasets.load_dataset(")
    arguments = line.removeprefix("datasets.load_dataset(").removesuffix(")")
    table = eval(
        f"load({arguments})",
        {"load": lambda *a, **k: offline_datasets.load_dataset(*a, cache_dir=str(tmp_path / "cache"), **k)},
    )
    check([(row["image"], row["text"]) for row in table], runs[method])


# The tools leave files to the garbage collector.
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("method", ["brighter", "random"])
def test_webdataset_reads_the_shards(
    method: str, study_plugin: str, runs: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    webdataset = pytest.importorskip("webdataset")
    monkeypatch.setattr("vlbench.export.files.SHARD", 8)
    line = export(study_plugin, runs[method], tmp_path / "out", "webdataset")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [f"{number:05d}.tar" for number in range(4)]
    check(list(eval(line, {"webdataset": webdataset})), runs[method])


def test_open_clip_reads_its_table_by_its_documented_flags(study_plugin: str, runs: Runs, tmp_path: Path) -> None:
    data = pytest.importorskip("open_clip_train.data")
    from open_clip_train.params import parse_args

    line = export(study_plugin, runs["random"], tmp_path / "out", "openclip")
    words = line.removeprefix("python -m open_clip_train.main ").replace('"\\t"', "\t").split(" ")
    args = parse_args(words)
    assert args.dataset_type == "csv"
    table = data.CsvDataset(args.train_data, lambda picture: picture, args.csv_img_key, args.csv_caption_key,
                            sep=args.csv_separator, tokenizer=lambda texts: texts)  # fmt: skip
    check([(picture, texts) for picture, texts in (table[index] for index in range(len(table)))], runs["random"])


def test_uids_are_written_as_datacomp_reads_them(
    study_plugin: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pandas = pytest.importorskip("pandas")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VLBENCH_CACHE", str(tmp_path / "cache"))
    random = np.random.default_rng(0)
    uids = [random.bytes(16).hex() for _ in range(60)]
    (tmp_path / "mine").mkdir()
    features = random.normal(size=(60, 8)).astype(np.float32)
    np.savez(tmp_path / "mine" / "0.npz", l14_img=features, l14_txt=features)
    pandas.DataFrame({"uid": uids, "text": uids}).to_parquet(tmp_path / "mine" / "0.parquet")
    assert CliRunner().invoke(vlbench.cli.main.main, ["init", "mine", "--to", "own.toml"]).exit_code == 0
    record = vlbench.run(
        method="random", budget=12, suite="own.toml", out=tmp_path / "runs",
        overrides={"rows.always": "[]", "rows.full": "false", "training.seeds": "1"},
    )  # fmt: skip
    result = invoke(
        study_plugin, tmp_path / "runs" / record.id, "--suite", "own.toml", "--format", "uids", "--to", "out"
    )
    assert result.exit_code == 0, result.output
    found = np.load(tmp_path / "out" / "uids.npy")
    assert found.dtype == np.dtype("u8,u8")
    assert sorted(found.tolist()) == found.tolist()
    chosen = vlbench.load_artifact(tmp_path / "runs" / record.id)
    assert isinstance(chosen, vlbench.Selection)
    expected = {uids[12 + index] for index in chosen.indices.tolist()}  # the first 12 rows are test and val
    assert {f"{high:016x}{low:016x}" for high, low in found.tolist()} == expected


def test_names_that_are_no_uids_are_refused(study_plugin: str, runs: Runs, tmp_path: Path) -> None:
    result = invoke(study_plugin, runs["random"], "--to", tmp_path / "out", "--format", "uids")
    assert result.exit_code == 1
    assert "30 of 30 names are no uids of 32 hexadecimal digits" in result.stderr


def test_learned_pairs_are_said_to_have_no_uids(study_plugin: str, runs: Runs, tmp_path: Path) -> None:
    result = invoke(study_plugin, runs["brighter"], "--to", tmp_path / "out", "--format", "uids")
    assert result.exit_code == 1
    assert "learned pairs have no uids" in result.stderr


# A folder to publish


@pytest.mark.parametrize("method", ["brighter", "random"])
def test_the_card_says_what_it_is_how_it_was_made_and_its_limits(
    method: str, study_plugin: str, runs: Runs, tmp_path: Path
) -> None:
    yaml = pytest.importorskip("yaml")
    export(study_plugin, runs[method], tmp_path / "tiny", "hf", "--license", "CC-BY-4.0", "--source", "Drawn scenes")
    _, front, body = (tmp_path / "tiny" / "README.md").read_text().split("---\n", 2)
    about = yaml.safe_load(front)
    assert (about["license"], about["pretty_name"]) == ("cc-by-4.0", "tiny")
    assert about["size_categories"] == ["n<1K"]
    assert about["configs"][0]["data_files"] == [{"split": "train", "path": "data/train-*"}]
    titles = [line.removeprefix("## ") for line in body.splitlines() if line.startswith("## ")]
    assert titles == ["What it is", "How it was made", "Scores", "Load it", "Limits", "Biases",
                      "Personal and sensitive information", "Licence", "Cite it"]  # fmt: skip
    assert f"{'learned' if method == 'brighter' else 'chosen'} from Drawn scenes" in body
    assert method in body
    assert "@misc{tiny" in (tmp_path / "tiny" / "CITATION.bib").read_text()
    names = {path.name for path in (tmp_path / "tiny").iterdir()}
    assert {"artifact.safetensors", "artifact.json", "record.json", "data", "croissant.json"} <= names


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_croissant_metadata_is_valid_and_reads_the_pairs(study_plugin: str, runs: Runs, tmp_path: Path) -> None:
    mlcroissant = pytest.importorskip("mlcroissant")
    export(study_plugin, runs["brighter"], tmp_path / "tiny", "hf", "--license", "cc-by-4.0")
    dataset = mlcroissant.Dataset(str(tmp_path / "tiny" / "croissant.json"))
    assert not dataset.metadata.ctx.issues.errors
    assert not dataset.metadata.ctx.issues.warnings
    rows = list(dataset.records("pair"))
    assert len(rows) == PAIRS
    content = json.loads((tmp_path / "tiny" / "croissant.json").read_text())
    for name in ("dataCollection", "dataBiases", "dataLimitations", "dataUseCases", "personalSensitiveInformation"):
        assert content[f"rai:{name}"]


def test_a_published_set_can_be_scored_again(study_plugin: str, runs: Runs, tmp_path: Path) -> None:
    export(study_plugin, runs["brighter"], tmp_path / "tiny", "hf")
    there, here = (vlbench.load_artifact(folder) for folder in (runs["brighter"], tmp_path / "tiny"))
    assert isinstance(there, vlbench.DistilledPairs)
    assert isinstance(here, vlbench.DistilledPairs)
    assert all(torch.equal(there.sides[side], here.sides[side]) for side in there.sides)


class Hub(BaseHTTPRequestHandler):
    """As much of the hub as an upload asks for."""

    files: dict[str, bytes]
    repositories: list[str]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path.startswith("/api/repos/create"):
            asked = json.loads(body)
            self.repositories.append(f"{asked.get('organization') or 'me'}/{asked['name']} {asked['type']}")
            self.answer({"url": f"{self.server_url()}/datasets/me/tiny"})
        elif self.path.endswith("/preupload/main"):
            names = [file["path"] for file in json.loads(body)["files"]]
            self.answer({"files": [{"path": name, "uploadMode": "regular", "shouldIgnore": False} for name in names]})
        elif "/commit/" in self.path:
            for line in body.splitlines():
                part = json.loads(line)
                if part["key"] == "file":
                    self.files[part["value"]["path"]] = base64.b64decode(part["value"]["content"])
            self.answer({"commitUrl": f"{self.server_url()}/datasets/me/tiny/commit/1", "commitOid": "1" * 40})
        else:
            self.answer({})

    def do_GET(self) -> None:
        self.answer({"id": "me/tiny", "sha": "1" * 40, "siblings": []})

    def server_url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def answer(self, value: Any) -> None:
        content = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Hub]]:
    pytest.importorskip("huggingface_hub")
    kind = type("OwnHub", (Hub,), {"files": {}, "repositories": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), kind)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setattr("vlbench.export.hub.ENDPOINT", f"http://127.0.0.1:{server.server_address[1]}")
    monkeypatch.setenv("HF_TOKEN", "hf_test")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    yield kind
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_folder_is_pushed_to_the_hub(study_plugin: str, runs: Runs, tmp_path: Path, hub: type[Hub]) -> None:
    words = ("--to", tmp_path / "tiny", "--push", "me/tiny", "--license", "cc-by-4.0")
    result = invoke(study_plugin, runs["random"], *words)
    assert result.exit_code == 0, result.output
    assert "Uploaded: " in result.output
    assert hub.repositories == ["me/tiny dataset"]
    for path in (tmp_path / "tiny").rglob("*.*"):
        assert hub.files[path.relative_to(tmp_path / "tiny").as_posix()] == path.read_bytes()
    assert b"https://huggingface.co/datasets/me/tiny" in hub.files["croissant.json"]


@pytest.mark.parametrize("licence", [(), ("--license", "  ")])
def test_nothing_is_pushed_without_a_licence(
    licence: tuple[str, ...], study_plugin: str, runs: Runs, tmp_path: Path, hub: type[Hub]
) -> None:
    result = invoke(study_plugin, runs["random"], "--to", tmp_path / "tiny", "--push", "me/tiny", *licence)
    assert result.exit_code == 1
    assert "--push needs --license LINE" in result.stderr
    assert not hub.repositories
    assert not (tmp_path / "tiny").exists()
