"""Negative controls of the harness: it must find the faults of fileorg without one of its safeguards."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.faults.sweep import Sweep, sweep_kills
from tests.faults.test_kills import course_of
from tests.faults.trees import BY_NAME

if TYPE_CHECKING:
    from tests.faults.sweep import Workers


def test_shutil_move_is_found_out(workers: Workers) -> None:
    violations = found(workers, "across devices", "shutil.move")
    assert any("I2/I3 overwritten or torn" in line for line in violations)
    assert any("I4" in line for line in violations)


def test_a_journal_written_after_acting_is_found_out(workers: Workers) -> None:
    violations = found(workers, "messy", "journal after acting")
    assert any("I6 made without a record" in line for line in violations)
    assert any("I6 taken away without a record" in line for line in violations)
    assert any("I4" in line for line in violations)


def test_a_link_that_is_made_when_the_duplicate_is_gone_is_found_out(workers: Workers) -> None:
    violations = found(workers, "pair, hardlink", "unlink, then link")
    assert any("I2 a name without a file" in line for line in violations)


def test_small_batches_are_small(workers: Workers) -> None:
    """If the driver set batch sizes without effect, half of the points would be missing and no test would fail."""
    flushes = [
        sum(call.name == "fdatasync" for call in course_of(workers, BY_NAME[scenario], "organize").calls)
        for scenario in ("messy", "batches")
    ]
    assert flushes[1] >= flushes[0] + 3


def test_the_journal_is_flushed_less_without_its_safeguard(workers: Workers) -> None:
    """If this control had no effect, only the power losses of a slow test would show it."""
    flushes = []
    for control in ("", "synchronous=NORMAL"):
        case, words = Sweep(BY_NAME["batches"], "organize", control).ready(workers.all[0])
        flushes.append(sum(call.name == "fdatasync" for call in case.counted(words)[1] if call.about == "journal"))
    assert flushes[1] < flushes[0]


def found(workers: Workers, scenario: str, control: str) -> list[str]:
    honest = course_of(workers, BY_NAME[scenario], "organize")
    controlled = Sweep(BY_NAME[scenario], "organize", control)
    case, words = controlled.ready(workers.all[0])
    calls = [call for call in case.counted(words)[1] if call.about == "user"]
    return sweep_kills(workers, honest._replace(sweep=controlled, calls=calls), 24)
