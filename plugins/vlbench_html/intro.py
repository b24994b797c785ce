"""What a visitor has to know first: what was condensed to what, real pairs, how to read a table, submit and cite."""

from __future__ import annotations

from collections.abc import Sequence

import vlbench
from vlbench.board import FoundRecord, Group
from vlbench.board import format as wording
from vlbench_html.gallery import gallery
from vlbench_html.markup import Child, Html, element
from vlbench_html.names import FULL

SAMPLE = 8
"""Real pairs shown of a dataset."""

_COLUMNS = (
    ("rank", "Places the row may have. 1\N{EN DASH}3: it cannot be told from two others (paired test, Holm, 95 %)."),
    ("prov.", "Provisional: too few seeds to be ranked."),
    ("R@1, R@5, R@10", "Percent of test queries whose match is among the first 1, 5, 10 found, in both directions."),
    ("mean", "Mean of the recalls, by which rows are ranked. \N{PLUS-MINUS SIGN} is half its 95 % interval, "
             "or in brackets the standard deviation over the students of a single run."),
    ("recovered", "Of the way from random pairs (0 %) to all data (100 %), in mean recall."),
    ("size", "Bytes of what was kept, coded by the same rule for every method."),
    ("time", "To condense, train the students and score, on the machine of the run."),
    ("grey rows", "Baselines: random pairs, the full data, chance; and for a learned set the real pairs it began with, "
                  "and as many random pairs as fit in its bytes."),
)  # fmt: skip
_BADGES = "Badges say how far a result was checked by others: "


def intro() -> Html:
    """How to read the page, submit a result, and cite it."""
    return element(
        "div",
        {"class": "about"},
        _part("How to read this page", _reading()),
        _part("Submit a result", *_submitting()),
        _part("Cite", element("p", {}, "Name suite, protocol and version."), element("pre", {}, _citation())),
    )


def _part(title: str, *children: Child) -> Html:
    return element("details", {}, element("summary", {}, title), *children)


def _reading() -> Html:
    items = [part for name, text in _COLUMNS for part in (element("dt", {}, name), element("dd", {}, text))]
    badges = "; ".join(f"{name}: {text.rstrip('.')}" for name, text in wording.PROVES.items() if name)
    keys = "Click a row, or press Enter on its name, for its pairs, curves, options and command. / goes to the search."
    return element(
        "div", {}, element("dl", {}, *items), element("p", {}, f"{_BADGES}{badges}."), element("p", {}, keys)
    )


def _submitting() -> list[Child]:
    lines = [
        "vlbench run --suite SUITE --method YOURS --budget 100 --seed 0,1,2",
        "vlbench submit RUN",
        "vlbench verify RUN.zip",
    ]
    text = "Run your method, pack each run into one file, and send the files to the people who publish this board. "
    return [element("p", {}, text, "They score them again without your code."), element("pre", {}, "\n".join(lines))]


def _citation() -> str:
    title = "Benchmark toolkit for vision-language dataset distillation and coreset selection"
    return f"@software{{vlbench,\n  title = {{vlbench: {title}}},\n  version = {{{vlbench.__version__}}}\n}}"


def about_suite(groups: Sequence[Group]) -> list[Child]:
    """A sentence on what was condensed to what, and some real pairs."""
    return [element("p", {"class": "what"}, _sentence(groups)), _sample(groups)]


def _sentence(groups: Sequence[Group]) -> str:
    budgets = list(dict.fromkeys(wording.budget_text(group.budget) for group in groups if group.budget))
    pairs = [row.pairs for group in groups for row in group.rows if row.method == FULL and row.pairs]
    size = f"{pairs[0]:,.0f} real training pairs" if pairs else "all training pairs"
    to = f" were condensed to {_listed(budgets)}" if budgets else ""
    students = list(dict.fromkeys(group.student for group in groups if group.student))
    fresh = f" Fresh students ({', '.join(students)}) were trained on the result and" if students else " Students were"
    return f"{size[0].upper()}{size[1:]}{to}.{fresh} scored on the test split."


def _listed(texts: Sequence[str]) -> str:
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} or {texts[-1]}"


def _sample(groups: Sequence[Group]) -> Html | None:
    """Real pairs: the preview of a run that chose some, with their own captions."""
    records = [record for group in groups for row in group.rows for record in row.records]
    for record in sorted(filter(_is_selection, records), key=lambda record: not record.baseline)[:3]:
        found = gallery(record.folder, SAMPLE) if record.folder is not None else None
        if found is not None and found["source"] == "own":
            pairs = zip(found["images"], found["captions"], strict=True)
            kind = "tiles" + (" pixels" if found["side"] < 100 or "strips" in found else "")
            kind += " strips" if "strips" in found else ""
            tiles = [
                element("figure", {}, element("img", {"src": image, "alt": text}), _caption(text))
                for image, text in pairs
            ]
            title = element("figcaption", {}, "Real pairs of the dataset:")
            return element("div", {"class": "sample"}, title, element("div", {"class": kind}, *tiles))
    return None


def _image(address: str, text: str) -> Html:
    return element("img", {"src": address, "alt": text, "loading": "lazy"})


def _caption(text: str) -> Html:
    return element("figcaption", {"title": text}, text)


def _is_selection(record: FoundRecord) -> bool:
    return record.family == "selection" and record.status == "finished" and not record.origin
