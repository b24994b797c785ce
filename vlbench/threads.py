"""Threads: none waits in a loop for another, and small work is done on one thread each, side by side.

Threads of OpenMP spin while they wait. On a machine that does anything else they spin for one that is not running: a
student of two heads then takes up to eleven times as long as on one thread.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")

QUIET = {
    "OMP_WAIT_POLICY": "passive",
    "KMP_BLOCKTIME": "0",
    "OPENBLAS_NUM_THREADS": "1",  # its threads spin whatever the policy; only small products are NumPy's
}
"""Variables that the libraries of threads read when they are loaded."""


def wait_passively() -> None:
    """Set what the user has not set, unless the libraries are loaded and it is too late."""
    if "torch" not in sys.modules and "numpy" not in sys.modules:
        for name, value in QUIET.items():
            os.environ.setdefault(name, value)


@contextmanager
def one_thread() -> Iterator[None]:
    """Within, torch computes on the calling thread alone."""
    import torch

    before = torch.get_num_threads()
    if before > 1:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        if before > 1:
            torch.set_num_threads(before)


def side_by_side(jobs: Sequence[Callable[[], T]]) -> Iterator[T]:
    """What jobs give, in their order, as many at a time as torch has threads; each computes on one.

    The first error ends it: jobs not begun are left out, those under way are waited for.
    """
    import torch

    workers = min(torch.get_num_threads(), len(jobs))
    if workers < 2:
        with one_thread():
            yield from (job() for job in jobs)
        return
    from concurrent.futures import ThreadPoolExecutor

    before = torch.get_num_threads()
    pool = ThreadPoolExecutor(workers, "student", initializer=torch.set_num_threads, initargs=(1,))
    try:
        futures = [pool.submit(job) for job in jobs]
        yield from (future.result() for future in futures)
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(before)  # for threads that begin later
