"""The ``vlbench`` group. A command's module is imported only when that command is used."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import click

import vlbench
from vlbench.errors import VlbenchError

COMMANDS = {
    "run": "Condense a data set by one or more methods and score the result.",
    "leaderboard": "Show finished runs as a table.",
    "methods": "List methods, or describe one with its options.",
    "suites": "List suites, or print the protocol of one.",
    "plugins": "List plugins and whether each could be loaded.",
    "show": "Draw the pairs of a run as a picture.",
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
    """Commands by name; expected errors become one message and exit code 1."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Names, in the order of the help page."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import one command."""
        if cmd_name not in COMMANDS:
            return None
        command = importlib.import_module(f"vlbench.cli.{cmd_name}").command
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, but with the nearest command named."""
        from vlbench.registry.names import unknown

        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            raise click.UsageError(str(unknown("command", args[0], COMMANDS, hint="vlbench --help")), ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> Any:
        """Run, and show an expected error without a traceback."""
        try:
            return super().invoke(ctx)
        except VlbenchError as error:
            raise click.ClickException(str(error)) from error


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Start with:  vlbench run --method vldd --budget 500",
)
@click.option(
    "--plugin",
    "plugins",
    multiple=True,
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Python file with a method, data set, encoder or suite of your own. May be repeated.",
)
@click.version_option(vlbench.__version__, prog_name="vlbench")
@click.pass_context
def main(context: click.Context, plugins: tuple[Path, ...]) -> None:
    """Which method makes the training set that teaches a fresh student the most?

    vlbench condenses a data set of image-text pairs to a budget, trains fresh students on the result and scores
    their retrieval.
    """
    context.obj = [str(path) for path in plugins]
