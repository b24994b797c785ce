"""A sample of the bad inputs of benchmarks/trust/inputs.py: each is refused in some lines, or done."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / "benchmarks" / "trust" / "inputs.py"


@pytest.mark.skipif(sys.platform != "linux", reason="the tries are forked, and name files of Linux")
def test_a_sample_of_bad_inputs_is_refused_without_a_traceback(tmp_path: Path) -> None:
    words = [
        sys.executable,
        str(SCRIPT),
        "suites",
        "data",
        "plugins",
        "--every",
        "43",
        "--work",
        str(tmp_path / "work"),
    ]
    done = subprocess.run(words, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "refused" in done.stdout
