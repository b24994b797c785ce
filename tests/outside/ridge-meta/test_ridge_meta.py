"""The published rules."""

import ridge_meta

from vlbench.testing import parametrize_with_checks


@parametrize_with_checks(ridge_meta.vlbench_methods(), options={"text-ridge": {"steps": 100}})
def test_it_conforms(check):
    check()
