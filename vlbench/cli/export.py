"""``vlbench export RUN``."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vlbench.cli.complete import Run
from vlbench.cli.shared import opened, readable_path, run_folder

if TYPE_CHECKING:
    from vlbench.analysis.finished import Finished
    from vlbench.export.card import Publication

FORMATS = ("table", "imagefolder", "webdataset", "parquet", "openclip", "uids", "hf")


@click.command("export")
@click.argument("run", type=Run(by_name=True))
@click.option("--suite", default="", metavar="FILE", help="The suite's file, where the run was made with one.")
@click.option("--format", "form", type=click.Choice(FORMATS), default="table", show_default=True, help="See above.")
@click.option(
    "--to",
    "target",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="New or empty folder to write to.",
)
@click.option("--push", "repository", default="", metavar="OWNER/NAME", help="Upload the hf folder to the hub.")
@click.option("--license", "licence", default="", metavar="LINE", help="Licence of the source data, for the card.")
@click.option("--source", default="", metavar="TEXT", help="Where the source data are from, for the card.")
@click.pass_context
def command(
    context: click.Context,
    /,
    run: Path,
    suite: str,
    form: str,
    target: Path,
    repository: str,
    licence: str,
    source: str,
) -> None:
    """Write the pairs of a run for use outside of vlbench, and print the line that loads them there.

    \b
    table        pairs.csv and pictures
    imagefolder  metadata.csv and pictures, for datasets
    webdataset   tar shards
    parquet      one file with the pictures in it, for datasets and pandas
    openclip     train.tsv and pictures, for open_clip
    uids         DataComp's sorted array of uids
    hf           a folder to publish: parquet, artifact, card, Croissant metadata, citation

    A learned text vector is written as the train text nearest to it; the vector itself is in the run's
    artifact.safetensors.
    """
    from vlbench.export.card import Publication
    from vlbench.export.hub import at, check_push

    publication = at(Publication(Path(os.path.realpath(target)).name, licence, source), repository)
    if repository:
        check_push(repository, publication)
    with opened(context, [run], suite) as (finished,):
        lines = _write(finished, run_folder(run), target, form="hf" if repository else form, publication=publication)
        notes = [*_of_frames(finished), *_of_text(finished)]
    for line in notes:
        click.echo(line)
    click.echo(f"Written to {readable_path(target)}. Load it:")
    for line in lines:
        click.echo(f"  {line}")
    if repository:
        from vlbench.export.hub import push

        click.echo(f"Uploaded: {push(target, repository, publication)}")


def _of_frames(run: Finished) -> Iterator[str]:
    """Sides whose pictures are several frames each."""
    for side, items in run.session.dataset.split("train").items.items():
        shape: tuple[int, ...] = tuple(getattr(items, "shape", ()))
        if len(shape) == 5:
            yield (
                f"A picture of the side {side} is its {shape[1]} frames side by side, {shape[4]} pixels wide each; of "
                f"learned ones the frames themselves are in artifact.safetensors."
            )


def _of_text(run: Finished) -> Iterator[str]:
    """What students score that read the exported texts in place of learned vectors."""
    record = run.record
    if record.family != "distillation":
        return
    part = record.nearest.get("readable")
    if part is None:
        yield (
            "Texts are the train captions nearest to learned vectors: a student that reads them scores otherwise. To "
            "see how it scores, run the command of the run again with --set rows.nearest=readable."
        )
        return
    for student, scores in record.scores.items():
        if student in part.scores:
            read, learned = part.scores[student].mean_recall.mean, scores.mean_recall.mean
            yield f"{student}: {read:.1f} mean recall with these captions, {learned:.1f} with the learned vectors."


def _write(run: Finished, folder: Path, target: Path, *, form: str, publication: Publication) -> list[str]:
    """How the pairs are loaded elsewhere."""
    from vlbench.export import files, hub, pairs

    pairs.new_folder(target)
    if form == "hf":
        return hub.write_hub_folder(run, target, folder, publication)
    writers = {
        "table": pairs.write_table,
        "imagefolder": files.write_imagefolder,
        "webdataset": files.write_webdataset,
        "parquet": files.write_parquet,
        "openclip": files.write_openclip,
        "uids": files.write_uids,
    }
    return writers[form](run, target)
