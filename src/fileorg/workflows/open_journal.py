"""The journal of a state directory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fileorg.core.state import JOURNAL
from fileorg.journal.journal import Journal

if TYPE_CHECKING:
    from fileorg.core.state import StateDirectory


def open_journal(state: StateDirectory, *, read_only: bool = False) -> Journal:
    """Open the journal. Raises `StateError` if it is not the file that was checked, `JournalError`."""
    journal = Journal(state.journal, read_only=read_only)
    try:
        state.check_opened(JOURNAL, copied=journal.in_memory, with_log=journal.is_locked)
    except BaseException:
        journal.close()
        raise
    return journal
