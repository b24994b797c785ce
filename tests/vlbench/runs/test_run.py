"""The main job through its public door, on `scenes-mini`, with methods written here."""

import itertools
import json
import math
import time
from pathlib import Path

import numpy
import pytest
import torch
from pyarrow import parquet

import vlbench
from vlbench.board.leaderboard import build_table
from vlbench.board.render_text import render_text
from vlbench.budget import Budget
from vlbench.errors import ArtifactError, BudgetError, OptionError, PluginError, UnknownNameError
from vlbench.methods.context import Context
from vlbench.progress import SilentObserver
from vlbench.records.record import FoundRecord, find_records, record_table
from vlbench.registry.loader import load_registry
from vlbench.runs.pipeline import run_many
from vlbench.runs.request import RunRequest
from vlbench.runs.session import Session

PLUGIN = """
from dataclasses import dataclass
import vlbench

@dataclass(frozen=True)
class Options:
    start: int = vlbench.option(0, help="first")
    several: tuple[str, ...] = vlbench.option(("a",), help="any")

class First(vlbench.Selector):
    needs_features = False
    def select(self, features, size, generator):
        import torch
        return torch.arange(size) + self.options.start

class Broken(vlbench.Method):
    def condense(self, train, budget, context):
        raise KeyError("lost")

class Greedy(vlbench.Method):
    def condense(self, train, budget, context):
        import torch
        return vlbench.Selection(torch.arange(budget.pairs + 1), train.fingerprint)

class Learned(vlbench.Method):
    def condense(self, train, budget, context):
        tower = context.student.towers["text"]
        size = vlbench.artifacts.stored_bytes(tower.width, "uint8") + 3072
        chosen = context.candidates()[: budget.pairs_that_fit(size)]
        start = vlbench.Selection(chosen, train.fingerprint, mean_sides=("text",))
        state = context.load_checkpoint()
        if state is None and self.options.start:
            context.save_checkpoint({})
            raise KeyboardInterrupt
        vectors = context.training_set(start).tower_inputs(chosen.new_tensor(range(len(chosen))))["text"]
        text, scales = vlbench.artifacts.pack(tower.standardise.inverse(vectors), "uint8")
        return vlbench.DistilledPairs({"image": train.items("image")[train.pairs[chosen, 0]], "text": text},
                                      {"image": "items", "text": tower.space}, train.fingerprint, start=start,
                                      scales={"text": scales})

class NotFinite(vlbench.Method):
    def condense(self, train, budget, context):
        raise vlbench.errors.DivergedError("a number is not finite.")

def without_test(options, store):
    import dataclasses
    from vlbench_scenes.dataset import load
    from vlbench_scenes.options import ScenesOptions
    dataset = load(ScenesOptions(size="mini"), store)
    return dataclasses.replace(dataset, splits={name: dataset.splits[name] for name in ("train", "val")})

def nothing(options, store):
    return {}

@vlbench.hookimpl
def vlbench_datasets():
    loaders = ("without_test", "nothing")
    return [vlbench.DatasetSpec(name, f"methods_of_test_run:{name}", "For a test.") for name in loaders]

@vlbench.hookimpl
def vlbench_methods():
    made = (("first", "First"), ("broken", "Broken"), ("greedy", "Greedy"), ("not-finite", "NotFinite"),
            ("learned", "Learned"), ("distilled-selector", "Learned"))
    return [vlbench.MethodSpec(name=name, target=f"methods_of_test_run:{target}", options=Options,
                               family="distillation" if name == "learned" else "selection",
                               summary="For a test.") for name, target in made]
"""
ONE_SETTING = {
    "training.seeds": "1",
    "training.grid": "[{ steps = 20, batch = 20, learning_rate = 0.1 }]",
    "training.warmup.steps": "5",
}
QUICK = {"rows.always": "[]", "rows.full": "false"}


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("plugin") / "methods_of_test_run.py"
    path.write_text(PLUGIN, encoding="utf-8")
    return str(path)


def run(plugin: str, out: Path, **more):
    given = {"method": "first", "budget": 20, "suite": "scenes-mini", "overrides": QUICK, **more}
    return vlbench.run(out=out, plugins=[plugin], **given)


def test_a_record_holds_every_recall_with_its_seeds_and_stands_beside_the_artifact(plugin: str, tmp_path: Path):
    record = run(plugin, tmp_path, options={"start": 3})
    scores = record.scores["convnet"]
    assert set(scores.directions) == {"image_to_text", "text_to_image"}
    recalls = [of[f"R@{k}"] for of in scores.directions.values() for k in (1, 5, 10)]
    assert all(len(recall.seeds) == 3 and 0 <= recall.mean <= 100 for recall in recalls)
    assert math.isclose(scores.mean_recall.mean, sum(recall.mean for recall in recalls) / 6)
    parts = {"pairs", "bytes", "condense_s", "train_s", "score_s", "peak_rss_bytes"}
    folder = tmp_path / record.id
    written = json.loads((folder / "record.json").read_text())
    assert written == record_table(record)
    assert set(written["cost"]) == parts
    assert all(written["cost"][part] > 0 for part in parts)
    assert record.cost.pairs == 20
    assert 0.5 * 20 * 3072 < written["cost"]["bytes"] < 20 * 3 * 32 * 32
    artifact = vlbench.load_artifact(folder)
    assert torch.equal(artifact.indices // 5, torch.arange(3, 23))
    assert str(tmp_path) not in (folder / "record.json").read_text()
    ranks = parquet.read_table(folder / "ranks.parquet").to_pylist()
    for direction in ("image_to_text", "text_to_image"):
        for cut in (1, 5, 10):
            for seed, recall in enumerate(scores.directions[direction][f"R@{cut}"].seeds):
                own = [row for row in ranks if (row["direction"], row["student_seed"]) == (direction, seed)]
                assert 100 * sum(row["rank"] <= cut for row in own) / len(own) == pytest.approx(recall)
    assert all(row["cluster"] == row["query"] // 5 for row in ranks if row["direction"] == "text_to_image")


def test_a_run_keeps_pairs_of_queries_that_all_or_none_of_its_students_found(plugin: str, tmp_path: Path):
    folder = tmp_path / run(plugin, tmp_path).id
    kept = json.loads((folder / "hits.json").read_text())
    pictures = numpy.load(folder / "hits.npy")
    request = RunRequest(suite="scenes-mini")
    test = Session(load_registry([]), request, SilentObserver()).dataset.split("test")
    by_query: dict[tuple[str, int], list[int]] = {}
    for row in parquet.read_table(folder / "ranks.parquet").to_pylist():
        by_query.setdefault((row["direction"], row["query"]), []).append(row["rank"])
    for direction in ("image_to_text", "text_to_image"):
        queries = {query: ranks for (of, query), ranks in by_query.items() if of == direction}
        always = [query for query, ranks in queries.items() if max(ranks) == 1][:6]
        never = [query for query, ranks in queries.items() if min(ranks) > 10][:6]
        assert len(never) == 6
        assert sorted(map(int, kept[direction])) == sorted(always + never)
        for query, shown in kept[direction].items():
            image, text = (
                (int(query), 5 * int(query)) if direction == "image_to_text" else (int(query) // 5, int(query))
            )
            assert shown["caption"] == test.items["text"][text]
            assert (pictures[shown["picture"]] == test.items["image"][image].numpy()).all()


def test_the_same_command_finds_the_finished_run(plugin: str, tmp_path: Path):
    first = run(plugin, tmp_path)
    assert run(plugin, tmp_path) == first
    assert run(plugin, tmp_path, seed=1).id != first.id


def test_rows_that_give_meaning_are_made_beside_the_one_asked_for(plugin: str, tmp_path: Path):
    run(plugin, tmp_path, overrides={})
    methods = {json.loads(path.read_text())["method"] for path in tmp_path.glob("*/record.json")}
    assert methods == {"first", "random", "mean-caption", "full", "chance"}


def test_which_rows_are_shown_changes_no_protocol_but_a_setting_does(plugin: str, tmp_path: Path):
    plain = run(plugin, tmp_path)
    assert plain.overrides == {}
    other = run(plugin, tmp_path, overrides={**QUICK, "training.seeds": "1"})
    assert other.protocol_hash != plain.protocol_hash
    assert other.overrides == {"training.seeds": "1"}


def test_while_a_method_is_tuned_val_is_scored_and_test_is_not_even_read(plugin: str, tmp_path: Path):
    untested = {"data.name": "without_test", "data.options": "{}", "training.seeds": "1"}
    record = run(plugin, tmp_path, overrides={**untested, "training.split": "val"})
    assert record.scores["convnet"].mean_recall.mean > 0
    with pytest.raises(vlbench.errors.DataError, match="no split 'test'"):
        run(plugin, tmp_path, overrides=untested)
    with pytest.raises(vlbench.errors.VlbenchError, match=r"training\.split is 'train'. Allowed: test; val"):
        run(plugin, tmp_path, overrides={"training.split": "train"})


def test_an_artifact_over_budget_is_refused(plugin: str, tmp_path: Path):
    with pytest.raises(vlbench.errors.ArtifactError, match="21 pairs, over the budget of 20"):
        run(plugin, tmp_path, method="greedy")


@pytest.mark.parametrize(
    ("method", "status", "text"), [("broken", "failed", "lost"), ("not-finite", "diverged", "finite")]
)
def test_a_method_that_fails_leaves_a_record_that_says_why(plugin: str, tmp_path: Path, method, status, text):
    record = run(plugin, tmp_path, method=method)
    assert record.status == status
    assert text in record.message
    assert record.scores == {}


def test_a_failed_run_is_tried_again(plugin: str, tmp_path: Path):
    first = run(plugin, tmp_path, method="broken")
    assert run(plugin, tmp_path, method="broken").created >= first.created
    assert (tmp_path / first.id / "error.txt").exists()


def test_a_saved_artifact_scores_the_same_without_the_method(plugin: str, tmp_path: Path):
    from vlbench.runs.rescoring import score_artifact

    record = run(plugin, tmp_path, overrides={**QUICK})
    again = score_artifact(tmp_path / record.id, registry=load_registry())
    assert again.scores == record.scores
    assert again.method == "first"


def test_wrong_names_options_and_budgets_are_refused_before_anything_is_made(plugin: str, tmp_path: Path):
    with pytest.raises(UnknownNameError, match="Did you mean 'first'"):
        run(plugin, tmp_path, method="frist")
    with pytest.raises(UnknownNameError, match="start"):
        run(plugin, tmp_path, options={"strat": 1})
    with pytest.raises(OptionError, match="whole number"):
        run(plugin, tmp_path, options={"start": "x"})
    with pytest.raises(BudgetError, match="below 1"):
        run(plugin, tmp_path, budget=0)
    with pytest.raises(BudgetError, match="at most --budget 600"):
        run(plugin, tmp_path, budget=601)
    with pytest.raises(PluginError, match="run:nothing returned dict, not a"):
        run(plugin, tmp_path, overrides={"data.name": "nothing", "data.options": "{}"})
    assert not list(tmp_path.glob("*/record.json"))


def test_an_artifact_of_another_family_than_declared_is_refused(plugin: str, tmp_path: Path):
    with pytest.raises(ArtifactError, match="'selection' returns Selection, the method returned DistilledPairs"):
        run(plugin, tmp_path, method="distilled-selector")


def quick(plugin: str, out: Path, **more):
    return run(plugin, out, overrides=QUICK | ONE_SETTING, **more)


def grid(plugin: str, out: Path, methods: list[str], budgets: list[str], **more):
    request = RunRequest("scenes-mini", overrides=ONE_SETTING, out=out, **more)
    budgets_ = [Budget.parse(budget) for budget in budgets]
    registry = load_registry([plugin])
    return run_many(registry, methods=methods, budgets=budgets_, request=request, observer=SilentObserver())


def test_a_budget_of_bytes_is_filled_and_not_exceeded(plugin: str, tmp_path: Path):
    record = quick(plugin, tmp_path, budget="60kB")
    kept, size = record.cost.pairs, record.cost.bytes
    assert size <= 60_000
    one_more = quick(plugin, tmp_path, budget=kept + 1)
    assert one_more.cost.bytes > 60_000
    assert quick(plugin, tmp_path, budget=kept).cost.bytes == size
    assert quick(plugin, tmp_path, budget="1GB").cost.pairs == 600


def test_a_method_that_knows_pairs_alone_says_so_under_bytes(plugin: str, tmp_path: Path):
    with pytest.raises(BudgetError, match="60kB counts bytes"):
        quick(plugin, tmp_path, method="greedy", budget="60kB")


def test_a_grid_makes_every_row_that_can_be_made_and_shows_those_that_cannot(plugin: str, tmp_path: Path):
    records = grid(plugin, tmp_path, ["broken", "first", "greedy"], ["8"], seeds=(0, 1))
    rows = [(r.method, r.seed, r.status, r.baseline) for r in records]
    assert rows[:6] == [
        ("broken", 0, "failed", False), ("broken", 1, "failed", False), ("first", 0, "finished", False),
        ("first", 1, "finished", False), ("greedy", 0, "failed", False), ("greedy", 1, "failed", False),
    ]  # fmt: skip
    assert {(method, seed) for method, seed, _, _ in rows[6:]} == {
        ("random", 0), ("random", 1), ("mean-caption", 0), ("mean-caption", 1), ("full", 0), ("chance", 0)
    }  # fmt: skip
    text = render_text(build_table(find_records([tmp_path])))
    for part in ("greedy failed: the artifact of 'greedy' holds 9 pairs, over the budget of 8", "2 runs", "KeyError"):
        assert part in text


def test_where_nothing_was_made_there_is_nothing_to_give_meaning_to(plugin: str, tmp_path: Path):
    assert [r.method for r in grid(plugin, tmp_path, ["broken", "greedy"], ["8"])] == ["broken", "greedy"]


@pytest.mark.parametrize(("budget", "name"), [("12", "random-bytes of learned"), ("40kB", "random-pairs of learned")])
def test_a_distilled_row_stands_beside_its_start_and_random_pairs_of_its_size(plugin, tmp_path, budget, name):
    records = grid(plugin, tmp_path, ["learned"], [budget])
    learned, matched = records[0], next(r for r in records if r.matched_to)
    pairs, size = learned.cost.pairs, learned.cost.bytes
    if "bytes" in name:
        assert matched.budget == str(Budget(size, "bytes"))
        assert size - 4000 < matched.cost.bytes <= size
    else:
        assert 0 < size <= 40_000
        assert matched.cost.pairs == pairs
    found = [FoundRecord.of(record) for record in records]
    (group,) = build_table(found).groups
    rows = {row.method: row for row in group.baselines}
    assert set(rows) == {name, "start of learned", "random", "mean-caption", "full", "chance"}
    assert (group.budget_name, rows["start of learned"].pairs, rows[name].pairs) == (budget, pairs, matched.cost.pairs)
    assert rows["start of learned"].scores["mean"].mean == learned.start.scores["convnet"].mean_recall.mean
    assert name.replace("learned", "a row:") in render_text(build_table(found))


def test_a_resumed_run_costs_the_sum_of_its_parts(plugin: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    clock = itertools.count(step=100.0)
    for place in ("time.perf_counter", "vlbench.runs.meter.perf_counter"):
        monkeypatch.setattr(place, lambda: next(clock))
    with pytest.raises(KeyboardInterrupt):
        quick(plugin, tmp_path, method="learned", options={"start": 1})
    resumed = quick(plugin, tmp_path, method="learned", options={"start": 1})
    whole = quick(plugin, tmp_path, method="learned")
    assert (resumed.resumed, whole.resumed) == (True, False)
    assert resumed.cost.condense_s == whole.cost.condense_s + 200.0


def test_the_reference_student_is_built_where_it_is_read_and_on_no_clock(
    plugin: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    built, build = [], Context._fresh

    def slow(context, config):
        built.append(config)
        time.sleep(2)
        return build(context, config)

    monkeypatch.setattr(Context, "_fresh", slow)
    quick(plugin, tmp_path)
    assert not built
    learned = quick(plugin, tmp_path, method="learned")
    assert len(built) == 1
    assert learned.cost.condense_s < 2
