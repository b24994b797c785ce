"""The board as one HTML file that needs nothing else.

Records come from strangers. Text reaches the page through :mod:`vlbench_html.markup` alone, which escapes it;
data for the script is JSON in which nothing can end the element; and the page forbids, by its
Content-Security-Policy, every script but its own and every request.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from importlib.resources import files
from itertools import groupby
from string import Template

from vlbench.board import Group, Table, with_joined_starts
from vlbench.board import format as wording
from vlbench.board import published as papers
from vlbench_html.details import details_scripts
from vlbench_html.intro import about_suite, intro
from vlbench_html.literature import literature
from vlbench_html.markup import Child, Html, csp_hash, element, join
from vlbench_html.names import suite_id
from vlbench_html.plots import figures
from vlbench_html.table import division, empty, group_table

DIVISIONS = {"pairs": "pairs", "bytes": "bytes", "all": "all data"}


def render_html(
    table: Table,
    published: papers.Literature | None = None,
    *,
    home: str = "",
    bundles: Mapping[str, str] | None = None,
) -> str:
    """A page with tables, plots, and a part for every row with its pairs, curves, command, cost and environment.

    Args:
        table: the board.
        published: numbers of papers, to stand below suites on the same data.
        home: address of the page that leads here, on a site.
        bundles: folder of a run -> address of its bundle, on a site.
    """
    table = replace(table, groups=tuple(map(with_joined_starts, table.groups)))
    style, script = _file("board.css"), _file("board.js")
    policy = (
        f"default-src 'none'; img-src data:; media-src data:; style-src {csp_hash(style)}; "
        f"script-src {csp_hash(script)}; "
        "base-uri 'none'; form-action 'none'"
    )
    suites = [list(members) for _, members in groupby(table.groups, key=suite_id)]
    parts = {
        "policy": element("meta", {"http-equiv": "Content-Security-Policy", "content": policy}),
        "style": element("style", {}, Html(style)),
        "summary": _summary(table),
        "filters": _filters(table),
        "contents": _contents(suites),
        "intro": intro(),
        "main": join(_suites(suites, published or papers.Literature(()))) if suites else empty(),
        "home": element("a", {"class": "home", "href": home}, "All suites") if home else Html(""),
        "data": join(details_scripts(table, bundles or {})),
        "script": element("script", {}, Html(script)),
    }
    return Template(_file("page.html")).substitute(parts)


def _file(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _summary(table: Table) -> Html:
    rows = [row for group in table.groups for row in group.rows]
    records = {id(record): record for row in rows for record in row.records}
    latest = max((record.created[:10] for record in records.values()), default="")
    counts = [
        (len({group.suite for group in table.groups}), "suite"),
        (len({row.method for group in table.groups for row in group.ranked}), "method"),
        (len(records), "run"),
    ]
    words = [f"{count:,} {word}{'' if count == 1 else 's'}" for count, word in counts]
    line = element("p", {"class": "summary"}, " · ".join([*words, *([f"latest {latest}"] if latest else [])]))
    left = [element("p", {"class": "summary"}, f"Left out: {folder}: {reason}") for folder, reason in table.left_out]
    return join([line, *left])


def _filters(table: Table) -> Html:
    suites = dict.fromkeys(group.suite for group in table.groups)
    divisions = dict.fromkeys(division(group.budget) for group in table.groups)
    groups = sorted(table.groups, key=lambda group: (group.budget is None, group.budget and group.budget.sort_key))
    budgets = dict.fromkeys(group.budget_name for group in groups)
    return join(
        [
            _choice("suite", "Suite", [(name, name) for name in suites]),
            _choice("division", "Division", [(name, DIVISIONS[name]) for name in divisions]),
            _choice("budget", "Budget", [(name, name) for name in budgets]),
        ]
    )


def _choice(name: str, label: str, options: Iterable[tuple[str, str]]) -> Html:
    first = element("option", {"value": ""}, "all")
    rest = [element("option", {"value": value}, text) for value, text in options]
    return element("label", {}, label, element("select", {"id": f"filter-{name}", "data-filter": name}, first, *rest))


def _contents(suites: Sequence[Sequence[Group]]) -> Html:
    """The best rows of every table, each a way to it."""
    lines = []
    for groups in suites:
        budgets = ", ".join(dict.fromkeys(wording.budget_text(group.budget) for group in groups))
        link = element("a", {"href": f"#{suite_id(groups[0])}"}, groups[0].suite)
        lines.append(element("li", {"data-suite": groups[0].suite}, link, " ", element("span", {}, budgets)))
    return element("ul", {}, *lines)


def _suites(suites: Sequence[Sequence[Group]], published: papers.Literature) -> list[Html]:
    """The suites, and with the first one on a dataset what is published on it."""
    parts, shown = [], set()
    for groups in suites:
        dataset = published.dataset_of(groups[0].suite)
        budgets = {wording.budget_text(group.budget) for group in groups}
        new = dataset is not None and dataset not in shown
        parts.append(_suite(groups, literature(published, dataset, budgets) if dataset and new else None))
        shown.add(dataset)
    return parts


def _suite(groups: Sequence[Group], published: Html | None) -> Html:
    """A suite under one protocol on one dataset: plots, tables, and what is published on that."""
    first = groups[0]
    facts = [f"protocol v{first.protocol_version}" if first.protocol_version else "protocol", first.protocol_hash[:8]]
    fingerprint = first.data_fingerprint[:8]
    return element(
        "section",
        {"class": "suite", "id": suite_id(first), "data-suite": first.suite},
        element(
            "header",
            {},
            element("h2", {}, first.suite),
            element("p", {"class": "facts"}, " ".join(facts), f" · data {fingerprint}" if fingerprint else ""),
        ),
        *about_suite(groups),
        *_plots(groups),
        *map(group_table, groups),
        published,
    )


def _plots(groups: Sequence[Group]) -> list[Child]:
    """Plots of each student and division that has them."""
    kinds = dict.fromkeys((group.student, division(group.budget)) for group in groups)
    several = len(kinds) > 1
    parts: list[Child] = []
    for student, kind in kinds:
        drawn = figures([g for g in groups if (g.student, division(g.budget)) == (student, kind)])
        if drawn:
            title = element("h3", {}, f"student {student}", f" · {DIVISIONS[kind]}") if several else None
            parts.append(element("div", {"class": "plots", "data-division": kind}, title, *drawn))
    return parts
