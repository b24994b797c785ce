"""What plugins offer to ``vlbench init``: a dataset recognised in a user's files, and encoders that fit it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Draft:
    """A dataset recognised in a user's files; what ``DatasetSpec.recognise`` returns, as called with (path, captions).

    Attributes:
        form: what the files are, in words.
        options: of the dataset.
        guesses: what was guessed -> the flag that changes it, as in ``-o image_column=NAME``.
        lists: file name -> text of lists that fix what was drawn; written into a folder that the suite names.
        list_option: option of the dataset that names these files.
        bad: options with which what cannot be read is left out; empty where the dataset has none.
        encoders: side -> the encoder that these data need, where only one can read them.
        sides: of the dataset, in its order.

    Examples:
        >>> import vlbench
        >>> def recognise(path, captions):  # DatasetSpec(recognise="my_memes:recognise")
        ...     if not path.endswith(".meme"):
        ...         return None
        ...     return vlbench.data.Draft("memes", {"files": [path]})
        >>> recognise("mine.meme", "").form
        'memes'
    """

    form: str
    options: Mapping[str, Any]
    guesses: Mapping[str, str] = field(default_factory=dict)
    lists: Mapping[str, str] = field(default_factory=dict)
    list_option: str = ""
    bad: Mapping[str, Any] = field(default_factory=dict)
    encoders: Mapping[str, str] = field(default_factory=dict)
    sides: tuple[str, str] = ("image", "text")


@dataclass(frozen=True)
class Suggestion:
    """An encoder with options for data that nothing is known of; ``EncoderSpec.suggest`` returns a list of them.

    Attributes:
        options: of the encoder.
        there: it can be used now, without a network.
        rank: how good it is on photographs or captions of any kind; the highest that is there is taken.
        size: pixels a side that its images should have; 0 where it takes no images.
        standardise: of the tower, see ``TowerConfig.standardise``.
        fetch: what would be downloaded, with its size, where it is not there.

    Examples:
        >>> import vlbench
        >>> def suggest(model):  # EncoderSpec(suggest="my_colour:suggest")
        ...     return [vlbench.data.Suggestion({"bins": 8}, there=True, rank=1, size=32)]
        >>> suggest("")[0].options
        {'bins': 8}
    """

    options: Mapping[str, Any]
    there: bool
    rank: int = 0
    size: int = 0
    standardise: str = "element"
    fetch: str = ""
