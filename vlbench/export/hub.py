"""A folder to publish: parquet, the artifact, the record, a card and Croissant metadata; and its way to the hub."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from vlbench.errors import DataError, OptionError
from vlbench.export.card import DATA, Publication, card, facts
from vlbench.export.croissant import croissant
from vlbench.export.files import write_parquet
from vlbench.files import write_whole

if TYPE_CHECKING:
    from vlbench.analysis.finished import Finished

ENDPOINT: str | None = None
"""Of the hub; None for that of the environment."""
ARTIFACT = ("artifact.json", "artifact.safetensors", "record.json")


def write_hub_folder(run: Finished, target: Path, folder: Path, publication: Publication) -> list[str]:
    """``data/*.parquet``, the artifact, ``record.json``, ``README.md``, ``croissant.json`` and ``CITATION.bib``.

    Args:
        run: what is published.
        target: new folder.
        folder: of the run.
        publication: what the user says of it.

    Returns:
        How it is read elsewhere.
    """
    from vlbench.board.leaderboard import build_table
    from vlbench.board.render_markdown import render_markdown
    from vlbench.records.record import FoundRecord

    write_parquet(run, target, DATA)
    for name in ARTIFACT:
        if (folder / name).is_file():
            shutil.copyfile(folder / name, target / name)
    scores = render_markdown(build_table([FoundRecord.of(run.record, folder)]))
    about = facts(run, publication)
    write_whole(target / "README.md", card(run, publication, scores).encode())
    write_whole(target / "croissant.json", json.dumps(croissant(about, target / DATA), indent=1).encode())
    write_whole(target / "CITATION.bib", f"{about['citation']}\n".encode())
    return [f'datasets.load_dataset({str(target)!r}, split="train")']


def push(target: Path, repository: str, publication: Publication) -> str:
    """Upload a folder as a dataset of the Hugging Face hub; its address.

    Args:
        target: the folder.
        repository: ``OWNER/NAME``.
        publication: its licence must be given.

    Raises:
        DataError: the hub refuses, or cannot be reached.
    """
    from huggingface_hub import HfApi

    check_push(repository, publication)
    api = HfApi(endpoint=ENDPOINT)
    try:
        api.create_repo(repository, repo_type="dataset", exist_ok=True)
        done = api.upload_folder(
            repo_id=repository,
            repo_type="dataset",
            folder_path=target,
            commit_message=f"{publication.name}, by vlbench",
        )
    # The client raises errors of many unrelated classes.
    except Exception as error:
        raise DataError(
            f"{repository}: not uploaded ({error}). Log in with: hf auth login. {target} holds all of it."
        ) from error
    return str(done)


def check_push(repository: str, publication: Publication) -> None:
    """Refuse before anything is written.

    Raises:
        OptionError: no licence line is given, or the name is none of a repository.
    """
    if repository.count("/") != 1 or not all(repository.split("/")):
        raise OptionError(f"--push {repository!r} is no OWNER/NAME of a dataset on the hub.")
    if not publication.license.strip():
        raise OptionError(
            "--push needs --license LINE: under which licence the source may be passed on, as in --license cc-by-4.0. "
            "What may not be passed on stays here."
        )


def at(publication: Publication, repository: str) -> Publication:
    """With the address where it will be."""
    return replace(publication, url=f"https://huggingface.co/datasets/{repository}") if repository else publication
