"""Kill -9 at random moments of every phase, then the same command again: what differs, and what is trusted half made.

    python benchmarks/trust/kills.py --times 50            # of each phase; goes on where an earlier call stopped
    python benchmarks/trust/kills.py --times 5 --phase experts

Each try is forked from a process that has imported the libraries, which saves seconds and changes nothing that is
written. The moment is drawn from the whole length of the phase, as a first run without a kill measured it. Directly
after the kill every file that vlbench would trust (its hash fits, or it carries none and stands under its final name)
is compared with the file of the first run; after the second command everything is. Nothing outside ``--work`` is
written.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import random
import shutil
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from warm import import_libraries

SUITE = """
name = "kills"
version = 1
data = { name = "scenes", options = { size = "mini" } }
[students.net.image]
encoder = "scenes-convnet"
train = "frozen"
standardise = "global"
head = { kind = "linear", width = 64, start = "normal", gain = 0.3 }
[students.net.text]
encoder = "scenes-text"
train = "frozen"
standardise = "global"
head = { kind = "linear", width = 64, start = "normal", gain = 0.3 }
[training]
seeds = 3
common = { learning_rate = 0.1, batch = 20 }
grid = [{ steps = 20 }, { steps = 30 }]
warmup = { steps = 10 }
[rows]
always = []
full = false
"""
PLUGIN = """
import vlbench

@vlbench.hookimpl
def vlbench_suites():
    return [vlbench.SuiteSpec(name="kills", file="kills_suite:suite.toml", summary="Small and quick.")]
"""
OPTIONS = {"experts": 2, "expert_steps": 60, "interval": 20, "outer_steps": 25}
RUN = ["run", "--method", "vldd", "--budget", "20", "--suite", "kills", "--device", "cpu"]
RUN += [word for name, value in OPTIONS.items() for word in ("-o", f"{name}={value}")]
CLOCK = (
    "created",
    "resumed",
    "command",
    "train_s",
    "score_s",
    "condense_s",
    "step_s",
    "peak_rss_bytes",
    "device_peak_bytes",
)
"""Fields of records and evidence that the clock and the machine decide."""


@dataclass(frozen=True)
class Phase:
    """A part of a command.

    Attributes:
        words: of the command.
        reached: the function whose first call begins the phase; "" for the command itself.
        kept: kinds of the cache's entries that are there before.
        makes: what the command writes, below the folder of the try.
        needs: what of the first run lies there before.
    """

    words: tuple[str, ...]
    reached: str = ""
    kept: tuple[str, ...] = ("data", "features", "survey", "warm-up", "experts", "dataset")
    makes: str = "runs"
    needs: tuple[str, ...] = ()


_OF_RUN = tuple(RUN)
PHASES = {
    "data": Phase(_OF_RUN, "vlbench.runs.session:construct", kept=()),
    "features": Phase(_OF_RUN, "vlbench.students.build:encode", kept=("data", "survey")),
    "experts": Phase(
        _OF_RUN, "vlbench.matching.distiller:train_experts", kept=("data", "survey", "features", "warm-up")
    ),
    "matching": Phase(_OF_RUN, "vlbench.matching.stage:outer_start"),
    "students": Phase(_OF_RUN, "vlbench.runs.pipeline:save_artifact"),
    "board": Phase(
        ("leaderboard", "runs", "--format", "html", "--out", "board.html"), makes="board.html", needs=("runs",)
    ),
    "submit": Phase(("submit", "RUN", "--out", "claim.zip"), makes="claim.zip", needs=("runs",)),
    "verify": Phase(
        ("verify", "claim.zip", "--out", "claims", "--device", "cpu"), makes="claims", needs=("claim.zip",)
    ),
}
ORDER = [phase.reached for phase in PHASES.values() if phase.reached]


def attributes(target: str) -> tuple[Any, str]:
    """Module and name of ``module:name``."""
    import importlib

    module, name = target.split(":")
    return importlib.import_module(module), name


def child(words: tuple[str, ...], folder: Path, marks: int) -> None:
    """The command, in a process that the caller forked; each phase that begins is a line in ``marks``."""
    os.chdir(folder)
    os.environ["VLBENCH_CACHE"] = str(folder / "cache")
    for descriptor, name in ((1, "stdout"), (2, "stderr")):
        os.dup2(os.open(folder / f"{name}.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND), descriptor)
    for target in ORDER:
        module, name = attributes(target)
        setattr(module, name, marking(getattr(module, name), target, marks))
    attributes("vlbench.matching.distiller:")[0].CHECKPOINT_EVERY = 5  # a checkpoint within so short a matching
    from vlbench.cli.main import main

    code = 1
    with contextlib.suppress(BaseException):
        run = next(iter(Path("runs").glob("vldd-*")), Path("none"))
        try:
            given = [str(run) if word == "RUN" else word for word in words]
            main(["--plugin", "kills_suite.py", *given], prog_name="vlbench")
        except SystemExit as ended:
            code = int(ended.code or 0)
    sys.stdout.flush()
    os._exit(code)


def marking(function: Callable[..., Any], target: str, marks: int) -> Callable[..., Any]:
    """The function, which says when it is called first."""
    said: list[str] = []

    @wraps(function)
    def marked(*given: Any, **more: Any) -> Any:
        if not said:
            said.append(target)
            os.write(marks, f"{target}\n".encode())
        return function(*given, **more)

    return marked


def start(words: tuple[str, ...], folder: Path) -> tuple[int, int]:
    """Process id of the command, and where its marks can be read."""
    source, target = os.pipe()
    process = os.fork()
    if process == 0:
        os.close(source)
        child(words, folder, target)
    os.close(target)
    return process, source


def moments(words: tuple[str, ...], folder: Path) -> dict[str, float]:
    """Run a command to its end: phase -> seconds at which it began; "" the beginning, "end" the end."""
    process, source = start(words, folder)
    found, began = {"": 0.0}, time.monotonic()
    with os.fdopen(source) as lines:
        for line in lines:
            found[line.strip()] = time.monotonic() - began
    _, status = os.waitpid(process, 0)
    if os.waitstatus_to_exitcode(status):
        raise SystemExit((folder / "stderr.txt").read_text())
    return found | {"end": time.monotonic() - began}


def killed(phase: Phase, folder: Path, delay: float) -> bool:
    """Start the command and kill it so many seconds after its phase began; whether it still lived."""
    process, source = start(phase.words, folder)
    with os.fdopen(source) as lines:
        for line in lines if phase.reached else ():
            if line.strip() == phase.reached:
                break
        time.sleep(delay)
        os.kill(process, signal.SIGKILL)
    return os.WIFSIGNALED(os.waitpid(process, 0)[1])


def files(folder: Path, makes: str) -> Iterator[tuple[str, Path]]:
    """What a command made, and the cache's content: name -> file, without locks and what is being written."""
    for root in (folder / makes, folder / "cache"):
        for path in sorted(root.rglob("*")) if root.is_dir() else [root]:
            parts = path.relative_to(folder).parts
            # Of the clock and the folder alone: how long rows took, and what was asked where, for vlbench status.
            about = path.name == "timings.jsonl" or ".grids" in parts
            if path.is_file() and not about and not any(part.startswith((".new-", ".locks")) for part in parts):
                yield "/".join(parts), path


def content(path: Path) -> str:
    """Hash of a file, of JSON without what the clock decides."""
    if path.name not in ("record.json", "verification.json"):
        return hashlib.sha256(path.read_bytes()).hexdigest()
    return json.dumps(without_clock(json.loads(path.read_text())), sort_keys=True)


def without_clock(value: Any) -> Any:
    """JSON without the fields of the clock, nor hashes of files that hold them."""
    if isinstance(value, dict):
        return {key: without_clock(one) for key, one in value.items() if key not in (*CLOCK, "record_sha256")}
    return [without_clock(one) for one in value] if isinstance(value, list) else value


def contents(folder: Path, makes: str) -> dict[str, str]:
    """Name -> content; sums and last uses follow from the rest."""
    return {name: content(path) for name, path in files(folder, makes) if not name.endswith(("SHA256SUMS", ".sha256"))}


def trusted_in_part(folder: Path, makes: str, whole: dict[str, str]) -> list[str]:
    """Files that vlbench would read as they are and that are not what a run without a kill makes."""
    from vlbench.disk.sums import read_sums
    from vlbench.disk.tensors import read_tensors

    bad = []
    for name, path in files(folder, makes):
        if name.endswith(("SHA256SUMS", ".sha256")):
            continue
        if path.name == "checkpoint.safetensors":
            read_tensors(path)  # its content is that of its own hash, or this raises
        elif makes in ("runs", "claims") and name.startswith(makes) and read_sums(path.parent) is None:
            continue  # a run without hashes is looked at file by file, and made again
        elif name.startswith("cache/data") and not path.with_name(f"{path.name}.sha256").exists():
            continue  # without a hash it is made again
        elif content(path) != whole.get(name, content(path) if name.endswith("CACHEDIR.TAG") else ""):
            bad.append(name)
    return bad + (claims_as_own(folder / makes) if makes == "claims" else [])


def claims_as_own(claims: Path) -> list[str]:
    """Folders of claims that a board would show as runs of one's own."""
    from vlbench.board.gather import gather

    return [str(run.folder) for run in gather([claims]).records if not run.origin] if claims.exists() else []


def prepare(phase: Phase, folder: Path, first: Path) -> Path:
    """A folder in which the command has done what comes before its phase."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "cache").mkdir(parents=True)
    for name in ("kills_suite.py", "suite.toml"):
        shutil.copy(first / name, folder)
    for kind in phase.kept:
        if (first / "cache" / kind).exists():
            shutil.copytree(first / "cache" / kind, folder / "cache" / kind)
    for name in phase.needs:
        copy = shutil.copytree if (first / name).is_dir() else shutil.copy
        copy(first / name, folder / name)
    return folder


def one(name: str, number: int, work: Path, length: float) -> Counter[str]:
    """One kill, and what came of it."""
    phase, first = PHASES[name], work / "first"
    whole = contents(first, phase.makes)
    draw, counts = random.Random(f"{name} {number}"), Counter[str]()
    while not counts["killed"]:
        folder = prepare(phase, work / "try", first)
        counts["killed"] += killed(phase, folder, draw.uniform(0.0, length))
    counts["files trusted that are not whole"] += len(trusted_in_part(folder, phase.makes, whole))
    moments(phase.words, folder)
    again = contents(folder, phase.makes)
    differ = sorted(name for name in whole | again if whole.get(name) != again.get(name))
    print(*(f"differs: {name}" for name in differ), sep="\n", end="\n" if differ else "", file=sys.stderr)
    counts["files that differ"] += len(differ)
    counts["called damaged"] += "damaged" in (folder / "stderr.txt").read_text()
    counts["left half-written"] += len(list(folder.rglob(".new-*")))
    return counts


def lengths(work: Path) -> dict[str, float]:
    """Seconds of every phase, from one run of everything without a kill."""
    first = work / "first"
    shutil.rmtree(first, ignore_errors=True)
    (first / "cache").mkdir(parents=True)
    (first / "suite.toml").write_text(SUITE)
    (first / "kills_suite.py").write_text(PLUGIN)
    at = moments(_OF_RUN, first)
    ends = [*[at[target] for target in ORDER[1:]], at["end"]]
    found = {name: end - at[PHASES[name].reached] for name, end in zip(PHASES, ends, strict=False)}
    return found | {name: moments(PHASES[name].words, first)["end"] for name in PHASES if not PHASES[name].reached}


def main() -> None:
    """Kill, compare, and print one line for each phase."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=50)
    parser.add_argument("--phase", choices=PHASES, action="append")
    parser.add_argument("--work", type=Path, default=Path("kills"))
    given = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    import_libraries()  # before the forks
    for target in ORDER:
        attributes(target)
    work = given.work.resolve()
    done = work / "done.json"
    if not done.exists():
        work.mkdir(parents=True, exist_ok=True)
        done.write_text(json.dumps({"lengths": lengths(work), "tries": {}}))
    state = json.loads(done.read_text())
    for name in given.phase or PHASES:
        tries = state["tries"].setdefault(name, [])
        while len(tries) < given.times:
            tries.append(one(name, len(tries), work, state["lengths"][name]))
            done.write_text(json.dumps(state))
        total = sum(map(Counter, tries[: given.times]), Counter[str]())
        names = (
            "killed",
            "files that differ",
            "files trusted that are not whole",
            "called damaged",
            "left half-written",
        )
        print(
            f"{name:9} {state['lengths'][name]:5.2f} s  " + "  ".join(f"{total[one]} {one}" for one in names),
            flush=True,
        )


if __name__ == "__main__":
    main()
