"""Caches with a bounded size."""

from __future__ import annotations

from typing import TypeVar

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")

MANY_FOLDERS = 20_000
"""Maximum number of cached folders: a few megabytes."""


class Memo(dict[_Key, _Value]):
    """A cache that is cleared when it is full.

    Least-recently-used eviction would add a cost to every lookup, and some callers look up once per file.
    """

    __slots__ = ("_limit",)

    def __init__(self, limit: int) -> None:
        super().__init__()
        self._limit = limit

    def __setitem__(self, key: _Key, value: _Value) -> None:
        if len(self) >= self._limit:
            self.clear()
        super().__setitem__(key, value)
