"""The published rules."""

import pds_selection

from vlbench.testing import parametrize_with_checks


@parametrize_with_checks(pds_selection.vlbench_methods(), options={"pds-selection": {"iterations": 5}})
def test_it_conforms(check):
    check()
