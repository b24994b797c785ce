"""A record says what its method's defaults cost, and nothing where it does not have them."""

from __future__ import annotations

from pathlib import Path

import pytest

import vlbench

PLUGIN = """
from dataclasses import dataclass
import vlbench

@dataclass(frozen=True)
class Options:
    first: int = vlbench.option(0, minimum=0, help="position of the first pair")

class Sliced(vlbench.Method):
    def condense(self, train, budget, context):
        at = self.options.first
        return vlbench.Selection(context.candidates()[at : at + budget.amount], train.fingerprint)

@vlbench.hookimpl
def vlbench_methods():
    return [vlbench.MethodSpec("slice", "my_slice:Sliced", "selection", "Some pairs.", Options, tries=7)]
"""
QUICK = {"training.seeds": "1", "rows.always": "[]", "rows.full": "false"}


@pytest.mark.parametrize(("options", "tries"), [({}, 7), ({"first": 3}, 0)])
def test_tries_are_those_of_the_defaults_alone(tmp_path: Path, options: dict[str, int], tries: int):
    plugin = tmp_path / "my_slice.py"
    plugin.write_text(PLUGIN)
    asked = {"method": "slice", "budget": 8, "suite": "scenes-mini", "out": tmp_path / "runs", "overrides": QUICK}
    assert vlbench.run(**asked, options=options, plugins=[str(plugin)]).tries == tries
