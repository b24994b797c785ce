"""The board as a page of its own, as the tables of a notebook, and as a site."""

from __future__ import annotations

import vlbench


@vlbench.hookimpl
def vlbench_formats() -> list[vlbench.Declaration]:
    """One file that needs nothing else, and a part of a page."""
    page, cell = "A page of its own, with plots, pairs and curves: --out it.", "Tables for the cell of a notebook."
    return [
        vlbench.Declaration("html", "vlbench_html.page:render_html", page),
        vlbench.Declaration("notebook", "vlbench_html.notebook:render_notebook", cell),
    ]


@vlbench.hookimpl
def vlbench_commands() -> list[vlbench.Declaration]:
    """Boards for the pages of a lab."""
    summary = "Write finished runs as a static site with bundles to download."
    return [vlbench.Declaration("site", "vlbench_html.site:command", summary)]
