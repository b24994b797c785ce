"""Numbers of the literature: complete, plausible, and never without a source."""

from __future__ import annotations

from click.testing import CliRunner

from vlbench.board.published import Literature, metrics_of
from vlbench.cli.main import main
from vlbench_published import vlbench_published

PAPERS = Literature(vlbench_published())
ROWS = [row for dataset in PAPERS.datasets for row in PAPERS.on(dataset)]


def test_every_number_of_the_collection_is_there_once() -> None:
    assert {name: sum(len(row.numbers) for row in PAPERS.on(name)) for name in PAPERS.datasets} == {
        "coco": 385, "didemo": 4, "flickr30k": 551, "flickr8k": 259, "webvid": 2
    }  # fmt: skip
    keys = [
        (row.dataset, row.method, row.budget, row.image_encoder, row.text_encoder, row.source, row.note, metric)
        for row in ROWS
        for metric in row.numbers
    ]
    assert len(keys) == len(set(keys)) == 1201


def test_every_number_is_a_percentage_with_a_source_and_a_known_protocol() -> None:
    for row in ROWS:
        assert all((row.source, row.method, row.image_encoder, row.text_encoder))
        assert row.seen in ("table", "secondary")
        assert row.protocol in PAPERS.protocols
        for number in row.numbers.values():
            assert 0 <= number.value <= 100
            assert number.sd is None or 0 <= number.sd <= 5
    assert {row.protocol for row in ROWS} == set(PAPERS.protocols)


def test_recall_grows_with_the_cut_and_the_mean_is_that_of_its_parts() -> None:
    checked = 0
    for row in ROWS:
        value = {metric: number.value for metric, number in row.numbers.items()}
        for side in ("TR", "IR"):
            at = [value[f"{side}@{cut}"] for cut in (1, 5, 10) if f"{side}@{cut}" in value]
            assert at == sorted(at), row
        six = [value[metric] for metric in metrics_of([row]) if "@" in metric]
        parts = six if len(six) == 6 else [value[f"{side} mean"] for side in ("TR", "IR") if f"{side} mean" in value]
        if "mean" in value and len(parts) in (2, 6) and "do not average" not in row.note:
            assert abs(sum(parts) / len(parts) - value["mean"]) < 0.11, row
            checked += 1
    assert checked > 100


def test_suite_is_matched_by_the_dataset_it_is_named_after() -> None:
    assert PAPERS.dataset_of("flickr30k-vldd-clip") == "flickr30k"
    assert PAPERS.dataset_of("scenes") is None


def test_command_shows_them_as_published_with_protocols_and_sources() -> None:
    done = CliRunner().invoke(main, ["leaderboard", "--published", "flickr30k"])
    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    assert lines[0].startswith("PUBLISHED on flickr30k: 551 numbers")
    assert max(map(len, lines)) <= 80
    assert "best of 11 evaluations on test" in " ".join(done.output.split())
    assert "VLDD paper, Table A" in done.output


def test_the_didemo_figures_say_that_encoders_and_budget_are_unknown() -> None:
    assert {PAPERS.dataset_of(f"didemo-{sides}") for sides in ("video-text", "audio-video", "text-audio")} == {"didemo"}
    done = CliRunner().invoke(main, ["leaderboard", "--published", "didemo"])
    words = " ".join(done.output.split())
    assert "unknown · unknown · unknown" in words
    assert "budget and encoders not stated" in words
    assert "too little is stated to compare it with any other row" in words
