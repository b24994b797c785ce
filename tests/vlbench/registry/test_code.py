"""The hash of a method's code."""

from pathlib import Path

import pytest

from vlbench.registry.code import code_hash


def test_the_hash_is_of_every_source_of_the_package_and_of_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "code_of_method"
    (package / "deep").mkdir(parents=True)
    for name in ("__init__.py", "a.py", "deep/__init__.py", "deep/b.py"):
        (package / name).write_text(f"# {name}\nraise RuntimeError('imported')\n")
    monkeypatch.syspath_prepend(tmp_path)
    seen = {code_hash("code_of_method.deep.b:Method")}
    (package / "weights.bin").write_text("not source")
    (package / "a.py").write_bytes(b"# a.py\r\nraise RuntimeError('imported')\r\n")
    assert {code_hash("code_of_method:Other")} == seen
    (package / "deep" / "b.py").write_text("x = 1\n")
    seen.add(code_hash("code_of_method:Other"))
    (package / "deep" / "b.py").rename(package / "deep" / "c.py")
    seen.add(code_hash("code_of_method:Other"))
    assert len(seen) == 3
    assert all(len(digest) == 16 for digest in seen)
    assert code_hash("no_such_module_at_all:Method") == ""
