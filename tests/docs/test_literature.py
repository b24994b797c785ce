"""The page on suites of the literature: no point of a published protocol is left open."""

from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "literature.md"


def test_every_point_of_the_published_protocols_is_followed_or_stated():
    text = PAGE.read_text(encoding="utf-8").partition("| point of the published protocols |")[2].partition("\n\n")[0]
    ends = [line.split("|")[2].strip() for line in text.splitlines()[2:]]
    assert len(ends) == 20
    assert set(ends) == {"followed", "stated"}
