"""Lies told by the files of a claim, or by several claims together: refused by name, or without effect on a board."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow
import pytest
import torch
from msgspec import structs
from pyarrow import parquet
from safetensors.torch import load_file, save_file

from vlbench.board.leaderboard import build_table
from vlbench.records.ranks import read_ranks, write_ranks
from vlbench.records.record import FoundRecord, parse_record, record_id
from vlbench.runs.request import RunRequest
from vlbench.verification.verify import verify

from .conftest import Claims, repack
from .test_lies import lie, reasons, told


def copied(run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(run, tmp_path / run.name))


def more_pictures(run: Path) -> None:
    shown = np.load(run / "preview.npy")
    np.save(run / "preview.npy", np.concatenate([shown, shown[:1]]))
    preview = json.loads((run / "preview.json").read_text())
    preview["captions"].append("the first of all")
    (run / "preview.json").write_text(json.dumps(preview))


def more_captions(run: Path) -> None:
    preview = json.loads((run / "preview.json").read_text())
    preview["captions"] += ["a caption of test"] * 50
    (run / "preview.json").write_text(json.dumps(preview))


def captions_of_a_text(run: Path) -> None:
    preview = json.loads((run / "preview.json").read_text())
    (run / "preview.json").write_text(json.dumps(preview | {"captions": "x" * len(preview["captions"])}))


def other_pictures(run: Path) -> None:
    np.save(run / "preview.npy", 255 - np.load(run / "preview.npy"))


def moved(run: Path, change: Callable[[Any, int], Any]) -> None:
    """The ranks changed by a function of those of a block, and the block's number; the record stays."""
    blocks = read_ranks(run)
    assert blocks is not None
    made: dict[str, list[dict[str, Any]]] = {}
    for number, ((student, seed, direction), ranks, _) in enumerate(blocks):
        made.setdefault(student, [{} for _ in range(4)])[seed][direction] = change(ranks.copy(), number)
    write_ranks(run, made, {direction: clusters for (_, _, direction), _, clusters in blocks})


def hits_elsewhere(run: Path) -> None:
    moved(run, lambda ranks, number: np.random.default_rng(number % 2).permutation(ranks))


def hits_at_few_images(run: Path) -> None:
    moved(run, lambda ranks, _: np.sort(ranks))


def ranks_beyond(run: Path) -> None:
    moved(run, lambda ranks, _: np.where(ranks > 10, 10_000, ranks))


def ranks_with_metadata(run: Path) -> None:
    table = parquet.read_table(run / "ranks.parquet")
    parquet.write_table(table.replace_schema_metadata({"note": "x" * 100_000}), run / "ranks.parquet")


def ranks_in_another_order(run: Path) -> None:
    table = parquet.read_table(run / "ranks.parquet")
    parquet.write_table(table.take(pyarrow.array(range(len(table) - 1, -1, -1))), run / "ranks.parquet")


FILES = [
    (more_pictures, "or more of them than the 20 that are drawn"), (more_captions, "pictures with other captions"),
    (captions_of_a_text, "pictures with other captions"), (other_pictures, "not those of the artifact"),
    (hits_elsewhere, "its hits are at other queries"), (hits_at_few_images, "its hits are at other queries"),
    (ranks_beyond, "is above the"), (ranks_with_metadata, "it holds metadata"),
    (ranks_in_another_order, "not those of the test split|the ranks give"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "reason"), FILES, ids=[change.__name__ for change, _ in FILES])
def test_a_file_that_says_more_or_other_than_the_artifact_is_refused(
    claims: Claims, tmp_path: Path, change: Callable[[Path], None], reason: str
) -> None:
    run = copied(claims.distilled, tmp_path)
    change(run)
    found = told(repack(run, tmp_path / "lie.zip"), claims, retrain=True)
    assert any(part in found for part in reason.split("|")), found


@pytest.mark.parametrize("name", ["preview.json", "preview.npy"])
def test_half_a_preview_is_not_unpacked(claims: Claims, tmp_path: Path, name: str) -> None:
    run = copied(claims.selection, tmp_path)
    (run / name).unlink()
    found = verify(repack(run, tmp_path / "lie.zip"), registry=claims.verifier(), keep=tmp_path / "runs")
    assert not found.failed, reasons(found)
    assert not list(Path(found.folder).glob("preview.*"))


@pytest.mark.parametrize("text", ["\x1b[31mrank 1", "x" * 10_000, "a\u202eb"])
def test_a_manifest_whose_version_is_no_plain_text_is_refused(claims: Claims, tmp_path: Path, text: str) -> None:
    bundle = repack(claims.selection, tmp_path / "lie.zip", vlbench=text)
    assert "manifest.json is refused: vlbench" in told(bundle, claims)


def test_a_suite_of_another_name_than_the_file_that_is_given_is_refused(claims: Claims, tmp_path: Path) -> None:
    def change(record: dict[str, Any]) -> None:
        record["suite"] = "scenes"
        record["command"][record["command"].index("--suite") + 1] = "scenes"

    bundle, request = lie(claims, tmp_path, change), RunRequest(suite=str(claims.suite.with_name("suite.toml")))
    found = verify(bundle, request, registry=claims.verifier(), retrain=False)
    assert "suite 'scenes', the one here is 'claims-toy'" in reasons(found)


OPTIONS: list[tuple[dict[str, Any], str]] = [
    ({"note": "x" * 1_900, "more": "y" * 300}, "characters long"), ({"a": ["x"] * 257}, "nor a short list"),
    ({"a b": 1}, "is no name of an option"), ({"\u00e9": 1}, "is no name of an option"),
    ({"a": {"b": {"c": 1}}}, "nor a short list"), ({f"a{n}": 1 for n in range(65)}, "65 options"),
    ({"a": "verified\u2800"}, "U+2800"), ({"a": "v" + "\u0336" * 99}, "marks on one letter"),
]  # fmt: skip


@pytest.mark.parametrize(("options", "reason"), OPTIONS, ids=[reason for _, reason in OPTIONS])
def test_options_of_a_method_nobody_declares_are_short_and_plain(
    claims: Claims, tmp_path: Path, options: dict[str, Any], reason: str
) -> None:
    assert reason in told(lie(claims, tmp_path, lambda record: record.update(options=options)), claims)


@pytest.mark.parametrize("disguise", ["none", "a third of the pairs", "their order"])
def test_learned_pairs_of_another_method_here_are_refused(claims: Claims, tmp_path: Path, disguise: str) -> None:
    shutil.copytree(claims.distilled, tmp_path / "runs" / claims.distilled.name)
    run = copied(claims.distilled, tmp_path)
    tensors = load_file(run / "artifact.safetensors")
    if disguise == "their order":
        tensors = {name: tensor.flip(0) if name.startswith("side.") else tensor for name, tensor in tensors.items()}
    elif disguise != "none":
        tensors["side.text"][:6] += 1e-3
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, run / "artifact.safetensors")
    record = json.loads((run / "record.json").read_text()) | {"method": "mine"}
    record["command"][record["command"].index("--method") + 1] = "mine"
    record["id"] = record_id(parse_record(record))
    (run / "record.json").write_text(json.dumps(record))
    bundle = repack(run, tmp_path / "lie.zip", id=record["id"])
    found = verify(bundle, registry=claims.author(), retrain=False, keep=tmp_path / "runs")
    assert "holds the artifact of method 'claims-shifted'" in reasons(found)


@pytest.mark.parametrize("name", ["clairns-first", "claims_first", "Claims-first"])
def test_a_name_like_that_of_a_run_here_is_refused_though_nobody_declares_it(
    claims: Claims, tmp_path: Path, name: str
) -> None:
    shutil.copytree(claims.selection, tmp_path / "runs" / claims.selection.name)
    bundle = lie(claims, tmp_path, lambda record: record.update(method=name))
    found = verify(bundle, registry=claims.verifier(), retrain=False, keep=tmp_path / "runs")
    assert f"method '{name}' looks like 'claims-first'" in reasons(found)


def on_board(claims: Claims, method: str, origin: str = "", **changes: Any) -> FoundRecord:
    """A record of a selection as it stands on a board, of five students and with a score of its own."""
    record = parse_record(json.loads((claims.selection / "record.json").read_text()))
    mean = changes.pop("mean", 20.0)
    text = msgspec.to_builtins(record.scores)
    for one in [*(cut for of in text["net"]["directions"].values() for cut in of.values()), text["net"]["mean_recall"]]:
        one |= {"mean": mean, "sd": 0.0, "seeds": [mean] * 5}
    scores = msgspec.convert(text, dict[str, type(record.scores["net"])])  # type: ignore[misc]
    changes = {"method": method, "deterministic": True, "scores": scores, "options": {}, **changes}
    return structs.replace(FoundRecord.of(structs.replace(record, **changes)), origin=origin)


def test_no_claim_moves_the_floor_or_the_ceiling_that_recovered_is_counted_from(claims: Claims) -> None:
    full = on_board(claims, "full", mean=80.0, budget="full", family="none", baseline=True)
    own = [on_board(claims, "random", mean=20.0, baselines=["random", "mine"], baseline=True), full]
    mine = on_board(claims, "mine", mean=50.0)
    lies = [
        on_board(claims, "random", "claim 0", mean=1.0, baseline=True),
        on_board(claims, "mine", "claim 0", mean=49.0, baselines=["mine", "random"]),
        on_board(claims, "full", "claim 0", mean=50.0, budget="full", family="none", baseline=True),
    ]
    (expected,) = build_table([*own, mine]).groups
    for order in ([*lies, *own, mine], [*own, mine, *lies]):
        (group,) = build_table(order).groups
        recovered = {row.method: row.recovered for row in group.rows if not row.origin}
        assert recovered == {row.method: row.recovered for row in expected.rows}
    (claimed,) = build_table([lies[0], full, mine]).groups
    assert all(row.recovered is None for row in claimed.rows)


def test_a_claim_of_an_old_form_without_what_a_rank_rests_on_is_shown_and_not_ranked(claims: Claims) -> None:
    own = on_board(claims, "mine", mean=30.0)
    old = on_board(claims, "other", "claim 0", mean=50.0, encoders={})
    rows = {row.method: row for group in build_table([own, old]).groups for row in group.rows}
    assert rows["mine"].rank == "1"
    assert (rows["other"].rank, rows["other"].provisional) == ("", True)


def test_pairs_whose_texts_are_those_of_test_carry_a_flag(claims: Claims, tmp_path: Path) -> None:
    from vlbench.progress import SilentObserver
    from vlbench.runs.audit import audit_flags
    from vlbench.runs.session import Session

    session = Session(claims.verifier(), RunRequest(suite="claims-toy"), SilentObserver())
    run = copied(claims.distilled, tmp_path)
    tensors = load_file(run / "artifact.safetensors")
    tower = session.evaluator("net").student.towers["text"]
    captions = session.dataset.split("test").items["text"][:100:5]
    with torch.no_grad():
        tensors["side.text"] = tower.encoder.module(tower.encoder.inputs(captions)).float().contiguous()
    save_file(tensors, run / "artifact.safetensors")
    import vlbench

    assert any("text" in flag for flag in audit_flags(vlbench.load_artifact(run), session))
