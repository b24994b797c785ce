"""The ``vlbench`` group: its commands, those of plugins, and errors without a traceback."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

import vlbench
from vlbench.cli.failures import file_error, give_up_output, shortened, stopped_code, terminable
from vlbench.cli.groups import LazyGroup
from vlbench.errors import PluginError, UnknownNameError, VlbenchError
from vlbench.threads import wait_passively
from vlbench.visible import text_of, visible

SECTIONS = {
    "Run": {
        "run": "Condense a dataset by one or more methods and score the result.",
        "prepare": "Fetch and compute what a suite needs; list what is missing.",
        "score": "Train fresh students on a saved artifact and score them.",
        "init": "Look at your files and write a suite that runs on them.",
        "data": "Check a dataset; list forms of files; make a mock.",
    },
    "Look": {
        "status": "Show which rows of a grid run, wait, failed or are finished.",
        "leaderboard": "Show finished runs as a table.",
        "diff": "Show what changed between two boards, and why.",
        "plot": "Draw score against budget and cost, for a paper.",
        "show": "Draw the pairs of a run as a picture.",
        "export": "Write the pairs of a run as a table and pictures.",
    },
    "Find": {
        "methods": "List methods, or describe one with its options.",
        "suites": "List suites, or print the protocol of one.",
        "datasets": "List datasets, or describe one with its options.",
        "encoders": "List encoders, or describe one with its options.",
        "students": "List students, or describe one.",
        "cache": "List what is stored between runs, check it, or clear it up.",
        "plugins": "List plugins and whether each could be loaded.",
        "doctor": "Look at this machine, and say what to do about each fault.",
    },
    "Check claims": {
        "submit": "Pack a finished run into one file that others can check.",
        "verify": "Score someone's result again, without their code.",
        "replay": "Run the command of a record again and report what differs.",
    },
    "Analyse": {
        "checkpoints": "Measure what picking the best test epoch gains.",
        "contributions": "Score each side of a distilled set on its own.",
        "curve": "Show how students learn from more random pairs.",
        "strength": "Show how a lead depends on the student.",
        "leaks": "Check whether learned pairs look copied from test items.",
        "perf": "Time the parts of a run next to the least that they need.",
    },
}
COMMANDS = {name: summary for commands in SECTIONS.values() for name, summary in commands.items()}
START = "Start with:  vlbench run --method vldd --budget 500"


class Main(LazyGroup):
    """The commands of vlbench, then those of plugins; an expected error is one message and exit code 1."""

    def sections(self, ctx: click.Context) -> dict[str, dict[str, str]]:
        from vlbench.registry.listing import listed

        declared = listed("command", ctx.params.get("plugins", ()))
        others = {name: summary for name, summary in declared.items() if name not in COMMANDS}
        return super().sections(ctx) | ({"Commands of plugins": others} if others else {})

    def get_other(self, ctx: click.Context, name: str) -> click.Command:
        from vlbench.registry.loader import load_registry
        from vlbench.registry.specs import resolve

        registry = load_registry([str(path) for path in ctx.params.get("plugins", ())])
        target = registry.get("command", name).target
        command: object = resolve(target)
        if not isinstance(command, click.Command):
            owner = registry.owner("command", name)
            kind = type(command).__name__
            raise PluginError(f"command {name!r} of plugin {owner!r}: {target!r} is a {kind}, not a click.Command.")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, but the closest command is suggested; while words are completed, nothing is an error."""
        try:
            return super().resolve_command(ctx, args)
        except VlbenchError as error:
            if ctx.resilient_parsing:
                return None, None, args
            if isinstance(error, UnknownNameError):
                raise click.UsageError(str(error), ctx) from error
            raise

    def invoke(self, ctx: click.Context) -> Any:
        """Run, and show an expected error without a traceback."""
        try:
            return super().invoke(ctx)
        except VlbenchError as error:
            raise click.ClickException(visible(shortened(text_of(error)))) from error
        except click.UsageError as error:  # click says back the value that it was given
            raise click.UsageError(visible(shortened(error.format_message())), error.ctx) from error
        except RecursionError as error:
            raise click.ClickException("a file or a value is nested too deeply to be read.") from error
        except UnicodeEncodeError as error:  # of a file's name, say, that is not UTF-8
            half = ascii(error.object[error.start : error.end])
            raise click.ClickException(
                f"a text or a file's name holds half a character ({half[:40]}). Mend it."
            ) from error
        except ValueError as error:
            if not str(error).startswith("embedded null"):
                raise
            raise click.ClickException("a path holds the character NUL, which no path may. Leave it out.") from error
        except KeyboardInterrupt as error:
            click.echo("Stopped. What was finished is kept; give the same command again.", err=True)
            raise click.exceptions.Exit(stopped_code(error)) from None

    def main(self, *args: Any, **extra: Any) -> Any:
        """As click does; threads do not spin, what the file system refuses is one line, SIGTERM is Ctrl-C."""
        wait_passively()
        try:
            with terminable():
                return super().main(*args, **extra)
        except BrokenPipeError:
            raise
        except OSError as error:
            give_up_output()
            click.echo(f"Error: {visible(shortened(file_error(error)))}", err=True)
            sys.exit(1)


@click.group(
    cls=Main,
    modules="vlbench.cli.",
    sections=SECTIONS,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=START,
)
@click.option(
    "--plugin",
    "plugins",
    multiple=True,
    is_eager=True,  # so that --help, which is eager too, knows their commands
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Python file with a plugin of your own: a method, say. May be repeated.",
)
@click.version_option(vlbench.__version__, prog_name="vlbench")
@click.pass_context
def main(context: click.Context, plugins: tuple[Path, ...]) -> None:
    """Shrink an image-text dataset to a few hundred pairs, train new models on them, and compare methods fairly.

    A method gets a budget of pairs or bytes. vlbench trains fresh students on what it returns, and scores their
    image-text retrieval.
    """
    context.obj = [str(path) for path in plugins]
    if context.invoked_subcommand is None:
        click.echo(_first_screen(context))


def _first_screen(context: click.Context) -> str:
    """What ``vlbench`` alone prints: it fits a terminal of 24 lines."""
    group = context.command
    assert isinstance(group, Main)
    formatter = context.make_formatter()
    group.format_usage(context, formatter)
    formatter.write_paragraph()
    with formatter.indentation():
        formatter.write_text((group.help or "").partition("\n\n")[0])
    formatter.write_paragraph()
    with formatter.indentation():
        formatter.write_dl([(heading, ", ".join(names)) for heading, names in group.sections(context).items()])
    return f"{formatter.getvalue()}\n  {START}\n  See also:    vlbench --help\n"
