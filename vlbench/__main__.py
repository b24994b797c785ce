"""``python -m vlbench`` is ``vlbench``."""

from vlbench.cli.main import main

main(prog_name="vlbench")
