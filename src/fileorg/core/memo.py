"""Answers that are remembered, as many as memory allows whatever the tree is like."""

from __future__ import annotations

from typing import TypeVar

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")

MANY_FOLDERS = 20_000
"""Folders that are remembered at once: a few megabytes."""


class Memo(dict[_Key, _Value]):
    """A dictionary that is emptied when it is full: what it forgets can be asked for again.

    Not the entry that was used longest ago goes: to know which that is would cost every look-up, of which there may be
    one a file.
    """

    __slots__ = ("_most",)

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most

    def __setitem__(self, key: _Key, value: _Value) -> None:
        if len(self) >= self._most:
            self.clear()
        super().__setitem__(key, value)
