"""The dataset and the encoders keep the published rules."""

import vlbench_scenes
from vlbench.testing import parametrize_with_checks


@parametrize_with_checks(
    [*vlbench_scenes.vlbench_datasets(), *vlbench_scenes.vlbench_encoders()], options={"scenes": {"size": "mini"}}
)
def test_scenes_conforms(check):
    check()
