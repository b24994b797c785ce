"""Claims whose every hash is right and whose content is a lie: each is refused by name, or stands in the protocol page.

This is a corpus: a lie that once passed is added here.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from vlbench.board.combine import read_table
from vlbench.errors import DataError
from vlbench.records.evidence import read_evidence
from vlbench.records.record import parse_record, record_id
from vlbench.verification.names import method_name_problems, skeleton
from vlbench.verification.submit import submit
from vlbench.verification.verify import Verification, verify

from .conftest import Claims, repack

Change = Callable[[dict[str, Any]], Any]


def lie(claims: Claims, tmp_path: Path, change: Change, *, kind: str = "distilled") -> Path:
    """A bundle whose record was changed, and every id, command and hash made to fit."""
    source: Path = getattr(claims, kind)
    run = Path(shutil.copytree(source, tmp_path / "lie" / source.name))
    record = json.loads((run / "record.json").read_text())
    change(record)
    with contextlib.suppress(DataError):  # of another form: refused anyway
        record["id"] = record_id(parse_record(record))
    at = record["command"].index("--method")
    record["command"][at + 1 : at + 4 : 2] = [record["method"], record["budget"]]
    (run / "record.json").write_text(json.dumps(record))
    return repack(run, tmp_path / "lie.zip", id=record["id"])


def reasons(found: Verification) -> str:
    return " ".join(f"{check.name}: {check.detail}" for check in found.checks if check.outcome == "failed")


def told(bundle: Path, claims: Claims, *, author: bool = False, retrain: bool = False) -> str:
    try:
        registry = claims.author() if author else claims.verifier()
        return reasons(verify(bundle, registry=registry, retrain=retrain))
    except DataError as error:
        return str(error)


NAMES = [
    ("full", "is the name of a row"), ("chance", "is the name of a row"), ("start", "is the name of a row"),
    ("random-bytes", "is the name of a row"), ("random", "family is 'distillation'"), ("vIdd", "looks like 'vldd'"),
    ("v1dd", "looks like 'vldd'"), ("VLDD", "looks like 'vldd'"), ("randorn", "looks like 'random'"),
    ("rand0m", "looks like 'random'"), ("k_center", "looks like 'k-center'"), ("vl\u200bdd", "U+200B"),
    ("vl\u202edd", "U+202E"), ("vldd\x9b", "U+009B"), ("\x1b[31mvldd", "matching regex"),
    ("v\u217cdd", "SMALL ROMAN NUMERAL"),
    ("vldd\u0301", "not in Unicode's normal form NFC|COMBINING"), ("h\u0435rding", "CYRILLIC SMALL LETTER IE"),
    ("--help", "is no name"), (".", "is no name"), ("..", "is no name"), ("a b", "is no name"),
    ("x" * 150, "is no name"), ("=cmd", "is no name"), ("<b>", "is no name"),
    ("start-of-vldd", "looks like a row that the core makes"), ("random-bytes_of_vldd", "looks like a row"),
    ("nearest-real-of-x", "looks like a row"), ("vldd-", "looks like 'vldd'"), ("vldd__", "looks like 'vldd'"),
    ("k--center", "looks like 'k-center'"), ("vlcld", "looks like 'vldd'"), ("random_", "looks like 'random'"),
    ("herding\u3164", "U+3164"), ("herding\ufe0f", "U+FE0F"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "reason"), NAMES, ids=lambda value: ascii(value)[:20])
def test_a_name_that_is_taken_reserved_alike_or_unseen_is_refused(
    claims: Claims, tmp_path: Path, name: str, reason: str
) -> None:
    found = told(lie(claims, tmp_path, lambda record: record.update(method=name)), claims)
    assert any(part in found for part in reason.split("|")), found


def test_names_that_look_alike_share_a_skeleton_and_others_do_not() -> None:
    assert skeleton("Il1|O0m_") == skeleton("lII|0Orn-")
    assert list(method_name_problems("craig", ["vldd", "random", "glister"])) == []


RECORDS: list[tuple[str, Change, str]] = [
    ("deterministic", lambda r: r.update(deterministic=True), "deterministic is True, the method declares False"),
    ("family", lambda r: r.update(family="selection"), "family"),
    ("budget 020", lambda r: r.update(budget="020"), "is written '20'"),
    ("budget wide digits", lambda r: r.update(budget="\uff12\uff10"), "is written '20'"),
    ("budget 1000B", lambda r: r.update(budget="1000000B"), "is written '1MB'"),
    ("budget not met", lambda r: r.update(budget="500"), "holds 20: the budget is not met"),
    ("unknown option", lambda r: r["options"].update(secret=1), "secret"),
    ("mistyped option", lambda r: r["options"].update(offset="0"), "options are not those"),
    ("float for int", lambda r: r["options"].update(offset=0.5), "offset"),
    ("true for int", lambda r: r["options"].update(offset=False), "offset"),
    ("option left out", lambda r: r["options"].pop("level"), "level"),
    ("message", lambda r: r.update(message="ranked first"), "a finished run has no message"),
    ("endless text", lambda r: r["environment"].update(device="x" * 1_000_000), "1,000,000 characters"),
    ("hidden text", lambda r: r["environment"].update(device="a\u202eb"), "U+202E"),
    ("not NFC", lambda r: r["environment"].update(device="e\u0301"), "NFC"),
    ("date to come", lambda r: r.update(created="2999-01-01T00:00:00+00:00"), "in the future"),
    ("no date", lambda r: r.update(created="yesterday"), "no date"),
    ("plugin twice", lambda r: r["plugins"].append(r["plugins"][0]), "named twice"),
    ("option given twice", lambda r: r["command"].extend(["-o", "offset=0", "-o", "offset=0"]), "given twice"),
    ("too many curves", lambda r: r.update(curves={str(n): [1.0] for n in range(100)}), "more than 64 curves"),
    ("start of another size", lambda r: r["start"]["cost"].update(pairs=7), "start.cost.pairs is 7"),
    ("start without a size", lambda r: r["start"].update(cost={}), "start.cost.pairs is None"),
    ("no encoders", lambda r: r.update(encoders={}), "encoders are those of no student"),
    ("reference", lambda r: r.update(reference="other"), "no scores of the student that methods saw"),
    ("row of another", lambda r: r.update(matched_to=MATCHED), "every board has by itself"),
    ("random row of another", lambda r: r.update(method="random", matched_to=MATCHED), "every board"),
    ("another suite", lambda r: r.update(suite="scenes-mini"), "suite"),
    ("same suite to the eye", lambda r: r.update(suite="claims-toy."), "suite"),
    ("file as suite", lambda r: r.update(suite="suite.toml"), "suite"),
    ("baseline twice", lambda r: r.update(baselines=["random", "random"]), "baselines"),
    ("baseline of none", lambda r: r.update(baselines=["vldd"]), "baselines are vldd"),
    ("tries", lambda r: r.update(tries=150), "tries is 150, the method declares 0"),
    ("chosen as float", lambda r: choose(r, steps=float(r["chosen"]["net"]["steps"])), "not in the protocol's grid"),
    ("chosen as truth", lambda r: choose(r, noise=False), "not in the protocol's grid"),
    ("chosen outside", lambda r: choose(r, learning_rate=0.2), "not in the protocol's grid"),
    ("endless seed", lambda r: seed(r, 10**30), "seed has 31 digits"),
    ("eternity", lambda r: r["cost"].update(condense_s=1e300), "a cost is above"),
    ("memory", lambda r: r["cost"].update(peak_rss_bytes=10**30), "a cost is above"),
    ("eternity of start", lambda r: r["start"]["cost"].update(train_s=1e300), "a cost is above"),
    ("zalgo", lambda r: r.update(warnings=["a" + "\u0335" * 900]), "marks on one letter"),
    ("filler", lambda r: r.update(warnings=["a\u3164b"]), "U+3164"),
    ("variants", lambda r: r["environment"].update(device="a\ufe0f"), "U+FE0F"),
    ("braille", lambda r: r.update(settings={"a": "\u2800"}), "U+2800"),
    ("warnings", lambda r: r.update(warnings=["x"] * 100_000), "values beside its curves"),
    ("versions", lambda r: r["environment"]["versions"].update({f"v{n}": "1" for n in range(30_000)}), "values beside"),
    ("settings", lambda r: r.update(settings={"a": [[1, 2]] * 30_000}), "values beside"),
    ("other row's key", lambda r: r["command"].extend(["--set", "rows.evil=1"]), "is not the record's override"),
    ("recipe by key", lambda r: r["command"].extend(["--set", "training.seeds=9"]), "is not the record's override"),
    ("student of none", lambda r: r["command"].extend(["--students", "other"]), "has scores of net"),
    ("unknown word", lambda r: r["command"].extend(["--isolate", "1"]), "--isolate is unknown"),
    ("negative seconds", lambda r: r["cost"].update(train_s=-1.0), "cost.train_s"),
    ("smaller", lambda r: r["cost"].update(bytes=r["cost"]["bytes"] - 1), "the artifact has"),
    ("start smaller", lambda r: r["start"]["cost"].update(bytes=1), "the artifact has"),
    ("start of fewer", lambda r: r["start"]["cost"].update(pairs=1, bytes=1), "start.cost.pairs is 1"),
    ("budget in bytes", lambda r: r.update(budget="1B"), "over"),
    ("best seed twice", lambda r: best_twice(r), "not those of the scores|the ranks give|ranks"),
    ("near row of any name", lambda r: r.update(nearest={"full": r["start"]}), "rows of near items are 'full'"),
    ("fewer students", lambda r: fewer(r), "ranks|students|seeds"),
]

MATCHED = {"method": "vldd is rank 1", "options": {}, "budget": "500"}


def choose(record: dict[str, Any], **setting: object) -> None:
    record["chosen"]["net"].update(setting)


def seed(record: dict[str, Any], number: int) -> None:
    record["seed"] = number
    record["command"][record["command"].index("--seed") + 1] = str(number)


def each_summary(record: dict[str, Any]) -> list[dict[str, Any]]:
    scores = record["scores"]["net"]
    return [*(one for cuts in scores["directions"].values() for one in cuts.values()), scores["mean_recall"]]


def kept_seeds(record: dict[str, Any], keep: list[int]) -> None:
    """Scores as if the students at these positions had been all, with means and spread to match."""
    for one in each_summary(record):
        one["seeds"] = [one["seeds"][at] for at in keep]
        one["mean"], one["sd"] = float(np.mean(one["seeds"])), float(np.std(one["seeds"], ddof=1))


def best_twice(record: dict[str, Any]) -> None:
    seeds = record["scores"]["net"]["mean_recall"]["seeds"]
    best = seeds.index(max(seeds))
    kept_seeds(record, [best, best, *[at for at in range(len(seeds)) if at != best][: len(seeds) - 2]])


def fewer(record: dict[str, Any]) -> None:
    kept_seeds(record, [0, 1])


@pytest.mark.parametrize(("change", "reason"), [case[1:] for case in RECORDS], ids=[case[0] for case in RECORDS])
def test_a_record_that_lies_is_refused_by_name(claims: Claims, tmp_path: Path, change: Change, reason: str) -> None:
    found = told(lie(claims, tmp_path, change), claims, author=True)
    assert any(part in found for part in reason.split("|")), found


ARTIFACTS: list[tuple[str, Callable[[dict[str, Any], dict[str, torch.Tensor]], Any], str]] = [
    ("kind", lambda about, _: about.update(kind="distilledx"), "kind is 'distilledx'"),
    ("field", lambda about, _: about.update(note="x"), "unknown fields note"),
    ("rate", lambda about, _: about.update(rates={"image": 1e308}), "rates"),
    ("rate of text", lambda about, _: about.update(rates={"image": "1"}), "rates"),
    ("rank", lambda about, _: about.update(target_rank=True), "target_rank"),
    ("spaces", lambda about, _: about.update(spaces=["image"]), "spaces"),
    ("sides twice", lambda about, _: about.update(start_mean_sides=["text", "text"]), "start_mean_sides"),
    ("no fingerprint", lambda about, _: about.pop("fingerprint"), "no fingerprint"),
    ("payload", lambda _, tensors: tensors.update(payload=torch.zeros(1000)), "unknown tensors payload"),
    ("scales", lambda _, tensors: tensors.update({"scales.smell": torch.zeros(1)}), "unknown tensors scales.smell"),
    ("no start", lambda _, tensors: tensors.pop("start"), "no tensors start"),
    ("texts not finite", lambda _, tensors: tensors["side.text"][3].fill_(float("inf")), "finite"),
    ("texts as float64", lambda _, tensors: tensors.update({"side.text": tensors["side.text"].double()}), "float64"),
    ("texts as whole numbers", lambda _, tensors: tensors.update({"side.text": tensors["side.text"].long()}), "int64"),
    (
        "fewer texts",
        lambda _, tensors: tensors.update({"side.text": tensors["side.text"][:7].clone()}),
        "differ in length",
    ),
    ("larger pictures", lambda _, tensors: tensors.update({"side.image": torch.zeros(20, 3, 64, 64).byte()}), "items"),
    ("float pictures", lambda _, tensors: tensors.update({"side.image": tensors["side.image"].float()}), "float32"),
    ("twice the pairs", lambda _, tensors: twice(tensors), "holds 40"),
    ("start of test", lambda _, tensors: tensors["start"].fill_(10**6), "index|train|pairs"),
    ("start one pair", lambda _, tensors: tensors["start"].fill_(3), "twice|repeat|differ|more than once"),
    ("endless scale", lambda _, tensors: tensors.update({"scales.text": torch.full((20, 2), 1e38)}), "scale"),
    ("targets not finite", lambda _, tensors: tensors["targets.left"].fill_(float("nan")), "finite"),
    ("space of another", lambda about, _: about["spaces"].update(text="features:mine"), "features:mine"),
    ("side of another", lambda about, _: about["spaces"].update(smell="items"), "no tensors side.smell"),
    ("rate of no branch", lambda about, _: about.update(rates={"\u202ex": 1.0}), "U+202E"),
    ("another dataset", lambda about, _: about.update(fingerprint="0" * 64), "another dataset"),
]


def twice(tensors: dict[str, torch.Tensor]) -> None:
    """Each pair two times."""
    for name in [name for name in tensors if name != "start"]:
        tensors[name] = torch.cat([tensors[name], tensors[name]])


@pytest.mark.parametrize(("change", "reason"), [case[1:] for case in ARTIFACTS], ids=[case[0] for case in ARTIFACTS])
def test_an_artifact_with_anything_that_vlbench_does_not_write_is_refused(
    claims: Claims, tmp_path: Path, change: Callable[..., Any], reason: str
) -> None:
    run = Path(shutil.copytree(claims.distilled, tmp_path / claims.distilled.name))
    about, tensors = json.loads((run / "artifact.json").read_text()), load_file(run / "artifact.safetensors")
    change(about, tensors)
    save_file(tensors, run / "artifact.safetensors")
    (run / "artifact.json").write_text(json.dumps(about))
    found = told(repack(run, tmp_path / "lie.zip"), claims)
    assert any(part in found for part in reason.split("|")), found


def test_an_unpacked_claim_leaves_the_run_of_the_same_name_alone(claims: Claims, tmp_path: Path) -> None:
    own = Path(shutil.copytree(claims.distilled, tmp_path / "runs" / claims.distilled.name))
    before = {path.name: path.read_bytes() for path in own.iterdir()}
    bundle = submit(claims.distilled, tmp_path / "claim.zip")
    found = verify(bundle, registry=claims.verifier(), keep=tmp_path / "runs")
    assert {path.name: path.read_bytes() for path in own.iterdir()} == before
    assert found.folder == str(tmp_path / "runs" / f"{own.name}-{found.manifest_sha256[:12]}")
    origins = {row.origin for row in read_table([tmp_path / "runs"]).groups[0].ranked}
    assert origins == {"", f"claim {found.manifest_sha256[:8]}"}


def test_pictures_that_nobody_checked_are_not_unpacked(claims: Claims, tmp_path: Path) -> None:
    bundle = submit(claims.selection, tmp_path / "claim.zip")
    folder = Path(verify(bundle, registry=claims.verifier(), retrain=False, keep=tmp_path / "runs").folder)
    assert not list(folder.glob("preview.*"))
    assert read_evidence(folder)["badge"] == "self-reported"


def test_captions_of_learned_pairs_that_are_not_the_nearest_are_refused(claims: Claims, tmp_path: Path) -> None:
    run = Path(shutil.copytree(claims.distilled, tmp_path / claims.distilled.name))
    preview = json.loads((run / "preview.json").read_text())
    assert preview["caption_source"] == "nearest"
    preview["captions"] = preview["captions"][1:] + preview["captions"][:1]
    (run / "preview.json").write_text(json.dumps(preview))
    assert "preview: the captions are not those" in told(repack(run, tmp_path / "lie.zip"), claims, retrain=True)


@pytest.mark.parametrize("disguise", ["none", "last bit of a few pairs"])
def test_one_artifact_handed_in_as_two_seeds_is_refused(claims: Claims, tmp_path: Path, disguise: str) -> None:
    verify(
        submit(claims.distilled, tmp_path / "a.zip"), registry=claims.author(), retrain=False, keep=tmp_path / "runs"
    )

    def other_seed(record: dict[str, Any]) -> None:
        record["seed"] = 1
        record["command"][record["command"].index("--seed") + 1] = "1"

    bundle = lie(claims, tmp_path, other_seed)
    if disguise != "none":
        run = next((tmp_path / "lie").iterdir())
        tensors = load_file(run / "artifact.safetensors")
        tensors["side.text"][:5] = tensors["side.text"][:5] * (1 + 1e-7)
        save_file(tensors, run / "artifact.safetensors")
        repack(run, bundle, id=json.loads((run / "record.json").read_text())["id"])
    found = verify(bundle, registry=claims.author(), retrain=False, keep=tmp_path / "runs")
    assert "seed 1 holds the artifact of seed 0" in reasons(found)


def null_ranks() -> Any:
    import pyarrow

    columns = {"student": ["net"], "student_seed": [0], "direction": ["image_to_text"], "query": [0], "cluster": [0]}
    return pyarrow.table({**columns, "rank": pyarrow.array([None], pyarrow.int32())})


def text_ranks() -> Any:
    import pyarrow

    names = ("student", "student_seed", "direction", "query", "rank", "cluster")
    return pyarrow.table({name: ["x"] for name in names})


@pytest.mark.parametrize("make", [null_ranks, text_ranks], ids=lambda make: make.__name__)
def test_ranks_of_another_type_are_a_refusal_and_no_traceback(
    claims: Claims, tmp_path: Path, make: Callable[[], Any]
) -> None:
    from pyarrow import parquet

    run = Path(shutil.copytree(claims.selection, tmp_path / claims.selection.name))
    order = ["student", "student_seed", "direction", "query", "rank", "cluster"]
    parquet.write_table(make().select(order), run / "ranks.parquet")
    assert "cannot be read as ranks" in told(repack(run, tmp_path / "lie.zip"), claims)


@pytest.mark.parametrize("header", [b"(" * 118, b"{" * 118, b"\xff" * 118, b"{'descr': '|u1', 'shape': " + b"(" * 92])
def test_a_hostile_header_of_pictures_is_a_refusal_and_no_traceback(
    claims: Claims, tmp_path: Path, header: bytes
) -> None:
    run = Path(shutil.copytree(claims.selection, tmp_path / claims.selection.name))
    (run / "preview.npy").write_bytes(b"\x93NUMPY\1\0\x76\0" + header)
    assert "preview.npy is refused" in told(repack(run, tmp_path / "lie.zip"), claims)


def test_pairs_copied_from_test_carry_a_flag_in_the_evidence_and_on_the_board(claims: Claims, tmp_path: Path) -> None:
    from vlbench.progress import SilentObserver
    from vlbench.runs.request import RunRequest
    from vlbench.runs.session import Session

    session = Session(claims.verifier(), RunRequest(suite="claims-toy"), SilentObserver())
    run = Path(shutil.copytree(claims.distilled, tmp_path / claims.distilled.name))
    tensors = load_file(run / "artifact.safetensors")
    tensors["side.image"] = session.dataset.split("test").items["image"][:20].clone()
    save_file(tensors, run / "artifact.safetensors")
    found = verify(remade(run, session, tmp_path), registry=claims.verifier(), keep=tmp_path / "runs")
    assert not found.failed, reasons(found)
    assert "image pixels" in found.flags
    (row,) = read_table([tmp_path / "runs"]).groups[0].ranked
    assert "image pixels" in row.flags


def remade(run: Path, session: Any, tmp_path: Path) -> Path:
    """The bundle of a run whose artifact was changed, with scores made honestly."""
    import vlbench
    from vlbench.artifacts.coded_size import artifact_bytes
    from vlbench.runs.preview import write_preview
    from vlbench.runs.rescoring import rescore

    artifact = vlbench.load_artifact(run)
    record = json.loads((run / "record.json").read_text())
    scored, _ = rescore(session, artifact, record["seed"], keep=run)
    record |= {"scores": msgspec.to_builtins(scored.scores), "chosen": msgspec.to_builtins(scored.chosen)}
    record["cost"]["bytes"] = artifact_bytes(artifact, session.dataset.split("train"))
    (run / "record.json").write_text(json.dumps(record))
    write_preview(run, artifact, session.dataset.split("train"), session.evaluator(session.protocol.reference))
    return repack(run, tmp_path / "remade.zip")


def test_an_honest_run_carries_no_flag_and_its_claim_is_accepted(claims: Claims, tmp_path: Path) -> None:
    for name in ("selection", "distilled"):
        bundle = submit(getattr(claims, name), tmp_path / f"{name}.zip")
        found = verify(bundle, registry=claims.author())
        assert (found.failed, found.badge) == (False, "re-evaluated")
    assert np.isfinite(found.comparisons[0].here)
