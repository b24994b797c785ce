"""The reader keeps the published rules."""

import vlbench_pairs
from vlbench.testing import check_dataset


def test_the_reader_conforms(sample, photographs, write):
    path = write("retrieval.json", sample.records())
    options = {"annotations": [path], "images": [str(photographs)], "size": 8}
    spec = next(spec for spec in vlbench_pairs.vlbench_datasets() if spec.name == "pairs")
    results = check_dataset(spec, options=options)
    assert {result.check: result.message for result in results if result.status == "failed"} == {}
    assert [result.check for result in results if result.status == "skipped"] == ["pairs_per_item_are_as_declared"]
