"""Each check is broken by a method that breaks that one rule, and catches it."""

import contextlib
import importlib
import os
import random
import socket
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch

import vlbench
from vlbench.registry.specs import MethodSpec
from vlbench.testing import check_method
from vlbench.testing.methods import METHOD_CHECKS


@dataclass(frozen=True)
class Options:
    scale: float = vlbench.option(1.0, help="a number")
    table: dict[str, int] = vlbench.option({}, help="a table")


class Good(vlbench.Selector):
    """Random pairs; what the others spoil in one place."""

    needs_features = False

    def select(self, features, size, generator):
        return torch.randperm(len(features), generator=generator)[:size]


class GoodVectors(vlbench.Method):
    """Random pairs as learned vectors, improved in steps that a checkpoint keeps."""

    steps = 6

    def condense(self, train, budget, context):
        candidates = context.candidates()
        budget.check_available(len(candidates))
        order = torch.randperm(len(candidates), generator=context.seeds.generator("start"))
        chosen = candidates[order[: budget.pairs_that_fit(3 * 8 * 8 + 4 * 16)]]
        images = train.items("image")[train.pairs[chosen, 0]]
        text = context.student.towers["text"]
        inputs = text.encoder.inputs([train.items("text")[i] for i in train.pairs[chosen, 1].tolist()])
        vectors, first = text.encoder.module(inputs).detach(), 0
        if (state := context.load_checkpoint()) is not None:
            vectors, first = state["vectors"], int(state["step"])
        for step in range(first, self.steps):
            noise = torch.randn(vectors.shape, generator=context.seeds.generator("noise", self.draw(step, first)))
            vectors = vectors + 0.01 * noise
            context.save_checkpoint({"vectors": vectors, "step": torch.tensor(step + 1)})
            context.observer.advance()
        spaces = {"image": "items", "text": text.space}
        return self.finish(vlbench.DistilledPairs({"image": images, "text": vectors}, spaces, train.fingerprint))

    def draw(self, step, first):
        return step

    def finish(self, artifact):
        return artifact


class Deterministic(Good):
    def condense(self, train, budget, context):
        budget.check_available(60)
        return vlbench.Selection(torch.arange(budget.pairs) * 2, train.fingerprint)


class KeepsState(Good):
    def __init__(self, options):
        super().__init__(options)
        self.seen = 0


class DrawsWhenMade(Good):
    def __init__(self, options):
        super().__init__(options)
        random.random()


class RoundsUp(Good):
    def condense(self, train, budget, context):
        odd = budget.unit == "pairs" and budget.pairs < 60 and budget.pairs % 2
        return super().condense(train, replace(budget, amount=budget.amount + odd), context)


class OfBytes(Good):
    """Random pairs; what the others do with a budget of bytes."""

    def condense(self, train, budget, context):
        if budget.unit == "bytes":
            budget = self.instead(budget)
        return super().condense(train, budget, context)


class TakesMoreBytes(OfBytes):
    def instead(self, budget):
        return replace(budget, amount=budget.amount * 2)


class TakesAThirdOfTheBytes(OfBytes):
    def instead(self, budget):
        return replace(budget, amount=budget.amount // 3)


class TakesAPairForAByte(OfBytes):
    def instead(self, budget):
        return vlbench.Budget(1) if budget.amount == 1 else budget


class StumblesOverBytes(OfBytes):
    def instead(self, budget):
        return [][budget.amount]


class StumblesOverManyBytes(OfBytes):
    def instead(self, budget):
        return [][budget.amount] if budget.amount > 100_000 else budget


class RefusesBytes(OfBytes):
    def instead(self, budget):
        return vlbench.Budget(budget.pairs)


class ReturnsNothing(Good):
    def condense(self, train, budget, context):
        return replace(super().condense(train, budget, context), indices=torch.empty(0, dtype=torch.long))


class Twice(Good):
    def condense(self, train, budget, context):
        made = super().condense(train, budget, context)
        return replace(made, indices=torch.cat([made.indices[:-1], made.indices[:1]]))


class NotFinite(GoodVectors):
    def finish(self, artifact):
        artifact.sides["text"][0, 0] = torch.nan
        return artifact


class ExtraPairs(vlbench.DistilledPairs):
    """Carries something that is not stored."""


class ReturnsOwnClass(GoodVectors):
    def finish(self, artifact):
        return ExtraPairs(artifact.sides, artifact.spaces, artifact.fingerprint)


class Shuffled(GoodVectors):
    def finish(self, artifact):
        return replace(artifact, sides={**artifact.sides, "text": artifact.sides["text"].roll(1, 0)})


class IgnoresSeed(Good):
    """Every run chooses as no other run does."""

    calls = 0

    def select(self, features, size, generator):
        IgnoresSeed.calls += 1
        return torch.randperm(len(features), generator=torch.Generator().manual_seed(IgnoresSeed.calls))[:size]


class ForgetsTheSeedInAKey(Good):
    def condense(self, train, budget, context):
        pairs = budget.pairs
        budget.check_available(60)
        draw = torch.randperm(60, generator=context.seeds.generator("draw"))
        kept = context.cached("draw", {}, lambda: {"draw": draw})["draw"]
        return vlbench.Selection(2 * kept[:pairs], train.fingerprint)


class ComparesAllPairs(Good):
    def select(self, features, size, generator):
        at = torch.arange(len(features), dtype=torch.float32)
        torch.cdist(at[:, None], at[:, None])
        return super().select(features, size, generator)


class ComparesAllPairsInNumpy(Good):
    def select(self, features, size, generator):
        np.subtract.outer(np.arange(len(features)), np.arange(len(features)))
        return super().select(features, size, generator)


class KnowsFrozenEncodersOnly(GoodVectors):
    def condense(self, train, budget, context):
        count, _ = context.full_set().tower_inputs(torch.arange(2))["image"].shape
        return super().condense(train, budget, context) if count == 2 else None


class RefusesTrainedEncoders(GoodVectors):
    def condense(self, train, budget, context):
        if not context.student.towers["image"].frozen:
            raise vlbench.errors.OptionError("frozen encoders only")
        return super().condense(train, budget, context)


class OverrunsAll(Good):
    def condense(self, train, budget, context):
        return vlbench.Selection(torch.tensor(self.order(context)[: budget.pairs]), train.fingerprint)

    def order(self, context):
        drawn = torch.randperm(60, generator=context.seeds.generator("draw")).tolist()
        return Bounded(2 * index for index in drawn)


class Bounded(list):
    def __getitem__(self, at):
        return super().__getitem__(at) if at.stop <= len(self) else [][at.stop]


class DrawsFromResumedStep(GoodVectors):
    def draw(self, step, first):
        return step - first


class DrawsGlobally(Good):
    def select(self, features, size, generator):
        random.random()
        np.random.rand()
        torch.rand(1)
        return super().select(features, size, generator)


class SeedsGlobally(Good):
    def select(self, features, size, generator):
        torch.manual_seed(0)
        return super().select(features, size, generator)


class ChangesSettings(Good):
    def select(self, features, size, generator):
        torch.set_grad_enabled(False)
        torch.set_default_dtype(torch.float64)
        os.environ["VLBENCH_TEST_VIOLATION"] = "1"
        return super().select(features, size, generator)


class ChangesData(Good):
    def condense(self, train, budget, context):
        train.items("image")[0].zero_()
        return super().condense(train, budget, context)


class ChangesOptions(Good):
    def condense(self, train, budget, context):
        self.options.table["calls"] = 1
        return super().condense(train, budget, context)


class ChangesWeights(Good):
    def condense(self, train, budget, context):
        made = super().condense(train, budget, context)
        with torch.no_grad():
            context.student.towers["image"].encoder.module[2].weight.mul_(2)
        return made


class LooksAtTest(Good):
    def condense(self, train, budget, context):
        context._builder.dataset.split("test")
        return super().condense(train, budget, context)


class LooksAtEverything(Good):
    def condense(self, train, budget, context):
        list(context._builder.dataset.splits.values())
        return super().condense(train, budget, context)


class WritesHere(Good):
    def select(self, features, size, generator):
        Path("violation.txt").write_text("x")
        return super().select(features, size, generator)


class MakesFolder(Good):
    def select(self, features, size, generator):
        Path("violation").mkdir(exist_ok=True)
        return super().select(features, size, generator)


class PhonesHome(Good):
    def select(self, features, size, generator):
        with contextlib.suppress(OSError):
            socket.create_connection(("192.0.2.1", 80), timeout=0.1)
        return super().select(features, size, generator)


class LooksUpAddress(Good):
    def select(self, features, size, generator):
        with contextlib.suppress(OSError):
            socket.getaddrinfo("example.invalid", 80)
        return super().select(features, size, generator)


class Raises(Good):
    def select(self, features, size, generator):
        raise RuntimeError("no idea")


class ReturnsNone(vlbench.Method):
    def condense(self, train, budget, context):
        return None


class NoMethod:
    def __init__(self, options):
        self.options = options


def spec(method, **fields):
    family = "distillation" if issubclass(method, GoodVectors) else "selection"
    target = f"{__name__}:{method.__name__}"
    return MethodSpec(
        **{"name": "toy", "target": target, "family": family, "summary": "A toy.", "options": Options} | fields
    )


def failures(method, **fields):
    return {
        result.check: result.message for result in check_method(spec(method, **fields)) if result.status == "failed"
    }


@pytest.fixture(autouse=True)
def _inside_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture(autouse=True)
def _nothing_is_counted_where_growth_is_not_the_matter(request, monkeypatch):
    """Counting takes most of the time of a check."""
    method = request.node.callspec.params.get("method") if hasattr(request.node, "callspec") else None
    if method not in (Good, GoodVectors, ComparesAllPairs, ComparesAllPairsInNumpy):
        monkeypatch.setattr("vlbench.testing.harness.MethodHarness.count", lambda harness, images: {})


@pytest.mark.parametrize("method", [Good, GoodVectors])
def test_a_method_that_keeps_all_rules_passes_every_check(method):
    assert failures(method) == {}


def test_a_deterministic_method_passes_when_declared():
    assert failures(Deterministic, deterministic=True) == {}


@pytest.mark.parametrize(
    ("method", "check", "words"),
    [
        (KeepsState, "construction_only_stores_options", "the constructor sets seen"),
        (DrawsWhenMade, "construction_only_stores_options", "draws from random (Python)"),
        (OverrunsAll, "budget_is_never_exceeded", "Call budget.check_available(available) first"),
        (ForgetsTheSeedInAKey, "order_of_runs_is_irrelevant", "The key of context.cached(...) must name all"),
        (ComparesAllPairs, "scaling_is_as_declared", "elements that torch reads and writes grow faster"),
        (ComparesAllPairsInNumpy, "scaling_is_as_declared", "bytes that Python and numpy hold grow faster"),
        (RoundsUp, "budget_is_never_exceeded", "asked for 1 pairs, it returned 2"),
        (TakesMoreBytes, "budget_of_bytes_is_kept", "the size of its own 20 pairs, it returned"),
        (TakesAThirdOfTheBytes, "budget_of_bytes_is_kept", "not half of it. Ask budget.pairs_that_fit"),
        (TakesAPairForAByte, "budget_of_bytes_is_kept", "asked for 1 byte, it returned 1 pairs"),
        (StumblesOverBytes, "budget_of_bytes_is_kept", "IndexError: list index out of range (test_methods.py:"),
        (StumblesOverManyBytes, "budget_of_bytes_is_kept", "Keep no more pairs than there are candidates"),
        (Twice, "result_is_valid", "an index occurs twice"),
        (KnowsFrozenEncodersOnly, "result_is_valid_where_the_encoder_is_trained", "too many values to unpack"),
        (ReturnsOwnClass, "artifact_survives_save_and_load", "a saved ExtraPairs comes back as DistilledPairs"),
        (Shuffled, "result_teaches", "chance is 25"),
        (IgnoresSeed, "same_seed_gives_same_bytes", "two runs with the same seed differ"),
        (Deterministic, "other_seed_gives_other_bytes", "declare deterministic=True"),
        (DrawsFromResumedStep, "interrupted_run_resumes_to_same_bytes", "step k must draw from index k"),
        (DrawsGlobally, "global_random_state_is_untouched", "random (Python), numpy.random, torch"),
        (SeedsGlobally, "global_random_state_is_untouched", "generator of torch"),
        (
            ChangesSettings,
            "process_settings_are_untouched",
            "torch default dtype, torch grad mode, environment variables",
        ),
        (ChangesData, "inputs_are_unchanged", "train data"),
        (ChangesOptions, "inputs_are_unchanged", "options"),
        (ChangesWeights, "inputs_are_unchanged", "weights of the encoders"),
        (LooksAtTest, "val_and_test_are_not_touched", "test (test_methods.py:"),
        (LooksAtEverything, "val_and_test_are_not_touched", "val (test_methods.py:"),
        (WritesHere, "nothing_is_written_elsewhere", "violation.txt (test_methods.py:"),
        (MakesFolder, "nothing_is_written_elsewhere", "violation (test_methods.py:"),
        (PhonesHome, "network_is_not_used", "192.0.2.1"),
        (LooksUpAddress, "network_is_not_used", "example.invalid (test_methods.py:"),
    ],
)
def test_a_method_that_breaks_one_rule_fails_that_check(method, check, words):
    found = failures(method)
    # Where no two runs are alike, one that is resumed or comes after others is not like a whole one alone, either.
    never_alike = {"interrupted_run_resumes_to_same_bytes", "order_of_runs_is_irrelevant"}
    also = never_alike if method is IgnoresSeed else set()
    assert set(found) == {check} | also
    assert words in found[check]


@pytest.mark.parametrize("method", [ComparesAllPairs, ComparesAllPairsInNumpy])
def test_a_cost_that_is_declared_is_no_fault(method):
    assert failures(method, scaling="quadratic") == {}


def test_a_method_may_refuse_a_student_whose_encoder_is_trained():
    results = {result.check: result for result in check_method(spec(RefusesTrainedEncoders))}
    trained = results.pop("result_is_valid_where_the_encoder_is_trained")
    assert trained.status == "skipped"
    assert "frozen encoders only" in trained.message
    assert [result for result in results.values() if result.status != "passed"] == []


def test_a_method_that_refuses_bytes_by_name_is_told_so_and_does_not_fail():
    results = {result.check: result for result in check_method(spec(RefusesBytes))}
    refused = results.pop("budget_of_bytes_is_kept")
    assert (refused.status, {result.status for result in results.values()}) == ("skipped", {"passed"})
    assert refused.message.startswith("it refuses budgets of bytes: budget ")
    assert "Ask budget.pairs_that_fit(bytes_per_pair)" in refused.message


def test_numbers_that_are_not_finite_are_caught():
    assert "not finite" in failures(NotFinite)["result_is_valid"]


def test_an_empty_artifact_is_caught():
    assert "it returned none" in failures(ReturnsNothing)["budget_is_never_exceeded"]


@pytest.mark.parametrize(("method", "name"), [(Good, "Selection"), (ReturnsNone, "NoneType")])
def test_another_family_than_declared_is_told_once(method, name):
    told = f"family 'distillation' returns DistilledPairs, the method returned {name}."
    assert failures(method, family="distillation") == {"result_is_valid": told}


def test_a_false_claim_of_determinism_is_caught():
    assert set(failures(Good, deterministic=True)) == {"other_seed_gives_other_bytes"}


def test_a_class_that_is_no_method_is_caught():
    assert "no subclass of vlbench.Method" in failures(NoMethod)["construction_only_stores_options"]


def test_an_exception_is_told_once_with_its_place_and_line():
    results = {result.check: result for result in check_method(spec(Raises))}
    assert len(results) == len(METHOD_CHECKS)
    assert [name for name, result in results.items() if result.status == "failed"] == ["result_is_valid"]
    assert results["result_is_valid"].message.startswith("RuntimeError: no idea (test_methods.py:")
    assert results["result_is_valid"].message.endswith(': raise RuntimeError("no idea"))')
    later = results["result_teaches"]
    assert (later.status, later.message) == ("skipped", "the error of 'result is valid' stands in its way.")


def test_val_may_be_touched_where_declared():
    class Sees(Good):
        def condense(self, train, budget, context):
            context._builder.dataset.split("val")
            return super().condense(train, budget, context)

    globals()["Sees"] = Sees
    assert failures(Sees, sees_val=True) == {}
    assert set(failures(Sees)) == {"val_and_test_are_not_touched"}


def test_a_violating_method_leaves_the_process_as_it_was():
    threads, dtype, state = torch.get_num_threads(), torch.get_default_dtype(), torch.get_rng_state()
    for method in (ChangesSettings, DrawsGlobally, SeedsGlobally):
        failures(method)
    assert (torch.get_num_threads(), torch.get_default_dtype()) == (threads, dtype)
    assert torch.is_grad_enabled()
    assert torch.equal(torch.get_rng_state(), state)
    assert "VLBENCH_TEST_VIOLATION" not in os.environ


@pytest.mark.parametrize("kind", ["method", "dataset", "encoder", "suite"])
def test_every_rule_is_one_sentence_and_every_check_has_a_violator(kind):
    module = importlib.import_module(f"vlbench.testing.{kind}s")
    source = (Path(__file__).parent / f"test_{kind}s.py").read_text(encoding="utf-8")
    for check in getattr(module, f"{kind.upper()}_CHECKS"):
        assert check.__doc__.strip().splitlines()[0].endswith(".")
        assert f'"{check.__name__.removeprefix("check_")}"' in source
