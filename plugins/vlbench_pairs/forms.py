"""The forms in which people hold image-text pairs: what each looks like, and how one is recognised."""

from __future__ import annotations

from pathlib import Path

from vlbench.errors import DataError
from vlbench_pairs.captions import TOKEN_LINE
from vlbench_pairs.delimited import SAMPLE, sniff
from vlbench_pairs.documents import kind_of
from vlbench_pairs.files import binary_kind, lines, read_json, read_text, text_suffix
from vlbench_pairs.samples import METADATA
from vlbench_pairs.sources import is_archive
from vlbench_pairs.tables import is_saved_dataset

FORMS = {
    "karpathy": 'Karpathy\'s JSON: {"images": [{"filename", "split", "sentences": [{"raw"}]}]}',
    "coco": 'COCO\'s own captions_*.json: {"images": [{"id", "file_name"}], "annotations": [{"image_id", "caption"}]}',
    "retrieval": 'JSON of retrieval code: [{"image", "caption"}, ...] under any names, or {"a.jpg": ["...", ...]}',
    "jsonl": "JSON lines: an object a line, with an image and a caption field of any name",
    "token": "Flickr's token files: name.jpg#0, a tab, a caption",
    "csv": "tables with commas, tabs, pipes or semicolons and columns of any name, Kaggle's Flickr30k among them",
    "folder": "a folder or zip of x.jpg with x.txt or x.json beside it, or an imagefolder with metadata.csv, .jsonl or "
    ".parquet",
    "webdataset": "tar shards of webdataset or img2dataset: KEY.jpg with KEY.txt or KEY.json, read without unpacking",
    "parquet": "parquet, arrow or feather files with images in them, as on the Hugging Face hub, or with names of "
    "files",
    "huggingface": "a folder of datasets' save_to_disk, or a dataset's name on the hub (format = 'huggingface')",
}
TABLES = (".parquet", ".arrow", ".feather")
SUFFIXES = (".json", ".jsonl", ".ndjson", ".csv", ".tsv", ".token", ".txt", *TABLES)


def formats() -> list[tuple[str, str]]:
    """Name and description of every form, for ``vlbench data formats``."""
    return list(FORMS.items())


def of_features() -> list[tuple[str, str]]:
    """The forms of features that others computed."""
    return [
        ("clip-retrieval", "a folder with img_emb/*.npy, text_emb/*.npy and metadata/*.parquet"),
        ("datacomp", "UID.npz with l14_img and l14_txt (or b32_img, b32_txt), and UID.parquet with uid and text"),
        ("arrays", "two .npy files (options image and text), or parquet with a column of embeddings for each side"),
    ]


def detect_format(path: Path) -> str:
    """The form of an annotation file, a folder or an archive, by its content.

    Raises:
        DataError: it is none of the known ones.
    """
    if path.is_dir():
        return _of_folder(path)
    if path.suffix.lower() in TABLES:
        return "parquet"
    if is_archive(path):
        return "folder" if path.suffix.lower() == ".zip" else "webdataset"
    if text_suffix(path) == ".json":
        return _of_json(path)
    if text_suffix(path) in (".jsonl", ".ndjson"):
        return "jsonl"
    return _of_text(path)


def _of_folder(path: Path) -> str:
    if is_saved_dataset(path):
        return "huggingface"
    if any(next(path.rglob(name), None) for name in METADATA):
        return "folder"
    if next(path.rglob("*.tar*"), None):
        return "webdataset"
    return "parquet" if files_in(path, "parquet") else "folder"


def _of_json(path: Path) -> str:
    try:
        return kind_of(read_json(path))
    except DataError:
        first = [line for line in lines(read_text(path)) if line.strip()][:SAMPLE]
        if len(first) > 1 and all(line.lstrip().startswith("{") and line.rstrip().endswith("}") for line in first):
            return "jsonl"
        raise


def _of_text(path: Path) -> str:
    with path.open("rb") as file:
        kind = binary_kind(file.read(512))
    if kind == "a tar archive":
        return "webdataset"
    text = read_text(path)
    first = next((line for line in lines(text) if line.strip()), "")
    if TOKEN_LINE.fullmatch(first):
        return "token"
    if first.lstrip().startswith("{"):
        return "jsonl"
    if text_suffix(path) in (".csv", ".tsv") or sniff(text):
        return "csv"
    raise DataError(
        f"{path}: unknown format. Known: {', '.join(FORMS)}. What each looks like: vlbench data formats. Set the "
        f"option 'format' if it is one of them."
    )


def is_log(path: Path) -> bool:
    """Whether a file is what img2dataset says of a shard, ``00000.parquet`` or ``00000_stats.json``.

    Of the shard's pictures the table has no more than their files beside it hold, and of failed ones as well.
    """
    shard = path.with_name(path.stem.removesuffix("_stats"))
    if path.name.endswith("_stats.json"):
        return True
    return path.suffix == ".parquet" and (shard.is_dir() or shard.with_suffix(".tar").is_file())


def files_in(path: Path, kind: str) -> list[Path]:
    """The files that are read of a folder of a form: its shards or parquet files, or the folder itself."""
    if not path.is_dir() or kind not in ("webdataset", "parquet"):
        return [path]
    if kind == "parquet":
        return sorted(file for file in path.rglob("*") if file.suffix.lower() in TABLES and not is_log(file))
    return sorted(file for file in path.rglob("*.tar*") if is_archive(file))
