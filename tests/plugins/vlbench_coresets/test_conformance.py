"""Every selector keeps the published rules."""

import vlbench_coresets
from vlbench.testing import parametrize_with_checks


@parametrize_with_checks(vlbench_coresets.vlbench_methods())
def test_a_selector_conforms(check):
    check()
