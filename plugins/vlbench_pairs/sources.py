"""Folders, tar files and zip files alike: the files in them, and which one an annotation means by a name."""

from __future__ import annotations

import os
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path, PurePosixPath

from vlbench.data import EncodedImage
from vlbench.errors import DataError
from vlbench_pairs.columns import IMAGE_SUFFIXES, file_part, is_image_name
from vlbench_pairs.files import existing_paths, nfc
from vlbench_pairs.rows import AnnotationRow, Fields, Skipped

ARCHIVES = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.bz2", ".zip")


@dataclass(frozen=True, slots=True)
class Member:
    """A file in a folder or an archive.

    Attributes:
        full: its whole path; of an archive's, the archive without suffix is a folder.
        file: how it is read; its name is the path inside the folder or archive.
    """

    full: str
    file: EncodedImage

    def named(self, name: str) -> Member:
        """The same file under another name."""
        return Member(self.full, replace(self.file, name=name))


@dataclass
class FoundFiles:
    """What annotations say, and the images that they carry (none where they only name files)."""

    rows: list[AnnotationRow] = field(default_factory=list)
    members: list[Member] = field(default_factory=list)

    def add(self, other: FoundFiles, label: str = "") -> None:
        """Take what was found elsewhere.

        With a label, images there are other ones even where they have the same names: then it goes before the name.
        """
        here = {member.file.name for member in self.members} if label else set[str]()
        clash = here & {member.file.name for member in other.members}
        for row in other.rows:
            self.rows.append(replace(row, image=f"{label}/{row.image}") if row.image in clash else row)
        for member in other.members:
            name = member.file.name
            self.members.append(member.named(f"{label}/{name}") if name in clash else member)


class ImageIndex:
    """Image files by name. A file is its whole path: two folders may hold the same names.

    Args:
        members: all files.
        described: where they are, for errors.
    """

    def __init__(self, members: Iterable[Member], described: str) -> None:
        self._described = described
        self._by_name: dict[str, list[Member]] = {}
        self._by_last: dict[str, list[Member]] = {}
        self._without_suffix: dict[str, list[Member]] = {}
        self._dropped, self._loosely = 0, False
        self._by_loose: dict[str, list[Member]] = {}
        for member in members:
            name = nfc(member.file.name)
            self._by_name.setdefault(name, []).append(member)
            last = name.rpartition("/")[2]
            self._by_last.setdefault(last, []).append(member)
            self._without_suffix.setdefault(last.rpartition(".")[0], []).append(member)
            self._by_loose.setdefault(_loose(last), []).append(member)

    def align(self, names: Sequence[str]) -> None:
        """See how many leading folders of the annotations' names the files do not have: the fewest with any hit.

        The same number for all of them, so that no two names of different folders become one. Only where not one name
        is there are upper and lower case taken for the same, and ``7`` for ``000007``.
        """
        parts = [_parts(name) for name in names]
        for self._loosely in (False, True):
            for dropped in range(max(map(len, parts), default=0)):
                self._dropped = dropped
                if any(self._fitting(one) for one in parts):
                    return
        self._dropped, self._loosely = 0, False

    def find(self, name: str, where: str) -> EncodedImage | None:
        """The file of an image that an annotation names, None where there is none.

        The name is the path inside its folder or archive, or the end of its whole path: annotations say
        ``flickr30k-images/1.jpg`` or ``1.jpg`` for the same file. It may lack the suffix.

        Raises:
            DataError: it could be more than one.
        """
        found = self._fitting(_parts(name))
        if len(found) > 1:
            raise DataError(
                f"{where}: image {name!r} could be {found[0].file.where} or {found[1].file.where}. "
                f"Narrow the option 'images', or write more of the path in the annotations."
            )
        return found[0].file if found else None

    def missing(self, absent: Sequence[Fields], count: int) -> DataError:
        """What to say of images that are not there, of ``count`` in all."""
        first = absent[0]
        text = f"{first.where}: image {first.image[:200]!r} is missing: no such file in {self._described}. "
        if len(absent) > 1:
            some = ", ".join(repr(record.image[:60]) for record in absent[:4])
            text = f"{len(absent)} of {count} images are missing ({some}, ...). {text}"
        if "://" in first.image:
            return DataError(
                f"{text}It is an address, and nothing is downloaded. Fetch the pictures first, for instance by "
                f"img2dataset, then: vlbench init FOLDER. Or leave out what is missing: skip_bad = true."
            )
        alike = self._by_last.get(nfc(first.image).replace("\\", "/").rpartition("/")[2])
        if alike:
            text += f"There is {alike[0].file.where}, in another folder; names are compared with their folders. "
        return DataError(
            f"{text}Check the option 'images', take the images out of the annotations, or leave out what is missing: "
            f"skip_bad = true."
        )

    def _fitting(self, parts: tuple[str, ...]) -> list[Member]:
        parts = parts[self._dropped :]
        if not parts:
            return []
        wanted = "/".join(parts)
        exact = self._by_name.get(wanted)
        if exact:
            return exact
        ends = [member for member in self._by_last.get(parts[-1], ()) if _ends_with(nfc(member.full), wanted)]
        if not ends:
            ends = [one for one in self._by_loose.get(_loose(parts[-1]), ()) if self._alike(nfc(one.full), wanted)]
        if ends or is_image_name(wanted):
            return ends
        bare = self._without_suffix.get(parts[-1], ())
        found = [member for member in bare if _ends_with(nfc(member.full).rpartition(".")[0], wanted)]
        if found or not self._loosely:
            return found
        known = (member for suffix in IMAGE_SUFFIXES for member in self._by_loose.get(_loose(parts[-1] + suffix), ()))
        return [member for member in known if self._alike(nfc(member.full).rpartition(".")[0], wanted)]

    def _alike(self, full: str, wanted: str) -> bool:
        """Whether a path ends in a name but for upper and lower case in the suffix, or, loosely, anywhere."""
        if self._loosely:
            return _ends_with("/".join(map(_loose, full.split("/"))), "/".join(map(_loose, wanted.split("/"))))
        (path, dot, suffix), (name, _, other) = full.rpartition("."), wanted.rpartition(".")
        return bool(dot) and suffix.lower() == other.lower() and _ends_with(path, name)


def _parts(name: str) -> tuple[str, ...]:
    return PurePosixPath(nfc(file_part(name)).replace("\\", "/")).parts


def _loose(name: str) -> str:
    """A name in lower case, one of digits without leading zeros."""
    stem, dot, suffix = name.lower().rpartition(".")
    stem, suffix = (stem, dot + suffix) if dot else (suffix, "")
    return f"{stem.lstrip('0') or '0'}{suffix}" if stem.isdecimal() else f"{stem}{suffix}"


def _ends_with(full: str, wanted: str) -> bool:
    return full == wanted or full.endswith(f"/{wanted}")


def image_members(value: str | Sequence[str], stack: ExitStack, skipped: Skipped) -> list[Member]:
    """All files in folders and archives; archives stay open, and nothing is ever unpacked to disk.

    Raises:
        DataError: a path does not exist, or a file is no whole archive.
    """
    return [
        member
        for order, path in enumerate(existing_paths(value, "images"))
        for member in members_of(path, order, stack, skipped=skipped)
    ]


def is_archive(path: Path) -> bool:
    """Whether a file is called as archives are, or begins as one does. Devices and pipes are none, and stay closed."""
    if not path.is_file():
        return False
    return path.name.lower().endswith(ARCHIVES) or zipfile.is_zipfile(path)


def members_of(path: Path, order: int, stack: ExitStack, *, skipped: Skipped) -> Iterator[Member]:
    """Files of a folder, a tar file or a zip file.

    Args:
        path: of it.
        order: archives of a lower order are read first.
        stack: closes the archive.
        skipped: a damaged archive goes there; what comes before the damage is used.
    """
    if path.is_dir():
        yield from _in_folder(path)
    elif zipfile.is_zipfile(path):
        yield from _in_zip(path, order, stack)
    else:
        yield from _in_tar(path, order, stack, skipped)


def _in_folder(root: Path) -> Iterator[Member]:
    visited: set[str] = set()
    for folder, folders, names in os.walk(root, followlinks=True):
        real = os.path.realpath(folder)
        if real in visited:  # a link back to a folder above would never end
            folders.clear()
            continue
        visited.add(real)
        folders[:] = sorted(name for name in folders if not is_aside(name))
        for name in sorted(names):
            path = Path(folder, name)
            try:
                status = path.stat()
            except OSError:  # a link to nothing; an error only if an annotation names it
                continue
            if not stat.S_ISREG(status.st_mode):  # a pipe or a device, which may never end
                continue
            stamp = f"{status.st_size}/{status.st_mtime_ns}"
            relative = path.relative_to(root).as_posix()
            file = EncodedImage(relative, str(path), stamp, path.read_bytes, size=status.st_size)
            yield Member(path.absolute().as_posix(), file)


def is_aside(folder: str) -> bool:
    """Whether a folder is one that programs make for themselves: hidden, or thumbnails of a file server."""
    return folder.startswith(".") or folder in ("@eaDir", "__MACOSX")


def archive_name(path: Path) -> str:
    """Whole path of an archive without its suffix."""
    full = path.absolute().as_posix()
    ending = next((suffix for suffix in sorted(ARCHIVES, key=len, reverse=True) if full.lower().endswith(suffix)), "")
    return full.removesuffix(full[len(full) - len(ending) :]) if ending else full


def _in_tar(path: Path, order: int, stack: ExitStack, skipped: Skipped) -> Iterator[Member]:
    try:
        archive = stack.enter_context(tarfile.open(path))  # noqa: SIM115  # the stack closes it
        modified = path.stat().st_mtime_ns
    # Each compression raises errors of its own.
    except Exception as error:
        raise DataError(f"{path}: not a whole tar file ({_reason(error)}). Give folders, tar and zip files.") from error
    full, count, end = archive_name(path), 0, 0
    while True:
        try:
            member = archive.next()
        except Exception as error:
            skipped.add(str(path), _damaged(path, error, count, end))
            return
        if member is None:
            return
        count, end = count + 1, member.offset_data + member.size
        archive.members.clear()  # type: ignore[attr-defined]  # else each of millions stays in memory, read or not
        if member.isreg():
            yield _of_tar(archive, member, path, full=full, stamp=f"{modified}", order=order)


def _damaged(path: Path, error: Exception, count: int, end: int) -> DataError:
    return DataError(
        f"{path}: damaged, not a whole tar file ({_reason(error)}): its first {count} files can be listed, up to byte "
        f"{end:,} of what is in it. Get the file again, or go on with those: skip_bad = true."
    )


def _of_tar(
    archive: tarfile.TarFile, member: tarfile.TarInfo, path: Path, *, full: str, stamp: str, order: int
) -> Member:
    name = _plain(member.name)
    file = EncodedImage(
        name=name,
        where=f"{path}, member {member.name}",
        stamp=f"{member.size}/{member.offset_data}/{stamp}",
        read=_reader(archive, member),
        position=(order, member.offset_data),
        size=member.size,
    )
    return Member(f"{full}/{name}", file)


def _plain(name: str) -> str:
    """A member's name without a leading ``./`` and the like."""
    return str(PurePosixPath(name)) if name.startswith((".", "/")) or "/." in name or "//" in name else name


def _in_zip(path: Path, order: int, stack: ExitStack) -> Iterator[Member]:
    try:
        archive = stack.enter_context(zipfile.ZipFile(path))
    except Exception as error:
        raise DataError(f"{path}: not a whole zip file ({_reason(error)}). Get the file again.") from error
    full = archive_name(path)
    for info in archive.infolist():
        if not info.filename or info.is_dir():
            continue
        name = str(PurePosixPath(info.filename.replace("\\", "/")))
        file = EncodedImage(
            name=name,
            where=f"{path}, member {info.filename}",
            stamp=f"{info.file_size}/{info.CRC}",
            read=partial(archive.read, info),
            position=(order, info.header_offset),
            size=info.file_size,
        )
        yield Member(f"{full}/{name}", file)


def _reader(archive: tarfile.TarFile, member: tarfile.TarInfo) -> Callable[[], bytes]:
    """Holds two numbers of a file, not all that its header says, unless parts of it are left out as empty."""
    if member.issparse():
        return partial(_read_sparse, archive, member)
    return partial(_read_member, archive, member.offset_data, member.size)


def _read_member(archive: tarfile.TarFile, start: int, size: int) -> bytes:
    assert archive.fileobj is not None  # it is open for reading
    archive.fileobj.seek(start)
    content: bytes = archive.fileobj.read(size)
    if len(content) != size:
        raise OSError(f"{len(content):,} of {size:,} bytes")
    return content


def _read_sparse(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(member)
    if file is None:  # only links and folders have no content, and those are not indexed
        raise OSError("not a file")
    return file.read()


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__


def content_of(member: Member) -> bytes:
    """What is in a file of a folder or an archive.

    Raises:
        DataError: it cannot be read.
    """
    try:
        return member.file.read()
    except Exception as error:  # readers of archives raise errors of many unrelated classes
        raise DataError(f"{member.file.where}: cannot be read ({_reason(error)}).") from error
