"""Batches are fetched one ahead of a device: the next one is read and sent while the device works on this one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Batch = TypeVar("Batch")


def one_ahead(fetch: Callable[[int], Batch], first: int, end: int, *, ahead: bool) -> Iterator[Batch]:
    """``fetch(first)`` to ``fetch(end - 1)``, in order; each is begun, in another thread, when the one before is taken.

    Args:
        fetch: of a number alone, so that who fetches it and when makes no difference.
        first, end: numbers.
        ahead: with False each is fetched when it is asked for.

    Examples:
        >>> from vlbench.students.ahead import one_ahead
        >>> list(one_ahead(lambda number: 10 * number, 1, 4, ahead=True))
        [10, 20, 30]
    """
    if not ahead:
        yield from map(fetch, range(first, end))
        return
    with ThreadPoolExecutor(1, thread_name_prefix="ahead") as thread:
        following = thread.submit(fetch, first) if first < end else None
        for number in range(first, end):
            assert following is not None
            now = following.result()
            following = thread.submit(fetch, number + 1) if number + 1 < end else None
            yield now
