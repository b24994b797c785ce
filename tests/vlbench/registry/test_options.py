"""Options: from text and typed values to a dataclass."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

import pytest

import vlbench
from vlbench.errors import OptionError, PluginError, UnknownNameError
from vlbench.registry.loader import load_registry
from vlbench.registry.options import NoOptions, describe, options_for_each, parse_options


@dataclass(frozen=True)
class Everything:
    start: int = vlbench.option(0, help="first index")
    rate: float = vlbench.option(0.1, help="step size")
    fast: bool = vlbench.option(False, help="skip checks")
    captions: str = vlbench.option("one", help="which text", choices=("one", "mean"))
    learn: Literal["both", "image", "text"] = vlbench.option("both", help="what is learned")
    limit: int | None = vlbench.option(None, help="at most this many")
    mean: tuple[float, ...] = vlbench.option((), help="of each channel")
    layers: list[str] = vlbench.option(["a"], help="names")
    arguments: dict[str, object] = vlbench.option({}, help="passed on")


def parse(**given: object) -> Everything:
    return parse_options(Everything, given, owner="method 'x'", hint="vlbench methods x")


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("start", "3", 3),
        ("start", "-3", -3),
        ("rate", "1e-3", 0.001),
        ("fast", "yes", True),
        ("fast", "0", False),
        ("captions", "mean", "mean"),
        ("learn", "image", "image"),
        ("limit", "none", None),
        ("limit", "7", 7),
        ("mean", "0.5,0.25", (0.5, 0.25)),
        ("mean", [0.5, 1], (0.5, 1.0)),
        ("layers", "a,b", ["a", "b"]),
        ("arguments", "pad_type=same,depth=3", {"pad_type": "same", "depth": 3}),
        ("arguments", '{"a": true}', {"a": True}),
        ("arguments", {"a": [1]}, {"a": [1]}),
    ],
)
def test_value_is_converted_by_its_annotation(name: str, text: object, value: object) -> None:
    converted = getattr(parse(**{name: text}), name)
    assert converted == value
    assert type(converted) is type(value)


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("start", "three", "int"),
        ("start", "1.5", "int"),
        ("start", True, "int"),
        ("rate", "nan", "float"),
        ("rate", "inf", "float"),
        ("fast", "maybe", "bool"),
        ("captions", "two", "one|mean"),
        ("learn", "audio", "both|image|text"),
        ("mean", "a", "list of float"),
        ("arguments", "same", "key=value"),
        ("arguments", "{", "key=value"),
        ("layers", "[", "list of str"),
        ("captions", 3, "one|mean"),
    ],
)
def test_wrong_value_is_told_with_the_value_and_what_is_allowed(name: str, value: object, allowed: str) -> None:
    with pytest.raises(OptionError) as caught:
        parse(**{name: value})
    assert f"{name}={value!r}" in str(caught.value)
    assert allowed in str(caught.value)


def test_wrong_key_names_the_nearest_one() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'start'") as caught:
        parse(strat="1")
    assert "vlbench methods x" in str(caught.value)


def test_option_without_default_must_be_given() -> None:
    @dataclass(frozen=True)
    class Needs:
        model: str = vlbench.option(help="a name")

    with pytest.raises(OptionError, match="-o model=VALUE"):
        parse_options(Needs, {}, owner="encoder 'x'")
    assert describe(Needs)[0].default == "required"


def test_mutable_default_is_not_shared() -> None:
    assert parse().layers is not parse().layers


def test_error_of_the_dataclass_itself_becomes_an_option_error() -> None:
    @dataclass(frozen=True)
    class Picky:
        low: int = vlbench.option(0, help="low")

        def __post_init__(self) -> None:
            if self.low < 0:
                raise ValueError("low must not be negative")

    with pytest.raises(OptionError, match="method 'p': low must not be negative"):
        parse_options(Picky, {"low": "-1"}, owner="method 'p'")


def test_description_has_type_default_and_help() -> None:
    rows = {row.name: row for row in describe(Everything)}
    assert rows["start"][1:] == ("int", "0", "first index")
    assert rows["captions"].type == "one|mean"
    assert rows["limit"].type == "int or none"
    assert rows["limit"].default == "none"
    assert rows["arguments"].default == "empty"


def test_options_go_to_the_methods_that_have_them() -> None:
    types = {"a": Everything, "b": NoOptions}
    given = {"a.start": "3", "start": "1", "rate": "2"}
    assert options_for_each(given, types) == {"a": {"start": "3", "rate": "2"}, "b": {}}


def test_option_that_no_method_has_is_an_error() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'start'"):
        options_for_each({"strat": "1"}, {"a": Everything, "b": NoOptions})
    with pytest.raises(UnknownNameError, match="called 'c'"):
        options_for_each({"c.start": "1"}, {"a": Everything})


@dataclass(frozen=True)
class Ranged:
    count: int | None = vlbench.option(None, minimum=1, maximum=9, help="how many")
    share: float = vlbench.option(1.0, above=0, maximum=1, help="of all")
    drop: float = vlbench.option(0.0, minimum=0, below=1, help="of all")
    std: tuple[float, ...] = vlbench.option((), above=0, help="of each channel")


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("count", "0", "int or none, at least 1 and at most 9"),
        ("count", 10, "int or none, at least 1 and at most 9"),
        ("share", "0", "float, above 0 and at most 1"),
        ("share", "1.01", "float, above 0 and at most 1"),
        ("drop", 1.0, "float, at least 0 and below 1"),
        ("std", "1,0", "list of float, above 0"),
    ],
)
def test_a_value_outside_of_the_range_is_refused_with_the_range(name: str, value: object, allowed: str) -> None:
    with pytest.raises(OptionError) as caught:
        parse_options(Ranged, {name: value}, owner="method 'x'")
    assert f"{name}={value!r} is outside of its range. Allowed: {allowed}." in str(caught.value)
    assert {row.name: row.type for row in describe(Ranged)}[name] == allowed


def test_values_within_the_range_are_taken() -> None:
    given = {"count": "9", "share": "1", "drop": "0", "std": "0.1,2"}
    assert parse_options(Ranged, given, owner="x") == Ranged(9, 1.0, 0.0, (0.1, 2.0))
    assert parse_options(Ranged, {"count": "none"}, owner="x").count is None


def test_a_default_outside_of_its_own_range_is_refused() -> None:
    with pytest.raises(PluginError, match="default is 0, its range at least 1"):
        vlbench.option(0, minimum=1, help="how many")


def test_every_number_that_a_shipped_plugin_asks_for_has_a_range() -> None:
    registry = load_registry()
    for kind in ("method", "dataset", "encoder"):
        for name, spec in registry.all(kind).items():
            for row in describe(spec.options):
                if re.match(r"(list of )?(int|float)\b", row.type):
                    assert "at least" in row.type or "above" in row.type, (kind, name, row)


@pytest.mark.parametrize(
    "option", ["outer_steps=-1", "experts=0", "interval=0", "inner_steps=0", "averaged=0", "share=2", "expert_batch=0"]
)
def test_impossible_options_of_matching_are_refused_before_anything_runs(option: str) -> None:
    name, value = option.split("=")
    for spec in load_registry().all("method").values():
        if name in {row.name for row in describe(spec.options)}:
            with pytest.raises(OptionError, match=f"{name}='{value}' is outside of its range. Allowed: "):
                parse_options(spec.options, {name: value}, owner="x")
