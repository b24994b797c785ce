"""Options: from text and typed values to a dataclass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pytest

import vlbench
from vlbench.errors import OptionError, UnknownNameError
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
