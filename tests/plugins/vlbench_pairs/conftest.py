"""Small photographs with captions in every format."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

SPLIT_OF_IMAGE = {"a.jpg": "train", "b.jpg": "train", "c.jpg": "val", "d.jpg": "test"}
CAPTIONS = {
    "a.jpg": ["A red square .", "It is red"],
    "b.jpg": ["A green one , a big one", "Green"],
    "c.jpg": ["Blue", "A blue thing"],
    "d.jpg": ["Grey", "A grey thing", "Nothing much"],
}
COLOURS = {"a.jpg": (200, 0, 0), "b.jpg": (0, 200, 0), "c.jpg": (0, 0, 200), "d.jpg": (90, 90, 90)}

Write = Callable[[str, Any], str]


def jpeg(colour: tuple[int, int, int]) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (20, 12), colour).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def retrieval_records() -> list[dict[str, Any]]:
    return [{"image": name, "caption": CAPTIONS[name], "split": split} for name, split in SPLIT_OF_IMAGE.items()]


class Sample:
    """What the tests compare with. They get it as a fixture, since test modules cannot import this one."""

    split_of_image = SPLIT_OF_IMAGE
    captions = CAPTIONS
    colours = COLOURS

    def jpeg(self, name: str) -> bytes:
        return jpeg(COLOURS[name])

    def names(self, split: str) -> list[str]:
        return [name for name, own in SPLIT_OF_IMAGE.items() if own == split]

    def records(self, index: int = 0, **changes: Any) -> list[dict[str, Any]]:
        """Records of a retrieval file, one of them changed."""
        records = retrieval_records()
        records[index] |= changes
        return records


@pytest.fixture
def sample() -> Sample:
    return Sample()


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """A folder with four photographs."""
    folder = tmp_path / "photographs"
    folder.mkdir()
    for name, colour in COLOURS.items():
        (folder / name).write_bytes(jpeg(colour))
    return folder


@pytest.fixture
def shards(tmp_path: Path) -> list[str]:
    """The same photographs in two tar files, the second compressed."""
    paths = []
    for number, names in enumerate([["d.jpg", "a.jpg"], ["c.jpg", "b.jpg"]]):
        path = tmp_path / f"shard-{number}.tar{'.gz' if number else ''}"
        with tarfile.open(path, "w:gz" if number else "w") as archive:
            for name in names:
                content = jpeg(COLOURS[name])
                member = tarfile.TarInfo(f"./images/{name}")
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
        paths.append(str(path))
    return paths


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write an annotation file (JSON unless it is text or bytes) and return its path."""

    def write_file(name: str, content: Any) -> str:
        path = tmp_path / name
        if not isinstance(content, bytes):
            content = (content if isinstance(content, str) else json.dumps(content)).encode()
        path.write_bytes(content)
        return str(path)

    return write_file
