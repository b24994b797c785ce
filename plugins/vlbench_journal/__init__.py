"""A journal of what runs did and when: an observer that writes it, and a command that adds it up."""

from __future__ import annotations

import vlbench


@vlbench.hookimpl
def vlbench_observers() -> list[vlbench.Declaration]:
    """Writes nothing unless the environment variable VLBENCH_JOURNAL names a file."""
    summary = "Appends phases and finished records to the file that VLBENCH_JOURNAL names, a JSON line each."
    return [vlbench.Declaration("journal", "vlbench_journal.write:Journal", summary)]


@vlbench.hookimpl
def vlbench_commands() -> list[vlbench.Declaration]:
    """The reader of the same file."""
    summary = "Add up a journal: where the hours of a day of runs went."
    return [vlbench.Declaration("journal", "vlbench_journal.read:command", summary)]
