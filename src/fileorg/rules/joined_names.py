"""Names of one folder joined into one text, so that one search covers all of them."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

EDGE = b"\0"
"""NUL, the one byte that no name holds."""


def occurrences(text: bytes, part: bytes) -> Iterator[int]:
    """Yield the positions of a part in a text."""
    at = text.find(part)
    while at >= 0:
        yield at
        at = text.find(part, at + 1)


class JoinedNames:
    """Names joined into one text with `EDGE` around each: a search takes a tenth of the time."""

    def __init__(self, names: Sequence[bytes]) -> None:
        self.names = names

    @cached_property
    def text(self) -> bytes:
        """The names, each with `EDGE` before and after it."""
        return EDGE.join((b"", *self.names, b""))

    @cached_property
    def low(self) -> bytes:
        """The text in lower case, of the same length: only ASCII letters are lowered."""
        return self.text.lower()

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)

    def __contains__(self, name: object) -> bool:
        return name in self.names

    @cached_property
    def suffixes(self) -> set[bytes]:
        """The lower-case suffixes after the last dot; whole names without a dot."""
        return {suffix.lower() for suffix in {name.rpartition(b".")[2] for name in self.names}}

    def ending_in(self, suffixes: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the names with any of these lower-case suffixes."""
        for suffix in self.suffixes.intersection(suffixes):
            for before in (b".", EDGE):
                for at in occurrences(self.low, before + suffix + EDGE):
                    yield self.name_at(at + (before == EDGE))

    def starting_with(self, beginning: bytes) -> Iterator[bytes]:
        """Yield the names with this lower-case beginning."""
        for at in occurrences(self.low, EDGE + beginning):
            yield self.name_at(at + 1)

    def name_at(self, at: int) -> bytes:
        """Return the name at a position of the text."""
        return self.text[self.text.rfind(EDGE, 0, at) + 1 : self.text.find(EDGE, at)]
