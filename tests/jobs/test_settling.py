"""Which files are settled: two listings, the settle time apart, that agree."""

from __future__ import annotations

from fileorg.jobs.brake import largest_run
from fileorg.jobs.settling import Settling
from fileorg.scan.gate import has, packed


def test_two_listings_must_agree() -> None:
    settling = Settling(10.0)
    assert settling.due() is None
    settling.take(b"", [1, 2], 100.0)
    assert settling.due() == 110.0
    assert settling.settled(109.9) == b""
    settling.take(b"", [1, 3], 105.0)  # 2 has changed: it is 3 now
    assert settling.due() == 115.0
    assert settling.settled(110.0) == packed([1])
    assert settling.settled(115.0) == packed([1, 3])


def test_what_a_run_left_is_no_reason_for_another() -> None:
    settling = Settling(10.0)
    settling.take(b"", [1, 2], 100.0)
    settling.judge(110.0)
    assert (settling.due(), settling.unsettled) == (None, 0)
    settling.take(b"", [2], 120.0)  # 1 was moved
    assert settling.due() is None
    settling.take(b"", [2, 5], 130.0)
    assert settling.due() == 140.0
    assert settling.settled(140.0) == packed([2, 5])
    settling.again(125.0)
    assert settling.due() == 125.0
    settling.judge(125.0)
    assert settling.due() == 140.0
    settling.forget(b"")
    assert (settling.due(), settling.settled(999.0)) == (None, b"")


def test_a_burst_is_one_run_but_no_file_waits_for_ever() -> None:
    settling = Settling(10.0)
    for second in range(100, 200):
        settling.take(b"sub", range(second - 99), float(second))
    assert settling.due() == 140.0
    settling.judge(140.0)
    assert settling.unsettled == 69  # those of the seconds 131 to 199
    assert settling.due() == 171.0


def test_packed_numbers() -> None:
    numbers = packed([2**64 - 1, 7, 0])
    assert [has(numbers, each) for each in (0, 7, 2**64 - 1, 1, 8)] == [True, True, True, False, False]
    assert not has(b"", 7)


def test_the_brake_knows_what_is_usual() -> None:
    assert largest_run([], None) is None
    assert largest_run([5, 5, 5], None) is None
    assert largest_run([5, 5, 5, 5], None) == 200
    assert largest_run([5, 5, 30, 5], None) == 300
    assert largest_run([5] * 20 + [9000], None) == 200
    assert largest_run([], 3) == 3
    assert largest_run([5, 5, 30, 5], 10_000) == 10_000
