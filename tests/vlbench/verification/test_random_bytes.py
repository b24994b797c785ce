"""Random damage to every kind of file that is read, for some seconds: a value or one of vlbench's own errors.

``VLBENCH_RANDOM_S`` seconds in all, 20 without it; ``VLBENCH_RANDOM_READER_S=60`` is a minute of processor time for
each reader instead, which takes an hour and a half. A failure names the seed of its try, and
``VLBENCH_RANDOM_SEED=that`` repeats it first. ``VLBENCH_RANDOM_READERS`` names the only ones, separated by commas.
"""

from __future__ import annotations

import ast
import contextlib
import os
import random
import struct
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FrameType

import pytest

import vlbench
import vlbench_pairs
from vlbench.errors import VlbenchError

from .conftest import Claims
from .readers_of_data import Reader, readers_of_data
from .readers_of_runs import readers_of_runs

SECONDS = float(os.environ.get("VLBENCH_RANDOM_S", "20"))
READER_S = float(os.environ.get("VLBENCH_RANDOM_READER_S", "0"))
ONLY = os.environ.get("VLBENCH_RANDOM_READERS", "")
SEED = int(os.environ.get("VLBENCH_RANDOM_SEED", "0"))
PATIENCE_S = 20.0
"""A reader that takes longer hangs."""
WORDS = (
    b"NaN", b"Infinity", b"-1", b"1e999", b"9" * 5000, b"[" * 3000, b'{"a":' * 3000, b"null", b"true", b'""', b"\x00",
    b"\xff\xfe", b"\xef\xbb\xbf", "\u2028\x85\x0b\x1c".encode(), b"../../etc/passwd", b"\r", b"\t", b"\"", b"|", b",",
    b"0", b"e" * 100_000, "\u202ename".encode(), b"\xed\xa0\x80", b"-0.0", b"99999999999999999999", b"2147483648",
)  # fmt: skip


def broken(content: bytes, draw: random.Random) -> bytes:
    """The content with one to four damages: single bytes, stretches, words that readers stumble on, or all anew."""
    if draw.random() < 0.05:
        return draw.randbytes(draw.randrange(400))
    made = bytearray(content)
    for _ in range(draw.randint(1, 4)):
        at, length = draw.randrange(len(made) + 1), draw.choice((1, 2, 4, 8, 60, 1000))
        how = draw.choice(("flip", "byte", "cut", "truncate", "zero", "double", "word", "number", "noise"))
        if how == "flip" and at < len(made):
            made[at] ^= 1 << draw.randrange(8)
        elif how == "byte" and at < len(made):
            made[at] = draw.randrange(256)
        elif how == "cut":
            del made[at : at + length]
        elif how == "truncate":
            del made[at:]
        elif how == "zero":
            made[at : at + length] = bytes(len(made[at : at + length]))
        elif how == "double":
            made[at:at] = made[at : at + length]
        elif how == "word":
            made[at : at + draw.choice((0, 1, length))] = draw.choice(WORDS)
        elif how == "number":
            made[at : at + 4] = struct.pack("<i", draw.choice((-1, 0, 1, 2**31 - 1, draw.getrandbits(31))))
        else:
            made[at : at + length] = draw.randbytes(length)
    return bytes(made)


@pytest.fixture(scope="module")
def readers(claims: Claims, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Reader]]:
    folder = tmp_path_factory.mktemp("random")
    (folder / "data").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VLBENCH_CACHE", str(folder / "cache"))
        found = readers_of_data(folder / "data") | readers_of_runs(folder, claims)
        yield {name: reader for name, reader in found.items() if not ONLY or name in ONLY.split(",")}


def tried(reader: Reader, content: bytes) -> str:
    """What is wrong with the answer to a content; "" where it is a value or an expected error."""
    reader.path.parent.mkdir(parents=True, exist_ok=True)
    reader.path.write_bytes(content)
    began = time.monotonic()
    try:
        reader.read()
    except VlbenchError:
        pass
    except BaseException as error:
        return f"{type(error).__name__}: {error}"[:300]
    return f"{PATIENCE_S:g} s passed" if time.monotonic() - began > PATIENCE_S else ""


def turns(readers: dict[str, Reader]) -> Iterator[tuple[int, str]]:
    """Seeds and readers: in turns until the time is over, or each alone for its own time."""
    deadline, number = time.monotonic() + SECONDS, SEED
    while not READER_S and time.monotonic() < deadline:
        yield from ((number, name) for name in readers)
        number += 1
    assert READER_S or number - SEED > 2 or SECONDS < 5
    for name in readers if READER_S else ():
        deadline, number = time.process_time() + READER_S, SEED
        while time.process_time() < deadline:
            yield number, name
            number += 1
        print(f"{name}: {number - SEED} tries", file=sys.__stderr__, flush=True)


def test_every_reader_answers_random_bytes_with_a_value_or_its_own_error(
    readers: dict[str, Reader], capfd: pytest.CaptureFixture[str]
) -> None:
    before = {name: reader.path.read_bytes() for name, reader in readers.items()}
    wrong: dict[str, str] = {}
    for number, name in turns(readers):
        reader, draw = readers[name], random.Random(f"{number} {name}")
        if found := tried(reader, broken(before[name], draw)):
            wrong.setdefault(name, f"{name}, VLBENCH_RANDOM_SEED={number}: {found}")
        reader.path.parent.mkdir(parents=True, exist_ok=True)
        reader.path.write_bytes(before[name])
        capfd.readouterr()
    assert not wrong, "\n".join(wrong.values())


READS = frozenset(
    {"read_bytes", "read_text", "load_file", "safe_open", "ParquetFile", "ZipFile", "open_stream", "open"}
)
"""Functions and methods that read a file, whatever they belong to; and those of some modules only:"""
READS_OF = {name: ["load", "loads", "decode", "reader", "DictReader", "read_table", "memmap"] for name in (
    "json", "tomllib", "np", "numpy", "torch", "csv", "parquet", "feather")}  # fmt: skip
NO_STRANGER_WRITES = {
    "vlbench/board/published.py": "ships with a plugin",
    "vlbench/cli/data.py": "ships with a plugin",
    "vlbench/cli/suites.py": "ships with a plugin",
    "vlbench/registry/specs.py": "ships with a plugin",
    "vlbench/scaffold/package.py": "ships with vlbench",
    "plugins/vlbench_html/index.py": "ships with the plugin",
    "plugins/vlbench_html/notebook.py": "ships with the plugin",
    "plugins/vlbench_html/page.py": "ships with the plugin",
    "plugins/vlbench_scenes/encoders.py": "ships with the plugin, under its hash",
    "plugins/vlbench_clips/encoders.py": "ships with the plugin, under its hash",
    "plugins/vlbench_scenes/dataset.py": "made here, read under its hash",
    "plugins/vlbench_clips/dataset.py": "made here, read under its hash",
    "vlbench/disk/mapped.py": "the kernel's",
    "vlbench/runs/meter.py": "the kernel's",
    "plugins/vlbench_coresets/blocks.py": "the kernel's",
    "vlbench/runs/method_process.py": "of a process that was started here; what it may send: test_misbehaving.py",
    "vlbench/testing/harness.py": "of a run that the harness has just made",
    "vlbench/export/croissant.py": "of an export that was just written",
    "vlbench/runs/heard.py": "compared only after the whole claim holds: test_lies_of_files.py",
    "vlbench/runs/session.py": "an entry of the cache",
    "vlbench/records/record.py record_table": "JSON that was just made",
    "vlbench/registry/code.py": "hashed as bytes",
    "vlbench/registry/convert.py": "a word of the command line: test_fuzz.py",
    "vlbench/protocol/load.py _value": "a word of the command line: test_fuzz.py",
    "vlbench/cli/complete.py": "for completion, which is silent whatever happens",
    "vlbench/disk/locks.py _owner": "named while another process holds the lock; any content is 'another process'",
    "vlbench/cache.py _flush": "opened to be flushed, not read",
    "vlbench/verification/data_checks.py preview_problems": "looked at while a claim is retrained: test_hostile.py",
    "vlbench/verification/verify.py _unpacked": "copied after all checks",
    "vlbench/disk/made.py _is_as_written": "compared as a text, as _is_whole does",
    "plugins/vlbench_media/preprocessing.py": "the folder of a model, which transformers reads",
    "plugins/vlbench_media/recognise.py": "asks whether it is a tar file",
    "plugins/vlbench_media/stamps.py": "of an installed package; hashed as bytes",
}
"""Module, or module and function -> why what it reads needs no random bytes."""


def reading(tree: ast.AST, function: str = "") -> Iterator[str]:
    """Names of functions in which files are read, or contents parsed."""
    for node in ast.iter_child_nodes(tree):
        inside = node.name if isinstance(node, ast.FunctionDef) else function
        inside = "<lambda>" if isinstance(node, ast.Lambda) else inside
        if isinstance(node, ast.Call) and _is_reading(node):
            yield inside
        yield from reading(node, inside)


def _is_reading(call: ast.Call) -> bool:
    text, name = ast.unparse(call), ast.unparse(call.func)
    owner, last = name.rpartition(".")[0].rpartition(".")[2], name.rpartition(".")[2]
    writes = any(mode in text for mode in ("'w'", "'wb'", "'a'", "'ab'", "'w+b'", "os.open", "json.dumps"))
    return not writes and (last in READS or last in READS_OF.get(owner, ()))


def test_every_function_that_reads_a_file_is_entered_by_one_of_the_readers(readers: dict[str, Reader]) -> None:
    root = Path(__file__).parents[3]
    files = [path for folder in ("vlbench", "plugins") for path in sorted((root / folder).rglob("*.py"))]
    asked = {(str(path.relative_to(root)), name) for path in files for name in reading(ast.parse(path.read_text()))}
    entered: set[CodeType] = set()

    def noted(frame: FrameType, event: str, _: object) -> None:
        if event == "call":
            entered.add(frame.f_code)

    sys.setprofile(noted)
    threading.setprofile(noted)
    try:
        for reader in readers.values():
            with contextlib.suppress(VlbenchError):
                reader.read()
    finally:
        sys.setprofile(None)
        threading.setprofile(None)  # type: ignore[arg-type]
    done = set()
    for module in (vlbench, vlbench_pairs):  # in the checkout, or where they are installed
        above = Path(str(module.__file__)).parents[1]
        paths = [(Path(code.co_filename), code.co_name) for code in entered]
        done |= {(path.relative_to(above).as_posix(), name) for path, name in paths if path.is_relative_to(above)}
    left = {(file, name) for file, name in asked if (file.removeprefix("plugins/"), name) not in done}
    unnamed = {f"{file} {name}" for file, name in left if not {file, f"{file} {name}"} & NO_STRANGER_WRITES.keys()}
    assert not unnamed, "no reader under random bytes: name one, or say above why none is needed"
    assert NO_STRANGER_WRITES.keys() <= {word for file, name in asked for word in (file, f"{file} {name}")}
