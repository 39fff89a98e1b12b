"""The journal of a state directory, opened beside other runs."""

from __future__ import annotations

import contextlib
import functools
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from fileorg.core.errors import JournalError
from fileorg.core.locks import JournalLock, shared_with_runs
from fileorg.core.state import JOURNAL
from fileorg.journal.journal import Journal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fileorg.core.state import StateDirectory

_P = ParamSpec("_P")
_T = TypeVar("_T")

_TRIES = 5


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


def again(read: Callable[_P, _T]) -> Callable[_P, _T]:
    """Return a function that reads again, a few times, after a `JournalError`: the end of a run changes the journal
    under a reader.
    """

    @functools.wraps(read)
    def reading(*words: _P.args, **named_words: _P.kwargs) -> _T:
        for _ in range(_TRIES - 1):
            with contextlib.suppress(JournalError):
                return read(*words, **named_words)
        return read(*words, **named_words)

    return reading


@contextlib.contextmanager
def journal_to_write(state: StateDirectory) -> Iterator[Journal]:
    """Yield the journal for a short change beside other runs. Raises `Locked` if one works alone, `JournalError`."""
    with shared_with_runs(state), open_journal(state) as journal:
        yield journal
