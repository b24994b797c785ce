"""Whether the two files of a stranger's artifact hold what vlbench writes there, and nothing else."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from vlbench.artifacts.soft_targets import PARTS
from vlbench.errors import ArtifactError
from vlbench.verification.names import text_problem

LARGEST_RATE = 1e6
"""Of a learned step size."""


def check_form(about: Any, tensors: Path) -> None:
    """Refuse fields, kinds and tensors that no artifact has.

    Args:
        about: content of ``artifact.json``.
        tensors: the safetensors file.

    Raises:
        ArtifactError: names the first few.
    """
    from safetensors import safe_open

    if not isinstance(about, dict):
        raise ArtifactError(f"artifact.json holds a {type(about).__name__}, not an object.")
    with safe_open(tensors, "pt") as stored:
        problems = [*_fields(about), *_tensors(about, set(stored.keys()), stored.metadata())]
    if problems:
        raise ArtifactError(f"the artifact is malformed: {'; '.join(problems[:3])}.")


def _fields(about: Mapping[str, Any]) -> Iterator[str]:
    kind = about.get("kind")
    wanted: dict[str, set[str]] = {
        "selection": {"kind", "fingerprint", "mean_sides"},
        "distilled": {"kind", "fingerprint", "spaces", "rates"},
    }
    optional = {"target_rank", "start_mean_sides"} if kind == "distilled" else set()
    if kind not in ("selection", "distilled"):
        yield f"kind is {str(kind)[:40]!r}. Allowed: selection, distilled"
        return
    if unknown := set(about) - wanted[kind] - optional:
        yield f"unknown fields {', '.join(sorted(name[:40] for name in unknown))}"
    if missing := wanted[kind] - set(about):
        yield f"no {', '.join(sorted(missing))}"
        return
    if not isinstance(about["fingerprint"], str):
        yield "fingerprint is no text"
    for name in ("mean_sides", "start_mean_sides"):
        if name in about and not _is_names(about[name]):
            yield f"{name} is no list of different names"
    if kind == "distilled":
        yield from _distilled(about)


def _is_names(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value) and len(set(value)) == len(value)


def _distilled(about: Mapping[str, Any]) -> Iterator[str]:
    spaces, rates, rank = about["spaces"], about["rates"], about.get("target_rank", 1)
    if not isinstance(spaces, dict) or not spaces or not all(isinstance(space, str) for space in spaces.values()):
        yield "spaces is no table of side -> text"
    if not isinstance(rates, dict) or not all(_is_rate(rate) for rate in rates.values()):
        yield f"rates is no table of branch -> number within {LARGEST_RATE:g}"
    if isinstance(rates, dict) and (bad := next(filter(text_problem, rates), None)) is not None:
        yield f"rates: branch {bad[:40]!a} {text_problem(bad)}"
    if isinstance(rank, bool) or not isinstance(rank, int) or rank < 0:
        yield f"target_rank is {repr(rank)[:40]}"


def _is_rate(rate: object) -> bool:
    number = isinstance(rate, int | float) and not isinstance(rate, bool)
    return number and math.isfinite(float(rate)) and abs(float(rate)) <= LARGEST_RATE  # type: ignore[arg-type]


def _tensors(about: Mapping[str, Any], found: set[str], metadata: Mapping[str, str] | None) -> Iterator[str]:
    if about.get("kind") == "selection":
        wanted, optional = {"indices"}, set()
    else:
        sides = about.get("spaces") if isinstance(about.get("spaces"), dict) else {}
        assert isinstance(sides, dict)
        wanted = {f"side.{side}" for side in sides}
        wanted |= {f"targets.{part}" for part in PARTS} if "target_rank" in about else set()
        wanted |= {"start"} if "start_mean_sides" in about else set()
        optional = {f"scales.{side}" for side in sides}
    if unknown := found - wanted - optional:
        yield f"unknown tensors {', '.join(sorted(name[:40] for name in unknown))}"
    if missing := wanted - found:
        yield f"no tensors {', '.join(sorted(name[:40] for name in missing))}"
    if metadata:
        yield "artifact.safetensors holds metadata"
