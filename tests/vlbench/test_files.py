"""Files are whole, or as they were."""

import pytest

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
