"""``vlbench doctor``: what it finds on this machine, and faults that the test makes."""

from __future__ import annotations

import json
import socket
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner, Result

from vlbench.cli.main import main

NAMES = ["python", "torch", "device", "threads", "faiss", "cache", "disk", "network", "plugins", "extras"]


@pytest.fixture(autouse=True)
def no_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def doctor(*words: str) -> Result:
    return CliRunner().invoke(main, [*words, "doctor"])


def findings(*words: str) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in json.loads(CliRunner().invoke(main, [*words, "doctor", "--json"]).stdout)}


def test_the_report_fits_a_screen_and_names_what_is_here(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COLUMNS", "80")
    shown = doctor()
    lines = shown.stdout.splitlines()
    assert shown.exit_code == 0, shown.output
    assert len(lines) < 24
    assert all(len(line) <= 80 for line in lines)
    found = findings()
    assert list(found) == NAMES
    assert torch.__version__ in found["torch"]["value"]
    assert f"{torch.get_num_threads()} on " in found["threads"]["value"]


def test_a_broken_plugin_is_a_fault_with_its_name(tmp_path: Path):
    (tmp_path / "doctor_broken.py").write_text("import no_such_module_at_all")
    found = findings("--plugin", str(tmp_path / "doctor_broken.py"))["plugins"]
    assert found["level"] == "fault"
    assert "doctor_broken: missing dependency no_such_module_at_all" in found["advice"]
    assert doctor("--plugin", str(tmp_path / "doctor_broken.py")).exit_code == 1


def test_a_cache_that_cannot_be_written_is_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("VLBENCH_CACHE", str(tmp_path / "file" / "cache"))
    found = findings()["cache"]
    assert found["level"] == "fault"
    assert "VLBENCH_CACHE" in found["advice"]


def test_a_damaged_library_is_a_fault_and_the_rest_is_reported(monkeypatch: pytest.MonkeyPatch):
    def broken(_: int) -> None:
        raise OSError("libfaiss.so: cannot open")

    monkeypatch.setattr("faiss.IndexFlatIP", broken)
    found = findings()
    assert found["faiss"]["level"] == "fault"
    assert "libfaiss.so" in found["faiss"]["value"]
    assert list(found) == NAMES


def test_the_network_is_tried_and_never_waited_for(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("HF_HUB_OFFLINE")
    for name in ("HTTPS_PROXY", "https_proxy", "TRANSFORMERS_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.getsockname()[1]}")
        assert findings()["network"]["level"] == "ok"
    done = threading.Event()

    def hang(*_: object, **__: object) -> None:
        done.wait(30)
        raise OSError("too late")

    monkeypatch.setattr("vlbench.doctor.socket.create_connection", hang)
    monkeypatch.setattr("vlbench.doctor.WAIT_S", 0.2)
    began = time.monotonic()
    found = findings()["network"]
    done.set()
    assert found["level"] == "note"
    assert "does not answer" in found["value"]
    assert time.monotonic() - began < 10


def test_a_full_disk_is_a_fault(monkeypatch: pytest.MonkeyPatch):
    usage = type("Usage", (), {"free": 10**6})
    monkeypatch.setattr("vlbench.doctor.shutil.disk_usage", lambda _: usage)
    found = findings()["disk"]
    assert found["level"] == "fault"
    assert "vlbench cache --prune" in found["advice"]


def test_more_threads_than_cores_are_noted(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("torch.get_num_threads", lambda: 10**4)
    found = findings()["threads"]
    assert found["level"] == "note"
    assert "OMP_NUM_THREADS" in found["advice"]
