"""The commands, through the ``vlbench`` group."""

from __future__ import annotations

import itertools
import json
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import vlbench.cli.main
from vlbench.budget import Budget
from vlbench.progress import Observer
from vlbench.records.record import Record, parse_record, write_record
from vlbench.runs.request import RunRequest

from ..conftest import table

PLUGIN = """
from dataclasses import dataclass
import vlbench

@dataclass(frozen=True)
class Options:
    start: int = vlbench.option(0, help="index of the first pair kept")

@vlbench.hookimpl
def vlbench_methods():
    return [vlbench.MethodSpec(name=name, target="cli_plugin:EveryNth", options=Options, family="selection",
                               summary="Keep every n-th pair.", paper="Nobody 2000") for name in ("cli-nth", "cli-mth")]

@vlbench.hookimpl
def vlbench_suites():
    return [vlbench.SuiteSpec(name="cli-suite", file="cli_plugin:suite.toml", summary="A toy.")]
"""


def record(method: str, budget: str, **more: Any) -> Record:
    recall = {"mean": 12.0, "sd": 1.0, "seeds": [11.0, 13.0]}
    scores = {"directions": {"image_to_text": {"R@1": recall}, "text_to_image": {"R@1": recall}}, "mean_recall": recall}
    more = {"id": f"{method}-{budget}", "budget": budget, "suite": "cli-suite", "scores": {"net": scores}, **more}
    return parse_record(table(method, 12.0, **more))


@pytest.fixture
def plugin(tmp_path: Path) -> str:
    (tmp_path / "suite.toml").write_text("version = 1\n")
    (tmp_path / "cli_plugin.py").write_text(PLUGIN)
    return str(tmp_path / "cli_plugin.py")


def invoke(*words: str) -> Result:
    return CliRunner().invoke(vlbench.cli.main.main, list(words))


class Runs:
    """Stands in for ``run_many`` and remembers what it was asked."""

    def __init__(self) -> None:
        self.request = RunRequest()
        self.outcome: dict[str, Any] = {}

    def __call__(
        self,
        registry: object,
        *,
        methods: Sequence[str],
        budgets: Sequence[Budget],
        request: RunRequest,
        observer: Observer,
    ) -> list[Record]:
        self.request = request
        observer.phase("experts", 2)
        cells = itertools.product(budgets, methods, request.seeds)
        asked = [record(method, str(budget), seed=seed, **self.outcome) for budget, method, seed in cells]
        return [*asked, record("full", "full", baseline=True)]


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Runs:
    stand_in = Runs()
    import vlbench.runs.pipeline  # noqa: F401  # so that the module is there to be changed

    monkeypatch.setattr(sys.modules["vlbench.runs.pipeline"], "run_many", stand_in)
    return stand_in


def test_methods_lists_a_plugin_file(plugin: str) -> None:
    result = invoke("--plugin", plugin, "methods")
    assert result.exit_code == 0
    assert "cli-nth" in result.stdout
    assert "Keep every n-th pair." in result.stdout


def test_method_is_described_with_its_options_and_paper(plugin: str) -> None:
    text = invoke("--plugin", plugin, "methods", "cli-nth").stdout
    for part in ("start", "int", "index of the first pair kept", "Nobody 2000", "cli_plugin"):
        assert part in text
    described = json.loads(invoke("--plugin", plugin, "methods", "cli-nth", "--json").stdout)
    assert described["options"] == [
        {"name": "start", "type": "int", "default": "0", "help": "index of the first pair kept"}
    ]


def test_unknown_method_is_one_message_without_traceback(plugin: str) -> None:
    result = invoke("--plugin", plugin, "methods", "cli-nht")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: no method called 'cli-nht'. Did you mean 'cli-nth'?")
    assert "Traceback" not in result.output


def test_unknown_command_names_the_nearest() -> None:
    result = invoke("leaderbord")
    assert result.exit_code == 2
    assert "Did you mean 'leaderboard'?" in result.stderr


def test_suites_lists_and_prints_a_protocol(plugin: str) -> None:
    assert "A toy." in invoke("--plugin", plugin, "suites").stdout
    assert invoke("--plugin", plugin, "suites", "cli-suite").stdout == "version = 1\n"


def test_plugins_shows_a_broken_one_and_succeeds(tmp_path: Path) -> None:
    (tmp_path / "cli_broken.py").write_text("import no_such_module_at_all")
    result = invoke("--plugin", str(tmp_path / "cli_broken.py"), "plugins")
    assert result.exit_code == 0
    assert "missing dependency no_such_module_at_all" in result.stdout


BROKEN = {
    "cli_missing": "import no_such_module_at_all",
    "cli_raises": "1 / 0",
    "cli_silent": "x = 1",
    "cli_taker": PLUGIN.replace("cli-nth", "vldd"),
    "cli_newer": "VLBENCH_API = '>=99'",
    "cli_blocked": "",
}


@pytest.mark.parametrize("strict", ["", "1"])
def test_plugins_lists_the_status_of_each_even_if_all_are_broken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, strict: str
) -> None:
    words = []
    for name, text in BROKEN.items():
        (tmp_path / f"{name}.py").write_text(text)
        words += ["--plugin", str(tmp_path / f"{name}.py")]
    monkeypatch.setenv("VLBENCH_PLUGINS_BLOCK", "cli_blocked")
    monkeypatch.setenv("VLBENCH_STRICT", strict)
    result = invoke(*words, "plugins", "--json")
    statuses = {plugin["name"]: plugin["status"] for plugin in json.loads(result.stdout)}
    assert [statuses[name] for name in BROKEN] == [
        "missing dependency no_such_module_at_all", "import error", "incompatible", "duplicate", "incompatible",
        "blocked",
    ]  # fmt: skip
    assert result.exit_code == (1 if strict else 0)
    assert ("cli_raises: import error. ZeroDivisionError" in result.stderr) is bool(strict)
    shown = invoke(*words, "plugins").stdout
    assert "cli_newer (incompatible): it was written for VLBENCH_API >=99, this vlbench has 2." in shown
    refused = invoke(*words, "methods")
    assert refused.exit_code == 1
    assert f"plugin file {words[1]!r} cannot be used, {statuses[next(iter(BROKEN))]}: " in refused.stderr


COMMANDS = """
import vlbench

def wordless():
    pass

@vlbench.hookimpl
def vlbench_commands():
    made = {"hello": "cli_hello:command", "wordless": "cli_commands:wordless", "lost": "no_such_module_at_all:command"}
    return [vlbench.Declaration(name, target, "Greet.") for name, target in made.items()]
"""
HELLO = """
import click, vlbench
@click.command()
@click.option("--to", required=True)
def command(to):
    if to == "nobody":
        raise vlbench.errors.DataError("nobody is there.")
    click.echo(f"Hello, {to}.")
"""


def test_a_plugins_command_is_imported_when_used_and_errs_like_a_built_in_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "cli_hello.py").write_text(HELLO)
    (tmp_path / "cli_commands.py").write_text(COMMANDS)
    plugin = ("--plugin", str(tmp_path / "cli_commands.py"))
    assert "Commands of plugins" in invoke(*plugin, "--help").stdout
    assert "hello" in invoke(*plugin, "--help").stdout
    assert "cli_hello" not in sys.modules
    assert invoke(*plugin, "hello", "--to", "you").stdout == "Hello, you.\n"
    for words, code, text in (
        (["hello", "--to", "nobody"], 1, "Error: nobody is there."),
        (["hello"], 2, "Missing option '--to'"),
        (["wordless"], 1, "command 'wordless' of plugin 'cli_commands'"),
        (["lost"], 1, "no_such_module_at_all"),
        (["helo"], 2, "Did you mean 'hello'?"),
    ):
        result = invoke(*plugin, *words)
        assert (result.exit_code, text in result.stderr) == (code, True), result.output


def test_no_plugin_can_take_the_name_of_a_built_in_command(tmp_path: Path) -> None:
    (tmp_path / "cli_thief.py").write_text(COMMANDS.replace('"hello"', '"plugins"'))
    result = invoke("--plugin", str(tmp_path / "cli_thief.py"), "plugins")
    assert "command 'plugins' is already declared by plugin 'vlbench'" in " ".join(result.stdout.split())


def test_help_lists_built_in_commands_where_plugins_cannot_be_listed(tmp_path: Path) -> None:
    assert "leaderboard" in invoke("--plugin", str(tmp_path / "nowhere.py"), "--help").stdout


def test_run_passes_on_what_was_asked(plugin: str, runs: Runs, tmp_path: Path) -> None:
    words = [
        "--suite",
        "cli-suite",
        "--seed",
        "3,5",
        "--seed",
        "4",
        "-o",
        "start=2",
        "--set",
        "training.seeds=1",
        "--out",
        str(tmp_path),
    ]
    result = invoke("--plugin", plugin, "run", "--method", "cli-nth", "--budget", "10,20", *words)
    assert result.exit_code == 0, result.output
    assert runs.request == RunRequest("cli-suite", (3, 5, 4), "auto", {"start": "2"}, {"training.seeds": "1"}, tmp_path)
    for part in ("cli-nth", "10 pairs", "20 pairs", "full", "Written to", "cli-nth-20"):
        assert part in result.stdout
    assert "experts" in result.stderr


def test_json_is_all_of_standard_output_and_holds_what_was_asked_only(plugin: str, runs: Runs) -> None:
    words = ["--method", "cli-nth", "--method", "cli-mth", "--budget", "10,20", "--json"]
    printed = json.loads(invoke("--plugin", plugin, "run", *words).stdout)
    assert [(r["method"], r["budget"]) for r in printed] == [
        ("cli-nth", "10"), ("cli-nth", "20"), ("cli-mth", "10"), ("cli-mth", "20")
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--method", "cli-nht", "--budget", "10"], "Did you mean 'cli-nth'?"),
        (["--method", "cli-nth", "--budget", "0"], "budget 0"),
        (["--method", "cli-nth", "--budget=-3"], "budget -3"),
        (["--method", "cli-nth", "--budget", "many"], "'many'"),
        (["--method", "cli-nth", "--budget", "5XB"], "unit 'XB'"),
        (["--method", "cli-nth", "--budget", "10", "--seed", "0,x"], "--seed 'x' is not a whole number"),
        (["--method", "cli-nth", "--budget", "10", "--seed=-1"], "--seed '-1'"),
        (["--method", "cli-nth", "--budget", "10", "-o", "start"], "key=value"),
        (["--method", "cli-nth", "--budget", "10", "-o", "start=1", "-o", "start=2"], "given twice"),
    ],
)
def test_wrong_input_of_run_is_one_message(plugin: str, runs: Runs, words: list[str], message: str) -> None:
    result = invoke("--plugin", plugin, "run", *words)
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ")
    assert message in result.stderr
    assert result.stdout == ""


def test_run_that_did_not_finish_is_told_and_fails(plugin: str, runs: Runs) -> None:
    runs.outcome = {"status": "diverged", "scores": {}, "message": "loss is not finite"}
    result = invoke("--plugin", plugin, "run", "--method", "cli-nth", "--budget", "10")
    assert result.exit_code == 1
    assert "cli-nth at budget 10 diverged: loss is not finite" in result.stderr


def test_every_seed_is_a_run_and_the_table_merges_them(plugin: str, runs: Runs) -> None:
    words = ["--method", "cli-nth", "--budget", "10,2kB", "--seed", "0,1,2"]
    result = invoke("--plugin", plugin, "run", *words)
    assert "3 runs" in result.stdout
    assert "2kB" in result.stdout
    printed = json.loads(invoke("--plugin", plugin, "run", *words, "--json").stdout)
    assert [(r["budget"], r["seed"]) for r in printed] == list(itertools.product(("10", "2kB"), range(3)))


def test_interrupted_run_says_what_is_kept(plugin: str, monkeypatch: pytest.MonkeyPatch, runs: Runs) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Runs, "__call__", interrupt)
    result = invoke("--plugin", plugin, "run", "--method", "cli-nth", "--budget", "10")
    assert result.exit_code == 130
    assert "Run the same command to continue." in result.stderr


@pytest.mark.parametrize(
    ("form", "start"), [("text", "cli-suite"), ("markdown", "**cli"), ("csv", "suite,"), ("json", "{")]
)
def test_leaderboard_prints_every_format(tmp_path: Path, form: str, start: str) -> None:
    write_record(tmp_path / "a", record("cli-nth", "10"))
    result = invoke("leaderboard", str(tmp_path), "--format", form)
    assert result.exit_code == 0
    assert result.stdout.startswith(start)
    assert "cli-nth" in result.stdout


FORMATS = """
import vlbench

def first_methods(*, table, later=None):
    return ", ".join(group.ranked[0].method for group in table.groups)

def hostile(table):
    for group in table.groups:
        for row in group.ranked:
            row.scores.clear()
    return "wiped"

def greedy(table, browser):
    return ""

def broken():
    raise KeyError("lost")

def wordless():
    return 3

@vlbench.hookimpl
def vlbench_formats():
    names = ("first_methods", "hostile", "greedy", "broken", "wordless")
    return [vlbench.Declaration(name, f"cli_formats:{name}", "For a test.") for name in names]
"""


@pytest.mark.parametrize(
    ("form", "code", "text"),
    [
        ("first_methods", 0, "cli-nth"),
        ("hostile", 0, "wiped"),
        ("greedy", 1, "'greedy' of plugin 'cli_formats': its argument 'browser' is not offered"),
        ("broken", 1, "'broken' of plugin 'cli_formats' raised KeyError: 'lost'"),
        ("wordless", 1, "'wordless' returned int"),
        ("frist_methods", 1, "Did you mean 'first_methods'?"),
    ],
)
def test_format_of_a_plugin_is_printed_or_blamed_by_name(tmp_path: Path, form: str, code: int, text: str) -> None:
    (tmp_path / "cli_formats.py").write_text(FORMATS)
    write_record(tmp_path / "a", record("cli-nth", "10"))
    result = invoke("--plugin", str(tmp_path / "cli_formats.py"), "leaderboard", str(tmp_path), "--format", form)
    assert result.exit_code == code
    assert text in result.output


def test_leaderboard_without_runs_says_how_to_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "No finished runs" in invoke("leaderboard").stdout
    assert invoke("leaderboard", "nowhere").exit_code == 1


def test_show_names_what_is_missing(tmp_path: Path) -> None:
    assert "record.json" in invoke("show", str(tmp_path)).stderr
    write_record(tmp_path, record("cli-nth", "10"))
    assert "preview.npy is missing" in invoke("show", str(tmp_path)).stderr


def test_score_of_nothing_is_one_message(tmp_path: Path) -> None:
    result = invoke("score", str(tmp_path / "nowhere"))
    assert result.exit_code == 1
    assert "does not exist" in result.stderr


def test_vlbench_alone_fits_a_terminal_of_24_lines_and_names_every_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    shown = invoke().stdout
    assert len(shown.splitlines()) < 24
    assert all(len(line) <= 80 for line in shown.splitlines())
    assert all(name in shown for name in vlbench.cli.main.COMMANDS)


def test_help_lists_every_command_in_its_section_on_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = [" ".join(line.split()) for line in invoke("--help").stdout.splitlines()]
    for heading, commands in vlbench.cli.main.SECTIONS.items():
        at = lines.index(f"{heading}:")
        assert lines[at + 1 : at + 1 + len(commands)] == [f"{name} {text}" for name, text in commands.items()]


@pytest.mark.parametrize("words", [[], ["--method", "cli-mth"], ["--budget", "5MB,10"]])
def test_run_without_method_or_budget_says_what_it_needs_with_an_example(plugin: str, words: list[str]) -> None:
    refused = invoke("--plugin", plugin, "run", *words)
    assert refused.exit_code == 2
    method, budget = "cli-mth" if "--method" in words else r"[\w-]+", "5MB,10" if "--budget" in words else "500"
    assert re.search(f"must be given, as in:  vlbench run --method {method} --budget {budget}\n", refused.stderr)
    assert "cli-nth" in refused.stderr


def test_methods_budgets_and_seeds_take_comma_lists_and_repetition(plugin: str, runs: Runs) -> None:
    words = [
        "--method",
        "cli-nth,cli-mth",
        "--budget",
        "5,6",
        "--budget",
        "7",
        "--seed",
        "0,1",
        "--seed",
        "1",
        "--json",
    ]
    found = json.loads(invoke("--plugin", plugin, "run", *words).stdout)
    asked = [(one["method"], one["budget"], one["seed"]) for one in found]
    assert sorted(asked) == sorted(itertools.product(("cli-nth", "cli-mth"), ("5", "6", "7"), (0, 1)))


def test_python_m_vlbench_calls_itself_vlbench(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "vlbench", "run", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.startswith("Usage: vlbench run [OPTIONS]")
    assert "[default: 0]" in done.stdout
