"""Files are whole, or as they were."""

import contextlib
from pathlib import Path

import pytest

from vlbench.disk.made import made_once, made_problem
from vlbench.files import whole_folder, write_whole


def test_a_file_appears_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "folder" / "file"
    write_whole(path, b"old")

    def refuse(*args):
        raise OSError("disk full")

    monkeypatch.setattr("os.fsync", refuse)
    with pytest.raises(OSError, match="disk full"):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert [file.name for file in path.parent.iterdir()] == ["file"]


def test_a_folder_appears_whole_or_not_at_all(tmp_path):
    def fill(path, text):
        with whole_folder(path) as fresh:
            assert not path.exists() or list(path.iterdir())
            (fresh / "file").write_text(text)
            assert text != "bad"

    with pytest.raises(AssertionError):
        fill(tmp_path / "new", "bad")
    assert list(tmp_path.iterdir()) == []
    fill(tmp_path / "new", "good")
    with pytest.raises(OSError, match="new"):
        fill(tmp_path / "new", "other")
    assert [(file.name, file.read_text()) for file in (tmp_path / "new").iterdir()] == [("file", "good")]
    assert [path.name for path in tmp_path.iterdir()] == ["new"]


@pytest.mark.parametrize("large", [False, True])
def test_a_file_whose_writing_ended_anywhere_is_made_again_and_not_called_damaged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, large: bool
) -> None:
    replaced, ends = [], iter(range(100))

    def replace(self: Path, target: Path) -> Path:
        if next(ends) == stop:
            raise KeyboardInterrupt
        replaced.append(target.name)
        return moved(self, target)

    moved = Path.replace
    for stop in (0, 1, 2):
        path, ends = tmp_path / f"{stop}.bin", iter(range(100))
        monkeypatch.setattr(Path, "replace", replace)
        with contextlib.suppress(KeyboardInterrupt):
            made_once(path, lambda file: file.write(b"content"), Path.read_bytes, large=large)
        monkeypatch.undo()
        assert made_once(path, lambda file: file.write(b"content"), Path.read_bytes, large=large) == b"content"
        assert made_problem(path) == ""
        assert made_once(path, lambda file: file.write(b"other"), Path.read_bytes, large=large) == b"content"
    assert replaced == ["1.bin.sha256", "2.bin.sha256", "2.bin"]
    assert capsys.readouterr().err == ""
