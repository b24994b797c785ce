"""``vlbench students [NAME]``."""

from __future__ import annotations

from vlbench.cli.listings import listing

command = listing("student", used="Score with it too: vlbench run --students NAME ...")
