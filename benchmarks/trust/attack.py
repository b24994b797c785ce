"""Damage files of vlbench and lie to it, and count what is trusted that must not be; kills.py kills it.

    python benchmarks/trust/attack.py leaves                  # each leaf of a record changed, all hashes made anew
    python benchmarks/trust/attack.py archives --times 360    # bundles with bytes flipped, cut, put in
    python benchmarks/trust/attack.py records --times 450     # records with a leaf of another type, on one board

The plugin it runs is a distiller of two seconds; the suite is scenes-mini. Nothing outside ``--work`` is written.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import random
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

METHOD = ("vldd", "-o", "experts=2", "-o", "outer_steps=30")
WRONG = (None, True, -1, 1e308, 7, "x", [], {}, [1, "a"], "\x1b[31m" + "y" * 100_000)


def vlbench(*words: object) -> list[str]:
    """Words of a command."""
    return [sys.executable, "-m", "vlbench", *map(str, words)]


def run_words(out: Path) -> list[str]:
    """Words of the run that is attacked."""
    name, *options = METHOD
    quick = ["--set", "rows.always=[]", "--set", "rows.full=false"]
    return vlbench("run", "--method", name, *options, "--budget", 20, "--suite", "scenes-mini", "--out", out, *quick)


def environment(cache: Path) -> dict[str, str]:
    """Variables of a process with a cache of its own."""
    return {**os.environ, "VLBENCH_CACHE": str(cache), "OMP_NUM_THREADS": "1"}


def made(work: Path) -> Path:
    """The reference run."""
    out = work / "reference"
    subprocess.run(run_words(out), check=True, env=environment(work / "cache"), capture_output=True)
    return next(out.glob(f"{METHOD[0]}-*"))


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Path of every value inside a value, of a list the first two."""
    if at:
        yield at
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value[:2]):
            yield from places(inner, (*at, key))


def changed(record: dict[str, Any], place: tuple[Any, ...], value: Any) -> dict[str, Any]:
    """The record with another value in one place."""
    made = copy.deepcopy(record)
    at: Any = made
    for key in place[:-1]:
        at = at[key]
    at[place[-1]] = value
    return made


def near(value: Any) -> list[Any]:
    """Lies that look like the truth, then values of other types."""
    if isinstance(value, bool):
        return [not value, 1]
    if isinstance(value, int | float):
        return [value + 1, value * 1.001 + 1e-6, -value, str(value)]
    if isinstance(value, str):
        return [f"{value}0", value.upper(), f"{value}\u200b", ""]
    return [[], {}, None]


def leaves(work: Path, times: int, draw: random.Random) -> Counter[str]:
    """Every leaf of a record changed, its id and all hashes made anew; counts what is accepted, by field."""
    from vlbench.errors import DataError
    from vlbench.records.record import parse_record, record_id
    from vlbench.registry.loader import load_registry
    from vlbench.verification.bundle import pack
    from vlbench.verification.verify import verify

    reference = made(work)
    registry, counts = load_registry(), Counter[str]()
    share_session(registry)
    record = json.loads((reference / "record.json").read_text())
    truth = shown(record)
    lie = work / "lie"
    shutil.copytree(reference, lie)
    tries = [(place, value) for place in places(record) for value in near(at_place(record, place))]
    tries = [(place, value) for place, value in tries if json.dumps(value) != json.dumps(at_place(record, place))]
    for place, value in tries if not times else draw.sample(tries, min(times, len(tries))):
        counts["tried"] += 1
        made_up = changed(record, place, value)
        try:
            made_up["id"] = record_id(parse_record(made_up)) if place != ("id",) else made_up["id"]
        except (DataError, TypeError):
            counts["refused"] += 1
            continue
        (lie / "record.json").write_text(json.dumps(made_up))
        pack(lie, work / "lie.zip", {"id": str(made_up["id"]), "vlbench": "x"})
        try:
            refused = verify(work / "lie.zip", registry=registry, retrain=False).failed
        except DataError:
            refused = True
        except Exception as error:
            counts[f"TRACEBACK {type(error).__name__} at {place}"] += 1
            continue
        counts["refused" if refused else f"accepted: {'.'.join(str(part) for part in place[:2])}"] += 1
        counts["ACCEPTED AND CHANGES A RANK, A NAME OR A SIZE"] += not refused and shown(made_up) != truth
    return counts


def share_session(registry: Any) -> None:
    """Load data and encoders once: each claim is of the same suite, and a refusal does not depend on when they came."""
    from vlbench.progress import SilentObserver
    from vlbench.runs.request import RunRequest
    from vlbench.runs.session import Session
    from vlbench.verification import verify

    sessions: dict[str, Session] = {}

    def shared(_: Any, request: RunRequest, __: Any) -> Session:
        if request.suite not in sessions:
            sessions[request.suite] = Session(registry, RunRequest(suite=request.suite), SilentObserver())
        return sessions[request.suite]

    own = verify._session
    verify._session = lambda *given: own(*given) if given[1].students or not is_known(given) else shared(*given)


def is_known(given: tuple[Any, ...]) -> bool:
    """Whether the suite of a request is declared."""
    return given[1].suite in given[0].all("suite")


def shown(record: dict[str, Any]) -> list[Any]:
    """What a board shows of a claim, but for its time and its options."""
    from vlbench.board.leaderboard import build_table
    from vlbench.records.record import FoundRecord, parse_record

    groups = build_table([FoundRecord.of(parse_record(record), None, "self-reported")]).groups
    heads = [(group.suite, group.protocol_hash, str(group.budget), group.student, group.encoders) for group in groups]
    rows = [row for group in groups for row in group.rows]
    fields = ("method", "status", "runs", "seeds", "scores", "pairs", "bytes", "provisional", "rank")
    return [*heads, *([getattr(row, name) for name in fields] for row in rows)]


def at_place(value: Any, place: tuple[Any, ...]) -> Any:
    """The value at a path."""
    for key in place:
        value = value[key]
    return value


def damaged(content: bytes, draw: random.Random) -> bytes:
    """Bytes with one damage of a random kind."""
    made, at = bytearray(content), draw.randrange(len(content))
    kind = draw.choice(["flip", "cut", "insert", "truncate", "zero"])
    if kind == "flip":
        made[at] ^= 1 << draw.randrange(8)
    elif kind == "cut":
        del made[at : at + draw.randint(1, 99)]
    elif kind == "insert":
        made[at:at] = draw.randbytes(draw.randint(1, 99))
    elif kind == "truncate":
        del made[at:]
    else:
        made[at : at + 50] = bytes(len(made[at : at + 50]))
    return bytes(made)


def archives(work: Path, times: int, draw: random.Random) -> Counter[str]:
    """Damaged bundles."""
    from vlbench.errors import DataError
    from vlbench.registry.loader import load_registry
    from vlbench.verification.bundle import pack
    from vlbench.verification.verify import verify

    reference = made(work)
    pack(reference, work / "claim.zip", {"id": reference.name, "vlbench": "x"})
    content, registry, counts = (work / "claim.zip").read_bytes(), load_registry(), Counter[str]()
    for _ in range(times):
        made_up = damaged(content, draw)
        (work / "damaged.zip").write_bytes(made_up)
        try:
            failed = verify(work / "damaged.zip", registry=registry, retrain=False).failed
            counts["refused" if failed else "unchanged" if made_up == content else "ACCEPTED"] += 1
        except DataError:
            counts["refused"] += 1
        except Exception as error:
            counts[f"TRACEBACK {type(error).__name__}"] += 1
    return counts


def records(work: Path, times: int, draw: random.Random) -> Counter[str]:
    """Records with one leaf of another type, all on one board, in every form."""
    reference = made(work)
    record = json.loads((reference / "record.json").read_text())
    board, tries = work / "board", list(places(record))
    shutil.copytree(reference, board / "good")
    for number in range(times):
        folder = board / f"{number:04}"
        folder.mkdir()
        text = json.dumps(changed(record, draw.choice(tries), draw.choice(WRONG)))
        (folder / "record.json").write_text(text)
    counts = Counter[str]({"records": times})
    for form in ("text", "markdown", "csv", "json", "html"):
        done = subprocess.run(
            vlbench("leaderboard", board, "--format", form), capture_output=True, text=True, check=False
        )
        counts["boards lost"] += done.returncode != 0 or METHOD[0] not in done.stdout
        counts["tracebacks"] += "Traceback" in done.stderr
        counts[f"left out of {form}"] = done.stderr.count("Left out: ")
    return counts


def main() -> None:
    """Run one attack and print its counts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("attack", choices=("leaves", "archives", "records"))
    parser.add_argument("--times", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", type=Path, default=Path("attack"))
    given = parser.parse_args()
    work = given.work.resolve() / given.attack
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    os.environ.update(environment(work / "cache"))
    attack = {"leaves": leaves, "archives": archives, "records": records}[given.attack]
    for name, count in attack(work, given.times, random.Random(given.seed)).items():
        print(f"{count:6}  {name}")


if __name__ == "__main__":
    main()
