"""Reads the journal again if a run has ended just now, which changes it under a reader."""

from __future__ import annotations

import contextlib
import functools
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from fileorg.core.errors import JournalError

if TYPE_CHECKING:
    from collections.abc import Callable

_P = ParamSpec("_P")
_T = TypeVar("_T")

_TRIES = 5


def again(read: Callable[_P, _T]) -> Callable[_P, _T]:
    """Return a function that reads again after a `JournalError`, a few times."""

    @functools.wraps(read)
    def reading(*words: _P.args, **named_words: _P.kwargs) -> _T:
        for _ in range(_TRIES - 1):
            with contextlib.suppress(JournalError):
                return read(*words, **named_words)
        return read(*words, **named_words)

    return reading
