"""The rules that a method must keep, each called with :class:`vlbench.testing.harness.MethodHarness`."""

from __future__ import annotations

import contextlib
import dataclasses
from unittest import SkipTest

from vlbench.artifacts.artifact import (
    Artifact,
    check_artifact,
    load_artifact,
    save_artifact,
)
from vlbench.budget import Budget
from vlbench.errors import ArtifactError, BudgetError, VlbenchError
from vlbench.evaluation.evaluate import embed_split
from vlbench.evaluation.retrieval import chance, mean_recall, score_embeddings
from vlbench.methods.method import Method
from vlbench.registry.specs import resolve
from vlbench.seeds import SeedTree
from vlbench.students.training import train
from vlbench.students.training_sets import training_set
from vlbench.testing.harness import ALL, PAIRS, MethodHarness, RunStopped
from vlbench.testing.results import Check, error_text, listed, require
from vlbench.testing.scaling import grows_faster
from vlbench.testing.side_effects import GENERATORS, changes, recorded_side_effects, restored_global_state
from vlbench.testing.toys import TOY_RECIPE, toy_builder, toy_student

SIZES = (150, 300, 600)
"""Train images, with two captions each, at which work is counted."""
TEACHING = Budget(20)
BYTES_ADVICE = "Ask budget.pairs_that_fit(bytes_per_pair), or context.fit(selection, budget), how many pairs fit."
TEACHING_MARGIN = 10.0
"""Points of mean recall above chance that a student of so many toy pairs must reach; random pairs give about 40."""


def check_construction_only_stores_options(harness: MethodHarness) -> None:
    """Constructing the method stores its options, a frozen dataclass, and does nothing else."""
    spec, folder = harness.spec, harness.fresh_folder()
    target = resolve(spec.target)
    is_method = isinstance(target, type) and issubclass(target, Method)
    require(is_method, f"{spec.target} is no subclass of vlbench.Method. Write class Name(vlbench.Method).")
    with restored_global_state(), recorded_side_effects((folder,)) as seen:
        before = {name: read() for name, read in GENERATORS.items()}
        method = harness.method()
        drawn = changes(GENERATORS, before)
    more = sorted(set(vars(method)) - {"options"})
    require(not more, f"the constructor sets {', '.join(more)}. Do that in condense().")
    require(isinstance(method.options, spec.options), "the constructor does not keep the options it was given.")
    require(not drawn, f"the constructor draws from {', '.join(drawn)}. Draw in condense(), from context.seeds.")
    require(not seen.writes, f"the constructor writes {', '.join(seen.writes)}.")


def check_result_is_valid(harness: MethodHarness) -> None:
    """The artifact is of the declared family, finite, of the data's shapes, and points at train pairs, each once."""
    artifact = harness.observed().artifact
    try:
        check_artifact(artifact, train=harness.dataset.split("train"), fingerprint=harness.dataset.fingerprint)
    except ArtifactError as error:
        raise AssertionError(str(error)) from error


def check_budget_is_never_exceeded(harness: MethodHarness) -> None:
    """At most as many pairs as asked for: one, an odd number, all; more than there are is refused or not used up."""
    for budget in (Budget(1), PAIRS, ALL):
        try:
            got = len(harness.observed(budget).artifact)
        except BudgetError as error:
            raise AssertionError(f"it refuses a budget of {budget} pairs, of {ALL} images: {error}") from error
        require(got <= budget.amount, f"asked for {budget} pairs, it returned {got}.")
        require(got > 0, f"asked for {budget} pairs, it returned none.")
    more = Budget(ALL.amount + 1)
    asked = f"asked for {more} pairs, more than there are images,"
    artifact = _unless_refused(harness, more, asked, "Call budget.check_available(available) first.")
    require(artifact is None or len(artifact) <= more.amount, f"{asked} it returned {len(artifact or ())}.")


def check_budget_of_bytes_is_kept(harness: MethodHarness) -> None:
    """Never more bytes than asked for, and no less than half of them while there is data; all bytes may be refused."""
    size = harness.size_in_bytes(harness.observed(TEACHING).artifact)
    budget = Budget(size, "bytes")
    asked = f"asked for {budget}, the size of its own {TEACHING} pairs,"
    try:
        made = harness.size_in_bytes(harness.run(harness.fresh_folder(), budget).artifact)
    except BudgetError as refusal:
        raise SkipTest(f"it refuses budgets of bytes: {refusal}") from refusal
    require(made <= size, f"{asked} it returned {made:,} bytes. {BYTES_ADVICE}")
    require(2 * made >= size, f"{asked} it returned {made:,} bytes, not half of it. {BYTES_ADVICE}")
    few = _unless_refused(harness, Budget(1, "bytes"), "asked for 1 byte,", f"Raise BudgetError. {BYTES_ADVICE}")
    require(few is None, f"asked for 1 byte, it returned {len(few or ())} pairs. Raise BudgetError. {BYTES_ADVICE}")
    asked = f"asked for {100 * size:,} bytes, more than all images have,"
    _unless_refused(harness, Budget(100 * size, "bytes"), asked, "Keep no more pairs than there are candidates.")


def _unless_refused(harness: MethodHarness, budget: Budget, asked: str, advice: str) -> Artifact | None:
    """The artifact for a budget that the method may refuse; None if it does."""
    try:
        return harness.run(harness.fresh_folder(), budget).artifact
    except VlbenchError:
        return None
    except Exception as error:
        raise AssertionError(f"{asked} it fails with {error_text(error)}. {advice}") from error


def check_artifact_survives_save_and_load(harness: MethodHarness) -> None:
    """Loading gives what was saved, and a student can be trained on it without the method."""
    artifact = harness.observed().artifact
    folder = harness.fresh_folder()
    save_artifact(artifact, folder)
    loaded = load_artifact(folder)
    require(type(loaded) is type(artifact), f"a saved {type(artifact).__name__} comes back as {type(loaded).__name__}.")
    require(
        harness.stored(loaded) == harness.stored(artifact),
        "an artifact that was saved and loaded differs from the original.",
    )
    builder = toy_builder(harness.dataset, folder / "cache")
    student = builder.student("toy", toy_student())
    data = training_set(loaded, student, builder.tower_inputs(student, "train"))
    train(student, data, dataclasses.replace(TOY_RECIPE, steps=2), SeedTree(0))


def check_result_teaches(harness: MethodHarness) -> None:
    """A student trained on the artifact retrieves better than chance."""
    artifact = harness.observed(TEACHING).artifact
    builder = toy_builder(harness.dataset, harness.folder / "shared")
    student = builder.student("toy", toy_student())
    parameters = train(
        student, training_set(artifact, student, builder.tower_inputs(student, "train")), TOY_RECIPE, SeedTree(0)
    )
    split = harness.dataset.split("val")
    counts = {side: split.count(side) for side in harness.dataset.sides}
    embeddings = embed_split(student, parameters, builder.tower_inputs(student, "val"))
    reached, floor = mean_recall(score_embeddings(embeddings, split.pairs)), mean_recall(chance(counts, split.pairs))
    require(
        reached > floor + TEACHING_MARGIN,
        f"a student of its {len(artifact)} pairs reaches mean recall {reached:.1f} on toys, chance is {floor:.1f}.",
    )


def check_result_is_valid_where_the_encoder_is_trained(harness: MethodHarness) -> None:
    """The artifact is valid for a student whose image encoder is trained too, unless the method refuses it."""
    try:
        check_result_is_valid(harness)
    except AssertionError as error:
        raise SkipTest("the artifact is not valid for a student with frozen encoders.") from error
    try:
        artifact = harness.run(harness.fresh_folder(), student=toy_student(train="all")).artifact
        check_artifact(artifact, train=harness.dataset.split("train"), fingerprint=harness.dataset.fingerprint)
    except ArtifactError as error:
        raise AssertionError(f"where the encoder is trained: {error}") from error
    except VlbenchError as refusal:
        raise SkipTest(f"it refuses a student whose encoder is trained: {refusal}") from refusal


def check_same_seed_gives_same_bytes(harness: MethodHarness) -> None:
    """The same seed gives the same artifact, bit for bit."""
    first, again = harness.observed().artifact, harness.run(harness.fresh_folder()).artifact
    require(
        _same(harness, first, again),
        "two runs with the same seed differ. Draw from context.seeds alone, and keep nothing between runs.",
    )


def check_other_seed_gives_other_bytes(harness: MethodHarness) -> None:
    """Another seed gives another artifact; the same one where the spec declares the method deterministic."""
    first = harness.observed().artifact
    same = [_same(harness, first, harness.observed(seed=seed).artifact) for seed in (1, 2)]
    if harness.spec.deterministic:
        require(
            all(same), "it is declared deterministic, but the seed changes its artifact. Take deterministic=True away."
        )
    else:
        require(
            not all(same),
            "seeds 0, 1 and 2 give the same artifact. Draw from context.seeds, or declare deterministic=True.",
        )


def check_order_of_runs_is_irrelevant(harness: MethodHarness) -> None:
    """A run gives the same artifact whatever other seeds and budgets ran before it, the cache of all runs included."""
    cache = harness.fresh_folder()
    for budget, seed in ((PAIRS, 1), (Budget(PAIRS.amount + 2), 0)):
        harness.run(harness.fresh_folder(), budget, seed=seed, cache=cache)
    after = harness.run(harness.fresh_folder(), cache=cache).artifact
    require(
        _same(harness, after, harness.observed().artifact),
        "a run after others, with their cache, differs from a run alone. The key of context.cached(...) must name all "
        "that the result depends on: seed, budget, options.",
    )


def check_interrupted_run_resumes_to_same_bytes(harness: MethodHarness) -> None:
    """A run that was killed, half-way or at its last step, and started again ends with the same artifact."""
    whole = harness.observed()
    for steps in sorted({max(1, whole.steps // 2), max(1, whole.steps)}):
        folder = harness.fresh_folder()
        with contextlib.suppress(RunStopped):
            harness.run(folder, stop_after=steps)
        resumed = harness.run(folder).artifact
        require(
            _same(harness, resumed, whole.artifact),
            f"a run that was killed at step {steps} of {whole.steps} and resumed differs from an uninterrupted one. A "
            f"checkpoint must hold all state, and step k must draw from index k of its stream.",
        )


def _same(harness: MethodHarness, one: Artifact, other: Artifact) -> bool:
    return harness.stored(one) == harness.stored(other)


def check_global_random_state_is_untouched(harness: MethodHarness) -> None:
    """The global generators of Python, numpy and torch are left alone."""
    drawn = harness.observed(seed=1).generators
    require(
        not drawn,
        f"it draws from or seeds the global generator of {listed(drawn)}. Use the generator that "
        "select() is given, or context.seeds.generator(name).",
    )


def check_process_settings_are_untouched(harness: MethodHarness) -> None:
    """Threads, default dtype, grad mode, environment variables and the current folder are as before."""
    changed = harness.observed(seed=1).settings
    require(not changed, f"it changes settings of the process: {listed(changed)}. Put them back, or leave them.")


def check_inputs_are_unchanged(harness: MethodHarness) -> None:
    """Train data, options and the reference student's encoders are as before."""
    changed = harness.observed().inputs
    require(not changed, f"it changes its inputs: {listed(changed)}. Work on a copy.")


def check_val_and_test_are_not_touched(harness: MethodHarness) -> None:
    """Test data is never touched; val data only where the spec declares ``sees_val``."""
    touched = harness.observed().touched
    require(not touched, f"it touches data that it must not see: {listed(touched)}.")


def check_nothing_is_written_elsewhere(harness: MethodHarness) -> None:
    """Files appear in the context's work folder and cache only."""
    writes = harness.observed().writes
    require(
        not writes,
        f"it writes outside its folder: {listed(writes)}. Use context.save_checkpoint, context.cached or context.work.",
    )


def check_network_is_not_used(harness: MethodHarness) -> None:
    """No address is looked up and no connection made."""
    connections = harness.observed().connections
    require(
        not connections,
        f"it asks for the network: {listed(connections)}. Data and weights come from the user, before a run.",
    )


def check_scaling_is_as_declared(harness: MethodHarness) -> None:
    """Work and memory grow with the train pairs no faster than ``MethodSpec(scaling=...)`` says, linearly by default.

    Counted at three sizes and the same budget; see :mod:`vlbench.testing.scaling` for what is and is not seen.
    """
    counted = [harness.count(images) for images in SIZES]
    power = {"linear": 1, "quadratic": 2}[harness.spec.scaling]
    for name in counted[0]:
        amounts = [counts[name] for counts in counted]
        amounts_text = ", ".join(f"{amount:,} of {images}" for amount, images in zip(amounts, SIZES, strict=True))
        advice = 'Work in blocks, or declare scaling="quadratic".' if power == 1 else "Datasets have 100,000 pairs."
        require(
            not grows_faster(amounts, SIZES, power),
            f"scaling={harness.spec.scaling!r} is declared, but {name} grow faster "
            f"with the train images: {amounts_text}. {advice}",
        )


METHOD_CHECKS: tuple[Check, ...] = (
    check_construction_only_stores_options,
    check_result_is_valid,
    check_result_is_valid_where_the_encoder_is_trained,
    check_budget_is_never_exceeded,
    check_budget_of_bytes_is_kept,
    check_artifact_survives_save_and_load,
    check_result_teaches,
    check_same_seed_gives_same_bytes,
    check_other_seed_gives_other_bytes,
    check_order_of_runs_is_irrelevant,
    check_interrupted_run_resumes_to_same_bytes,
    check_global_random_state_is_untouched,
    check_process_settings_are_untouched,
    check_inputs_are_unchanged,
    check_val_and_test_are_not_touched,
    check_nothing_is_written_elsewhere,
    check_network_is_not_used,
    check_scaling_is_as_declared,
)
"""All checks, the most useful first."""
