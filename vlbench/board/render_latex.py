"""The table for a paper: LaTeX with the package ``booktabs``."""

from __future__ import annotations

from vlbench.board import format as wording
from vlbench.board.statistics.samples import MEAN_RECALL
from vlbench.board.table import Group, Row, Table

_ESCAPES = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "±": r"$\pm$",
    "\N{EN DASH}": "--",
    "·": r"$\cdot$",
    "\N{MINUS SIGN}": "$-$",
    **{symbol: f"\\{symbol}" for symbol in "&%$#_{}"},
    **{symbol: f"{{{symbol}}}" for symbol in "[]*"},  # after a line's end LaTeX takes them for its arguments
}


def render_latex(table: Table) -> str:
    r"""One ``table`` float per group, for a document that loads ``booktabs``.

    Ranked rows come first, baselines below a rule; the mean recall of the best is bold. All text is escaped, and a
    character outside of ASCII is left to the document's encoding (UTF-8 is LaTeX's default).
    """
    return "\n\n".join(_group(group) for group in table.groups) or f"% {wording.EMPTY}"


def _group(group: Group) -> str:
    columns = [*(column for column in group.columns if column != MEAN_RECALL), MEAN_RECALL]
    header = ["rank", "method", *columns[:-1], "mean", "recovered", "pairs", "size", "time"]
    ranked = [_line(_cells(row, columns, bold=wording.is_best(row))) for row in group.ranked]
    baselines = [_line(_cells(row, columns, bold=False)) for row in group.baselines]
    caption = " ".join([wording.title(group) + ".", *wording.notes(group)])
    lines = [
        "% \\usepackage{booktabs}",
        "\\begin{table}",
        "  \\centering\\footnotesize\\setlength{\\tabcolsep}{3pt}",  # thirteen columns on one page
        f"  \\caption{{{escape(caption)}}}",
        f"  \\begin{{tabular}}{{ll{'r' * (len(header) - 2)}}}",
        "    \\toprule",
        f"    {_line([escape(name) for name in header])}",
        "    \\midrule",
        *(f"    {line}" for line in ranked),
        *(["    \\midrule"] if ranked and baselines else []),
        *(f"    {line}" for line in baselines),
        "    \\bottomrule",
        "  \\end{tabular}",
        "\\end{table}",
    ]
    return "\n".join(lines)


def _cells(row: Row, columns: list[str], *, bold: bool) -> list[str]:
    details = wording.details_text(row)
    name = escape(row.method) + (f" {{\\footnotesize {escape(details)}}}" if details else "")
    values = [
        f"{wording.mean_text(row.scores.get(c))} {wording.spread_text(row.scores.get(c))}".strip() for c in columns
    ]
    if row.status != "finished":
        values[-1] = row.status
    recovered = wording.recovered_text(row)
    if recovered != "-":
        recovered = recovered.replace("-", "\N{MINUS SIGN}")
    sizes = [recovered, wording.pairs_text(row), wording.bytes_text(row), wording.time_text(row)]
    cells = [escape(wording.rank_text(row).replace("-", "\N{EN DASH}")), name, *map(escape, (*values, *sizes))]
    if bold:
        mean = len(values) + 1
        cells[mean] = f"\\textbf{{{cells[mean]}}}"
    return cells


def _line(cells: list[str]) -> str:
    return " & ".join(cells) + " \\\\"


def escape(text: str) -> str:
    """Text of any origin, as LaTeX prints it literally; line breaks and control characters become spaces."""
    printable = "".join(symbol if symbol.isprintable() else " " for symbol in text)
    return "".join(_ESCAPES.get(symbol, symbol) for symbol in printable)
