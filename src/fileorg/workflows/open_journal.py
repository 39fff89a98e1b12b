"""The journal of a state directory, opened beside other runs."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from fileorg.core.locks import JournalLock, shared_with_runs
from fileorg.core.state import JOURNAL
from fileorg.journal.journal import Journal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fileorg.core.state import StateDirectory


def open_journal(state: StateDirectory, *, read_only: bool = False) -> Journal:
    """Open the journal. Raises `StateError` if it is not the file that was checked, `JournalError`.

    Unless it is `read_only`, the caller shares the run lock, or holds it alone.
    """
    journal = Journal(state.journal, read_only=read_only, lock=None if read_only else JournalLock(state))
    try:
        state.check_opened(JOURNAL, copied=journal.in_memory, with_log=journal.is_locked)
    except BaseException:
        journal.close()
        raise
    return journal


@contextlib.contextmanager
def journal_to_write(state: StateDirectory) -> Iterator[Journal]:
    """Yield the journal for a short change beside other runs. Raises `Locked` if one works alone, `JournalError`."""
    with shared_with_runs(state), open_journal(state) as journal:
        yield journal
