"""The rules that a method must keep.

Each check is one rule; it raises AssertionError with what is wrong and what to do.

A check is called with the method's spec and :class:`vlbench.testing.trials.Toys`, which makes the runs it looks at.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Sequence

from vlbench.condense.artifacts import (
    DistilledPairs,
    Selection,
    check_artifact,
    load_artifact,
    save_artifact,
)
from vlbench.condense.method import Method
from vlbench.errors import ArtifactError, VlbenchError
from vlbench.registry.specs import MethodSpec, resolve
from vlbench.score.evaluate import embed_split
from vlbench.score.retrieval import chance, mean_recall, score_embeddings
from vlbench.score.train import train
from vlbench.score.training_sets import training_set
from vlbench.seeds import SeedTree
from vlbench.testing.toys import TOY_RECIPE, toy_bench, toy_student
from vlbench.testing.trials import ALL, PAIRS, InterruptedTrial, Toys
from vlbench.testing.watch import GENERATORS, changes, kept_as_they_were, watched

Check = Callable[[MethodSpec, Toys], None]

TEACHING_PAIRS = 20
TEACHING_MARGIN = 10.0
"""Points of mean recall above chance that a student of so many toy pairs must reach; random pairs give about 40."""


def check_construction_only_stores_options(spec: MethodSpec, toys: Toys) -> None:
    """Constructing the method stores its options, a frozen dataclass, and does nothing else."""
    target = resolve(spec.target)
    _require(
        isinstance(target, type) and issubclass(target, Method), f"{spec.target} is no subclass of vlbench.Method."
    )
    frozen = getattr(spec.options, "__dataclass_params__", None)
    _require(
        frozen is not None and frozen.frozen, "its options are no frozen dataclass. Write @dataclass(frozen=True)."
    )
    folder = toys.fresh_folder()
    with kept_as_they_were(), watched((folder,)) as seen:
        before = {name: read() for name, read in GENERATORS.items()}
        method = toys.method(spec)
        drawn = changes(GENERATORS, before)
    kept = sorted(set(vars(method)) - {"options"})
    _require(not kept, f"the constructor sets {', '.join(kept)}. Do that in condense().")
    _require(isinstance(method.options, spec.options), "the constructor does not keep the options it was given.")
    _require(not drawn, f"the constructor draws from {', '.join(drawn)}. Draw in condense(), from context.seeds.")
    _require(not seen.writes, f"the constructor writes {', '.join(seen.writes)}.")


def check_budget_is_never_exceeded(spec: MethodSpec, toys: Toys) -> None:
    """At most as many pairs as asked for: one, an odd number, all; more than all is refused or not used up."""
    for pairs in (1, PAIRS, ALL):
        got = len(toys.trial(spec, pairs=pairs).artifact)
        _require(got <= pairs, f"asked for {pairs} pairs, it returned {got}.")
        _require(got > 0, f"asked for {pairs} pairs, it returned none.")
    with contextlib.suppress(VlbenchError):
        got = len(toys.trial(spec, pairs=ALL + 1).artifact)
        _require(got <= ALL + 1, f"asked for {ALL + 1} pairs, more than there are images, it returned {got}.")


def check_result_is_valid(spec: MethodSpec, toys: Toys) -> None:
    """The artifact is of the declared family, finite, of the data's shapes, and points at train pairs, each once."""
    artifact = toys.trial(spec).artifact
    expected = Selection if spec.family == "selection" else DistilledPairs
    _require(
        isinstance(artifact, expected),
        f"family {spec.family!r} returns {expected.__name__}, it returned {type(artifact).__name__}.",
    )
    try:
        check_artifact(
            artifact, pairs=len(artifact), train=toys.dataset.split("train"), fingerprint=toys.dataset.fingerprint
        )
    except ArtifactError as error:
        raise AssertionError(str(error)) from error


def check_artifact_survives_save_and_load(spec: MethodSpec, toys: Toys) -> None:
    """What is loaded is what was saved, and a student can be trained on it with nothing else of the method."""
    artifact = toys.trial(spec).artifact
    folder = toys.fresh_folder()
    save_artifact(artifact, folder)
    loaded = load_artifact(folder)
    _require(
        type(loaded) is type(artifact), f"a saved {type(artifact).__name__} comes back as {type(loaded).__name__}."
    )
    _require(
        toys.stored(loaded) == toys.stored(artifact), "an artifact that was saved and loaded differs from the original."
    )
    bench = toy_bench(toys.dataset, folder / "cache")
    student = bench.student("toy", toy_student())
    data = training_set(loaded, student, bench.entries(student, "train"))
    train(student, data, dataclasses.replace(TOY_RECIPE, steps=2), SeedTree(0))


def check_result_teaches(spec: MethodSpec, toys: Toys) -> None:
    """A student trained on the artifact retrieves better than chance."""
    artifact = toys.trial(spec, pairs=TEACHING_PAIRS).artifact
    bench = toy_bench(toys.dataset, toys.folder / "shared")
    student = bench.student("toy", toy_student())
    parameters = train(
        student, training_set(artifact, student, bench.entries(student, "train")), TOY_RECIPE, SeedTree(0)
    )
    split = toys.dataset.split("val")
    counts = {side: split.count(side) for side in toys.dataset.sides}
    embeddings = embed_split(student, parameters, bench.entries(student, "val"))
    reached, floor = mean_recall(score_embeddings(embeddings, split.pairs)), mean_recall(chance(counts, split.pairs))
    _require(
        reached > floor + TEACHING_MARGIN,
        f"a student of its {len(artifact)} pairs reaches mean recall {reached:.1f} on toys, chance is {floor:.1f}.",
    )


def check_same_seed_gives_same_bytes(spec: MethodSpec, toys: Toys) -> None:
    """The same seed gives the same artifact, bit for bit, with a cold cache and with a warm one."""
    toys.trial(spec, seed=1)
    warm, cold = toys.trial(spec).artifact, toys.run(spec, toys.fresh_folder()).artifact
    _require(
        toys.stored(warm) == toys.stored(cold),
        "two runs with the same seed differ. Draw from context.seeds alone, and keep nothing between runs.",
    )


def check_other_seed_gives_other_bytes(spec: MethodSpec, toys: Toys) -> None:
    """Another seed gives another artifact; the same one where the spec declares the method deterministic."""
    first = toys.stored(toys.trial(spec).artifact)
    same = [toys.stored(toys.trial(spec, seed=seed).artifact) == first for seed in (1, 2)]
    if spec.deterministic:
        _require(
            all(same), "it is declared deterministic, but the seed changes its artifact. Take deterministic=True away."
        )
    else:
        _require(
            not all(same),
            "seeds 0, 1 and 2 give the same artifact. Draw from context.seeds, or declare deterministic=True.",
        )


def check_interrupted_run_resumes_to_same_bytes(spec: MethodSpec, toys: Toys) -> None:
    """A run that was killed half-way and started again ends with the artifact of an uninterrupted one."""
    whole = toys.trial(spec)
    folder = toys.fresh_folder()
    with contextlib.suppress(InterruptedTrial):
        toys.run(spec, folder, stop_after=max(1, whole.steps // 2))
    resumed = toys.run(spec, folder).artifact
    _require(
        toys.stored(resumed) == toys.stored(whole.artifact),
        "a run that was interrupted and resumed differs from an uninterrupted one. A checkpoint must hold all state, "
        "and step k must draw from index k of its stream.",
    )


def check_global_random_state_is_untouched(spec: MethodSpec, toys: Toys) -> None:
    """The global generators of Python, numpy and torch are left alone."""
    drawn = toys.trial(spec).generators
    _require(
        not drawn, f"it draws from or seeds the global generator of {_list(drawn)}. Use context.seeds.generator(name)."
    )


def check_process_settings_are_untouched(spec: MethodSpec, toys: Toys) -> None:
    """Threads, default dtype, grad mode, environment variables and the current folder are as before."""
    changed = toys.trial(spec).settings
    _require(not changed, f"it changes settings of the process: {_list(changed)}. Put them back, or leave them.")


def check_inputs_are_unchanged(spec: MethodSpec, toys: Toys) -> None:
    """Train data, options and the reference student's encoders are as before."""
    changed = toys.trial(spec).inputs
    _require(not changed, f"it changes its inputs: {_list(changed)}. Work on a copy.")


def check_val_and_test_are_not_touched(spec: MethodSpec, toys: Toys) -> None:
    """Test data is never touched; val data only where the spec declares ``sees_val``."""
    touched = toys.trial(spec).touched
    _require(not touched, f"it touches data that it must not see: {_list(touched)}.")


def check_nothing_is_written_elsewhere(spec: MethodSpec, toys: Toys) -> None:
    """Files appear in the context's work folder and cache only."""
    writes = toys.trial(spec).writes
    _require(
        not writes,
        f"it writes outside its folder: {_list(writes)}. Use context.save_checkpoint, context.kept or context.work.",
    )


def check_network_is_not_used(spec: MethodSpec, toys: Toys) -> None:
    """No address is looked up and no connection made."""
    connections = toys.trial(spec).connections
    _require(
        not connections,
        f"it asks for the network: {_list(connections)}. Data and weights come from the user, before a run.",
    )


CHECKS: tuple[Check, ...] = (
    check_construction_only_stores_options,
    check_budget_is_never_exceeded,
    check_result_is_valid,
    check_artifact_survives_save_and_load,
    check_result_teaches,
    check_same_seed_gives_same_bytes,
    check_other_seed_gives_other_bytes,
    check_interrupted_run_resumes_to_same_bytes,
    check_global_random_state_is_untouched,
    check_process_settings_are_untouched,
    check_inputs_are_unchanged,
    check_val_and_test_are_not_touched,
    check_nothing_is_written_elsewhere,
    check_network_is_not_used,
)
"""All checks, in the order in which they are worth reading."""


def _require(kept: bool, message: str) -> None:
    if not kept:
        raise AssertionError(message)


def _list(texts: Sequence[str], most: int = 3) -> str:
    distinct = list(dict.fromkeys(texts))
    more = f" and {len(distinct) - most} more" if len(distinct) > most else ""
    return ", ".join(distinct[:most]) + more
