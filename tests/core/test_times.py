"""Times beyond the range of 64-bit nanoseconds sort correctly and are shown correctly."""

from __future__ import annotations

import pytest

from fileorg.core.figures import when
from fileorg.core.formats import iso
from fileorg.core.times import EXACT_NS, MAX_KEPT, kept, true_ns

SECOND = 10**9
IN_ORDER = sorted(
    edge + step
    for edge in (-(1 << 93), -(1 << 63), -EXACT_NS, -1, 0, EXACT_NS, 1 << 63, 1 << 93)
    for step in (-2 * SECOND, -1000, -1, 0, 1, 1000, 2 * SECOND)
)


def test_kept_times_compare_as_the_times_do() -> None:
    found = [kept(ns) for ns in IN_ORDER]
    assert found == sorted(found)
    assert -MAX_KEPT <= found[0] <= found[-1] <= MAX_KEPT


@pytest.mark.parametrize("ns", [0, -1, -SECOND // 2, EXACT_NS, -EXACT_NS, 1_700_000_000_123_456_789])
def test_of_our_centuries_the_nanosecond_is_kept(ns: int) -> None:
    assert kept(ns) == true_ns(ns) == ns


@pytest.mark.parametrize("seconds", [-62_135_596_800, -11_676_096_000, 9_223_418_096, 10_413_792_000, 253_402_300_799])
@pytest.mark.parametrize("micros", [0, 1, 123_456, 999_999])
def test_of_others_the_microsecond(seconds: int, micros: int) -> None:
    ns = seconds * SECOND + micros * 1000
    assert true_ns(kept(ns)) == ns
    assert true_ns(kept(ns + 999)) == ns


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-9_300_000_000, "1675-04-18T02:40:00Z"),
        (-1, "1969-12-31T23:59:59Z"),
        (10_413_792_000, "2300-01-01T00:00:00Z"),
        (-62_135_596_800, "0001-01-01T00:00:00Z"),
        (-62_135_596_801, "0000-12-31T23:59:59Z"),
        (-93_692_592_000, "-00999-01-01T00:00:00Z"),
        (253_402_300_800, "+10000-01-01T00:00:00Z"),
    ],
)
def test_programs_are_told_the_true_date(seconds: int, text: str) -> None:
    assert iso(kept(seconds * SECOND)) == text


def test_what_no_calendar_has_is_no_date() -> None:
    assert [iso(kept(ns)) for ns in (1 << 93, -(1 << 93))] == [None, None]
    assert [when(kept(ns)) for ns in (1 << 93, -(1 << 93))] == ["?", "?"]


def test_people_are_told_the_true_year() -> None:
    years = [when(kept(seconds * SECOND))[:4] for seconds in (-11_660_000_000, 10_420_000_000, -62_000_000_000)]
    assert years == ["1600", "2300", "0005"]
