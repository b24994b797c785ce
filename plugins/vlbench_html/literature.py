"""Published numbers on the page: apart from the tables, and never ranked."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import groupby

from vlbench.board import published as papers
from vlbench_html.markup import Html, element, scrollable

_WARNING = (
    "Copied from papers, not measured here. Protocols differ in what is trained and in how the reported epoch was "
    "chosen, so these numbers stand apart from the board."
)


def literature(published: papers.Literature, dataset: str, budgets: Collection[str]) -> Html:
    """What is published on a dataset: at ``budgets`` in sight, at other budgets behind a click."""
    rows = published.on(dataset)
    title = f"Published on {dataset}: {sum(len(row.numbers) for row in rows)} numbers of {len(rows)} results"
    sources = papers.sources_of(rows)
    at_budget = {name: list(members) for name, members in groupby(rows, key=lambda row: row.budget_text)}
    tables = {name: _budget(published, name, members, sources) for name, members in at_budget.items()}
    near = [name for name in tables if name in budgets or name == _ALL] if set(tables) & set(budgets) else []
    rest = [name for name in tables if name not in near]
    more = element("details", {}, element("summary", {}, f"At {', '.join(rest)}"), *map(tables.__getitem__, rest))
    return element(
        "details",
        {"class": "published", "open": True},
        element("summary", {}, element("span", {"class": "badge"}, "published"), " ", title),
        element("p", {}, _WARNING),
        *map(tables.__getitem__, near),
        more if rest else None,
        element("details", {}, element("summary", {}, _MADE), _protocols(published, rows), _sources(sources)),
    )


def _sources(sources: Iterable[str]) -> Html:
    items = (element("li", {}, source) for source in sources)
    return element("section", {}, element("h4", {}, "Sources"), element("ol", {}, *items))


def _budget(
    published: papers.Literature, budget: str, rows: Sequence[papers.Published], sources: Mapping[str, int]
) -> Html:
    metrics = papers.metrics_of(rows)
    checkpoint = {key: protocol.checkpoint for key, protocol in published.protocols.items()}
    heads = ["method", "protocol, reported epoch", *metrics, "encoders", "source"]
    head = element("tr", {}, *(element("th", {"scope": "col"}, name) for name in heads))
    body = element("tbody", {}, *(_line(row, metrics, (checkpoint[row.protocol], sources[row.cited])) for row in rows))
    table = element("table", {}, element("thead", {}, head), body)
    return element("section", {}, element("h4", {}, budget), scrollable(f"Published, {budget}", table))


def _line(row: papers.Published, metrics: Sequence[str], made: tuple[str, int]) -> Html:
    checkpoint, source = made
    return element(
        "tr",
        {},
        element("th", {"scope": "row"}, row.method),
        element("td", {"class": "words"}, row.protocol, element("small", {}, checkpoint)),
        *(_number(row.numbers.get(metric)) for metric in metrics),
        element("td", {"class": "words"}, f"{row.image_encoder}; {row.text_encoder}"),
        element("td", {"class": "number", "title": row.cited}, f"[{source}]"),
    )


def _number(number: papers.Number | None) -> Html:
    if number is None:
        return element("td", {"class": "number none"}, "\N{EN DASH}")
    spread = element("small", {}, f"±{number.sd}") if number.sd is not None else None
    return element("td", {"class": "number"}, str(number.value), spread)


def _protocols(published: papers.Literature, rows: Sequence[papers.Published]) -> Html:
    used = [protocol for key, protocol in published.protocols.items() if key in {row.protocol for row in rows}]
    heads = ["protocol", "trains", "loss", "training", "reported epoch", "to know"]
    lines = [
        element(
            "tr",
            {},
            element("th", {"scope": "row"}, protocol.protocol),
            *(element("td", {"class": "words"}, getattr(protocol, name)) for name in _ABOUT),
        )
        for protocol in used
    ]
    head = element("tr", {}, *(element("th", {"scope": "col"}, name) for name in heads))
    table = element("table", {}, element("thead", {}, head), element("tbody", {}, *lines))
    return element("section", {}, element("h4", {}, "Protocols"), scrollable(_MADE, table))


_ALL = "all data"
_MADE = "How these numbers were made, and their sources"
_ABOUT = ("trains", "loss", "training", "checkpoint", "caveat")
