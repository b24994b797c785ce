"""Methods that misbehave: the rows beside them, and what they share with later runs, stay as they are."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vlbench.budget import Budget
from vlbench.data import lent
from vlbench.progress import SilentObserver
from vlbench.registry.loader import RESERVED, load_registry, try_plugins
from vlbench.runs import jobs
from vlbench.runs.pipeline import run_many
from vlbench.runs.request import RunRequest

from .evil import DECLARED, DIES, EVIL, FAILS, HEAD, QUIET, SAID

VLDD = {"vldd.experts": "1", "vldd.expert_steps": "12", "vldd.interval": "6", "vldd.outer_steps": "2"}


def write_evil(folder: Path, module: str, codes: dict[str, str]) -> str:
    """A plugin with a method evil-NAME for each code."""
    path = folder / f"{module}.py"
    bodies = [
        EVIL.format(name=name, code=textwrap.indent(textwrap.dedent(code), " " * 8)) for name, code in codes.items()
    ]
    path.write_text(HEAD + "".join(bodies) + DECLARED.format(names=list(codes), module=module))
    return str(path)


def evil(name: str) -> str:
    return f"evil-{name.replace('_', '-')}"


Records = dict[str, dict[str, Any]]


def run(
    toy_suite: tuple[str, str], out: Path, methods: list[str], *, plugins: tuple[str, ...] = (), **more: Any
) -> Records:
    """The records of a command as JSON, by method, with the bytes of each artifact."""
    suite, plugin = toy_suite
    request = RunRequest(suite=suite, out=out, options=VLDD if "vldd" in methods else {}, device="cpu", **more)
    registry = load_registry([plugin, *plugins])
    records = run_many(registry, methods=methods, budgets=[Budget(5)], request=request, observer=SilentObserver())
    found = {}
    for record in records:
        files = sorted((out / record.id).glob("artifact.safetensors"))
        table = json.loads((out / record.id / "record.json").read_text())
        found[record.method] = table | {"bytes": [file.read_bytes() for file in files]}
    return found


def numbers(records: Records) -> dict[str, Any]:
    """All that another row could spoil, of the rows that behave."""
    fields = ("status", "scores", "chosen", "curves", "bytes", "warnings")
    rows = [name for name in records if not name.startswith("evil")]
    return {name: {field: records[name].get(field) for field in fields} for name in rows}


ROWS = ["random", "herding", "vldd"]
ALL = {**{name: (code, "") for name, code in QUIET.items()}, **SAID}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("misbehaving")


@pytest.fixture(scope="module")
def suite(place: Path, write_toy_suite: Callable[[Path], tuple[str, str]]) -> tuple[str, str]:
    return write_toy_suite(place)


@pytest.fixture(scope="module")
def expected(place: Path, suite: tuple[str, str]) -> dict[str, Any]:
    """What the rows are where nobody misbehaves, with a cache of their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VLBENCH_CACHE", str(place / "clean-cache"))
        return numbers(run(suite, place / "clean", ROWS))


@pytest.fixture(scope="module")
def together(place: Path, suite: tuple[str, str]) -> tuple[Records, Records]:
    """All of them in one command between rows that behave; then those rows alone, with the cache that was left."""
    plugin = write_evil(place, "evil_together", {name: code for name, (code, _) in ALL.items()})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VLBENCH_CACHE", str(place / "together-cache"))
        order = ["random", *map(evil, ALL), "herding", "vldd"]
        return run(suite, place / "together", order, plugins=(plugin,)), run(suite, place / "later", ROWS)


def test_rows_after_all_of_them_and_later_runs_with_their_cache_are_as_without(
    together: tuple[Records, Records], expected: dict[str, Any]
):
    beside, later = together
    assert len(ALL) + len(FAILS) + len(DIES) >= 75
    assert numbers(beside) == expected
    assert numbers(later) == expected


@pytest.mark.parametrize("name", ALL)
def test_its_record_names_what_it_left_changed(together: tuple[Records, Records], name: str):
    record, said = together[0][evil(name)], ALL[name][1]
    warnings = " ".join(text for text in record.get("warnings", []) if not text.startswith("Data: "))
    assert record["status"] == "finished"
    assert said in warnings if said else not warnings


@pytest.mark.parametrize("name", ["autocast_then_features", "student_then_features"])
def test_one_alone_leaves_rows_before_it_rows_after_it_and_the_cache_as_they_were(
    suite: tuple[str, str], expected: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
):
    monkeypatch.setenv("VLBENCH_CACHE", str(tmp_path / "cache"))
    plugins = (write_evil(tmp_path, f"evil_{name}", {name: ALL[name][0]}),)
    order = [evil(name), "herding", "vldd", "random"]
    assert numbers(run(suite, tmp_path / "before", order, plugins=plugins)) == expected
    assert numbers(run(suite, tmp_path / "later", ROWS)) == expected


@pytest.fixture(scope="module")
def failing(place: Path, suite: tuple[str, str]) -> Records:
    plugin = write_evil(place, "evil_failing", {name: code for name, (code, _, _) in FAILS.items()})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VLBENCH_CACHE", str(place / "failing-cache"))
        return run(suite, place / "failing", [*map(evil, FAILS), *ROWS], plugins=(plugin,))


@pytest.mark.parametrize("name", FAILS)
def test_it_is_a_record_that_says_so_and_the_other_rows_are_made(failing: Records, expected: dict[str, Any], name: str):
    _, status, text = FAILS[name]
    record = failing[evil(name)]
    assert record["status"] == status
    assert text in record["message"]
    assert {row: numbers(failing)[row] for row in ROWS} == {row: expected[row] for row in ROWS}


@pytest.fixture(scope="module")
def isolated(place: Path, suite: tuple[str, str]) -> Records:
    codes = {name: ({**ALL, **FAILS})[name][0] for name in (*ISOLATED, *LEAVE)}
    codes |= {name: code for name, (code, _) in DIES.items()}
    plugin = write_evil(place, "evil_isolated", codes)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VLBENCH_CACHE", str(place / "isolated-cache"))
        order = [*map(evil, codes), "random", "vldd"]
        return run(suite, place / "isolated", order, plugins=(plugin,), isolate=True)


def test_a_method_that_hangs_is_stopped_after_the_time_limit(suite: tuple[str, str], tmp_path: Path):
    plugins = (write_evil(tmp_path, "evil_hangs", {"hangs": "time.sleep(600)"}),)
    made = run(suite, tmp_path, [evil("hangs")], plugins=plugins, isolate=True, time_limit_s=3.0)
    assert made[evil("hangs")]["status"] == "failed"
    assert "was stopped after 3 s" in made[evil("hangs")]["message"]


LENDS = {
    "by_numpy": ("train.items('image').numpy()[:] = 0", "the method changed image items of train"),
    "in_place": ("train.items('image')[:] = 0", "the method changed image items of train"),
    "and_raises": ("train.items('image').numpy()[0] = 0; raise ValueError", "the method changed image items of train"),
}
"""What is done to items that are too many for a copy."""


def test_items_too_many_for_a_copy_are_read_again_where_a_method_changed_them(
    suite: tuple[str, str], expected: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("VLBENCH_CACHE", str(tmp_path / "cache"))
    for name in ("COPIED_BYTES", "_NO_FILE_BYTES"):
        monkeypatch.setattr(lent, name, 0)
    plugins = (write_evil(tmp_path, "evil_lends", {name: code for name, (code, _) in LENDS.items()}),)
    made = run(suite, tmp_path / "out", [*map(evil, LENDS), *ROWS], plugins=plugins)
    assert numbers(made) == expected
    for name, (_, said) in LENDS.items():
        assert made[evil(name)]["status"] == "failed"
        assert said in made[evil(name)]["message"]


EVERY = bool(os.environ.get("VLBENCH_EVERY_ISOLATED"))
"""Each in a process of its own, which takes minutes, and not a sample."""
ISOLATED = list(FAILS) if EVERY else ["exit", "nan_curve"]
LEAVE = list(ALL) if EVERY else []


@pytest.mark.parametrize("name", [*ISOLATED, *DIES])
def test_a_process_that_raises_dies_or_hangs_is_a_record_that_says_so(isolated: Records, name: str):
    status, text = FAILS[name][1:] if name in FAILS else ("failed", DIES[name][1])
    assert isolated[evil(name)]["status"] == status
    assert text in isolated[evil(name)]["message"]


@pytest.mark.parametrize("name", LEAVE)
def test_what_a_process_leaves_changed_ends_with_it_and_the_record_stands(isolated: Records, name: str):
    record = isolated[evil(name)]
    assert record["status"] == "finished" or record["message"]


def test_isolated_rows_have_the_bytes_scores_and_curves_of_others(isolated: Records, expected: dict[str, Any]):
    assert {row: numbers(isolated)[row] for row in ("random", "vldd")} == {
        row: expected[row] for row in ("random", "vldd")
    }


def test_the_command_ends_with_an_error_and_writes_the_record_where_a_method_exits(
    toy_suite: tuple[str, str], tmp_path: Path
):
    suite, plugin = toy_suite
    bad = write_evil(tmp_path, "evil_quits", {"quits": "os.write(1, b'noise'); sys.exit(0)"})
    words = ["--plugin", plugin, "--plugin", bad, "run", "--suite", suite]
    words += ["--method", "evil-quits", "--method", "random"]
    done = subprocess.run(
        [sys.executable, "-m", "vlbench", *words, "--budget", "5", "--out", str(tmp_path / "out"), "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert [record["status"] for record in json.loads(done.stdout)] == ["failed", "finished"]
    assert "SystemExit: 0" in done.stderr
    assert "noise" in done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a crash ends the command")
def test_a_crash_of_the_process_is_a_record_and_the_other_rows_are_made(toy_suite: tuple[str, str], tmp_path: Path):
    suite, plugin = toy_suite
    bad = write_evil(tmp_path, "evil_crashes", {"crashes": "import ctypes; ctypes.string_at(0)"})
    words = ["--plugin", plugin, "--plugin", bad, "run", "--suite", suite, "--method", "evil-crashes,random"]
    done = subprocess.run(
        [sys.executable, "-m", "vlbench", *words, "--budget", "5", "--out", str(tmp_path / "out"), "--json"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    crashed, other = json.loads(done.stdout)
    assert "was killed by SIGSEGV" in crashed["message"]
    assert (crashed["status"], other["status"]) == ("failed", "finished")
    assert "The process was killed by SIGSEGV. It begins again, each method in a process of its own." in done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_run_with_a_process_that_waits_for_it_stops_as_any_other(
    toy_suite: tuple[str, str], tmp_path: Path, number: signal.Signals
):
    suite, plugin = toy_suite
    bad = write_evil(tmp_path, "evil_sleeps", {"sleeps": "open('begun', 'w').close(); time.sleep(60)"})
    words = ["--plugin", plugin, "--plugin", bad, "run", "--suite", suite, "--method", "evil-sleeps", "--budget", "5"]
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where tests run in the background
    try:
        running = subprocess.Popen(
            [sys.executable, "-m", "vlbench", *words], cwd=tmp_path, stderr=subprocess.PIPE, text=True
        )
    finally:
        signal.signal(signal.SIGINT, before)
    deadline = time.monotonic() + 60
    while not (tmp_path / "begun").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    running.send_signal(number)
    _, said = running.communicate(timeout=30)
    assert running.returncode == 128 + number
    assert said.count("Stopped. Progress is saved in runs. Run the same command to continue.") == 1
    assert "Traceback" not in said


def test_names_of_rows_that_every_board_has_cannot_be_declared(tmp_path: Path):
    of_baselines = {"start", "random-bytes", "random-pairs", "readable", "nearest-real"}
    assert {jobs.FULL, jobs.CHANCE, jobs.RESCORED, *of_baselines} == RESERVED
    for name in [*RESERVED, "Full"]:
        file = tmp_path / f"named_{name.replace('-', '_')}.py"
        spec = f'vlbench.MethodSpec({name!r}, "x:Y", "selection", "S.")'
        file.write_text(f"import vlbench\n@vlbench.hookimpl\ndef vlbench_methods(): return [{spec}]\n")
        plugin = try_plugins([str(file)]).plugins[-1]
        assert plugin.status == "duplicate"
        assert f"method {name!r} has the name of a row that every board has" in plugin.detail
