"""The ``vlbench`` group. A command's module is imported only when that command is used."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

import vlbench
from vlbench.cli.failures import file_error, give_up_output, shortened, stopped_code, terminable
from vlbench.errors import PluginError, UnknownNameError, VlbenchError

COMMANDS = {
    "run": "Condense a data set by one or more methods and score the result.",
    "leaderboard": "Show finished runs as a table.",
    "methods": "List methods, or describe one with its options.",
    "suites": "List suites, or print the protocol of one.",
    "plugins": "List plugins and whether each could be loaded.",
    "prepare": "Fetch and compute once what a suite needs; say what is missing.",
    "data": "Make a small stand-in for a data set you do not have yet.",
    "cache": "List what is stored between runs, check it, or remove what nothing reads.",
    "show": "Draw the pairs of a run as a picture.",
    "export": "Write the pairs of a run as a table and pictures.",
    "score": "Train fresh students on a saved artifact and score them.",
    "checkpoints": "Measure what picking the best test epoch buys.",
    "contributions": "Tell what each side of a distilled set contributes.",
    "strength": "Show how a lead depends on the student.",
    "leaks": "Ask whether made pairs are nearer to test items than train items are.",
    "submit": "Pack a finished run into one file that others can verify.",
    "verify": "Check a claim without its method, training its students again.",
    "replay": "Run the command of a record again and report what differs.",
}


class LazyGroup(click.Group):
    """Commands by name, those of plugins last; expected errors become one message and exit code 1."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names, in the order of the help page."""
        return list(_summaries(ctx))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command; plugins are asked only for what is not built in."""
        if cmd_name in COMMANDS:
            command = importlib.import_module(f"vlbench.cli.{cmd_name}").command
        else:
            command = _of_plugin(ctx, cmd_name)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, but with the nearest command named; while words are completed, nothing is an error."""
        try:
            return super().resolve_command(ctx, args)
        except VlbenchError as error:
            if ctx.resilient_parsing:
                return None, None, args
            if isinstance(error, UnknownNameError):
                raise click.UsageError(str(error), ctx) from error
            raise

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List commands without importing them."""
        summaries = _summaries(ctx)
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))
        if len(summaries) > len(COMMANDS):
            with formatter.section("Commands of plugins"):
                formatter.write_dl([item for item in summaries.items() if item[0] not in COMMANDS])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Names of commands, and of the flags before them, without importing any."""
        found = [
            CompletionItem(name, help=summary)
            for name, summary in _summaries(ctx).items()
            if name.startswith(incomplete)
        ]
        return found + click.Command.shell_complete(self, ctx, incomplete)

    def invoke(self, ctx: click.Context) -> Any:
        """Run, and show an expected error without a traceback."""
        try:
            return super().invoke(ctx)
        except VlbenchError as error:
            raise click.ClickException(shortened(str(error))) from error
        except RecursionError as error:
            raise click.ClickException("a file or a value is nested too deeply to be read.") from error
        except KeyboardInterrupt as error:
            click.echo("Stopped. What was finished is kept; give the same command again.", err=True)
            raise click.exceptions.Exit(stopped_code(error)) from None

    def main(self, *args: Any, **extra: Any) -> Any:
        """As click does; what the file system refuses is one line, and SIGTERM is Ctrl-C."""
        try:
            with terminable():
                return super().main(*args, **extra)
        except BrokenPipeError:
            raise
        except OSError as error:
            give_up_output()
            click.echo(f"Error: {shortened(file_error(error))}", err=True)
            sys.exit(1)


def _summaries(ctx: click.Context) -> dict[str, str]:
    """Command -> what it does; those that are built in first, and alone where plugins cannot be listed."""
    from vlbench.registry.listing import listed

    return {**COMMANDS, **listed("command", ctx.params.get("plugins", ()))}


def _of_plugin(ctx: click.Context, name: str) -> click.Command:
    from vlbench.registry.loader import load_registry
    from vlbench.registry.specs import resolve

    registry = load_registry([str(path) for path in ctx.params.get("plugins", ())])
    target = registry.command(name).target
    command: object = resolve(target)
    if not isinstance(command, click.Command):
        owner = registry.owner("command", name)
        kind = type(command).__name__
        raise PluginError(f"command {name!r} of plugin {owner!r}: {target!r} is a {kind}, not a click.Command.")
    return command


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Start with:  vlbench run --method vldd --budget 500",
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
    """Which method makes the training set that teaches a fresh student the most?

    vlbench condenses a data set of image-text pairs to a budget, trains fresh students on the result and scores
    their retrieval.
    """
    context.obj = [str(path) for path in plugins]
