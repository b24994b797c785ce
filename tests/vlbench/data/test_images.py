"""Decoding, the pixel cache and content fingerprints."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from vlbench.data.fingerprint import fingerprint, tensors_fingerprint
from vlbench.data.images import EncodedImage, cached_images, decode_image, read_images
from vlbench.data.pairs import Split
from vlbench.errors import DataError


def png(value: int, mode: str = "RGB") -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, (7, 5), value if mode == "L" else (value, value, value)).save(buffer, "PNG")
    return buffer.getvalue()


class Source:
    """Images that count how often they are read."""

    def __init__(self, contents: list[bytes], stamp: str = "1") -> None:
        self.contents, self.stamp, self.reads = contents, stamp, [0] * len(contents)

    def read(self, index: int) -> bytes:
        self.reads[index] += 1
        return self.contents[index]

    def images(self) -> list[EncodedImage]:
        # Positions run backwards, so that reading order and order in the tensor differ.
        return [
            EncodedImage(f"{i}.png", f"{i}.png", self.stamp, partial(self.read, i), position=(0, -i))
            for i in range(len(self.contents))
        ]


def test_images_are_resized_bicubic_to_a_square() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (9, 14, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    expected = np.asarray(Image.fromarray(pixels).resize((6, 6), Image.Resampling.BICUBIC)).transpose(2, 0, 1)
    assert np.array_equal(decode_image(buffer.getvalue(), 6, "x"), expected)


def test_grey_images_become_rgb() -> None:
    assert (decode_image(png(80, "L"), 4, "x") == 80).all()


def test_cached_images_keep_the_order_asked_for(tmp_path: Path) -> None:
    source = Source([png(value) for value in range(0, 200, 2)])
    tensor = cached_images(source.images(), 4, tmp_path)
    assert tensor.shape == (100, 3, 4, 4)
    assert tensor[:, 0, 0, 0].tolist() == list(range(0, 200, 2))
    assert torch.equal(tensor, cached_images(source.images(), 4, tmp_path))
    assert source.reads == [1] * 100


def test_the_cache_notices_another_stamp_and_another_size(tmp_path: Path) -> None:
    cached_images(Source([png(1)]).images(), 4, tmp_path)
    assert cached_images(Source([png(2)], stamp="2").images(), 4, tmp_path).max() == 2
    assert cached_images(Source([png(3)]).images(), 5, tmp_path).shape[-1] == 5


@pytest.mark.parametrize("damage", ["truncate", "no key", "other key"])
def test_a_damaged_cache_entry_is_made_again(tmp_path: Path, damage: str) -> None:
    cached_images(Source([png(7)]).images(), 4, tmp_path)
    pixels, key = next(tmp_path.glob("*.npy")), next(tmp_path.glob("*.json"))
    if damage == "truncate":
        pixels.write_bytes(pixels.read_bytes()[:-1])
    elif damage == "no key":
        key.unlink()
    else:
        key.write_text("{}")
    source = Source([png(7)])
    assert cached_images(source.images(), 4, tmp_path).min() == 7
    assert source.reads == [1]


def test_writing_to_the_tensor_does_not_change_the_cache(tmp_path: Path) -> None:
    cached_images(Source([png(7)]).images(), 4, tmp_path).fill_(9)
    assert cached_images(Source([png(7)]).images(), 4, tmp_path).max() == 7


def test_what_two_ask_for_at_once_is_decoded_once(tmp_path: Path) -> None:
    source = Source([png(10), png(20)])
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda _: cached_images(source.images(), 8, tmp_path), range(2)))
    assert torch.equal(*found)
    assert source.reads == [1, 1]


def test_a_broken_image_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"1\.png: cannot be decoded"):
        cached_images(Source([png(1), b"no image", png(2)]).images(), 4, tmp_path)
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and path.parent.name != ".locks"]


def test_unreadable_images_are_left_out_and_named_on_request(tmp_path: Path) -> None:
    contents = [b"", png(10), b"no image", png(20), png(30), b"x"]
    for reads in (1, 0):
        source = Source(contents)
        found = read_images(source.images(), 4, tmp_path, skip_bad=True)
        assert found.pixels[:, 0, 0, 0].tolist() == [10, 20, 30]
        assert {index: why.split(":")[0] for index, why in found.bad.items()} == {0: "0.png", 2: "2.png", 5: "5.png"}
        assert sum(source.reads) == reads * len(contents)
    assert np.load(next(tmp_path.glob("*.npy"))).shape == (3, 3, 4, 4)


def test_where_nothing_can_be_read_nothing_is_left_out(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none of 2 images can be read. The first: 0\.png"):
        read_images(Source([b"", b""]).images(), 4, tmp_path, skip_bad=True)
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and path.parent.name != ".locks"]


def split(image: torch.Tensor, text: list[str], pairs: list[list[int]]) -> Split:
    return Split(items={"image": image, "text": text}, pairs=torch.tensor(pairs))


def test_the_fingerprint_tells_every_kind_of_content_apart() -> None:
    image = torch.arange(24, dtype=torch.uint8).reshape(2, 3, 2, 2)
    base = split(image, ["ab", "c"], [[0, 0], [1, 1]])
    others = [
        split(image, ["a", "bc"], [[0, 0], [1, 1]]),
        split(image, ["ab", "c"], [[0, 0], [1, 0]]),
        split(image + 1, ["ab", "c"], [[0, 0], [1, 1]]),
        split(image.reshape(2, 3, 4, 1), ["ab", "c"], [[0, 0], [1, 1]]),
        split(image.view(torch.int8), ["ab", "c"], [[0, 0], [1, 1]]),
    ]
    sides = ("image", "text")
    marks = [fingerprint(sides, {"train": one}) for one in [base, *others]]
    assert len({*marks, fingerprint(sides, {"val": base})}) == len(marks) + 1


def test_the_fingerprint_is_the_same_on_every_machine() -> None:
    image = torch.arange(24, dtype=torch.uint8).reshape(2, 3, 2, 2)
    base = split(image, ["ab", "c\u00e9"], [[0, 0], [1, 1]])
    expected = "896f0d6011744acb417704397887ef1a82b929ff713c8e2aca14587d69446d39"
    assert fingerprint(("image", "text"), {"train": base}) == expected
    backwards = split(image.flip(0).contiguous().flip(0), ["ab", "c\u00e9"], [[0, 0], [1, 1]])
    assert fingerprint(("image", "text"), {"train": backwards}) == expected


def test_the_fingerprint_does_not_depend_on_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    tensors = {"a": torch.randn(1000), "b": torch.tensor(3.0), "c": torch.empty(0), "d": torch.ones(3, 5).T}
    whole = tensors_fingerprint(tensors)
    monkeypatch.setattr("vlbench.data.fingerprint._CHUNK_BYTES", 64)
    assert tensors_fingerprint(dict(reversed(tensors.items()))) == whole


def test_items_that_cannot_be_fingerprinted_are_refused() -> None:
    with pytest.raises(DataError, match=r"train/text.*int"):
        fingerprint(("text",), {"train": Split(items={"text": [1]}, pairs=torch.zeros(1, 2, dtype=torch.long))})
