"""Exclusive access to the index."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from fileorg.core.state import INDEX, run_lock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fileorg.core.state import StateDirectory
    from fileorg.index.index import Index

_INDEX_LOCK = b"index.lock"


@contextlib.contextmanager
def locked_index(state: StateDirectory, what: str) -> Iterator[Index]:
    """Yield the locked index; `what` describes this run to other processes. Raises `Locked`, `StateError`."""
    from fileorg.index.index import Index

    with run_lock(state, what, name=_INDEX_LOCK), Index(state.index) as index:
        state.check_opened(INDEX)
        yield index
