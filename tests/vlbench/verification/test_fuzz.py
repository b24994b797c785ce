"""Whatever bytes, records, options or TOML come in: an expected error or a value that holds, never anything else.

Examples are drawn the same way in every run; ``VLBENCH_FUZZ=N`` multiplies their number by N.
"""

from __future__ import annotations

import copy
import dataclasses
import json
import os
import shutil
import tempfile
import tomllib
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import vlbench
from vlbench.board.leaderboard import build_table
from vlbench.board.picture import read_preview
from vlbench.board.render_csv import render_csv
from vlbench.board.render_markdown import render_markdown
from vlbench.board.render_text import render_text
from vlbench.cache import Cache
from vlbench.disk.sums import read_sums
from vlbench.disk.tensors import read_tensors
from vlbench.errors import DataError, OptionError, UnknownNameError, VlbenchError
from vlbench.protocol.load import load_protocol
from vlbench.records.evidence import origin_of, read_evidence
from vlbench.records.fit import record_problem
from vlbench.records.ranks import read_ranks
from vlbench.records.record import FoundRecord, parse_record, read_record
from vlbench.registry.loader import load_registry
from vlbench.registry.options import parse_options
from vlbench.verification.bundle import unpack
from vlbench.verification.checks import record_checks
from vlbench.verification.data_checks import open_artifact
from vlbench.verification.submit import submit
from vlbench.verification.untrusted import check_pictures, check_safetensors, check_table

from .conftest import Claims

TIMES = int(os.environ.get("VLBENCH_FUZZ", "1"))
MODERATE = settings(
    max_examples=60 * TIMES, deadline=None, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=30)
)
JSON = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3)
)


@st.composite
def damaged(draw: st.DrawFn, content: bytes) -> bytes:
    """Bytes with a few flipped, cut out, put in, doubled or zeroed."""
    made = bytearray(content)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, max(len(made) - 1, 0)))
        how = draw(st.sampled_from(["flip", "cut", "insert", "truncate", "zero", "double"]))
        length = draw(st.integers(1, 64))
        if how == "flip" and made:
            made[at] ^= 1 << draw(st.integers(0, 7))
        elif how == "cut":
            del made[at : at + length]
        elif how == "insert":
            made[at:at] = draw(st.binary(min_size=1, max_size=64))
        elif how == "truncate":
            del made[at:]
        elif how == "zero":
            made[at : at + length] = bytes(len(made[at : at + length]))
        else:
            made[at:at] = made[at : at + length]
    return bytes(made)


def expected(read: Any) -> Any:
    """What a reader gives, or the expected error; anything else that it raises fails the test."""
    try:
        return read()
    except VlbenchError as error:
        return error


READERS: dict[str, tuple[str, Any]] = {
    "record": ("record.json", lambda folder: read_record(folder)),
    "ranks": ("ranks.parquet", lambda folder: read_ranks(folder)),
    "table": ("ranks.parquet", lambda folder: check_table(folder / "ranks.parquet", ())),
    "preview": ("preview.npy", lambda folder: read_preview(folder, 9)),
    "captions": ("preview.json", lambda folder: read_preview(folder, 9)),
    "pictures": ("preview.npy", lambda folder: check_pictures(folder / "preview.npy")),
    "header": ("artifact.safetensors", lambda folder: check_safetensors(folder / "artifact.safetensors")),
    "tensors": ("artifact.safetensors", lambda folder: vlbench.load_artifact(folder)),
    "stranger's tensors": ("artifact.safetensors", lambda folder: open_artifact(folder)),
    "about": ("artifact.json", lambda folder: open_artifact(folder)),
    "own about": ("artifact.json", lambda folder: vlbench.load_artifact(folder)),
    "evidence": ("verification.json", lambda folder: read_evidence(folder)),
    "origin": ("origin.json", lambda folder: origin_of(folder)),
    "sums": ("SHA256SUMS", lambda folder: read_sums(folder)),
    "checkpoint": ("checkpoint.safetensors", lambda folder: read_tensors(folder / "checkpoint.safetensors")),
}


@pytest.fixture(scope="module")
def folder(claims: Claims, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("fuzz") / "run"
    shutil.copytree(claims.distilled, target)
    return target


@pytest.mark.parametrize("reader", READERS)
@settings(MODERATE, max_examples=25 * TIMES)
@given(data=st.data())
def test_any_bytes_give_every_reader_an_expected_error_or_a_value(
    folder: Path, reader: str, data: st.DataObject
) -> None:
    name, read = READERS[reader]
    path = folder / name
    before = path.read_bytes() if path.exists() else None
    content = data.draw(st.binary(max_size=300) | damaged(before or b'{"manifest_sha256": "ab"}'))
    path.write_bytes(content)
    try:
        expected(lambda: read(folder))
    finally:
        path.unlink() if before is None else path.write_bytes(before)


@MODERATE
@given(data=st.data())
def test_a_bundle_with_any_bytes_changed_is_refused(claims: Claims, data: st.DataObject, tmp_path: Path) -> None:
    bundle = tmp_path / "claim.zip"
    content = bundle.read_bytes() if bundle.exists() else submit(claims.distilled, bundle).read_bytes()
    changed = data.draw(damaged(content))
    with tempfile.TemporaryDirectory() as inside:
        (Path(inside) / "changed.zip").write_bytes(changed)
        target = Path(inside) / "out"
        target.mkdir()
        if changed == content:
            unpack(Path(inside) / "changed.zip", target)
        else:
            with pytest.raises(DataError):
                unpack(Path(inside) / "changed.zip", target)


@st.composite
def mutated(draw: st.DrawFn, value: Any) -> Any:
    """JSON with one of its leaves, tables or lists replaced, doubled or left out."""
    made = copy.deepcopy(value)
    at, trail = made, []
    while isinstance(at, dict | list) and at and (not trail or draw(st.integers(0, 3))):
        key = draw(st.sampled_from(sorted(at) if isinstance(at, dict) else range(len(at))))
        trail.append((at, key))
        at = at[key]
    parent, key = trail[-1]
    how = draw(st.sampled_from(["replace", "replace", "remove", "add"]))
    if how == "replace":
        parent[key] = draw(JSON)
    elif how == "remove":
        del parent[key]
    elif isinstance(parent, dict):
        parent[draw(st.text(max_size=8))] = draw(JSON)
    else:
        parent.append(draw(JSON))
    return made


@settings(MODERATE, max_examples=150 * TIMES)
@given(data=st.data())
def test_a_record_with_anything_in_it_is_checked_and_drawn_or_left_out(claims: Claims, data: st.DataObject) -> None:
    record = json.loads((claims.distilled / "record.json").read_text())
    changed = expected(lambda: parse_record(data.draw(mutated(record))))
    if isinstance(changed, VlbenchError):
        return
    assert all(check.name and isinstance(check.detail, str) for check in record_checks(changed))
    if not record_problem(changed):
        table = build_table([FoundRecord.of(changed)])
        for text in (render_text(table), render_markdown(table), render_csv(table)):
            assert text.replace("\n", "").isprintable()


@dataclasses.dataclass(frozen=True)
class Options:
    count: int = vlbench.option(1, help="a number")
    rate: float = vlbench.option(0.5, help="a rate")
    on: bool = vlbench.option(False, help="a switch")
    kind: Literal["a", "b"] = vlbench.option("a", help="a kind")
    level: float | None = vlbench.option(None, help="a level")
    values: tuple[float, ...] = vlbench.option((1.0,), help="values")
    table: dict[str, int] = vlbench.option({}, help="a table")
    path: Path = vlbench.option(Path("x"), help="a path")


TYPES = {"count": int, "rate": float, "on": bool, "kind": str, "values": tuple, "table": dict, "path": Path}


@settings(MODERATE, max_examples=400 * TIMES)
@given(name=st.sampled_from([*TYPES, "level", "other"]), value=JSON | st.text(max_size=200))
def test_an_option_of_any_value_is_of_its_type_or_refused(name: str, value: Any) -> None:
    try:
        parsed = parse_options(Options, {name: value}, owner="a test")
    except (OptionError, UnknownNameError):
        return
    for field, kind in TYPES.items():
        assert type(getattr(parsed, field)) is kind or isinstance(getattr(parsed, field), kind)
    assert parsed.level is None or np.isfinite(parsed.level)
    assert np.isfinite(parsed.rate)


def toml(value: Any) -> str:
    """A value as TOML writes it, or text that is none."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(key)} = {toml(inner)}" for key, inner in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(value) if isinstance(value, str) else str(value)


@settings(MODERATE, max_examples=200 * TIMES)
@given(data=st.data())
def test_a_suite_with_anything_in_it_is_a_protocol_or_one_message(data: st.DataObject, tmp_path: Path) -> None:
    registry = load_registry()
    text = registry.get("suite", "scenes-mini").read_text()
    table = data.draw(mutated(tomllib.loads(text)))
    written = "\n".join(f"{json.dumps(key)} = {toml(value)}" for key, value in table.items())
    content = data.draw(st.sampled_from([written.encode(errors="replace")]) | damaged(text.encode()))
    (tmp_path / "suite.toml").write_bytes(content)
    found = expected(lambda: load_protocol(str(tmp_path / "suite.toml"), registry))
    assert "\n" not in str(found) or isinstance(found, UnknownNameError) or not isinstance(found, VlbenchError)


@settings(MODERATE, max_examples=40 * TIMES)
@given(data=st.data())
def test_an_entry_of_the_cache_with_any_bytes_changed_is_never_used(data: st.DataObject, tmp_path: Path) -> None:
    import torch

    cache, key = Cache(tmp_path), {"k": 1}
    cache.store("features", key, {"a": torch.arange(50.0)})
    path = cache.folder("features", key) / data.draw(st.sampled_from(["key.json", "data.safetensors", "SHA256SUMS"]))
    before = path.read_bytes()
    changed = data.draw(damaged(before))
    path.write_bytes(changed)
    assert (cache.load("features", key) is None) == (changed != before)
