"""``vlbench datasets [NAME]``."""

from __future__ import annotations

from vlbench.cli.listings import listing

command = listing(
    "dataset", used="In a suite: [data] options = { KEY = ... }; for one run: --set data.options.KEY=VALUE"
)
