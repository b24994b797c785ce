"""Groups whose commands are modules. A module is imported only when its command is used."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import click
from click.shell_completion import CompletionItem


class LazyGroup(click.Group):
    """Commands by name, in sections.

    Args:
        modules: what stands before a command's name in its module, as in ``"vlbench.cli."``.
        sections: heading -> command -> what it does, in at most one line of 80 columns.
    """

    def __init__(self, *args: Any, modules: str, sections: Mapping[str, Mapping[str, str]], **more: Any) -> None:
        super().__init__(*args, **more)
        self._modules, self._sections = modules, sections

    def sections(self, ctx: click.Context) -> dict[str, dict[str, str]]:  # noqa: ARG002
        """Heading -> command -> what it does."""
        return {heading: dict(commands) for heading, commands in self._sections.items()}

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for commands in self.sections(ctx).values() for name in commands]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if not any(cmd_name in commands for commands in self._sections.values()):
            return self.get_other(ctx, cmd_name)
        command = importlib.import_module(f"{self._modules}{cmd_name}").command
        assert isinstance(command, click.Command)
        return command

    def get_other(self, ctx: click.Context, name: str) -> click.Command | None:  # noqa: ARG002
        """A command that has no section of its own; None if there is none."""
        return None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for heading, commands in self.sections(ctx).items():
            with formatter.section(heading):
                formatter.write_dl(list(commands.items()))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Names of commands, and of the flags before them, without importing any."""
        listed = [item for commands in self.sections(ctx).values() for item in commands.items()]
        found = [CompletionItem(name, help=summary) for name, summary in listed if name.startswith(incomplete)]
        return found + click.Command.shell_complete(self, ctx, incomplete)
