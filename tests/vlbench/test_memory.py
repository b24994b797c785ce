"""Freed memory is used again."""

import platform
import subprocess
import sys

import pytest

CODE = """
import resource, sys
from vlbench.memory import keep_freed_memory
if sys.argv[1] == "keep":
    keep_freed_memory()
def use():
    bytes(bytearray(20 << 20))  # written to, freed
use()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    use()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries have no such setting")
def test_memory_that_was_freed_is_not_asked_for_anew():
    def pages(how: str) -> int:
        done = subprocess.run([sys.executable, "-c", CODE, how], capture_output=True, text=True, check=True)
        return int(done.stdout)

    assert pages("keep") < 1000 < pages("plain")
