"""Readers of what lies in a folder of runs, in a cache, in a bundle, and beside them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from click.testing import CliRunner

import vlbench
from vlbench.board.picture import read_preview, read_sounds, read_start
from vlbench.budget import Budget
from vlbench.cache import Cache
from vlbench.cli.main import main
from vlbench.data.folders import remembered_folder
from vlbench.disk.place import default_cache
from vlbench.disk.sums import read_sums, sums_text
from vlbench.disk.tensors import read_tensors, write_tensors
from vlbench.protocol.load import load_protocol
from vlbench.records.curve import KIND as CURVES
from vlbench.records.curve import find_curve
from vlbench.records.evidence import origin_of, read_evidence
from vlbench.records.ranks import read_ranks
from vlbench.records.record import read_record
from vlbench.registry.listing import listed
from vlbench.registry.loader import try_plugins
from vlbench.registry.registry import Registry
from vlbench.runs.grid import FOLDER as GRIDS
from vlbench.runs.jobs import Job
from vlbench.runs.shared import _data_of
from vlbench.runs.timings import FILE_NAME as TIMINGS
from vlbench.runs.timings import Timings
from vlbench.verification.submit import submit
from vlbench.verification.verify import verify

from .conftest import Claims
from .readers_of_data import Reader


def called(*words: str) -> None:
    """A command in this process; what it raises but for an exit is raised."""
    done = CliRunner().invoke(main, list(words))
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception


def readers_of_runs(folder: Path, claims: Claims) -> dict[str, Reader]:
    """All of them."""
    registry = claims.verifier()
    suite = folder / "suite.toml"
    suite.write_text(registry.get("suite", "scenes-mini").read_text())
    plugin = folder / "random_plugin.py"
    plugin.write_text("import vlbench\n@vlbench.hookimpl\ndef vlbench_methods():\n    return []\n")
    journal = folder / "journal"
    journal.write_text("".join(json.dumps({"process": 1, "time_s": n, "phase": "students"}) + "\n" for n in range(3)))
    return {
        **_of_a_run(folder, claims),
        **_of_a_claim(folder, claims, registry),
        **_of_a_cache(folder),
        **_of_a_grid(folder),
        "suite": Reader(suite, lambda: load_protocol(str(suite), registry)),
        "plugin": Reader(plugin, lambda: try_plugins([str(plugin)])),
        "journal": Reader(journal, lambda: called("journal", str(journal))),
    }


def _of_a_run(folder: Path, claims: Claims) -> dict[str, Reader]:
    run = claims.distilled
    copy = folder / "runs" / run.name
    shutil.copytree(run, copy)
    sums = folder / "SHA256SUMS"
    sums.write_bytes(sums_text(run, ["record.json", "ranks.parquet"]))
    (copy / "verification.json").write_text('{"record_sha256": "00", "badge": "rebuilt"}')
    (copy / "origin.json").write_text('{"manifest_sha256": "00"}')
    (copy / "audit.json").write_text('{"flags": ["image"]}')
    about = json.loads((copy / "preview.json").read_text())
    np.save(copy / "start.npy", np.load(copy / "preview.npy"))
    (copy / "start.json").write_text(json.dumps({"captions": about["captions"], "cosines": [0.5] * 20}))
    page, pages = folder / "board.html", folder / "pages"
    html = ("leaderboard", str(folder / "runs"), "--format", "html", "--out", str(page))
    board: Callable[[], object] = lambda: called("leaderboard", str(folder / "runs"), "--format", "markdown")  # noqa: E731
    drawn: Callable[[], object] = lambda: called(*html)  # noqa: E731
    called("site", str(folder / "runs"), "--to", str(pages))
    (listing,) = pages.glob("*.json")
    return {
        "record": Reader(copy / "record.json", lambda: read_record(copy)),
        "record replayed": Reader(copy / "record.json", lambda: called("replay", str(copy), "--dry-run")),
        "board": Reader(copy / "record.json", board),
        "board of ranks": Reader(copy / "ranks.parquet", board),
        "board of an audit": Reader(copy / "audit.json", board),
        "page of hits": Reader(copy / "hits.json", drawn),
        "page of pictures of hits": Reader(copy / "hits.npy", drawn),
        "site": Reader(listing, lambda: called("site", str(folder / "runs"), "--to", str(pages))),
        "ranks": Reader(copy / "ranks.parquet", lambda: read_ranks(copy)),
        "artifact": Reader(copy / "artifact.safetensors", lambda: vlbench.load_artifact(copy)),
        "about": Reader(copy / "artifact.json", lambda: vlbench.load_artifact(copy)),
        "preview": Reader(copy / "preview.npy", lambda: read_preview(copy, 9)),
        "captions of the preview": Reader(copy / "preview.json", lambda: (read_preview(copy, 9), read_sounds(copy))),
        "start": Reader(copy / "start.npy", lambda: read_start(copy, 9)),
        "captions of the start": Reader(copy / "start.json", lambda: read_start(copy, 9)),
        "evidence": Reader(copy / "verification.json", lambda: read_evidence(copy)),
        "origin": Reader(copy / "origin.json", lambda: origin_of(copy)),
        "sums": Reader(sums, lambda: read_sums(folder)),
    }


def _of_a_claim(folder: Path, claims: Claims, registry: Registry) -> dict[str, Reader]:
    claim, other = (submit(run, folder / f"{run.name}.zip") for run in (claims.distilled, claims.selection))
    return {
        "claim": Reader(claim, lambda: verify(claim, registry=registry, retrain=False)),
        "claim of a selection": Reader(other, lambda: verify(other, registry=registry, retrain=False)),
    }


def _of_a_cache(folder: Path) -> dict[str, Reader]:
    write_tensors(folder / "checkpoint.safetensors", {"state": torch.arange(9.0)}, {"spent_s": "1.5"})
    cache, key = Cache(folder / "cache"), {"k": 1}
    cache.store("features", key, {"a": torch.arange(50.0)})
    entry = cache.folder("features", key)
    asked = {"protocol": "p", "data": "d", "student": "net"}
    curve = {"sizes": torch.tensor([2, 4]), "scores": torch.rand(2, 3), "train_s": torch.rand(2)}
    cache.store(CURVES, asked, curve)
    points = cache.folder(CURVES, asked)
    (folder / "folders.json").write_text('{"mine": "/nowhere"}')
    row = {"protocol": "p", "device": "cpu", "method": "random", "budget": "20", "options": "x", "condense_s": 1.0,
           "score_s": 2.0, "memory_bytes": 9, "bytes": 7}  # fmt: skip
    (cache.root / TIMINGS).write_text(f"{json.dumps(row)}\n" * 3)
    job = Job("random", Budget.parse("10"))
    made = folder / "made.bin"
    made_once: Callable[[], object] = lambda: vlbench.data.made_once(made, lambda to: to.write(b"1"), Path.read_bytes)  # noqa: E731
    made_once()
    listed("method")  # writes the names
    return {
        "checkpoint": Reader(
            folder / "checkpoint.safetensors", lambda: read_tensors(folder / "checkpoint.safetensors")
        ),
        "cache": Reader(entry / "data.safetensors", lambda: cache.load("features", key)),
        "cache's key": Reader(entry / "key.json", lambda: cache.load("features", key)),
        "cache's key in a plan": Reader(entry / "key.json", lambda: _data_of(entry / "key.json")),
        "cache listed": Reader(entry / "key.json", lambda: called("cache", "--verify")),
        "curve": Reader(points / "data.safetensors", lambda: find_curve(cache.root, "p", "d", "net")),
        "curve's key": Reader(points / "key.json", lambda: find_curve(cache.root, "p", "d", "net")),
        "folders": Reader(folder / "folders.json", lambda: remembered_folder(folder, "mine")),
        "timings": Reader(cache.root / TIMINGS, lambda: Timings(cache.root, "p", "cpu").estimate(job)),
        "names of plugins": Reader(default_cache() / "names.json", lambda: listed("method")),
        "a file's hash": Reader(made.with_name("made.bin.sha256"), made_once),
    }


def _of_a_grid(folder: Path) -> dict[str, Reader]:
    runs = folder / "grid"
    (runs / GRIDS).mkdir(parents=True)
    (runs / "a-run").mkdir()
    grid, beat = runs / GRIDS / "00.json", runs / "a-run" / "progress.json"
    grid.write_text(json.dumps({"version": 1, "rows": [{"id": "a-run", "name": "a", "job": {}}], "shared": {}}))
    beat.write_text(json.dumps({"name": "a", "host": "h", "process": 1, "since": 1.0, "phase": "start", "step": 1}))
    return {name: Reader(path, lambda: called("status", str(runs))) for name, path in (("grid", grid), ("beat", beat))}
