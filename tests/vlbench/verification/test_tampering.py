"""Every field and every byte of a bundle: changed, it is refused, or it is one that the table calls claimed."""

from __future__ import annotations

import copy
import json
import random
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import vlbench.verification.verify
from vlbench.errors import DataError
from vlbench.progress import SilentObserver
from vlbench.registry.registry import Registry
from vlbench.runs.request import RunRequest
from vlbench.runs.session import Session
from vlbench.verification.bundle import MANIFEST, sealed, unpack
from vlbench.verification.submit import submit
from vlbench.verification.verify import verify

from .conftest import Claims, repack

Place = tuple[str | int, ...]


def places(value: Any, at: Place = ()) -> Iterator[Place]:
    """Every value inside a value, lists and tables included."""
    if at:
        yield at
    inside = list(value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ())
    # Of tables in a list (the plugins), the first stands for all.
    for key, part in inside[:1] if isinstance(value, list) and isinstance(value[:1] and value[0], dict) else inside:
        yield from places(part, (*at, key))


def others(value: Any) -> list[Any]:
    """Values that are not this one, of its type and near it."""
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return [value + 1]
    if isinstance(value, float):
        return [value * 1.001 + 1e-6]
    if isinstance(value, str):
        return [value[:-1] + ("0" if value[-1:] != "0" else "1")]
    if isinstance(value, list):
        return [[*value, value[0]]] if value else [[1]]
    return [{**value, "surprise": 1}] if isinstance(value, dict) else [7]


def changes(record: dict[str, Any]) -> Iterator[tuple[Place, dict[str, Any]]]:
    """Every record that differs in one place: changed, longer, shorter, or left out."""
    for place in places(record):
        *folders, last = place
        for change in [*others(_at(record, place)), ...]:
            changed = copy.deepcopy(record)
            parent = _at(changed, tuple(folders))
            if change is not ...:
                parent[last] = change
            elif isinstance(parent, dict):
                del parent[last]
            else:
                continue
            yield place, changed
    for name, value in ABSENT.items():
        if name not in record:
            yield (name,), {**record, name: value}
    yield ("cost", "step_s"), {**record, "cost": {**record["cost"], "step_s": 1.0, "device_peak_bytes": 1}}


ABSENT = {
    "warnings": ["x"], "baseline": True, "mock": True, "deterministic": True, "resumed": True, "message": "x",
    "overrides": {"training.seeds": "9"}, "baselines": ["random"], "settings": {"a": 1}, "curves": {"a": [1.0]},
    "matched_to": {"method": "vldd", "options": {}, "budget": "20"}, "method_code": "0", "start": {"scores": {}},
}  # fmt: skip
"""Fields that a record leaves out while they hold their default, with another value."""


def _at(value: Any, place: Place) -> Any:
    for key in place:
        value = value[key]
    return value


def rewrite(source: Path, target: Path, contents: dict[str, bytes]) -> Path:
    """The same zip with other contents of some files."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for entry in old.infolist():
            new.writestr(copy.copy(entry), contents.get(entry.filename, old.read(entry)))
    return target


def refused(bundle: Path, registry: Registry) -> bool:
    try:
        return verify(bundle, registry=registry, retrain=False).failed
    except DataError:
        return True


@pytest.fixture(scope="module")
def bundle(claims: Claims, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return submit(claims.distilled, tmp_path_factory.mktemp("bundle") / "claim.zip")


def test_a_change_of_any_field_of_the_record_breaks_a_hash(claims: Claims, bundle: Path, tmp_path: Path) -> None:
    record = json.loads((claims.distilled / "record.json").read_text())
    tried = 0
    for _, changed in changes(record):
        content = (json.dumps(changed, indent=2) + "\n").encode()
        folder = tmp_path / str(tried)
        folder.mkdir()
        with pytest.raises(DataError, match=r"record\.json is refused"):
            unpack(rewrite(bundle, tmp_path / "changed.zip", {"record.json": content}), folder)
        shutil.rmtree(folder)
        tried += 1
    assert tried > 150


def test_with_all_hashes_made_anew_only_what_is_called_claimed_can_be_changed(
    claims: Claims, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = RunRequest(suite="claims-toy", device="cpu")
    shared = Session(claims.verifier(), request, SilentObserver())
    environment = shared.environment()
    monkeypatch.setattr(shared, "environment", lambda: environment)
    # Loading the data anew for each of the some hundred records that get as far would take most of the time.
    monkeypatch.setattr(vlbench.verification.verify, "_session", lambda *_: shared)
    run = Path(shutil.copytree(claims.distilled, tmp_path / claims.distilled.name))
    record = json.loads((run / "record.json").read_text())
    free, registry = set(), claims.verifier()
    for place, changed in changes(record):
        (run / "record.json").write_text(json.dumps(changed))
        if not refused(repack(run, tmp_path / "claim.zip", id=str(changed.get("id"))), registry):
            free.add(".".join(map(str, place[:2])) if place[0] in ("cost", "chosen", "start") else place[0])
    assert free == FREE


FREE = {
    "created", "curves", "environment", "plugins", "method_code", "plugin_scores", "deterministic", "settings",
    "warnings", "resumed", "cost.step_s",
    "cost.condense_s", "cost.train_s", "cost.score_s", "cost.peak_rss_bytes", "start.cost",
}  # fmt: skip


def test_a_change_of_any_byte_of_the_bundle_is_refused(bundle: Path, tmp_path: Path) -> None:
    content = bundle.read_bytes()
    folder = tmp_path / "out"
    draw = random.Random(0)
    directory = content.rindex(b"PK\5\6") - 600
    ends = [*range(0, 120, 2), *range(directory, len(content), 5)]
    for position in [*ends, *draw.sample(range(len(content)), 100)]:
        changed = bytearray(content)
        changed[position] ^= 1 << draw.randrange(8)
        (tmp_path / "changed.zip").write_bytes(changed)
        folder.mkdir()
        with pytest.raises(DataError):
            unpack(tmp_path / "changed.zip", folder)
        shutil.rmtree(folder)


def test_every_file_of_the_bundle_stands_under_its_hash(bundle: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(bundle) as archive:
        names = archive.namelist()
        contents = {name: archive.read(name) for name in names}
    assert set(names) >= {"record.json", "artifact.json", "artifact.safetensors", "preview.npy", MANIFEST}
    for number, name in enumerate(names):
        (tmp_path / str(number)).mkdir()
        changed = {name: contents[name][:-1] + bytes([contents[name][-1] ^ 1])}
        with pytest.raises(DataError, match=name.replace(".", r"\.")):
            unpack(rewrite(bundle, tmp_path / "changed.zip", changed), tmp_path / str(number))


@pytest.mark.parametrize(
    "change",
    [{"bundle": 2}, {"bundle": True}, {"id": 7}, {"id": "other"}, {"vlbench": None}, {"files": {}}, {"more": 1},
     {"files": {"record.json": {"bytes": 1, "sha256": "0" * 64}}}, {"sha256": "0" * 64}],
)  # fmt: skip
def test_a_manifest_that_is_none_of_ours_is_refused_though_its_own_hash_is_right(
    claims: Claims, bundle: Path, tmp_path: Path, change: dict[str, Any]
) -> None:
    with zipfile.ZipFile(bundle) as archive:
        manifest = json.loads(archive.read(MANIFEST))
    resealed = sealed({**manifest, **change}) | ({"sha256": "0" * 64} if "sha256" in change else {})
    text = json.dumps(resealed, indent=1, sort_keys=True).encode()
    assert refused(rewrite(bundle, tmp_path / "changed.zip", {MANIFEST: text}), claims.verifier())
