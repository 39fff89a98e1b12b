"""Access to the index: exclusive for writing, or for reading."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from fileorg.core.locks import run_lock
from fileorg.core.state import INDEX

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fileorg.core.events import Reporter
    from fileorg.core.state import StateDirectory
    from fileorg.index.index import Index

_INDEX_LOCK = b"index.lock"


@contextlib.contextmanager
def locked_index(state: StateDirectory, what: str, reporter: Reporter) -> Iterator[Index]:
    """Yield the locked index; `what` describes this run to other processes. Where it cannot be written, yield a
    temporary one, and tell the `reporter`. Raises `Locked`, `StateError`.
    """
    from fileorg.index.index import Index

    if state.unwritable:
        reporter.note(f"{state.unwritable} The result is not kept for the next run.")
        with Index(None) as index:
            yield index
        return
    with run_lock(state, what, name=_INDEX_LOCK), Index(state.index) as index:
        state.check_opened(INDEX)
        yield index


@contextlib.contextmanager
def index_to_read(state: StateDirectory) -> Iterator[Index]:
    """Yield the index for reading, also beside a scan; an empty one if there is none. Raises `StateError`."""
    from fileorg.index.index import Index

    path = state.index if state.has_index else None
    with Index(path, read_only=True) as index:
        if path:
            state.check_opened(INDEX, with_log=False)
        yield index
