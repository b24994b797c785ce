"""Give every command and every reader what it cannot take, and count answers that are no plain refusal.

    python benchmarks/trust/inputs.py                    # all of them, some minutes
    python benchmarks/trust/inputs.py options --show     # one part; also what was accepted

A try is a command in a process forked from one that has imported the libraries, in a folder of its own. Wrong are: a
traceback, a process that dies or hangs, exit code 0 for what is no input, a refusal of what is one, more than some
lines, control characters on the terminal, no word at all. Nothing outside ``--work`` is written.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import os
import random
import re
import shutil
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

sys.path.insert(0, str(Path(__file__).parent))
import inputs_surroundings as place
from inputs_files import SUITE, damaged_files, odd_files, pictures, texts, wrong_leaves
from inputs_plugins import PLUGINS
from warm import import_libraries

PATIENCE_S = 90
LONGEST, MOST_LINES = 2600, 8
QUICK = ("--budget", "5", "--suite", "suite.toml", "--device", "cpu")
COMMANDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "run": ((), ("--method", "random", *QUICK)),
    "prepare": (("suite.toml",), ()),
    "score": (("RUN",), ("--suite", "suite.toml", "--device", "cpu")),
    "init": (("pictures",), ("--captions", "captions.csv", "--to", "made.toml")),
    "data check": (("pairs.toml",), ()),
    "data mock": (("flickr8k",), ("--images", "20")),
    "data formats": ((), ()),
    "status": (("runs",), ()),
    "leaderboard": (("runs",), ()),
    "diff": (("runs", "runs"), ()),
    "plot": (("runs",), ("--to", "plot.png")),
    "show": (("RUN",), ()),
    "export": (("RUN",), ("--to", "table", "--suite", "suite.toml")),
    "methods": (("random",), ()),
    "suites": (("scenes",), ()),
    "datasets": (("pairs",), ()),
    "encoders": (("timm",), ()),
    "students": (("frozen",), ()),
    "cache": ((), ()),
    "plugins": ((), ()),
    "plugins new": (("mine",), ()),
    "doctor": ((), ()),
    "submit": (("RUN",), ()),
    "verify": (("claim.zip",), ("--no-retrain", "--suite", "suite.toml")),
    "replay": (("RUN",), ("--dry-run", "--suite", "suite.toml")),
    "checkpoints": (("RUN",), ("--suite", "suite.toml")),
    "contributions": (("RUN",), ("--suite", "suite.toml")),
    "strength": (("RUN",), ("--suite", "suite.toml", "--students", "1")),
    "leaks": (("RUN",), ("--suite", "suite.toml")),
    "curve": (("suite.toml",), ("--sizes", "2", "--seeds", "1")),
    "site": (("runs",), ("--to", "pages")),
    "journal": (("journal",), ()),
}
"""Command -> words that it needs: arguments, options."""
VALUES = (
    "", " ", "-1", "0", "nan", "1e999", "9" * 5000, "1,,2", "é\u202e\x1b[31m", "a\x00b", "\udcff", "x" * 5000, "=", ",",
    "a=b", "[" * 3000, "/dev/full", "/proc/self/mem", "/dev/null/x", "/proc/x", "nowhere/x", "pipe", "loop", "dangling",
    ".", "claim.zip", "suite.toml", "deep.toml", "noise", "empty", "pictures", "RUN/record.json", "http://x",
    "../" * 99,
)  # fmt: skip
FREE = ("--title", "--source", "--license")
"""Options that take any text."""


@dataclass(frozen=True)
class Try:
    """A command, in a folder that is changed before; ``right``: whether it can be done, None where either will do."""

    name: str
    words: tuple[str, ...]
    right: bool | None = False
    before: Callable[[], None] = lambda: None
    variables: dict[str, str | None] = field(default_factory=dict)


def base(folder: Path) -> None:
    """What commands are given that goes well: a suite, data, a run, a claim; and odd things to name instead."""
    folder.mkdir(parents=True)
    (folder / "suite.toml").write_text(SUITE)
    pictures(folder / "pictures")
    rows = "".join(f"{path.name},a shape called {path.stem}\n" for path in sorted((folder / "pictures").iterdir()))
    (folder / "captions.csv").write_text(f"image,caption\n{rows}")
    data = '[data]\nname = "pairs"\noptions = { annotations = ["captions.csv"], images = ["pictures"], size = 8 }\n'
    (folder / "pairs.toml").write_text(re.sub(r"(?s)\[data\].*?\n\n", f"{data}\n", SUITE))
    odd_files(folder)
    runs = forked(Try("base", ("run", "--method", "random", *QUICK)), folder)
    assert runs[0] == 0, runs
    run = next((folder / "runs").glob("random-*"))
    assert forked(Try("base", ("submit", str(run), "--out", "claim.zip")), folder)[0] == 0


def forked(trial: Try, folder: Path) -> tuple[int, str, str, float]:
    """Exit code (negative: the signal that ended it), output, errors and seconds of a command."""
    began, outputs = time.monotonic(), [folder / f".{name}" for name in ("out", "err")]
    process = os.fork()
    if process == 0:
        os.setsid()
        code = 1
        try:
            os.chdir(folder)
            for number, path in enumerate(outputs, start=1):
                os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
            code = child(trial, folder)
        except BaseException:
            os.write(2, traceback.format_exc().encode(errors="replace"))
        os._exit(code)
    deadline = began + PATIENCE_S
    while not (ended := os.waitpid(process, os.WNOHANG))[0]:
        if time.monotonic() > deadline:
            os.killpg(process, signal.SIGKILL)
        time.sleep(0.005)
    out, err = (path.read_text(errors="replace") if path.exists() else "" for path in outputs)
    return os.waitstatus_to_exitcode(ended[1]), out, err, time.monotonic() - began


def child(trial: Try, folder: Path) -> int:
    """The command, here."""
    from vlbench.cli.main import main

    run = next(folder.glob("runs/random-*"), Path("none")).name
    for name, value in trial.variables.items():
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value
    trial.before()
    try:
        main([word.replace("RUN", f"runs/{run}") for word in trial.words], prog_name="vlbench")
    except SystemExit as ended:
        return int(ended.code or 0)
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
    return 0


def wrong(trial: Try, code: int, out: str, err: str, seconds: float) -> str:
    """What is wrong with an answer, or ""."""
    said = err[err.rfind("Error: ") :] if "Error: " in err else ""
    rules = {
        "a traceback": "Traceback (most recent" in out + err or "Exception ignored" in err,
        "hangs": seconds >= PATIENCE_S,
        "dies": code < 0,
        "done, and should be refused": trial.right is False and code == 0,
        "refused, and should be done": trial.right is True and code != 0,
        "says nothing": code != 0
        and not (out + err).strip()
        and "files of 0" not in trial.name
        and "closed" not in trial.name,
        "too long": len(said) > LONGEST or said.count("\n") > MOST_LINES,
        "control characters": bool(re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u202a-\u202e]", out + err)),
    }
    return ", ".join(name for name, broken in rules.items() if broken)


def options(draw: random.Random, times: int) -> Iterator[Try]:
    """Every option and argument of every command with some of the odd values."""
    from vlbench.cli.main import main

    context = click.Context(main)
    context.params["plugins"] = ()
    for name, (arguments, more) in COMMANDS.items():
        command: Any = main
        for word in name.split():
            command = command.get_command(context, word)
        parameters = [one for one in command.params if not getattr(one, "is_flag", False)]
        for parameter in parameters:
            for value in draw.sample(VALUES, times):
                if isinstance(parameter, click.Argument):
                    given: tuple[str, ...] = (*more, "--", value, *arguments[1:])
                else:
                    given = (*more, *arguments, parameter.opts[0], value)
                title = f"{name} {parameter.opts[0]} {value[:30]!r}"
                yield Try(title, (*name.split(), *given), True if parameter.opts[0] in FREE and value else None)


def suites() -> Iterator[Try]:
    """The suite with each leaf of another kind, and suites that are none."""
    run = ("run", "--method", "random", *QUICK)
    for name, text in wrong_leaves():
        yield Try(f"suite: {name}", run, None, lambda text=text: write("suite.toml", text))  # type: ignore[misc]
    for name, content in texts().items():
        yield Try(f"suite: {name}", run, False, lambda content=content: write("suite.toml", content))  # type: ignore[misc]


def write(path: str, content: bytes | str) -> None:
    """Write a file, whatever is there."""
    place = Path(path)
    place.unlink(missing_ok=True)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content.encode("utf-8", "surrogateescape") if isinstance(content, str) else content)


def data() -> Iterator[Try]:
    """A picture, or a file of captions, that is damaged or of another kind."""
    for name, content, right in damaged_files():
        kind, _, file = name.partition(" ")
        if kind == "picture":
            before = lambda content=content: write("pictures/p00.png", content)  # noqa: E731
            yield Try(name, ("data", "check", "pairs.toml"), right, before)
            continue
        option = "files" if kind == "features" else "annotations"
        data = "features" if kind == "features" else "pairs"

        def before(content: bytes = content, file: str = file, option: str = option, data: str = data) -> None:
            write(file, content)
            suite = Path("pairs.toml").read_text().replace('"captions.csv"', f'"{file}"')
            if Path(file).suffix in (".parquet", ".tar", ".gz", ".xz", ".bz2", ".zip"):  # they hold the pictures
                suite = suite.replace(', images = ["pictures"]', "")
            if option == "files":
                suite = re.sub(r"options = .*", f'options = {{ files = ["{file}"] }}', suite)
            write("pairs.toml", suite.replace('"pairs"', f'"{data}"'))

        yield Try(name, ("data", "check", "pairs.toml"), right, before)
        yield Try(f"init {name}", ("init", file, "--to", "made.toml"), None, before)


def then(*_: object) -> None:
    """Nothing, after its arguments were done."""


def runs() -> Iterator[Try]:
    """Each file of a run damaged, for each command that reads runs."""
    files = ("record.json", "artifact.safetensors", "artifact.json", "ranks.parquet", "preview.npy", "SHA256SUMS")
    damages: dict[str, Callable[[Path], None]] = {
        "empty": lambda path: write(str(path), b""),
        "cut": lambda path: write(str(path), path.read_bytes()[: path.stat().st_size // 2]),
        "noise": lambda path: write(str(path), random.Random(1).randbytes(999)),
        "a folder": lambda path: then(path.unlink(), path.mkdir()),
        "a loop": lambda path: then(path.unlink(), path.symlink_to(path.name)),
        "a pipe": lambda path: then(path.unlink(), os.mkfifo(path)),
        "/dev/zero": lambda path: then(path.unlink(), path.symlink_to("/dev/zero")),
        "gone": lambda path: path.unlink(),
        "deep": lambda path: write(str(path), b"[" * 100_000),
        "null": lambda path: write(str(path), b"null"),
    }
    readers = ("show", "export", "submit", "replay", "leaderboard", "plot", "site", "status", "diff", "score", "leaks")
    everything = list(itertools.product(files, damages, readers))
    for file, damage, name in random.Random(0).sample(everything, len(everything) // 3):

        def before(file: str = file, damage: str = damage) -> None:
            path = next(Path("runs").glob("random-*")) / file
            if path.exists():
                damages[damage](path)

        yield Try(f"{name}: {file} {damage}", (*name.split(), *sum(COMMANDS[name], ())), None, before)


def plugins() -> Iterator[Try]:
    """Plugin files that fail in every way, before a run and in listings."""
    for name, content in PLUGINS.items():
        file = name if name.endswith(".py") else f"own_{name.replace(' ', '_')}.py"
        for command in (("run", "--method", "random,own" if "own" in content else "random", *QUICK), ("plugins",)):
            before = lambda file=file, content=content: write(file, content.replace("{module}", Path(file).stem))  # noqa: E731
            yield Try(
                f"plugin {name}: {command[0]}", ("--plugin", file, *command), None if command[1:] else True, before
            )


WRITES = {
    "run": ("--out", "small/runs"), "prepare": (), "submit": ("--out", "small/claim.zip"),
    "leaderboard": ("--format", "html", "--out", "small/board.html"), "export": ("--out", "small/made"),
    "site": ("--to", "small/pages"), "plot": ("--to", "small/plot.png"), "data mock": (),
    "plugins new": ("--out", "small"),
}  # fmt: skip
"""Commands that write, each with words by which it writes into ``small``."""


def surroundings() -> Iterator[Try]:
    """Folders that are gone or belong to others, outputs that are closed, disks that are full, signals that come."""
    mounts = place.can_mount()
    for name, (arguments, more) in COMMANDS.items():
        words = (*name.split(), *arguments, *more)
        yield Try(f"{name}: the current folder is gone", words, None, place.gone)
        yield Try(f"{name}: no home", words, None, variables={"HOME": None, "VLBENCH_CACHE": None})
        yield Try(f"{name}: the home is a file", words, None, variables={"HOME": "empty", "VLBENCH_CACHE": None})
        yield Try(f"{name}: the cache is a loop", words, None, variables={"VLBENCH_CACHE": "loop"})
        if place.others_can_read():
            yield Try(f"{name}: as another user", words, None, place.other_user)
        if mounts:
            here = {"HOME": ".", "VLBENCH_CACHE": None}
            yield Try(f"{name}: the folder is read-only", words, None, place.read_only, here)
    for name in (
        "TMPDIR",
        "COLUMNS",
        "LANG",
        "OMP_NUM_THREADS",
        "VLBENCH_WORKERS",
        "VLBENCH_JOURNAL",
        "VLBENCH_STRICT",
    ):
        for value in ("", "-1", "nan", "/dev/null/x", "9" * 400, "\udcff"):
            words = ("run", "--method", "random", *QUICK)
            yield Try(f"run: {name}={value[:20]!r}", words, None, variables={name: value})
    yield Try("leaderboard: outputs closed", ("leaderboard", "runs"), None, place.closed)
    yield from limits(mounts=mounts)


def limits(*, mounts: bool) -> Iterator[Try]:
    """Commands that write, where the disk is full at one of their writes, or SIGTERM comes."""
    cache = {"VLBENCH_CACHE": "small/cache"}
    for name, into in WRITES.items():
        arguments, more = COMMANDS[name]
        words = (*name.split(), *arguments, *more, *into)  # of an option that is given twice the last one counts
        for size in place.DISKS if mounts else ():
            yield Try(f"{name}: a disk of {size:,} bytes", words, None, place.small_disk(size), cache)
        for size in place.FILE_SIZES:
            yield Try(f"{name}: files of {size:,} bytes", words, None, place.small_files(size), cache)
        for delay_s in place.DELAYS_S:
            yield Try(f"{name}: SIGTERM after {delay_s} s", words, None, place.signalled(delay_s), cache)


PARTS: dict[str, Callable[[argparse.Namespace], Iterator[Try]]] = {
    "options": lambda given: options(random.Random(given.seed), given.times),
    "suites": lambda _: suites(),
    "data": lambda _: data(),
    "runs": lambda _: runs(),
    "plugins": lambda _: plugins(),
    "surroundings": lambda _: surroundings(),
}


def one(trial: Try, made: Path, folder: Path) -> tuple[str, int, str]:
    """Try it in a copy of what was made; what is wrong, the exit code, and what was said."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(made, folder, symlinks=True, copy_function=copied)
    folder.chmod(0o755)
    code, out, err, seconds = forked(trial, folder)
    return wrong(trial, code, out, err, seconds), code, err.strip() or out.strip()


def copied(source: str, target: str) -> str:
    """Copy a file or a pipe."""
    if Path(source).is_fifo():
        os.mkfifo(target)
        return target
    return shutil.copy2(source, target)


def main() -> None:
    """Try all, print what is wrong and the counts; exit code 1 if anything is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", nargs="*", help=f"of {', '.join(PARTS)}; all by default")
    parser.add_argument("--times", type=int, default=5, help="values of each option")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--every", type=int, default=1, help="each n-th try only")
    parser.add_argument("--only", default="", help="tries whose name holds this")
    parser.add_argument("--show", action="store_true", help="print every answer")
    parser.add_argument("--work", type=Path, default=Path("inputs"))
    given = parser.parse_args()
    work = given.work.resolve()
    shutil.rmtree(work, ignore_errors=True)
    os.environ |= {"OMP_NUM_THREADS": "1", "VLBENCH_CACHE": str(work / "cache")}
    import_libraries()  # before the forks
    base(work / "base")
    counts = Counter[str]()
    for part in given.part or PARTS:
        for trial in itertools.islice(PARTS[part](given), 0, None, given.every):
            if given.only in trial.name:
                found, code, said = one(trial, work / "base", work / "try")
                counts[f"{part}: {'wrong' if found else 'done' if code == 0 else 'refused'}"] += 1
                if found or given.show:
                    print(f"[{found or code}] {trial.name!a}\n    {said[-600:]!a}", flush=True)
    for name, count in counts.items():
        print(f"{count:6}  {name}")
    shutil.rmtree(work)
    sys.exit(any(name.endswith("wrong") for name in counts))


if __name__ == "__main__":
    main()
