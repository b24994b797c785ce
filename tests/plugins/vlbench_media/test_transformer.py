"""Models of transformers as a user's suite names them: folders that save_pretrained wrote."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
import torch

import vlbench
from vlbench.errors import DataError, VlbenchError
from vlbench.students.lora import LoraConfig, add_adapters
from vlbench_media.options import TransformersOptions
from vlbench_media.transformer import Transformers

transformers = pytest.importorskip("transformers")
pytest.importorskip("av")
soundfile = pytest.importorskip("soundfile")
from vlbench_media import mock  # noqa: E402

FRAMES = torch.randint(0, 256, (3, 4, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
LEVELS = torch.randint(0, 256, (3, 64, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
SOUND = torch.randn(3, 16_000, generator=torch.Generator().manual_seed(2)).clamp(-1, 1)
ITEMS = {"wav2vec2": SOUND, "ast": LEVELS, "videomae": FRAMES}
SMALL = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
PREPARED = {
    "wav2vec2": lambda: transformers.Wav2Vec2FeatureExtractor(),
    "ast": lambda: transformers.ASTFeatureExtractor(num_mel_bins=64, max_length=32),
    "videomae": lambda: transformers.VideoMAEImageProcessor(image_mean=[0.1, 0.2, 0.3], image_std=[0.5, 0.6, 0.7]),
}


def made(kind: str, name: str = "Model") -> torch.nn.Module:
    if kind == "wav2vec2":
        few = {"conv_dim": (16, 16), "conv_kernel": (10, 8), "conv_stride": (5, 4), "num_conv_pos_embeddings": 16}
        config = transformers.Wav2Vec2Config(
            **SMALL, **few, num_feat_extract_layers=2, num_conv_pos_embedding_groups=2, feat_extract_norm="layer"
        )
        return getattr(transformers, f"Wav2Vec2{name}")(config)
    if kind == "ast":
        config = transformers.ASTConfig(**SMALL, num_mel_bins=64, max_length=32, patch_size=16)
        return getattr(transformers, f"AST{name}")(config)
    config = transformers.VideoMAEConfig(**SMALL, image_size=32, patch_size=16, num_frames=4, tubelet_size=2)
    return getattr(transformers, f"VideoMAE{name}")(config)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of each kind, as a user has it."""
    folder = tmp_path_factory.mktemp("models")
    for kind, prepared in PREPARED.items():
        made(kind).save_pretrained(folder / kind)
        prepared().save_pretrained(folder / kind)
    return folder


def encoder(folder: Path, **options: object) -> Transformers:
    return Transformers(TransformersOptions(name=str(folder), **options))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["wav2vec2", "ast", "videomae"])
def test_models_of_transformers_are_loaded_adapted_and_differentiated(kind: str, models: Path):
    one, again = (encoder(models / kind) for _ in range(2))
    inputs = one.inputs(ITEMS[kind])[..., :4_000].requires_grad_()
    features = one.module(inputs)
    assert features.shape == (3, one.width)
    assert torch.equal(features, again.module(inputs))
    assert one.identity == again.identity
    (gradient,) = torch.autograd.grad(features.square().sum(), inputs, create_graph=True)
    (second,) = torch.autograd.grad(gradient.square().sum(), inputs)  # as matching needs it
    assert second.isfinite().all()
    assert len(add_adapters(one.module, LoraConfig(rank=2))) > 0
    assert torch.allclose(one.module(inputs), features, atol=1e-6)  # adapters start at nought


def test_frames_and_waveforms_are_normalised_as_the_library_does(models: Path):
    seen = encoder(models / "videomae")
    video = transformers.VideoMAEModel.from_pretrained(models / "videomae").eval()
    mean, std = torch.tensor([0.1, 0.2, 0.3]).view(-1, 1, 1), torch.tensor([0.5, 0.6, 0.7]).view(-1, 1, 1)
    expected = video((FRAMES / 255 - mean) / std).last_hidden_state.mean(1)
    assert torch.allclose(seen.module(seen.inputs(FRAMES)), expected, atol=1e-5)
    heard = encoder(models / "wav2vec2")
    prepared = transformers.Wav2Vec2FeatureExtractor.from_pretrained(models / "wav2vec2")
    values = prepared(list(SOUND.numpy()), sampling_rate=16_000, return_tensors="pt").input_values
    audio = transformers.Wav2Vec2Model.from_pretrained(models / "wav2vec2").eval()
    expected = audio(values).last_hidden_state.mean(1)
    assert torch.allclose(heard.module(heard.inputs(SOUND)), expected, atol=1e-5)


def test_half_precision_and_a_head_for_classes_are_read_as_the_bare_model(tmp_path: Path):
    for kind, name in (("videomae", "ForVideoClassification"), ("wav2vec2", "ForCTC")):
        made(kind, name).half().save_pretrained(tmp_path / kind)
        PREPARED[kind]().save_pretrained(tmp_path / kind)
        read = encoder(tmp_path / kind)
        assert read.module(read.inputs(ITEMS[kind])).dtype == torch.float32


def test_sounds_that_a_model_reads_can_be_listened_to(models: Path):
    suffix, content = encoder(models / "wav2vec2").file_of(SOUND[0] / 2)
    heard, rate = soundfile.read(io.BytesIO(content))
    assert (suffix, rate) == ("wav", 16_000)
    assert abs(heard - (SOUND[0] / 2).numpy()).max() < 1e-4
    assert encoder(models / "ast").file_of(LEVELS[0])[1][:4] == b"RIFF"
    assert encoder(models / "videomae").file_of(FRAMES[0]) is None


def refused(folder: Path, items: object, **options: object) -> str:
    with pytest.raises(VlbenchError) as found:
        encoder(folder, **options).inputs(items)
    return str(found.value)


def test_a_model_without_a_preprocessors_file_asks_for_the_option_and_takes_it(models: Path, tmp_path: Path):
    for kind in ("videomae", "wav2vec2"):
        made(kind).save_pretrained(tmp_path / kind)
    assert "no preprocessor_config.json" in refused(tmp_path / "videomae", FRAMES)
    assert "set mean and std" in refused(tmp_path / "videomae", FRAMES)
    assert "set normalise = 'sound' or 'none'" in refused(tmp_path / "wav2vec2", SOUND)
    assert encoder(tmp_path / "videomae", mean=(0.5,), std=(0.5,)).inputs(FRAMES).shape == FRAMES.shape
    plain, each = (encoder(tmp_path / "wav2vec2", normalise=how) for how in ("none", "sound"))
    assert not torch.allclose(plain.module(SOUND / 9), each.module(SOUND / 9), atol=1e-4)
    assert torch.allclose(each.module(SOUND / 9), each.module(SOUND), atol=1e-4)


def test_another_sampling_rate_is_refused_with_both_rates(tmp_path: Path):
    made("wav2vec2").save_pretrained(tmp_path)
    transformers.Wav2Vec2FeatureExtractor(sampling_rate=8_000).save_pretrained(tmp_path)
    assert "sound at 8000 Hz, and sounds are read at 16000" in refused(tmp_path, SOUND)


def test_another_number_of_frames_or_bands_names_the_option_of_the_data(models: Path):
    for shape in ((3, 5, 3, 32, 32), (3, 4, 3, 64, 64)):  # five frames would be cut to four without a word
        text = refused(models / "videomae", torch.zeros(shape, dtype=torch.uint8))
        assert "reads 4 frames of 32 pixels" in text
        assert "set frames = 4 and size = 32 of the data" in text
    assert "set seconds = 1 of the data" in refused(models / "ast", LEVELS[:, :, :20])
    assert "take one made for these" in refused(models / "ast", torch.zeros(3, 128, 32, dtype=torch.uint8))
    assert "set sound = 'log-mel' of the data" in refused(models / "ast", SOUND)
    assert "set sound = 'waveform' of the data" in refused(models / "wav2vec2", LEVELS)
    assert "not texts" in refused(models / "wav2vec2", ["a caption"])


def test_models_that_read_something_else_or_lack_weights_are_refused(models: Path, tmp_path: Path):
    few = {**SMALL, "image_size": 32, "patch_size": 16}
    transformers.ViTModel(transformers.ViTConfig(**few)).save_pretrained(tmp_path / "vit")
    assert "take the encoder frames-timm" in refused(tmp_path / "vit", FRAMES)
    transformers.BertModel(transformers.BertConfig(**SMALL, vocab_size=30)).save_pretrained(tmp_path / "bert")
    assert "reads input_ids" in refused(tmp_path / "bert", FRAMES)
    state = {name: values for name, values in made("ast").state_dict().items() if "layernorm" not in name}
    made("ast").save_pretrained(tmp_path / "ast", state_dict=state)
    assert "of its weights" in refused(tmp_path / "ast", LEVELS)
    assert "cannot be loaded" in refused(tmp_path / "none", FRAMES)
    made("videomae").save_pretrained(tmp_path / "broken")
    (tmp_path / "broken" / "preprocessor_config.json").write_text("{")
    assert "preprocessor_config.json cannot be read" in refused(tmp_path / "broken", FRAMES)


SUITE = """
name = "own"
version = 1
[data]
name = "didemo"
sides = ["audio", "video"]
options = {{ root = "{root}", frames = 4, size = 32, seconds = {seconds}, sound = "{sound}" }}
[students.s.audio]
encoder = "{audio}"
options = {{ {audio_options} }}
{train}
head = {{ width = 16 }}
[students.s.video]
encoder = "{video}"
options = {{ {video_options} }}
{train}
head = {{ width = 16 }}
[training]
seeds = 1
warmup = {{ steps = 2, batch = 6, learning_rate = 0.1 }}
grid = [{{ steps = 3, batch = 6, learning_rate = 0.1 }}]
[rows]
always = []
nearest = []
full = false
"""
LORA = 'train = "lora"\nlora = { rank = 2, alpha = 4 }'


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("clips") / "didemo"
    mock.make("didemo", 16, out)
    return out


def suite(models: Path, clips: Path, *, audio: str, video: str, train: str) -> str:
    towers = {"audio": "mel-timm", "video": "frames-timm", "sound": "log-mel", "seconds": 1.0}
    options = {"audio": 'model = "test_resnet"', "video": f'model = "test_resnet", pooling = "{video}"'}
    if audio in ITEMS:
        towers["audio"] = "hf-audio"
        options["audio"] = f'name = "{models / audio}"'
        towers |= {"sound": "waveform", "seconds": 0.1} if audio == "wav2vec2" else {}
    if video == "videomae":
        towers["video"], options["video"] = "hf-video", f'name = "{models / video}"'
    return SUITE.format(
        root=clips, train=train, audio_options=options["audio"], video_options=options["video"], **towers
    )


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("audio", "video", "train", "method"),
    [
        ("wav2vec2", "videomae", "", "random"),
        ("wav2vec2", "videomae", LORA, "vldd"),
        ("ast", "mean", "", "vldd"),
        ("mel", "max", 'train = "all"', "random"),
    ],
    ids=["frozen", "adapters", "spectrograms", "trained"],
)
def test_suites_of_pretrained_folders_and_of_timm_models_run(
    audio: str, video: str, train: str, method: str, models: Path, clips: Path, tmp_path: Path
):
    path = tmp_path / "own.toml"
    path.write_text(suite(models, clips, audio=audio, video=video, train=train), encoding="utf-8")
    few = {"experts": 1, "outer_steps": 2} if method == "vldd" else {}
    record = vlbench.run(method=method, budget=6, suite=str(path), out=tmp_path / "runs", options=few)
    assert record.scores["s"].mean_recall.mean > 0
    assert set(record.scores["s"].directions) == {"audio_to_video", "video_to_audio"}


def test_a_misfit_in_a_suite_is_one_line_that_names_the_option(models: Path, clips: Path, tmp_path: Path):
    text = suite(models, clips, audio="ast", video="videomae", train="").replace("frames = 4", "frames = 6")
    (tmp_path / "own.toml").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match="set frames = 4 and size = 32"):
        vlbench.run(method="random", budget=6, suite=str(tmp_path / "own.toml"), out=tmp_path / "runs")
