"""A share of the matrix, for a shorter run that is reported as such: every n-th point of each row.

`FILEORG_SHARE=2/4` in the environment is the second quarter; the four together are all points, each once.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

T = TypeVar("T")

VARIABLE = "FILEORG_SHARE"


class Share(NamedTuple):
    """Part `number` of `of`, counted from 1."""

    number: int
    of: int

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    @classmethod
    def parse(cls, text: str) -> Share:
        """Parse a share such as `2/4`. Raises `ValueError`."""
        share = cls(*map(int, text.split("/")))
        if not 1 <= share.number <= share.of:
            raise ValueError(text)
        return share


SHARE = Share.parse(os.environ.get(VARIABLE, "1/1"))


def part(points: Sequence[T]) -> list[T]:
    """Return the points to test: all, unless a share was requested."""
    return list(points[SHARE.number - 1 :: SHARE.of])
