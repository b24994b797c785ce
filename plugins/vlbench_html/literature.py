"""papers.Published numbers on the page: apart from the tables, and never ranked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby

from vlbench.board import published as papers
from vlbench_html.markup import Html, element, scrollable

_WARNING = (
    "Copied from papers, not measured here. Protocols differ in what is trained and in how the reported epoch was "
    "chosen, so these numbers stand apart from the board."
)


def literature(dataset: str) -> Html:
    """What is published on a dataset."""
    rows = papers.published(dataset)
    title = f"papers.Published on {dataset}: {sum(len(row.numbers) for row in rows)} numbers of {len(rows)} results"
    sources = papers.sources_of(rows)
    budgets = [
        _budget(budget, list(members), sources) for budget, members in groupby(rows, key=lambda row: row.budget_text)
    ]
    return element(
        "details",
        {"class": "published"},
        element("summary", {}, element("span", {"class": "badge"}, "published"), " ", title),
        element("p", {}, _WARNING),
        *budgets,
        _protocols(rows),
        element(
            "section", {}, element("h4", {}, "Sources"), element("ol", {}, *(element("li", {}, s) for s in sources))
        ),
    )


def _budget(budget: str, rows: Sequence[papers.Published], sources: Mapping[str, int]) -> Html:
    metrics = papers.metrics_of(rows)
    heads = ["method", "protocol, reported epoch", *metrics, "encoders", "source"]
    head = element("tr", {}, *(element("th", {"scope": "col"}, name) for name in heads))
    body = element("tbody", {}, *(_line(row, metrics, sources[row.cited]) for row in rows))
    table = element("table", {}, element("thead", {}, head), body)
    return element("section", {}, element("h4", {}, budget), scrollable(f"Published, {budget}", table))


def _line(row: papers.Published, metrics: Sequence[str], source: int) -> Html:
    return element(
        "tr",
        {},
        element("th", {"scope": "row"}, row.method),
        element(
            "td", {"class": "words"}, row.protocol, element("small", {}, papers.protocols()[row.protocol].checkpoint)
        ),
        *(_number(row.numbers.get(metric)) for metric in metrics),
        element("td", {"class": "words"}, f"{row.image_encoder}; {row.text_encoder}"),
        element("td", {"class": "number", "title": row.cited}, f"[{source}]"),
    )


def _number(number: papers.Number | None) -> Html:
    if number is None:
        return element("td", {"class": "number none"}, "\N{EN DASH}")
    spread = element("small", {}, f"±{number.sd}") if number.sd is not None else None
    return element("td", {"class": "number"}, str(number.value), spread)


def _protocols(rows: Sequence[papers.Published]) -> Html:
    used = [protocol for key, protocol in papers.protocols().items() if key in {row.protocol for row in rows}]
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
    title = "How these numbers were made"
    return element("section", {}, element("h4", {}, title), scrollable(title, table))


_ABOUT = ("trains", "loss", "training", "checkpoint", "caveat")
