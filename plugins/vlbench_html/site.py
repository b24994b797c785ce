"""``vlbench site RUNS --to FOLDER``: the boards of a lab as pages that any web server, or none, can show."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

import click

import vlbench
from vlbench.board import FoundRecord, Group, Table
from vlbench.board import published as papers
from vlbench.errors import DataError
from vlbench_html.index import Board, index_page
from vlbench_html.names import file_name, suite_id
from vlbench_html.page import render_html

LIST = "site.json"
"""Names of the files that were written, so that the next call can take away those that are no longer made."""
INDEX, BUNDLES = "index.html", "bundles"


@click.command("site")
@click.argument("runs", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--to", "folder", required=True, type=click.Path(path_type=Path, file_okay=False), help="Folder of the pages."
)
@click.option("--title", default="vlbench leaderboard", show_default=True, help="Heading of the first page.")
@click.option("--bundles/--no-bundles", default=True, show_default=True, help="Offer each run that can be verified.")
@click.pass_context
def command(context: click.Context, runs: tuple[Path, ...], folder: Path, title: str, bundles: bool) -> None:
    """Write finished runs as a static site: an index, one board a suite, and bundles to download.

    RUNS are as for vlbench leaderboard. The pages work from a disk and ask for nothing elsewhere. What an earlier call
    wrote into FOLDER is replaced; other files there stay.
    """
    table = vlbench.leaderboard(*runs, allow_mixed=True).table
    pages = build(table, folder, title=title, published=papers.literature(context.obj or ()), bundles=bundles)
    click.echo(f"Written to {folder}: {len(pages)} files. Open {folder / INDEX}")
    for one in table.left_out:
        click.echo(f"Left out: {one.folder}: {one.reason}", err=True)


def build(table: Table, folder: Path, *, title: str, published: papers.Literature, bundles: bool = True) -> list[str]:
    """Write the site and give the names of its files.

    Raises:
        DataError: the folder holds files, and none of them says that vlbench wrote a site there.
    """
    before = _written_before(folder)
    packed = dict(_pack(table, folder / BUNDLES)) if bundles else {}
    suites = [tuple(members) for _, members in groupby(table.groups, key=suite_id)]
    boards = [Board(f"{suite_id(groups[0])}.html", groups) for groups in suites]
    for board in boards:
        page = render_html(Table(board.groups), published, home=INDEX, bundles=packed)
        _write(folder / board.file, page)
    _write(folder / INDEX, index_page(title, boards, table.left_out))
    names = [INDEX, *(board.file for board in boards), *packed.values()]
    _write(folder / LIST, json.dumps({"files": names}, indent=1))
    for name in before - set(names):
        (folder / name).unlink(missing_ok=True)
    return names


def _written_before(folder: Path) -> set[str]:
    """Files of an earlier site, none of which lies outside the folder."""
    if not folder.exists() or not any(folder.iterdir()):
        return set()
    try:
        names = json.loads((folder / LIST).read_text(encoding="utf-8"))["files"]
        return {name for name in names if _is_own(name)}
    except (OSError, ValueError, KeyError, TypeError):
        raise DataError(
            f"{str(folder)!r} holds files, and no {LIST} of an earlier site. Give an empty folder, or a new one."
        ) from None


def _is_own(name: object) -> bool:
    parts = Path(str(name)).parts
    return isinstance(name, str) and ".." not in parts and not Path(name).is_absolute() and len(parts) in (1, 2)


def _pack(table: Table, folder: Path) -> Iterator[tuple[str, str]]:
    """Folder of a run -> its bundle, for each run that can be submitted."""
    records = {str(record.folder): record for record in _records(table.groups) if record.folder is not None}
    folder.mkdir(parents=True, exist_ok=True)
    for path, record in records.items():
        name = f"{file_name(record.id, path)}.zip"
        try:
            vlbench.board.submit(Path(path), folder / name)
        except DataError:  # a baseline, off protocol, or not whole: there is nothing to verify
            continue
        yield path, f"{folder.name}/{name}"


def _records(groups: Sequence[Group]) -> Iterator[FoundRecord]:
    return (record for group in groups for row in group.rows for record in row.records)


def _write(path: Path, text: str) -> None:
    """Whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent)
    # A stranger's record may hold half a character, which no encoding has.
    with os.fdopen(handle, "wb") as file:
        file.write(text.encode(errors="replace"))
    Path(name).chmod(0o644)
    Path(name).replace(path)
