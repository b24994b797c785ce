"""The card of a published set: what it is, how it was made, its scores, its limits, its licence, how to cite it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vlbench.analysis.finished import Finished
    from vlbench.records.record import Record

DATA = "data/train-00000-of-00001.parquet"
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))


@dataclass(frozen=True)
class Publication:
    """What only the user can say.

    Attributes:
        name: of the set.
        license: of the source data, as a line; empty where it was not given.
        source: where the source data are from; empty for the name of the dataset.
        url: where the set will be.
    """

    name: str
    license: str = ""
    source: str = ""
    url: str = ""


def facts(run: Finished, publication: Publication) -> dict[str, Any]:
    """All that the card and the Croissant file are made from."""
    record = run.record
    learned = record.family == "distillation"
    source = publication.source or f"the dataset {run.session.protocol.data!r} of suite {record.suite!r}"
    sides = "-".join(run.session.dataset.sides)
    what = f"{len(run.artifact)} {sides} pairs {'learned' if learned else 'chosen'} from {source}"
    return {
        "name": publication.name,
        "description": f"{what} by the method {record.method}, made and scored by vlbench.",
        "license": publication.license or "unknown",
        "url": publication.url or "https://huggingface.co/datasets/",
        "created": record.created[:10],
        "version": "1.0.0",
        "citation": bibtex(record, publication),
        "rai": {**_common(record, source), **(_of_learned(source) if learned else _of_chosen(source))},
        "count": len(run.artifact),
    }


def _common(record: Record, source: str) -> dict[str, str]:
    """Of the Responsible-AI fields, those that every set has."""
    options = json.dumps(record.options, default=str)
    return {
        "dataCollectionType": "Derived from other data",
        "dataPreprocessingProtocol": f"vlbench, method {record.method}, options {options}.",
        "dataBiases": f"Those of {source}, and what the method prefers: a condensed set holds what helps retrieval "
        "most, so rare content may be missing.",
        "dataUseCases": "Training and comparing retrieval students of such pairs; research on condensed data.",
        "dataSocialImpact": "Small sets are cheap to share; the rights of the source's authors and subjects stay.",
    }


_FOR_STUDENTS = "Made to train small retrieval students on frozen or light encoders, and scored on those alone."


def _of_learned(source: str) -> dict[str, str]:
    return {
        "dataCollection": f"Learned from {source}: pixels that stand for no single picture; texts are the train "
        "captions nearest to the learned vectors, which are in artifact.safetensors.",
        "dataLimitations": f"{_FOR_STUDENTS} A student that reads the captions in place of the vectors learns less "
        "than the scores say.",
        "personalSensitiveInformation": f"Whatever {source} holds; learned pixels may still show people in it.",
    }


def _of_chosen(source: str) -> dict[str, str]:
    return {
        "dataCollection": f"Chosen from {source}: real pictures, resized, with their own captions.",
        "dataLimitations": _FOR_STUDENTS,
        "personalSensitiveInformation": f"Whatever {source} holds; pictures are shown as they are.",
    }


def bibtex(record: Record, publication: Publication) -> str:
    """A citation of the set."""
    key = "".join(letter if letter.isalnum() else "-" for letter in publication.name)
    title = f"{publication.name}: {record.method} at {record.budget} on {record.suite}"
    return (
        f"@misc{{{key}, title={{{title}}}, year={{{record.created[:4]}}}, note={{Made with vlbench; run {record.id}}}}}"
    )


def card(run: Finished, publication: Publication, scores: str) -> str:
    """README.md with the metadata that the Hugging Face hub reads.

    Args:
        run: what is published.
        publication: what the user said of it.
        scores: the board's table of the run, in Markdown.
    """
    about = facts(run, publication)
    record = run.record
    sections = {
        "What it is": about["description"],
        "How it was made": _how(record),
        "Scores": scores + "\n\nOn the test split, by fresh students that were trained on this set alone.",
        "Load it": LOAD,
        "Limits": about["rai"]["dataLimitations"],
        "Biases": about["rai"]["dataBiases"],
        "Personal and sensitive information": about["rai"]["personalSensitiveInformation"],
        "Licence": f"The source's licence, as its user gave it: {about['license']}.",
        "Cite it": f"```bibtex\n{about['citation']}\n```",
    }
    body = "\n\n".join(f"## {title}\n\n{text}" for title, text in sections.items())
    return f"{_front(about)}\n# {publication.name}\n\n{body}\n"


LOAD = """```python
import datasets, safetensors.torch

pairs = datasets.load_dataset("parquet", data_files="data/*.parquet", split="train")  # image, text
tensors = safetensors.torch.load_file("artifact.safetensors")  # what students were trained on, as stored
```

`artifact.json` says which space each side of a learned set lies in; `vlbench score .` trains fresh students on it."""


def _how(record: Record) -> str:
    rows = {
        "method": record.method,
        "budget": record.budget,
        "suite": record.suite,
        "seed": record.seed,
        "options": f"`{json.dumps(record.options, default=str)}`",
        "data fingerprint": f"`{record.data_fingerprint}`",
        "protocol": f"`{record.protocol_hash}`",
        "made": record.created,
        "command": f"`{' '.join(record.command)}`",
    }
    return "| | |\n|---|---|\n" + "\n".join(f"| {name} | {value} |" for name, value in rows.items())


def _front(about: Mapping[str, Any]) -> str:
    """YAML: every value is JSON, which YAML contains."""
    size = next((name for most, name in _SIZES if about["count"] < most), "n>1M")
    known = about["license"].lower().replace(" ", "-")
    licence = {"license": known} if known in LICENSES else {"license": "other", "license_name": about["license"]}
    front = {
        **licence,
        "pretty_name": about["name"],
        "task_categories": ["image-to-text", "feature-extraction"],
        "size_categories": [size],
        "tags": ["dataset-distillation", "coreset", "vlbench", "image"],
        "configs": [{"config_name": "default", "data_files": [{"split": "train", "path": "data/train-*"}]}],
    }
    lines = [f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in front.items()]
    return "---\n" + "\n".join(lines) + "\n---\n"


LICENSES = {
    "apache-2.0", "mit", "cc0-1.0", "cc-by-2.0", "cc-by-3.0", "cc-by-4.0", "cc-by-sa-3.0", "cc-by-sa-4.0",
    "cc-by-nc-4.0", "cc-by-nc-sa-4.0", "cc-by-nd-4.0", "cc-by-nc-nd-4.0", "odc-by", "odbl", "openrail", "bsd", "pddl",
    "unknown", "other",
}  # fmt: skip
"""Identifiers of the hub; another licence is written out as its name."""
