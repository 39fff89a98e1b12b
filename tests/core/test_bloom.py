"""What tells repeated values takes the same memory however many there are."""

from __future__ import annotations

import tracemalloc

from fileorg.core.bloom import RepeatedValues

_STEP = 0x9E37_79B9_7F4A_7C15  # numbers of 64 bits, like digests


def peak_bytes(count: int) -> int:
    """Return the most memory while `count` numbers are added, each twice."""
    values = RepeatedValues()
    tracemalloc.start()
    for start in (*range(0, count, 10_000), *range(0, count, 10_000)):
        values.add_all([number * _STEP % 2**64 for number in range(start, start + 10_000)])
    values.end()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert values.positions([number * _STEP % 2**64 for number in range(100)]) == list(range(100))
    return peak


def test_repeated_values_take_the_same_memory_however_many_there_are() -> None:
    assert peak_bytes(210_000) < 1.25 * peak_bytes(140_000) < 35e6
