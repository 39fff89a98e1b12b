"""What is tried again, and the waits before it, with a clock that is moved by hand."""

from __future__ import annotations

import errno
import os

import pytest

from fileorg.core.retry import Backoff, Clock, FlushError, ReadError, Waits, is_transient


def error(code: int, kind: type[OSError] = OSError) -> OSError:
    return kind(code, os.strerror(code))


@pytest.mark.parametrize("code", [errno.EBUSY, errno.EAGAIN, errno.ESTALE])
@pytest.mark.parametrize("is_network", [True, False])
def test_a_busy_file_may_be_free_later_wherever_it_is(code: int, is_network: bool) -> None:
    assert is_transient(error(code), is_network=is_network)
    assert is_transient(error(code, ReadError), is_network=is_network)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.ENOENT, errno.EEXIST, errno.EXDEV])
def test_other_errors_do_not_pass(code: int) -> None:
    assert not is_transient(error(code), is_network=True)


def test_an_io_error_passes_only_for_a_read_on_a_network_mount() -> None:
    assert is_transient(error(errno.EIO, ReadError), is_network=True)
    assert not is_transient(error(errno.EIO, ReadError), is_network=False)
    assert not is_transient(error(errno.EIO), is_network=True)


@pytest.mark.parametrize("code", [errno.EIO, errno.EBUSY, errno.ESTALE, errno.EAGAIN, errno.ENOSPC])
def test_a_flush_that_failed_is_never_tried_again(code: int) -> None:
    assert not is_transient(error(code, FlushError), is_network=True)


def test_a_file_that_has_changed_is_not_a_stale_one() -> None:
    assert not is_transient(OSError(errno.ESTALE, "it changed while it was copied"), is_network=True)


class ByHand:
    """A clock that stands still, except while somebody waits."""

    def __init__(self, *chances: float) -> None:
        self.time = 100.0
        self.slept: list[float] = []
        chances_left = iter(chances)
        self.clock = Clock(lambda: self.time, self.sleep, lambda: next(chances_left))

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds


def test_each_wait_is_longer_and_half_of_it_is_random() -> None:
    backoff = Backoff(tries=6, first_seconds=1.0, factor=3.0, longest_seconds=20.0)
    assert [backoff.wait(number, 0.0) for number in (2, 3, 4, 5, 6)] == [0.5, 1.5, 4.5, 10.0, 10.0]
    assert [backoff.wait(number, 1.0) for number in (2, 3, 4, 5, 6)] == [1.0, 3.0, 9.0, 20.0, 20.0]
    assert backoff.wait(4, 0.5) == 6.75


def test_there_is_no_further_try_after_the_last() -> None:
    hand = ByHand(0.0, 1.0)
    waits = Waits(Backoff(tries=3, first_seconds=1.0), lambda: False, clock=hand.clock, longest=60.0)
    assert [waits.before(number) for number in (2, 3, 4)] == [True, True, False]
    assert hand.time == pytest.approx(100 + 0.5 + 4.0)


def test_all_waits_of_an_operation_together_are_limited() -> None:
    hand = ByHand(*[1.0] * 9)
    waits = Waits(Backoff(tries=3, first_seconds=2.0), lambda: False, clock=hand.clock, longest=11.0)
    assert [waits.before(number) for number in (2, 3)] == [True, True]  # 2 and 8 seconds
    assert waits.before(2)  # what is left: 1 second
    assert not waits.before(2)
    assert hand.time == pytest.approx(111.0)


def test_tries_that_were_in_vain_leave_fewer_for_others_until_one_helps() -> None:
    hand = ByHand(*[1.0] * 9)
    waits = Waits(Backoff(tries=4, first_seconds=1.0), lambda: False, clock=hand.clock, longest=600.0)
    for in_vain, tries in ((True, 4), (True, 3), (True, 2), (True, 2), (False, 2), (True, 4)):
        assert [waits.before(2), waits._tries] == [True, tries]
        waits.ended(in_vain=in_vain)


def test_a_wait_ends_with_the_run() -> None:
    hand = ByHand(1.0, 1.0)
    waits = Waits(Backoff(tries=3, first_seconds=60.0), lambda: hand.time > 103, clock=hand.clock, longest=60.0)
    assert not waits.before(2)
    assert hand.time == pytest.approx(103.1)
