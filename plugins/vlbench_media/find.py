"""Where the files of a clip lie: its video, and its sound where that is a file of its own."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from vlbench.errors import DataError
from vlbench_media.annotations import Clip
from vlbench_media.folder import SOUNDS, SUFFIXES, VIDEOS


@dataclass(frozen=True)
class MediaFiles:
    """The media below a folder.

    Attributes:
        root: the folder.
        by_stem: name without folders and suffix -> files.
        folders: in which they lie.
        beside: a sound belongs to a video in its own folder only; else wherever it lies.
    """

    root: Path
    by_stem: dict[str, list[Path]] = field(default_factory=dict)
    folders: set[Path] = field(default_factory=set)
    beside: bool = False

    @classmethod
    def below(cls, root: Path, *, beside: bool = False) -> MediaFiles:
        """Walk through a folder, by name."""
        found = cls(root, beside=beside)
        for folder, folders, names in os.walk(root):
            folders.sort()
            for name in sorted(names):
                if Path(name).suffix.lower() in SUFFIXES:
                    found.by_stem.setdefault(Path(name).stem, []).append(Path(folder, name))
                    found.folders.add(Path(folder))
        return found

    def path(self, clip: Clip, side: str, *, own_sounds: bool = False) -> Path:
        """Of the file that a side is read from; where there is none, the path at which it is missed.

        Args:
            clip: as annotations name it: with or without folders, with its suffix or another.
            side: ``audio`` prefers a sound of that name.
            own_sounds: but where the video's own is asked for.

        Raises:
            DataError: several files fit.
        """
        sound = side == "audio" and not own_sounds
        names = (clip.sound if sound and clip.sound else clip.name, *clip.others)
        for kinds in (SOUNDS if sound else VIDEOS, SUFFIXES):
            for name in names:
                if found := self._named(name, kinds):
                    return found
        return self.root / names[0]

    def _named(self, name: str, kinds: set[str]) -> Path | None:
        direct = self.root / name
        there = direct.is_file()
        if there and (kinds is SUFFIXES or direct.suffix.lower() in kinds):
            return direct
        stem = direct.stem if direct.suffix.lower() in SUFFIXES else direct.name
        fits = [path for path in self.by_stem.get(stem, []) if path.suffix.lower() in kinds]
        if there and self.beside:
            fits = [path for path in fits if path.parent == direct.parent]
        elif not there:
            fits = self._in_folder(fits, Path(name).parent.parts)
        fits = [path for path in fits if path.name == direct.name] or fits
        if len({path.stat().st_size for path in fits}) > 1:
            shown = " and ".join(str(path.relative_to(self.root)) for path in fits[:2])
            raise DataError(f"{self.root}: {shown} both fit {name!r}. Take one out of the folder.")
        return fits[0] if fits else None

    def _in_folder(self, paths: list[Path], parts: tuple[str, ...]) -> list[Path]:
        """Those in a folder of that name; all, where no folder of media has it: they were unpacked under another."""
        named = {folder for folder in self.folders if parts and folder.parts[-len(parts) :] == parts}
        return [path for path in paths if path.parent in named] if named else paths
