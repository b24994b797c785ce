"""Files that people hold pairs in and that are not read: what each is, and what to do with it."""

from __future__ import annotations

from pathlib import Path

_PICKLE = "a pickle, which can run any code when it is opened, and is not opened here. Save its table as CSV or parquet"
_SHEET = "a spreadsheet. Save it as CSV: image and caption columns"
_BASE = "a database. Write its table as CSV: sqlite3 -header -csv FILE 'select image, caption from TABLE' > list.csv"
_ARRAYS = "a file of arrays. Write pictures as files with a table of their captions; for features: vlbench data formats"
_RECORDS = "records of another tool. Write them as tar shards, for instance by webdataset.TarWriter"
_PICTURE = "a picture of a kind that is not read. Convert all of them, for instance to PNG"
_ZSTD = "a tar file packed by zstd. Unpack it: zstd -d FILE"
_KINDS = {
    _ARRAYS: ".h5 .hdf5 .npy .mat",
    _RECORDS: ".tfrecord .tfrecords .mdb .rec .beton",
    _SHEET: ".xlsx .xls .ods .numbers",
    _PICKLE: ".pkl .pickle .pt .pth",
    _BASE: ".sqlite .sqlite3 .db",
    _PICTURE: ".svg .psd .dng .cr2 .nef .raw .dcm .pdf",
    "a document. Save its table as CSV: image and caption columns": ".docx .doc .odt",
}
_BY_SUFFIX = {suffix: text for text, suffixes in _KINDS.items() for suffix in suffixes.split()}


def foreign(path: Path) -> str:
    """What to say of a file that is not read, by its name; empty for any other."""
    name = path.name.lower()
    text = _ZSTD if name.endswith((".tar.zst", ".tzst")) else _BY_SUFFIX.get(path.suffix.lower(), "")
    if not text or name == "thumbs.db" or not path.is_file():
        return ""
    return f"{path}: {text.replace('FILE', path.name)}."
