"""``vlbench encoders [NAME]``."""

from __future__ import annotations

from vlbench.cli.listings import listing

command = listing(
    "encoder",
    used="In a suite: options = { KEY = ... } of the tower; for one run: --set students.STUDENT.SIDE.options.KEY=VALUE",
)
