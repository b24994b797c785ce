"""Where the image files are: folders and tar files, looked up by the name that annotations use."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path, PurePosixPath

from vlbench.data import EncodedImage
from vlbench.errors import DataError
from vlbench_pairs.files import existing_paths


class ImageIndex:
    """Image files by name."""

    def __init__(self, images: Iterator[EncodedImage], described: str) -> None:
        self._described = described
        self._by_name: dict[str, list[EncodedImage]] = {}
        self._by_file_name: dict[str, list[EncodedImage]] = {}
        for image in images:
            self._by_name.setdefault(image.name, []).append(image)
            self._by_file_name.setdefault(PurePosixPath(image.name).name, []).append(image)

    def find(self, name: str, where: str) -> EncodedImage:
        """The file of an image that an annotation names.

        The whole path counts first, then the path without its leading folders, then the file name alone: annotations
        say ``flickr30k-images/1.jpg`` or ``1.jpg`` for the same file.

        Raises:
            DataError: there is no such file, or more than one.
        """
        parts = PurePosixPath(name.replace("\\", "/")).parts
        for start in range(len(parts)):
            found = self._by_name.get("/".join(parts[start:]))
            if found:
                return _only(found, name, where)
        found = self._by_file_name.get(parts[-1]) if parts else None
        if not found:
            raise DataError(
                f"{where}: image {name!r} is missing: no such file in {self._described}. "
                f"Check the option 'images', or take the image out of the annotations."
            )
        return _only(found, name, where)


@contextmanager
def open_images(value: str | Sequence[str]) -> Iterator[ImageIndex]:
    """Index of the images in folders and tar files; tar files stay open, and nothing is ever unpacked to disk.

    Raises:
        DataError: a path does not exist, or a file is no tar file.
    """
    paths = existing_paths(value, "images")
    if not paths:
        raise DataError("images: no folder and no tar file given. Set the option 'images'.")
    described = str(paths[0]) if len(paths) == 1 else f"{paths[0]} and {len(paths) - 1} more"
    with ExitStack() as stack:
        yield ImageIndex(_all_images(paths, stack), described)


def _only(found: list[EncodedImage], name: str, where: str) -> EncodedImage:
    if len(found) > 1:
        raise DataError(
            f"{where}: image {name!r} could be {found[0].where} or {found[1].where}. "
            f"Narrow the option 'images', or write more of the path in the annotations."
        )
    return found[0]


def _all_images(paths: Sequence[Path], stack: ExitStack) -> Iterator[EncodedImage]:
    for order, path in enumerate(paths):
        if path.is_dir():
            yield from _folder_images(path)
        else:
            yield from _tar_images(path, order, stack)


def _folder_images(root: Path) -> Iterator[EncodedImage]:
    visited: set[str] = set()
    for folder, folders, names in os.walk(root, followlinks=True):
        real = os.path.realpath(folder)
        if real in visited:  # a link back to a folder above would never end
            folders.clear()
            continue
        visited.add(real)
        for name in names:
            path = Path(folder, name)
            try:
                status = path.stat()
            except OSError:  # a link to nothing; an error only if an annotation names it
                continue
            stamp = f"{status.st_size}/{status.st_mtime_ns}"
            relative = path.relative_to(root).as_posix()
            yield EncodedImage(name=relative, where=str(path), stamp=stamp, read=path.read_bytes)


def _tar_images(path: Path, order: int, stack: ExitStack) -> Iterator[EncodedImage]:
    try:
        archive = stack.enter_context(tarfile.open(path))  # noqa: SIM115  # the stack closes it
        members = [member for member in archive.getmembers() if member.isreg()]
        modified = path.stat().st_mtime_ns
    except (tarfile.TarError, OSError, EOFError) as error:
        raise DataError(f"{path}: not a whole tar file ({error}). 'images' takes folders and tar files.") from error
    for member in members:
        yield EncodedImage(
            name=str(PurePosixPath(member.name)),
            where=f"{path}, member {member.name}",
            stamp=f"{member.size}/{member.offset_data}/{modified}",
            read=partial(_read_member, archive, member),
            position=(order, member.offset_data),
        )


def _read_member(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(member)
    if file is None:  # only links and folders have no content, and those are not indexed
        raise OSError("not a file")
    try:
        return file.read()
    except tarfile.TarError as error:
        raise OSError(str(error)) from error
