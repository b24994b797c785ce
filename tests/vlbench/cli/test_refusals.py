"""Where the file system, a file or a number says no: one line, an exit code, and no traceback."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from vlbench.cli.main import main

QUICK = ["--set", "rows.always=[]", "--set", "rows.full=false", "--set", "training.seeds=1",
         "--set", "training.grid=[{steps=2, batch=20, learning_rate=0.1}]",
         "--set", "training.warmup.steps=1"]  # fmt: skip
RUN = ["run", "--method", "random", "--budget", "20", "--suite", "scenes-mini", *QUICK]


def command(*words: object, cwd: Path, **environment: str) -> tuple[int, str, str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(cwd)
        for name, value in environment.items():
            patch.setenv(name, value)
        done = CliRunner().invoke(main, list(map(str, words)))
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.stdout, done.stderr


def process(*words: object, cwd: Path, stdout: object = subprocess.PIPE) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "vlbench", *map(str, words)], cwd=cwd, text=True, stdout=stdout, stderr=subprocess.PIPE,
        timeout=300, check=False,
    )  # type: ignore[call-overload]  # fmt: skip
    return done.returncode, done.stdout or "", done.stderr


def refused(code: int, stdout: str, stderr: str) -> str:
    assert code not in (0, 120)
    assert "Traceback" not in stdout + stderr
    assert "Exception ignored" not in stderr
    (line,) = [line for line in stderr.splitlines() if line.startswith("Error: ")]
    assert len(line) < 2500
    return line


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the folder ``runs`` and one run in it."""
    folder = tmp_path_factory.mktemp("made")
    assert command(*RUN, cwd=folder)[0] == 0
    return folder


@pytest.mark.parametrize("out", ["/proc/x", "FILE", "DANGLING", "FILE/deeper", "x" * 300])
def test_a_folder_of_runs_that_cannot_be_one_is_one_line(tmp_path: Path, out: str) -> None:
    (tmp_path / "FILE").write_text("")
    (tmp_path / "DANGLING").symlink_to("/proc/nowhere")
    assert "Name another path" in (line := refused(*command(*RUN, "--out", out, cwd=tmp_path))) or "longer name" in line
    assert (tmp_path / "FILE").read_text() == ""


@pytest.mark.parametrize(
    "words",
    [["leaderboard", "--out", "/proc/x.html"], ["submit", "RUN", "--out", "/tmp"],
     ["submit", "RUN", "--out", "/proc/a.zip"],
     ["verify", "CLAIM", "--no-retrain", "--out", "/proc/x"], ["export", "RUN", "--to", "/proc/x"],
     ["show", "RUN", "--to", "/proc/x.png"], ["leaderboard", "/dev/null/x"], ["verify", "."], ["submit", "/dev/full"]],
    ids=lambda words: " ".join(words),
)  # fmt: skip
def test_a_target_that_cannot_be_written_is_one_line(made: Path, words: list[str]) -> None:
    run = next((made / "runs").glob("random-*"))
    command("submit", run, "--out", "claim.zip", cwd=made)
    named = {"RUN": str(run), "CLAIM": "claim.zip"}
    refused(*command(*[named.get(word, word) for word in words], cwd=made))


def test_a_cache_that_cannot_be_one_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for environment in ({"VLBENCH_CACHE": str(tmp_path / "file")}, {"VLBENCH_CACHE": "", "HOME": "/proc/nope"}):
        line = refused(*command(*RUN, cwd=tmp_path, **environment))
        assert "VLBENCH_CACHE" in line


@pytest.mark.parametrize("words", [["methods"], ["--help"]])
def test_standard_output_that_takes_no_more_is_one_line(made: Path, words: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        code, _, stderr = process(*words, cwd=made, stdout=full)
    assert "no space left" in refused(code, "", stderr)


def deep() -> bytes:
    return b"name = " + b"[" * 3000 + b"]" * 3000


SUITES = {
    "not UTF-8": b'name = "\xff"', "nested": deep(), "digits": b"version = " + b"9" * 5000, "empty": b"",
    "version": b'name = "a"\nversion = "one"', "name": b'name = "' + b"x" * 5000 + b'"', "slash": b'name = "a/b"',
    "students": b"students = 3", "data": b'data = "scenes"', "grid": b"[training]\ngrid = 5", "zeros": bytes(1000),
    "huge": b"# " + b"x" * (2 << 20),
}  # fmt: skip


@pytest.mark.parametrize("kind", SUITES)
def test_a_suite_that_is_none_is_one_line(tmp_path: Path, kind: str) -> None:
    (tmp_path / "suite.toml").write_bytes(SUITES[kind])
    line = refused(*command("run", "--method", "random", "--budget", "20", "--suite", "suite.toml", cwd=tmp_path))
    assert "suite.toml" in line


@pytest.mark.parametrize(
    "more",
    [["--seed", "9" * 5000], ["--budget", "9" * 5000], ["--suite", "x" * 5000], ["--suite", "x" * 5000 + ".toml"],
     ["--method", "y" * 5000], ["-o", "z" * 5000], ["--set", "training.seeds=" + "[" * 3000], ["--device", "w" * 5000],
     ["--set", "training.seeds=" + "9" * 5000], ["--time-limit", "nan"], ["--seed", ","],
     ["--set", "students.convnet.temperature=" + "9" * 400], ["--set", "students.convnet.temperature=true"],
     ["--set", "students.convnet.learn_temperature='false'"], ["--set", "students.convnet.temperature=nan"],
     ["--set", "=" * 100], ["--students", "s" * 5000]],
    ids=lambda more: f"{more[0]} {more[1][:20]}",
)  # fmt: skip
def test_an_endless_word_is_one_line(tmp_path: Path, more: list[str]) -> None:
    refused(*command(*RUN, *more, cwd=tmp_path))


@pytest.mark.parametrize(
    ("words", "said"),
    [(["--time-limit", "x" * 5000], " ... "), (["--time-limit", "1\u202e"], "\\u202e"), (["--out", "a\0b"], "NUL")],
    ids=["endless", "steering", "a path with NUL"],
)
def test_a_value_that_click_refuses_is_said_back_shortened_and_visible(words: list[str], said: str) -> None:
    result = CliRunner().invoke(main, [*RUN, *words])
    assert (result.exit_code, isinstance(result.exception, SystemExit)) in {(1, True), (2, True)}
    assert said in result.stderr
    assert len(result.stderr) < 2600


@pytest.mark.parametrize("empty", ["--method", "--budget"])
def test_a_list_of_nothing_is_a_usage_error(tmp_path: Path, empty: str) -> None:
    words = {"--method": "random", "--budget": "20", empty: ","}
    code, _, stderr = command(
        "run", "--suite", "scenes-mini", *[word for pair in words.items() for word in pair], cwd=tmp_path
    )
    assert code == 2
    assert f"{empty} must be given" in stderr


def test_a_full_disk_at_any_of_its_sizes_is_one_line_and_the_same_command_goes_on(tmp_path: Path) -> None:
    """The size of files is limited, which fails writes as a full disk does."""
    script = textwrap.dedent("""
        import resource, runpy, signal, sys
        limit = int(sys.argv[1])
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        sys.argv = ["vlbench", *sys.argv[2:]]
        runpy.run_module("vlbench", run_name="__main__")
    """)
    for limit in (1000, 40_000):
        words = [sys.executable, "-c", script, str(limit), *RUN]
        done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
        assert "Traceback" not in done.stderr
        assert done.returncode == 0 or "Error: " in done.stderr
        assert not list(tmp_path.rglob(".new-*"))
    assert command(*RUN, cwd=tmp_path)[0] == 0


def test_sigterm_ends_a_run_as_ctrl_c_does_with_a_line_that_says_how_to_go_on(tmp_path: Path) -> None:
    for number, code in ((signal.SIGTERM, 143),):
        words = [sys.executable, "-m", "vlbench", "run", "--method", "vldd", "--budget", "20", "--suite", "scenes-mini"]
        running = subprocess.Popen(words, cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        deadline = time.monotonic() + 120
        while not list(tmp_path.glob("runs/.locks/*.owner")) and time.monotonic() < deadline:
            time.sleep(0.05)
        running.send_signal(number)
        stderr = running.communicate(timeout=120)[1]
        assert running.returncode == code
        assert "Stopped." in stderr
        assert "Run the same command to continue" in stderr
        assert "Traceback" not in stderr
