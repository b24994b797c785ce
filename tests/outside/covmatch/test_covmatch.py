"""The published rules."""

import covmatch

from vlbench.testing import parametrize_with_checks


@parametrize_with_checks(covmatch.vlbench_methods(), options={"covmatch": {"steps": 30}})
def test_it_conforms(check):
    check()
