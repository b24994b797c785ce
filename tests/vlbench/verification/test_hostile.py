"""Files made to do harm: refused by name before anything is allocated, unpickled or written elsewhere."""

from __future__ import annotations

import contextlib
import io
import json
import os
import pickle
import shutil
import signal
import struct
import time
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

from vlbench.artifacts.artifact import load_artifact
from vlbench.board.gather import gather
from vlbench.board.picture import read_preview, read_start
from vlbench.disk.sums import read_sums, write_sums
from vlbench.errors import DataError, VlbenchError
from vlbench.records.evidence import origin_of, read_evidence
from vlbench.records.ranks import read_ranks
from vlbench.records.record import read_record
from vlbench.verification.bundle import LARGEST, MANIFEST, unpack
from vlbench.verification.submit import submit
from vlbench.verification.verify import verify

from .conftest import Claims, repack

Entries = list[tuple[zipfile.ZipInfo, bytes]]


class Harm:
    """Unpickled, it leaves a trace."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self.trace,))


@pytest.fixture(scope="module")
def bundle(claims: Claims, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return submit(claims.selection, tmp_path_factory.mktemp("bundle") / "claim.zip")


def entries(bundle: Path) -> Entries:
    with zipfile.ZipFile(bundle) as archive:
        return [(entry, archive.read(entry)) for entry in archive.infolist()]


def plain(name: str, mode: int = 0o100644) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    entry.create_system, entry.external_attr = 3, mode << 16
    return entry


def write(target: Path, content: Entries) -> Path:
    with zipfile.ZipFile(target, "w") as archive:
        for entry, data in content:
            archive.writestr(entry, data)
    return target


def deflated(name: str) -> zipfile.ZipInfo:
    entry = plain(name)
    entry.compress_type = zipfile.ZIP_DEFLATED
    return entry


@pytest.mark.parametrize("name", ["../evil", "/tmp/evil", "a/../../evil", "C:\\evil", "..\\evil", "preview.npy/evil"])
def test_a_file_that_would_lie_outside_the_bundle_is_refused(bundle: Path, tmp_path: Path, name: str) -> None:
    inside = tmp_path / "deep" / "inside"
    inside.mkdir(parents=True)
    hostile = write(tmp_path / "claim.zip", [*entries(bundle)[:-1], (plain(name), b"harm")])
    with pytest.raises(DataError, match="lies outside the bundle"):
        unpack(hostile, inside)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["claim.zip", "deep", "inside"]


@pytest.mark.parametrize("name", ["artifact.pkl", "artifact.pt", "inner.zip", "record.json.", "RECORD.JSON", "x\0y"])
def test_a_file_of_no_known_name_is_refused(bundle: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "out").mkdir()
    with pytest.raises(DataError, match="is refused"):
        unpack(write(tmp_path / "claim.zip", [*entries(bundle)[:-1], (plain(name), b"harm")]), tmp_path / "out")


def links(bundle: Path, target: Path) -> Path:
    found = entries(bundle)
    found[-1] = (plain(found[-1][0].filename, mode=0o120777), b"/etc/passwd")
    return write(target, found)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def twice(bundle: Path, target: Path) -> Path:
    found = entries(bundle)
    return write(target, [*found[1:], found[-1]])


def bomb(bundle: Path, target: Path) -> Path:
    found = [entry for entry in entries(bundle) if entry[0].filename != "preview.npy"]
    return write(target, [*found, (deflated("preview.npy"), bytes(50_000_000))])


def lying(bundle: Path, target: Path) -> Path:
    """Its directory says of a file of a few bytes that it is enormous."""
    content = bytearray(bundle.read_bytes())
    at = content.index(b"PK\1\2")
    while content[at + 46 : at + 57] != b"preview.npy":
        at = content.index(b"PK\1\2", at + 4)
    content[at + 20 : at + 28] = struct.pack("<II", 250_000_000, 250_000_000)
    target.write_bytes(content)
    return target


def overlapping(bundle: Path, target: Path) -> Path:
    """All entries of the directory point to the largest file."""
    content = bytearray(bundle.read_bytes())
    at = content.index(b"PK\1\2")
    first = content[at + 42 : at + 46]
    while (at := content.find(b"PK\1\2", at + 4)) > 0:
        content[at + 42 : at + 46] = first
    target.write_bytes(content)
    return target


def crowded(bundle: Path, target: Path) -> Path:
    return write(target, [(plain(f"{number}.json"), b"{}") for number in range(2000)])


def encrypted(bundle: Path, target: Path) -> Path:
    content = bytearray(bundle.read_bytes())
    content[content.index(b"PK\1\2") + 8] |= 1
    target.write_bytes(content)
    return target


def behind(bundle: Path, target: Path) -> Path:
    target.write_bytes(bundle.read_bytes() + b"#!/bin/sh")
    return target


def before(bundle: Path, target: Path) -> Path:
    target.write_bytes(b"#!/bin/sh\n" + bundle.read_bytes())
    return target


def between(bundle: Path, target: Path) -> Path:
    """Bytes in a field of the directory that zip readers skip."""
    found = entries(bundle)
    found[0][0].extra = b"\xfe\xca\4\0harm"
    return write(target, found)


def commented(bundle: Path, target: Path) -> Path:
    write(target, entries(bundle))
    with zipfile.ZipFile(target, "a") as archive:
        archive.comment = b"harm"
    return target


MADE: list[tuple[Callable[[Path, Path], Path], str]] = [
    (links, "is a link"), (twice, "occurs twice"), (bomb, "is compressed"), (lying, "larger than itself"),
    (overlapping, "is refused"), (crowded, "2000 files"), (encrypted, "encrypted"), (behind, "more behind it"),
    (before, "another form"), (between, "belong to no file"), (commented, "more behind it"),
]  # fmt: skip


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(("make", "reason"), MADE, ids=lambda value: getattr(value, "__name__", ""))
def test_a_zip_made_to_do_harm_is_refused_in_little_memory(
    bundle: Path, tmp_path: Path, make: Callable[[Path, Path], Path], reason: str
) -> None:
    hostile = make(bundle, tmp_path / "claim.zip")
    (tmp_path / "out").mkdir()
    tracemalloc.start()
    begin = time.process_time()
    with pytest.raises(DataError, match=reason):
        unpack(hostile, tmp_path / "out")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert time.process_time() - begin < 2
    assert peak < 8_000_000
    assert not list((tmp_path / "out").rglob("*/*"))


def header(text: bytes, length: int | None = None) -> bytes:
    return struct.pack("<Q", len(text) if length is None else length) + text


def pickled(trace: Path) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.array([Harm(trace)], dtype=object), allow_pickle=True)
    return buffer.getvalue()


def array(shape: tuple[int, ...], content: bytes, kind: str = "|u1") -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": kind, "fortran_order": False, "shape": shape})
    return buffer.getvalue() + content


def table(columns: dict[str, object]) -> bytes:
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table(columns), buffer)
    return buffer.getvalue()


def many_rows() -> bytes:
    """Thirty million rows in a few kilobytes."""
    column = pyarrow.DictionaryArray.from_arrays(pyarrow.array(np.zeros(30_000_000, dtype=np.int8)), pyarrow.array([1]))
    return table({"rank": column})


CONTENTS: list[tuple[str, bytes, str]] = [
    ("artifact.safetensors", header(b"{}", 1 << 62), "its header is"),
    ("artifact.safetensors", header(b"{" + b" " * (1 << 20) + b"}"), "its header is"),
    ("artifact.safetensors", b"\x80\x04", "its header is"),
    ("artifact.safetensors", header(b'{"a":' * 50 + b"1" + b"}" * 50), "deeper"),
    ("artifact.safetensors", header(json.dumps({f"t{i}": {} for i in range(65)}).encode()), "tensors"),
    ("preview.npy", array((1 << 40, 3, 32, 32), b""), "pictures of 8 bit"),
    ("preview.npy", array((1, 3, 2, 2), bytes(13)), "pictures of 8 bit"),
    ("preview.npy", array((1, 1, 1, 1), bytes(8), "<f8"), "pictures of 8 bit"),
    ("preview.npy", b"\x93NUMPY\1\0\x76\0" + b"__import__('os')".ljust(118), "no array of ours"),
    ("ranks.parquet", table({"student": ["net"], "rank": [1]}), "1 rows of student, rank"),
    ("ranks.parquet", many_rows(), "30,000,000 rows"),
    ("ranks.parquet", b"PAR1" + b"\xff" * 100 + b"\x40\0\0\0PAR1", "no table of ours"),
    ("ranks.parquet", b"", "no table of ours"),
    ("record.json", b"[" * 100_000, "deeper"),
    ("record.json", b'{"schema": 3, "seed": NaN}', "NaN"),
    ("record.json", b'{"schema": 3, "seed": 1e999}', "not finite"),
    ("record.json", b'{"schema": 3, "schema": 3}', "twice"),
    ("record.json", b'{"seed": ' + b"9" * 5000 + b"}", "no JSON of ours"),
    ("record.json", b'{"id": "\\ud800"}', "no JSON of ours"),
    ("record.json", b'{"id": "\xff"}', "no JSON of ours"),
    ("record.json", b"[]", "not an object"),
    ("record.json", b'{"schema": 99}', "has schema 99"),
    ("record.json", b" " * (17 << 20), "16,777,216"),
    ("artifact.json", b'{"kind": "selection", "kind": "distilled"}', "twice"),
]


def told(bundle: Path, claims: Claims) -> str:
    """The error, or the checks that failed."""
    try:
        found = verify(bundle, registry=claims.verifier(), retrain=False)
    except DataError as error:
        return str(error)
    return " ".join(check.detail for check in found.checks if check.outcome == "failed")


@pytest.mark.parametrize(("name", "content", "reason"), CONTENTS, ids=lambda value: str(value)[:24])
def test_a_harmful_file_inside_is_refused_though_all_hashes_are_right(
    claims: Claims, tmp_path: Path, name: str, content: bytes, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Path(shutil.copytree(claims.selection, tmp_path / claims.selection.name))
    (run / name).write_bytes(content)
    monkeypatch.setattr("vlbench.verification.bundle.LARGEST", LARGEST | {"record.json": 1 << 30})
    bundle = repack(run, tmp_path / "claim.zip")
    monkeypatch.undo()
    assert reason in told(bundle, claims)


@pytest.mark.parametrize("name", ["preview.npy", "artifact.safetensors"])
def test_no_pickle_is_ever_loaded(claims: Claims, tmp_path: Path, name: str) -> None:
    run = Path(shutil.copytree(claims.selection, tmp_path / claims.selection.name))
    trace = tmp_path / "trace"
    (run / name).write_bytes(pickled(trace) if name == "preview.npy" else pickle.dumps(Harm(trace)))
    with pytest.raises(DataError, match=f"{name} is refused"):
        verify(repack(run, tmp_path / "claim.zip"), registry=claims.verifier(), retrain=False)
    assert not trace.exists()


@pytest.mark.parametrize(
    "about",
    [b"[]", b"1", b'"x"', b"{}", b'{"kind": []}', b'{"kind": "selection", "fingerprint": {}, "mean_sides": 3}',
     b'{"kind": "distilled", "spaces": [1], "fingerprint": 1, "rates": {"a": "b"}}'],
)  # fmt: skip
def test_an_artifact_that_is_described_by_anything_else_is_a_failed_check(
    claims: Claims, tmp_path: Path, about: bytes
) -> None:
    run = Path(shutil.copytree(claims.selection, tmp_path / claims.selection.name))
    (run / "artifact.json").write_bytes(about)
    found = verify(repack(run, tmp_path / "claim.zip"), registry=claims.verifier(), retrain=False)
    assert found.failed
    assert MANIFEST not in str(found.checks[-1])


def test_a_record_cannot_name_a_suite_file_of_the_verifier(claims: Claims, tmp_path: Path) -> None:
    run = Path(shutil.copytree(claims.selection, tmp_path / claims.selection.name))
    record = json.loads((run / "record.json").read_text())
    (run / "record.json").write_text(json.dumps({**record, "suite": str(claims.suite.with_name("suite.toml"))}))
    found = verify(repack(run, tmp_path / "claim.zip"), registry=claims.verifier(), retrain=False)
    assert "$.suite" in found.checks[-1].detail


READERS = {
    "record.json": read_record, "ranks.parquet": read_ranks, "artifact.json": load_artifact, "SHA256SUMS": read_sums,
    "artifact.safetensors": load_artifact, "preview.npy": lambda run: read_preview(run, 9), "origin.json": origin_of,
    "preview.json": lambda run: read_preview(run, 9), "verification.json": read_evidence,
    "audit.json": lambda run: gather([run]).records, "start.json": lambda run: read_start(run, 9),
}  # fmt: skip


@pytest.mark.parametrize("sums", [True, False], ids=["with hashes", "without hashes"])
@pytest.mark.parametrize("kind", ["device", "pipe"])
@pytest.mark.parametrize("name", READERS)
def test_an_endless_file_in_a_folder_of_runs_is_refused_unread(
    claims: Claims, tmp_path: Path, name: str, kind: str, sums: bool
) -> None:
    run = Path(shutil.copytree(claims.distilled, tmp_path / claims.distilled.name))
    np.save(run / "start.npy", np.load(run / "preview.npy"))
    for other in ("start.json", "audit.json", "origin.json", "verification.json"):
        (run / other).write_text("{}")
    if sums:
        write_sums(run, [path.name for path in run.iterdir()])
    (run / name).unlink(missing_ok=True)
    (run / name).symlink_to("/dev/zero") if kind == "device" else os.mkfifo(run / name)

    def too_long(*_: object) -> None:
        raise TimeoutError(name)

    before = signal.signal(signal.SIGALRM, too_long)
    signal.alarm(20)
    try:
        with contextlib.suppress(VlbenchError):
            READERS[name](run)
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
