"""Clips of three sides: from a seed, through the whole harness, and out again as files."""

from __future__ import annotations

import base64
import io
import json
import wave
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

import vlbench
import vlbench_clips
from vlbench.cli.main import main
from vlbench.runs.heard import same_sounds
from vlbench.testing import parametrize_with_checks
from vlbench_clips import sounds
from vlbench_clips.layout import draw

QUICK = {"rows.always": "[]", "rows.full": "false", "training.seeds": "1"}
LEVELS = torch.tensor([120, 200], dtype=torch.uint8).unbind()
STEPS = {"vldd": {"experts": 2, "outer_steps": 15}}


@parametrize_with_checks(
    [*vlbench_clips.vlbench_datasets(), *vlbench_clips.vlbench_encoders()], options={"clips": {"size": "mini"}}
)
def test_clips_conform(check):
    check()


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


def run(method: str, sides: list[str], out: Path) -> vlbench.Record:
    suite = "clips-mini"
    if sides != ["video", "text"]:
        suite = str(out / f"{'-'.join(sides)}.toml")
        mini = suite_of(sides)
        Path(suite).write_text(mini, encoding="utf-8")
    return vlbench.run(method=method, budget=12, suite=suite, out=out, overrides=QUICK, options=STEPS.get(method, {}))


def suite_of(sides: list[str]) -> str:
    encoders = {side: "scenes-text" if side == "text" else f"clips-{side}" for side in sides}
    towers = "".join(
        f"[students.s.{side}]\nencoder = {encoder!r}\nhead = {{ width = 64 }}\n" for side, encoder in encoders.items()
    )
    step = "steps = 30, batch = 50, learning_rate = 0.1"
    return (
        f"name = '{'-'.join(sides)}'\nversion = 1\n[data]\nname = 'clips'\nsides = {sides}\n"
        f"options = {{ size = 'mini' }}\n{towers}[training]\ngrid = [{{ {step} }}]\nwarmup = {{ {step} }}\n"
    )


def test_loudness_follows_size_and_colour_is_pitch():
    layout = draw(200, np.random.default_rng(0))
    rows = np.arange(200)
    waves = sounds.waveforms(layout, rows, np.random.default_rng(1))
    power = np.sqrt((waves**2).mean(1))
    big = (layout.size * layout.present).sum(1)
    assert power[big == big.max()].mean() > 2 * power[big == 0].mean()
    levels = sounds.render(layout, np.random.default_rng(1))
    deep = ((layout.colour == 0) & layout.present).any(1)
    low_bands = levels[:, -5:].astype(float).mean((1, 2))
    assert low_bands[deep].mean() > low_bands[~deep].mean()


def test_frames_are_learned_within_range_stored_in_8_bits_and_shown_as_a_strip(out: Path):
    record = run("vldd", ["video", "text"], out)
    assert set(record.scores["convnet"].directions) == {"video_to_text", "text_to_video"}
    frames = vlbench.load_artifact(out / record.id).sides["video"]
    assert (frames.dtype, frames.shape[1:]) == (torch.uint8, (8, 3, 32, 32))
    assert record.cost.bytes < 12 * (8 * 3 * 32 * 32 + 256 * 4)
    assert np.load(out / record.id / "preview.npy").shape == (12, 3, 32, 8 * 32)
    shown = CliRunner().invoke(main, ["show", str(out / record.id)])
    assert shown.exit_code == 0, shown.output
    words = ["export", str(out / record.id), "--format", "hf", "--to", str(out / "exported")]
    assert "A picture of the side video is its 8 frames side by side" in CliRunner().invoke(main, words).output
    assert "12 video-text pairs learned" in (out / "exported" / "README.md").read_text()


def likeness(path: Path, levels: torch.Tensor) -> float:
    """Correlation of the log-mel levels of a WAV file with those it was made from."""
    with wave.open(str(path)) as file:
        samples = torch.frombuffer(bytearray(file.readframes(file.getnframes())), dtype=torch.int16) / 32_768
    assert len(samples) == 15_500
    heard = vlbench.data.log_mel(samples[None])[0]
    return float(torch.corrcoef(torch.stack([heard.flatten(), levels[:, : heard.shape[1]].flatten()]).float())[0, 1])


def test_learned_sound_is_exported_as_files_to_listen_to(out: Path, tmp_path: Path):
    record = run("vldd", ["audio", "video"], out)
    assert set(record.scores["s"].directions) == {"audio_to_video", "video_to_audio"}
    artifact = vlbench.load_artifact(out / record.id)
    assert artifact.sides["audio"].dtype == torch.uint8
    suite = str(out / "audio-video.toml")
    to = tmp_path / "exported"
    done = CliRunner().invoke(
        main, ["export", str(out / record.id), "--format", "table", "--to", str(to), "--suite", suite]
    )
    assert done.exit_code == 0, done.output
    alike = [likeness(to / "audio" / f"{at:02}.wav", item) for at, item in enumerate(artifact.sides["audio"])]
    assert min(alike) > 0.85
    assert len(list((to / "video").glob("*.png"))) == 12


def test_sounds_made_from_spectrograms_have_these_spectrograms(tmp_path: Path):
    rendered = torch.from_numpy(sounds.render(draw(6, np.random.default_rng(0)), np.random.default_rng(1)))
    for number, levels in enumerate(rendered):
        (tmp_path / f"{number}.wav").write_bytes(vlbench.data.listen(levels))
        assert likeness(tmp_path / f"{number}.wav", levels) > 0.95


def test_a_selector_of_sound_runs_and_the_page_shows_it(out: Path, tmp_path: Path):
    record = run("herding", ["audio", "text"], out)
    assert set(record.scores["s"].directions) == {"audio_to_text", "text_to_audio"}
    page = CliRunner().invoke(main, ["leaderboard", str(out), "--format", "html", "--out", str(tmp_path / "b.html")])
    assert page.exit_code == 0, page.output
    text = (tmp_path / "b.html").read_text(encoding="utf-8")
    assert "audio_to_text" in text
    assert 1 <= text.count("data:audio/wav;base64,UklGR") <= 12
    assert "media-src data:" in text
    sounds = json.loads((out / record.id / "preview.json").read_text())["sounds"]
    assert len(sounds) == 4
    with wave.open(io.BytesIO(base64.b64decode(sounds[0]))) as file:
        assert file.getnframes() == 15_500


def test_a_sound_that_the_pairs_do_not_make_is_noticed():
    one, other = (base64.b64encode(vlbench.data.listen(level.expand(64, 32))).decode() for level in LEVELS)
    assert same_sounds([one], [one])
    assert not same_sounds([one], [other])
    for forged in ("UklGR", 3, None, {}):
        assert not same_sounds([forged], [one])
    assert not same_sounds([], [one])


def test_a_suite_that_names_no_sides_says_which_there_are(out: Path):
    with pytest.raises(vlbench.errors.ProtocolError, match="video, audio, text"):
        vlbench.run(method="random", budget=5, suite="clips-mini", out=out, overrides={"data.sides": "[]"})


def test_real_pairs_on_the_page_are_strips_where_they_are_frames(out: Path, tmp_path: Path):
    run("random", ["video", "text"], out)
    page = CliRunner().invoke(main, ["leaderboard", str(out), "--format", "html", "--out", str(tmp_path / "b.html")])
    assert page.exit_code == 0, page.output
    assert '<div class="tiles pixels strips">' in (tmp_path / "b.html").read_text(encoding="utf-8")
