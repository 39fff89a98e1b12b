"""Names of one folder, put together: what most of them have nothing to do with is told of all at once."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

EDGE = b"\0"
"""The one byte that no name holds."""


def occurrences(text: bytes, part: bytes) -> Iterator[int]:
    """Yield where a part of a text begins."""
    at = text.find(part)
    while at >= 0:
        yield at
        at = text.find(part, at + 1)


class Listed:
    """Names put together, with `EDGE` around each: to look in all of them at once takes a tenth of the time."""

    def __init__(self, names: Sequence[bytes]) -> None:
        self.names = names

    @cached_property
    def text(self) -> bytes:
        """Each with `EDGE` before it and behind it."""
        return EDGE.join((b"", *self.names, b""))

    @cached_property
    def low(self) -> bytes:
        """The text in lower case, of the same length: only letters of ASCII have another case here."""
        return self.text.lower()

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)

    def __contains__(self, name: object) -> bool:
        return name in self.names

    @cached_property
    def suffixes(self) -> set[bytes]:
        """What is behind the last dots, in lower case; whole names where there is none."""
        return {suffix.lower() for suffix in {name.rpartition(b".")[2] for name in self.names}}

    def ending_in(self, suffixes: Iterable[bytes]) -> Iterator[bytes]:
        """The names with these suffixes in lower case."""
        for suffix in self.suffixes.intersection(suffixes):
            for before in (b".", EDGE):
                for at in occurrences(self.low, before + suffix + EDGE):
                    yield self.name_at(at + (before == EDGE))

    def starting_with(self, beginning: bytes) -> Iterator[bytes]:
        """The names that begin so in lower case."""
        for at in occurrences(self.low, EDGE + beginning):
            yield self.name_at(at + 1)

    def name_at(self, at: int) -> bytes:
        """The name that a byte of the text belongs to."""
        return self.text[self.text.rfind(EDGE, 0, at) + 1 : self.text.find(EDGE, at)]
