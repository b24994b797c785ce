"""Croissant metadata (mlcommons.org/croissant, 1.0) with the Responsible-AI vocabulary (RAI, 1.0), as JSON-LD."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

CONFORMS = ["http://mlcommons.org/croissant/1.0", "http://mlcommons.org/croissant/RAI/1.0"]
CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "arrayShape": "cr:arrayShape",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataBiases": "cr:dataBiases",
    "dataCollection": "cr:dataCollection",
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isArray": "cr:isArray",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "personalSensitiveInformation": "cr:personalSensitiveInformation",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
"""The context that the specification asks for."""


def croissant(about: Mapping[str, Any], parquet: Path) -> dict[str, Any]:
    """JSON-LD of a folder with one parquet file.

    Args:
        about: ``name``, ``description``, ``license``, ``url``, ``citation``, ``created`` (ISO date), ``version``, and
            ``rai``: property of the RAI vocabulary -> text.
        parquet: the file, which is hashed.
    """
    content = parquet.read_bytes()
    file = {
        "@type": "cr:FileObject",
        "@id": "pairs",
        "name": "pairs",
        "contentUrl": f"data/{parquet.name}",
        "contentSize": f"{len(content)} B",
        "encodingFormat": "application/x-parquet",
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    fields = [_field("image", "sc:ImageObject"), _field("text", "sc:Text"), _field("name", "sc:Text")]
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": CONFORMS,
        "name": about["name"],
        "description": about["description"],
        "license": about["license"],
        "url": about["url"],
        "citeAs": about["citation"],
        "datePublished": about["created"],
        "version": about["version"],
        "isLiveDataset": False,
        "distribution": [file],
        "recordSet": [{"@type": "cr:RecordSet", "@id": "pair", "name": "pair", "field": fields}],
        **{f"rai:{name}": text for name, text in about["rai"].items()},
    }


def _field(name: str, kind: str) -> dict[str, Any]:
    column: dict[str, Any] = {"column": name}
    source = {"fileObject": {"@id": "pairs"}, "extract": column}
    if name == "image":
        source["transform"] = {"jsonPath": "bytes"}
    return {"@type": "cr:Field", "@id": f"pair/{name}", "name": name, "dataType": kind, "source": source}
