"""A run travels as one file; whoever has it finds out how far it can be believed."""

from __future__ import annotations

import json
import math
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.stats
import torch
from click.testing import CliRunner, Result
from msgspec.structs import replace
from safetensors.torch import load_file, save_file

import vlbench.cli.main
from vlbench.board.gather import Gathered, gather
from vlbench.errors import DataError
from vlbench.files import NEW, host_name, write_whole
from vlbench.records.evidence import read_evidence
from vlbench.records.ranks import read_ranks, write_ranks
from vlbench.records.record import find_records, write_record
from vlbench.verification.compare import prediction_interval
from vlbench.verification.verify import verify

from .conftest import Claims, repack


def invoke(*words: object) -> Result:
    return CliRunner(env={"COLUMNS": "80"}).invoke(vlbench.cli.main.main, [str(word) for word in words])


def test_the_same_run_gives_the_same_bytes_and_the_record_travels_unchanged(claims: Claims, tmp_path: Path) -> None:
    for name in ("a.zip", "b.zip"):
        result = invoke("submit", claims.distilled, "--out", tmp_path / name)
        assert result.exit_code == 0, result.output
        assert "vlbench verify" in result.stdout
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    assert (claims.distilled / "record.json").read_bytes() in (tmp_path / "a.zip").read_bytes()


@pytest.mark.parametrize("kind", ["selection", "distilled"])
def test_a_claim_is_re_evaluated_without_the_code_of_its_method(claims: Claims, tmp_path: Path, kind: str) -> None:
    invoke("submit", getattr(claims, kind), "--out", tmp_path / "claim.zip")
    result = invoke("--plugin", claims.suite, "verify", tmp_path / "claim.zip", "--out", tmp_path / "board")
    assert result.exit_code == 0, result.output
    assert "Badge: re-evaluated" in result.stdout
    assert "(28 of 28 numbers equal)" in " ".join(result.stdout.split())
    table, _, _ = result.stdout.partition("Badge")
    assert max(map(len, table.splitlines())) <= 80
    (record,) = find_records([tmp_path / "board"])
    assert record.badge == "re-evaluated"
    assert record.badge in invoke("leaderboard", tmp_path / "board").stdout
    assert record.folder is not None
    write_record(record.folder, replace(record, created="later"))
    assert read_evidence(record.folder) == {}, "evidence of another record counts for nothing"


def test_without_retraining_a_claim_stays_self_reported_and_json_says_what_is_open(
    claims: Claims, tmp_path: Path
) -> None:
    invoke("submit", claims.selection, "--out", tmp_path / "claim.zip")
    result = invoke("--plugin", claims.suite, "verify", tmp_path / "claim.zip", "--no-retrain", "--json")
    assert result.exit_code == 0
    found = json.loads(result.stdout)
    outcomes = {check["name"]: check["outcome"] for check in found["checks"]}
    assert found["badge"] == "self-reported"
    assert (outcomes["retrained"], outcomes["claimed"]) == ("open", "claimed")
    assert {outcomes[name] for name in ("schema", "arithmetic", "budget", "protocol", "artifact", "counts")} == {"ok"}


def test_a_suite_that_is_not_here_leaves_the_claim_open_and_says_so(claims: Claims, tmp_path: Path) -> None:
    invoke("submit", claims.selection, "--out", tmp_path / "claim.zip")
    result = invoke("verify", tmp_path / "claim.zip")
    assert result.exit_code == 1
    assert "no suite called 'claims-toy'" in " ".join(result.stdout.split())
    assert "Badge: self-reported" in result.stdout
    given = invoke("verify", tmp_path / "claim.zip", "--no-retrain", "--suite", claims.suite.with_name("suite.toml"))
    assert given.exit_code == 0, given.output


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"status": "diverged", "message": "not finite"}, "status is 'diverged'"),
        ({"overrides": {"training.seeds": "9"}}, "off protocol: --set changed training.seeds"),
        ({"family": "none", "method": "full"}, "'full' is a baseline"),
        ({"seed": 5}, "does not hold together"),
    ],
)
def test_what_is_no_claim_is_not_packed(claims: Claims, tmp_path: Path, change: dict[str, Any], reason: str) -> None:
    run = Path(shutil.copytree(claims.selection, tmp_path / "run"))
    record = json.loads((run / "record.json").read_text())
    (run / "record.json").write_text(json.dumps({**record, **change}))
    result = invoke("submit", run, "--out", tmp_path / "claim.zip")
    assert result.exit_code == 1
    assert reason in result.stderr
    assert not (tmp_path / "claim.zip").exists()


@pytest.mark.parametrize("schema", [1, 2])
def test_ranks_may_be_missing_from_a_record_of_schema_1_only(claims: Claims, tmp_path: Path, schema: int) -> None:
    run = Path(shutil.copytree(claims.selection, tmp_path / claims.selection.name))
    (run / "ranks.parquet").unlink()
    record = json.loads((run / "record.json").read_text())
    (run / "record.json").write_text(json.dumps(older(record, schema)))
    result = invoke("submit", run, "--out", tmp_path / "claim.zip")
    assert result.exit_code == schema - 1
    checked = invoke("--plugin", claims.suite, "verify", repack(run, tmp_path / "claim.zip"), "--no-retrain")
    assert checked.exit_code == schema - 1
    assert "ranks.parquet is missing" in " ".join(checked.stdout.split())


def older(record: dict[str, Any], schema: int) -> dict[str, Any]:
    """A record of schema 4 as an older version wrote it."""
    flat = {name: {**of["directions"], "mean_recall": of["mean_recall"]} for name, of in record["scores"].items()}
    return {**record, "schema": schema, "scores": flat}


def inflated(scores: dict[str, Any], by: int, queries: dict[str, int]) -> dict[str, Any]:
    """Every recall higher by so many queries, with means and spread to match."""
    out: dict[str, Any] = {}
    for direction, count in queries.items():
        out[direction] = {
            cut: summary([value + 100 * by / count for value in cell["seeds"]])
            for cut, cell in scores["directions"][direction].items()
        }
    seeds = [recall["seeds"] for cuts in out.values() for recall in cuts.values()]
    whole = summary([math.fsum(column) / 6 for column in zip(*seeds, strict=True)])
    return {"directions": out, "mean_recall": whole}


def raise_ranks(run: Path, by: int) -> None:
    """The ranks of the first ``by`` queries that miss at 1, 5 and 10 become hits: as many at every cut."""
    blocks = read_ranks(run)
    assert blocks is not None
    raised: dict[str, list[dict[str, Any]]] = {}
    for (student, seed, direction), found, _ in blocks:
        changed = found.copy()
        changed[np.flatnonzero(found > 10)[:by]] = 1
        raised.setdefault(student, [{} for _ in range(4)])[seed][direction] = changed
    write_ranks(run, raised, {direction: clusters for (_, _, direction), _, clusters in blocks})


def summary(values: list[float]) -> dict[str, Any]:
    mean = math.fsum(values) / len(values)
    sd = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))
    return {"mean": mean, "sd": sd, "seeds": values}


@pytest.mark.parametrize("ranks", ["as they were", "made to fit"])
def test_raised_scores_are_caught_by_the_ranks_or_by_retraining(claims: Claims, tmp_path: Path, ranks: str) -> None:
    run = Path(shutil.copytree(claims.selection, tmp_path / claims.selection.name))
    record = json.loads((run / "record.json").read_text())
    record["scores"]["net"] = inflated(record["scores"]["net"], 30, {"image_to_text": 100, "text_to_image": 500})
    (run / "record.json").write_text(json.dumps(record))
    if ranks == "made to fit":
        raise_ranks(run, 30)
    bundle = repack(run, tmp_path / "claim.zip")
    quick = invoke("--plugin", claims.suite, "verify", bundle, "--no-retrain")
    assert quick.exit_code == int(ranks == "as they were"), quick.output
    result = invoke("--plugin", claims.suite, "verify", bundle, "--out", tmp_path / "board")
    assert result.exit_code == 1
    assert "REFUSED" in result.stdout
    assert not (tmp_path / "board").exists()


def test_an_artifact_put_in_the_place_of_another_is_caught_by_retraining(claims: Claims, tmp_path: Path) -> None:
    run = Path(shutil.copytree(claims.distilled, tmp_path / claims.distilled.name))
    tensors = load_file(run / "artifact.safetensors")
    record = json.loads((run / "record.json").read_text())
    better = tensors | {"start": torch.arange(20) * 5 + 100}
    save_file(better, run / "artifact.safetensors")
    record["scores"], record["start"]["scores"] = record["start"]["scores"], record["scores"]
    (run / "record.json").write_text(json.dumps(record))
    result = invoke("--plugin", claims.suite, "verify", repack(run, tmp_path / "claim.zip"))
    assert result.exit_code == 1
    assert "REFUSED" in result.stdout


Spoil = Callable[[dict[str, torch.Tensor], dict[str, Any]], object]


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda tensors, about: about.pop("target_rank"), "unknown tensors"),
        (lambda tensors, about: about.update(target_rank=19), "target_rank is 19, targets.left is [20, 20]"),
        (lambda tensors, about: about.update(target_rank=None), "target_rank is None"),
        (lambda tensors, about: tensors.pop("targets.right"), "targets.right"),
        (lambda tensors, about: tensors.update({"targets.left": torch.eye(20).double()}), "left is torch.float64"),
        (lambda tensors, about: tensors["targets.diagonal"].fill_(math.nan), "diagonal holds a number that is not"),
        (lambda tensors, about: tensors.update({"targets.right": torch.eye(20)}), "claimed"),
    ],
)
def test_a_change_of_targets_is_refused_though_all_hashes_are_right(
    claims: Claims, tmp_path: Path, spoil: Spoil, reason: str
) -> None:
    run = Path(shutil.copytree(claims.distilled, tmp_path / claims.distilled.name))
    tensors, about = load_file(run / "artifact.safetensors"), json.loads((run / "artifact.json").read_text())
    spoil(tensors, about)
    save_file(tensors, run / "artifact.safetensors")
    (run / "artifact.json").write_text(json.dumps(about))
    found = verify(repack(run, tmp_path / "claim.zip"), registry=claims.verifier(), retrain=reason == "claimed")
    assert reason in " ".join(check.detail for check in found.checks if check.outcome == "failed")


def test_pictures_that_are_not_those_of_the_artifact_are_refused(claims: Claims, tmp_path: Path) -> None:
    run = Path(shutil.copytree(claims.selection, tmp_path / claims.selection.name))
    pictures = np.load(run / "preview.npy")
    pictures[0, 0, 0, 0] ^= 1
    np.save(run / "preview.npy", pictures)
    result = invoke("--plugin", claims.suite, "verify", repack(run, tmp_path / "claim.zip"))
    assert result.exit_code == 1
    assert "the pictures are not those of the artifact" in " ".join(result.stdout.split())


@pytest.mark.parametrize("indices", [[0, 0, 5], [-1, 0, 5], [0, 5, 10**6], list(range(21)), []])
def test_ids_outside_the_train_split_twice_or_over_budget_are_refused(
    claims: Claims, tmp_path: Path, indices: list[int]
) -> None:
    run = Path(shutil.copytree(claims.selection, tmp_path / claims.selection.name))
    save_file({"indices": torch.tensor(indices, dtype=torch.int64)}, run / "artifact.safetensors")
    record = json.loads((run / "record.json").read_text())
    record["cost"]["pairs"] = max(len(indices), 1)
    (run / "record.json").write_text(json.dumps(record))
    result = invoke("--plugin", claims.suite, "verify", repack(run, tmp_path / "claim.zip"), "--no-retrain")
    assert result.exit_code == 1
    assert "REFUSED" in result.stdout


def test_the_interval_holds_the_mean_of_further_students_nineteen_times_in_twenty() -> None:
    draw = random.Random(1)
    inside = 0
    for _ in range(4000):
        ours, theirs = ([draw.gauss(30, 2) for _ in range(count)] for count in (5, 3))
        low, high = prediction_interval(ours, 3, level=0.95, step=0.0)
        inside += low <= math.fsum(theirs) / 3 <= high
    assert 0.94 < inside / 4000 < 0.96
    low, high = prediction_interval([1.0, 2.0, 4.0], 3, level=0.95, step=0.0)
    half = scipy.stats.t.ppf(0.975, 2) * scipy.stats.tstd([1.0, 2.0, 4.0]) * math.sqrt(2 / 3)
    assert math.isclose(high - low, 2 * half)
    assert prediction_interval([7.0, 7.0], 2, level=0.95, step=0.5) == (6.5, 7.5)


def test_a_path_that_is_no_bundle_is_one_message(tmp_path: Path) -> None:
    assert "does not exist" in invoke("verify", tmp_path / "nothing.zip").stderr
    (tmp_path / "text.zip").write_text("hello")
    assert invoke("verify", tmp_path / "text.zip").stderr.startswith("Error: text.zip is refused: no zip")
    with pytest.raises(DataError):
        vlbench.verification.verify.read_stranger(tmp_path / "text.zip")


def test_what_a_killed_command_left_half_written_goes_with_the_next(claims: Claims, tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    left = tmp_path / f"{NEW}{gone.pid}-{host_name()}-x"
    claim, board = tmp_path / "claim.zip", tmp_path / "board.html"
    for words in (
        ("submit", claims.distilled, "--out", claim),
        ("leaderboard", claims.distilled, "--format", "html", "--out", board),
        ("--plugin", claims.suite, "verify", claim, "--no-retrain", "--out", tmp_path),
    ):
        left.write_text("half")
        assert invoke(*words).exit_code == 0
        assert not left.exists()


def test_unpacking_that_ends_at_any_file_leaves_no_own_run_and_the_same_evidence(
    claims: Claims, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    invoke("submit", claims.distilled, "--out", tmp_path / "claim.zip")
    bundle, registry = tmp_path / "claim.zip", claims.verifier()
    whole = verify(bundle, registry=registry, retrain=False, keep=tmp_path / "whole").as_json()
    written = [path.name for path in Path(whole["folder"]).iterdir()]
    assert {"record.json", "origin.json", "verification.json"} <= {*written}
    for number in range(len(written)):
        runs, left = tmp_path / f"runs-{number}", iter(range(number))

        def write(path: Path, content: bytes, left: Iterator[int] = left) -> None:
            if next(left, None) is None:
                raise OSError(28, "No space left on device")
            write_whole(path, content)

        for module in ("verification.verify", "records.evidence", "disk.sums"):
            monkeypatch.setattr(f"vlbench.{module}.write_whole", write)
        with pytest.raises(OSError, match="No space"):
            verify(bundle, registry=registry, retrain=False, keep=runs)
        monkeypatch.undo()
        shown = gather([runs]) if runs.exists() else Gathered()
        assert not [run for run in shown.records if not run.origin], "a stranger's row as one's own"
        again = verify(bundle, registry=registry, retrain=False, keep=runs).as_json()
        assert again | {"created": "", "folder": ""} == whole | {"created": "", "folder": ""}
