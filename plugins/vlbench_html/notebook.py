"""The board's tables as a part of a page: what a notebook draws, without a script."""

from __future__ import annotations

from importlib.resources import files

from vlbench.board import Table
from vlbench.board import format as wording
from vlbench_html.markup import Child, Html, element
from vlbench_html.table import empty, group_table


def render_notebook(table: Table) -> str:
    """The tables of a board under the page's style sheet."""
    titled: list[Child] = []
    for group in table.groups:
        titled += [element("h3", {}, wording.title(group)), group_table(group)]
    sheet = files(__package__).joinpath("board.css").read_text(encoding="utf-8").replace(":root", "&")
    # Named twice, so that it counts for more than Jupyter's rules for tables, which break words and columns.
    style = element("style", {}, Html(f".vlbench.vlbench {{ {sheet} {_OWN_STYLE} }}"))
    return element("div", {"class": "vlbench"}, style, *(titled or [empty()]))


# There is no script here, so nothing to press; and a table's heading stands in the title above it.
_OWN_STYLE = """
& { background: var(--paper); color: var(--ink); font: 14px/1.5 var(--sans); padding: 8px 12px; }
h3 { margin-block: 12px 4px; }
table { table-layout: auto; margin: 0; border: 0; }
th, td { max-width: none; overflow-wrap: normal; word-break: normal; vertical-align: baseline; }
thead { border-bottom: 0; }
tbody tr, tbody tr:nth-child(odd), tbody tr:nth-child(even) { background: none; }
.board button, .board .method a { pointer-events: none; color: inherit; text-decoration: none; }
.board .method { min-width: 8rem; overflow-wrap: break-word; text-align: left; }
.board svg { max-width: none; width: auto; height: auto; }
.group { margin: 0; }
.group h3 { display: none; }
"""
