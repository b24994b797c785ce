"""The two front ends of the checks."""

import gc
from dataclasses import dataclass

import pytest
import torch

import vlbench
from vlbench.registry.loader import load_registry
from vlbench.registry.registry import Plugin, Registry
from vlbench.registry.specs import MethodSpec
from vlbench.testing import check_method, check_plugin, parametrize_with_checks
from vlbench.testing.methods import METHOD_CHECKS
from vlbench.testing.toys import ToyEncoder, toy_dataset


@dataclass(frozen=True)
class Options:
    seeded: bool = vlbench.option(True, help="whether the draw depends on the seed")


class Toy(vlbench.Selector):
    needs_features = False

    def select(self, features, size, generator):
        generator = generator if self.options.seeded else torch.Generator().manual_seed(0)
        return torch.randperm(len(features), generator=generator)[:size]


class Fixed(vlbench.Method):
    def condense(self, train, budget, context):
        budget.check_available(60)
        return context.fit(vlbench.Selection(2 * torch.arange(60), train.fingerprint), budget)


TOY = MethodSpec(name="toy", target=f"{__name__}:Toy", family="selection", summary="A toy.", options=Options)
FIXED = MethodSpec(name="fixed", target=f"{__name__}:Fixed", family="selection", summary="Always the same.")


@parametrize_with_checks([TOY])
def test_a_conforming_method(check):
    check()


@parametrize_with_checks([FIXED], expected_failures={"other_seed_gives_other_bytes": "the seed changes nothing"})
def test_a_method_with_an_expected_failure(check):
    check()


def test_results_come_in_the_order_of_the_checks_and_say_what_the_rule_is():
    results = check_method(TOY)
    assert [f"check_{result.check}" for result in results] == [check.__name__ for check in METHOD_CHECKS]
    assert all(
        result.rule.endswith(".") and result.seconds >= 0 and (result.kind, result.name) == ("method", "toy")
        for result in results
    )


def test_a_name_is_looked_up_in_the_registry():
    registry = Registry()
    registry.add("method", TOY, "toys")
    assert {result.status for result in check_method("toy", registry)} == {"passed"}
    with pytest.raises(vlbench.errors.VlbenchError, match="Did you mean 'toy'"):
        check_method("tou", registry)


def test_options_reach_the_method():
    with pytest.raises(vlbench.errors.VlbenchError, match="seeded"):
        check_method(TOY, options={"seedd": "true"})


def test_options_reach_a_method_that_is_called_like_its_plugin():
    registry = Registry()
    registry.plugins.append(Plugin("toy", "", "", "ok"))
    registry.add("method", TOY, "toy")
    for front_end in (
        lambda given: check_plugin("toy", registry, options=given),
        lambda given: parametrize_with_checks(["toy"], registry=registry, options=given),
    ):
        front_end({"toy": {"seeded": False}})
        with pytest.raises(vlbench.errors.VlbenchError, match="method 'toy': option seeded='perhaps'"):
            front_end({"toy": {"seeded": "perhaps"}})


def test_an_expected_failure_of_an_unknown_check_is_an_error():
    with pytest.raises(vlbench.errors.VlbenchError, match="Did you mean 'result_is_valid'"):
        parametrize_with_checks([TOY], expected_failures={"result_valid": "typo"})


LISTED = """
{before}
import vlbench
def fetch():
    import sklearn
@vlbench.hookimpl
def vlbench_methods():
    {inside}
    return []
"""


@pytest.mark.parametrize(
    ("before", "inside", "status"),
    [
        ("", "", "passed"),
        ("import sklearn", "", "failed"),
        ("", "fetch()", "failed"),
        ("import slow_helper", "", "failed"),
    ],
)
def test_a_plugin_that_imports_a_heavy_library_when_listed_fails(tmp_path, monkeypatch, before, inside, status):
    (tmp_path / "listed_plugin.py").write_text(LISTED.format(before=before, inside=inside))
    (tmp_path / "slow_helper.py").write_text("import sklearn")
    monkeypatch.syspath_prepend(tmp_path)
    file = str(tmp_path / "listed_plugin.py")
    registry = Registry()
    registry.plugins.append(Plugin("listed_plugin", "", "", "ok", file=file))
    loaded, light = check_plugin("listed_plugin", registry)
    assert (loaded.status, light.status) == ("passed", status)
    if status == "failed":
        assert light.message.startswith("it imports ")
        assert "sklearn" in light.message


def test_nothing_is_left_in_the_temporary_folder(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    check_method(TOY)
    gc.collect()
    assert list(tmp_path.iterdir()) == []


def test_toy_images_differ_between_splits_and_captions_describe_them():
    data = toy_dataset()
    images = torch.cat([split.items["image"] for split in data.splits.values()]).flatten(1)
    assert len(images.unique(dim=0)) == len(images)
    assert toy_dataset().fingerprint == data.fingerprint != toy_dataset(1).fingerprint
    red_first = [text.startswith("red top left") for text in data.split("train").items["text"]]
    corner = data.split("train").items["image"][data.split("train").pairs[:, 0], :, 1, 1]
    assert all(pixel[0] > 150 > pixel[1] for pixel, red in zip(corner.tolist(), red_first, strict=True) if red)


def test_toy_encoders_are_the_same_each_time_and_leave_the_global_generator_alone():
    state = torch.get_rng_state()
    assert ToyEncoder("image").identity == ToyEncoder("image").identity != ToyEncoder("text").identity
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"head": {"kind": "moe"}}, "head 'moe' does not exist"),
        ({"encoder": "no-such-encoder"}, "no encoder called 'no-such-encoder'"),
        ({"heads": {"kind": "linear"}}, "heads"),
        ({"train": "some"}, "train = 'some' is not allowed"),
        ({"options": {"depth": 3}}, "depth"),
    ],
)
def test_a_student_that_cannot_be_built_fails_its_check(change, told):
    image = {"encoder": "scenes-convnet"} | change
    spec = vlbench.StudentSpec("broken", {"image": image, "text": {"encoder": "scenes-text"}}, "Two heads.")
    registry = load_registry()
    registry.add("student", spec, "mine")
    (result,) = check_plugin("broken", registry)
    assert (result.status, result.check) == ("failed", "student_can_be_built")
    assert told in result.message


def test_the_students_and_heads_that_ship_keep_the_rules():
    registry = load_registry()
    for name in [*registry.all("student"), *registry.all("head")]:
        assert {result.status for result in check_plugin(name, registry)} == {"passed"}
