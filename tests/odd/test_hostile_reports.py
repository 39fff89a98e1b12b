"""Reports and listings of a forged journal: refused with a message, or shown with its current contents."""

from __future__ import annotations

import io
import os
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import pytest
from tests.odd.hostile import Victim
from tests.odd.test_hostile_journal import COLUMNS, NAMES, NUMBERS, PATHS, anywhere, flip_at, headers

from fileorg.core.errors import FileorgError
from fileorg.core.model import SortBy
from fileorg.journal.record_listing import RecordQuery
from fileorg.report.html import write_html
from fileorg.report.records import write_csv_report, write_json_report
from fileorg.workflows.reports import files_page, groups_page, reported

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Iterator

    from fileorg.core.state import StateDirectory
    from fileorg.report.content import Report

_ROW = "8 hostile journal: forged, for reports and listings"
_WORDS: list[object] = ["a\x1b[2J\u202e", b"\xff", 7, None]
_ALSO = {
    "records.category": _WORDS,
    "records.reason": ["gone", "no such code", *_WORDS],
    "records.about": ["a", b"\xff", 7, None],
    "records.number": NUMBERS,
    "records.lost": NUMBERS,
    "operations.options": ["[", '{"a": {"b": [1]}}', "[1]", *_WORDS],
    "operations.started_ns": NUMBERS,
    "operations.ended_ns": NUMBERS,
    "operations.done": NUMBERS,
    "operations.bytes": NUMBERS,
    "keepers.name": NAMES,
    "keepers.folder": [0, 999, *NUMBERS],
    "keepers.inode": NUMBERS,
    "roots.path": PATHS,
}


class ReportVictim(Victim):
    """All reports and listings of a journal with an organize and a dedupe."""

    def __init__(self, place: Path) -> None:
        super().__init__(place, is_open=False)
        self._attempt = self._tell

    def organize(self) -> None:  # type: ignore[override]
        super().organize()
        self.tree.write({"twins/a": "the same", "twins/b": "the same", "twins/c": "the same"})
        self.runs.dedupe("hardlink")
        self.first = self.tree.read()

    def contents(self) -> list[str]:
        return list(self.first.values())  # reports change no files

    def _tell(self) -> None:
        """Make each report and each page, even if the one before failed. Raises the last error."""
        state, said = self.runs.state, None
        for number in (1, 2):
            asked: list[Callable[[], object]] = [partial(_write, write, number, state) for write in _WRITERS]
            asked += [partial(files_page, number, RecordQuery(sort=sort), (1, 100), state) for sort in SortBy]
            asked.append(partial(groups_page, number, (1, 100), state))
            for ask in asked:
                try:
                    ask()
                except FileorgError as error:
                    said = error
        if said is not None:
            raise said


_WRITERS = (write_html, write_json_report, write_csv_report, partial(write_csv_report, raw=True))


def _write(write: Callable[[TextIO, Report], None], number: int, state: StateDirectory) -> None:
    with reported(number, state) as report:
        write(io.StringIO(), report)


@pytest.fixture(scope="module")
def victim() -> Iterator[ReportVictim]:
    shared = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="fileorg-hostile-", dir=shared) as place:
        yield ReportVictim(Path(place))


def test_bytes_that_were_flipped(victim: ReportVictim, tally: Counter[str]) -> None:
    assert flip_at(victim, tally, headers(victim) + anywhere(victim, 18)) > 3


@pytest.mark.parametrize("column", [*COLUMNS, *_ALSO])
@pytest.mark.parametrize("first", [0, pytest.param(1, marks=pytest.mark.slow)], ids=["", "the other values"])
def test_what_fileorg_never_writes(victim: ReportVictim, tally: Counter[str], column: str, first: int) -> None:
    """Every second value is tried in each run: all of them together take as long as all other tests of journals."""
    table, _, name = column.partition(".")
    violations = []
    for value in {**COLUMNS, **_ALSO}[column][first::2]:
        attack = partial(victim.sql, f"UPDATE OR REPLACE {table} SET {name} = ?", value)
        _, found = victim.attacked(attack, may_be_refused=True)
        violations += [f"{column} = {value!r}: {line}" for line in found]
        tally[_ROW] += 1
    assert not violations, "\n".join(violations)


def test_an_untouched_journal_is_told_whole(victim: ReportVictim) -> None:
    assert victim.attacked(lambda: None) == ("", [])
