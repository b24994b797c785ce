"""``vlbench init PATH``."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vlbench.cli.shared import key_values, load, readable_path
from vlbench.errors import DataError, VlbenchError

if TYPE_CHECKING:
    from vlbench.data.pairs import PairDataset
    from vlbench.init.encoders import Choice
    from vlbench.init.suite import SuiteDraft
    from vlbench.registry.drafts import Draft
    from vlbench.registry.registry import Registry
    from vlbench.registry.specs import DatasetSpec

SHOWN = 16
FEW = 100
"""Test images below which R@10 says little."""
BUDGETS = (500, 100, 50, 10)


@dataclass
class SuitePlan:
    """What is about to be written.

    Attributes:
        registry: knows datasets and encoders.
        spec: the dataset.
        draft: what it recognised.
        target: the suite's file.
        given: options of the dataset that the user gave.
        encoders: side -> the flag's value.
        said: what was guessed -> the flag that changes it.
    """

    registry: Registry
    spec: DatasetSpec
    draft: Draft
    target: Path
    given: dict[str, str]
    encoders: dict[str, str]
    said: dict[str, str] = field(default_factory=dict)


@click.command("init")
@click.argument("path")
@click.option("--captions", default="", metavar="FILE", help="File with the captions, where PATH holds several.")
@click.option(
    "--to", "target", type=click.Path(path_type=Path), metavar="FILE", help="Suite to write; by default NAME.toml."
)
@click.option("--image-encoder", default="", metavar="NAME[:MODEL]", help="As in timm:resnet18, or timm:NAME=FILE.")
@click.option("--text-encoder", default="", metavar="NAME[:MODEL]", help="As in sentence-transformers:FOLDER.")
@click.option("--encoder", "others", multiple=True, metavar="SIDE=NAME[:MODEL]", help="Of any other side, as in audio.")
@click.option("-o", "--option", "options", multiple=True, metavar="KEY=VALUE", help="Option of the dataset.")
@click.option("--force", is_flag=True, help="Write over a suite that is there.")
@click.pass_context
def command(context: click.Context, /, path: str, captions: str, target: Path | None, force: bool, **rest: Any) -> None:
    """Look at your files and write a suite that runs on them.

    PATH is a file, a folder, shards such as 'data/{00000..00041}.tar', or the name of a dataset on the Hugging Face
    hub. Nothing is asked: every guess is printed with the flag that changes it. Splits are made by image where there
    are none, and fixed by lists beside the suite.

    Example: vlbench init photographs/ --captions captions.csv
    """
    from vlbench.init.recognise import recognised

    registry = load(context)
    target = target or Path(f"{_name_of(path)}.toml")
    if target.exists() and not force:
        raise DataError(f"{target}: there is a suite already. Name another with --to FILE, or give --force.")
    spec, draft = recognised(registry, path, captions)
    named = {"image": rest["image_encoder"], "text": rest["text_encoder"]}
    named |= key_values(rest["others"], flag="--encoder")
    given = key_values(rest["options"], flag="-o")
    sides = given["sides"].split(",") if given.get("sides") else draft.sides
    encoders = {side: named.get(side, "") for side in sides}
    plan = SuitePlan(registry, spec, draft, target, given, encoders, _open(draft, given))
    suite, dataset = _made(plan)
    _write(plan, suite)
    _echo(plan, suite, dataset)


def _open(draft: Draft, given: dict[str, str]) -> dict[str, str]:
    """Guesses, but for those that the user's options replace."""
    return {what: how for what, how in draft.guesses.items() if how.removeprefix("-o ").split("=")[0] not in given}


def _items(side: str) -> str:
    return "images" if side == "image" else f"{side} items"


def _name_of(path: str) -> str:
    plain = re.sub(r"[{*].*", "", path).rstrip("/-.") or "data"
    return re.sub(r"[^\w-]+", "-", Path(os.path.realpath(plain)).stem).strip("-") or "data"


def _made(plan: SuitePlan) -> tuple[SuiteDraft, PairDataset]:
    """The suite and its data, loaded once: what would fail later fails now."""
    from vlbench.init.suite import SuiteDraft
    from vlbench.registry.options import describe

    choices = _choices(plan)
    sizes = {choice.suggestion.size for choice in choices.values()} - {0}
    options: dict[str, Any] = dict(plan.draft.options) | _lists(plan)
    if sizes and any(option.name == "size" for option in describe(plan.spec.options)):
        options["size"] = max(sizes)
    options |= plan.given
    dataset, options = _loaded(plan, options)
    split = dataset.split("train")
    first = dataset.sides[0]
    count = sum(one.count(first) for one in dataset.splits.values())
    summary = f"{count:,} {_items(first)}, {len(split.pairs):,} train pairs."
    return SuiteDraft(
        plan.target.stem, summary, plan.spec.name, options, {side: choices[side] for side in dataset.sides},
        len(split.pairs), _baselines(plan.registry),
    ), dataset  # fmt: skip


def _choices(plan: SuitePlan) -> dict[str, Choice]:
    from vlbench.init.encoders import choose_encoder, encoder_flag

    choices = {}
    for side, wanted in plan.encoders.items():
        choice = choose_encoder(plan.registry, side, wanted or plan.draft.encoders.get(side, ""))
        choices[side] = choice
        if not wanted:
            plan.said[f"{side} encoder {choice.label}, which needs no download"] = f"{encoder_flag(side)}NAME:MODEL"
    return choices


def _lists(plan: SuitePlan) -> dict[str, Any]:
    """Write the lists that fix what was drawn; the option that names them."""
    from vlbench.files import write_whole

    folder = plan.target.with_name(f"{plan.target.stem}-splits")
    for name, text in plan.draft.lists.items():
        write_whole(folder / name, text.encode("utf-8", "surrogateescape"))
    names = [readable_path(folder / name) for name in plan.draft.lists]
    return {plan.draft.list_option: names} if names else {}


def _loaded(plan: SuitePlan, options: dict[str, Any]) -> tuple[PairDataset, dict[str, Any]]:
    """The data under the options, or under those that leave out what cannot be read."""
    from vlbench.registry.options import parse_options
    from vlbench.registry.specs import resolve
    from vlbench.runs.session import data_store

    def attempt(values: dict[str, Any]) -> PairDataset:
        parsed: Any = parse_options(plan.spec.options, values, owner=f"dataset {plan.spec.name!r}")
        made: PairDataset = resolve(plan.spec.target)(parsed, data_store(plan.spec.name))
        return made

    try:
        return attempt(options), options
    except VlbenchError as error:
        if not plan.draft.bad or set(plan.draft.bad) <= {*options}:
            raise
        more = options | dict(plan.draft.bad)
        dataset = attempt(more)
        flags = " ".join(f"-o {name}=false" for name in plan.draft.bad)
        plan.said[f"what cannot be read is left out, the first: {error}"] = flags
        return dataset, more


def _write(plan: SuitePlan, suite: SuiteDraft) -> None:
    from vlbench.files import write_whole

    written = replace(suite, options={name: _path(value) for name, value in suite.options.items()})
    write_whole(plan.target, written.text().encode("utf-8", "surrogateescape"))


def _path(value: Any) -> Any:
    """Paths as they are found from the current folder."""
    if isinstance(value, list | tuple):
        return [_path(one) for one in value]
    return readable_path(Path(value)) if isinstance(value, str) and Path(value).exists() and "/" in value else value


def _echo(plan: SuitePlan, suite: SuiteDraft, dataset: PairDataset) -> None:
    sheet = _sheet(plan, dataset)
    click.echo(f"Recognised: {plan.draft.form}")
    first, second = dataset.sides
    for name, split in dataset.splits.items():
        click.echo(f"  {name:5}  {split.count(first):,} {first} items, {split.count(second):,} {second} items")
    click.echo("Guessed:")
    for what, change in plan.said.items():
        click.echo(f"  {what}" + (f"  (change: {change})" if change else ""))
    for note in dataset.notes:
        if note not in plan.said:
            click.echo(f"Note: {note}")
    for side, choice in suite.encoders.items():
        flag, what = choice.fetched
        if flag:
            click.echo(f"A better {side} encoder would be fetched by {flag}: {what}.")
    _warn(dataset)
    _echo_written(plan, suite, sheet)


def _warn(dataset: PairDataset) -> None:
    first = dataset.sides[0]
    tests = dataset.split("test").count(first)
    if tests < FEW:
        click.echo(
            f"Warning: {tests} test {_items(first)}; with fewer than {FEW}, R@10 is high for any student.", err=True
        )


def _echo_written(plan: SuitePlan, suite: SuiteDraft, sheet: Path | None) -> None:
    shown = readable_path(plan.target)
    lists = f", with lists of its splits in {readable_path(plan.target.with_name(plan.target.stem))}-splits"
    click.echo(f"Written to {shown}{lists if plan.draft.lists else ''}")
    if sheet:
        click.echo(f"Look at the first pairs: {readable_path(sheet)}")
    budget = next((size for size in BUDGETS if size * 4 <= suite.pairs), 5)
    method = next(iter(suite.baselines), "NAME")
    click.echo(f"Next: vlbench run --suite {shown} --method {method} --budget {min(budget, suite.pairs)}")


def _baselines(registry: Registry) -> tuple[str, ...]:
    """Those of the default suite."""
    from vlbench.protocol.load import load_protocol
    from vlbench.runs.request import RunRequest

    return load_protocol(RunRequest().suite, registry).rows.always


def _sheet(plan: SuitePlan, dataset: PairDataset) -> Path | None:
    """A picture of the first train pairs, where they can be drawn."""
    from torch import Tensor

    from vlbench.board.picture import draw_sheet

    first, second = dataset.sides
    split = dataset.split("train")
    items, texts = split.items[first], split.items[second]
    if not isinstance(items, Tensor) or items.ndim != 4 or items.shape[1] not in (1, 3) or not isinstance(texts, list):
        return None
    captions = dict(reversed(split.pairs.tolist()))
    chosen = sorted(captions)[:SHOWN]
    title = f"{plan.target.stem}: the first of {split.count(first):,} train images, as students see them"
    pixels = items[chosen].numpy()
    return draw_sheet(pixels, [texts[captions[at]] for at in chosen], title, plan.target.with_suffix(".png"))
