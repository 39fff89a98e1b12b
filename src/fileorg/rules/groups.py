"""What `rules/grouping` and `rules/group_finder` share: the answer, the access to a folder, and signs in names."""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING

from fileorg.core.tuples import NamedTuple
from fileorg.rules.joined_names import EDGE, JoinedNames, occurrences
from fileorg.rules.triggers import SIGNS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fileorg.core.model import Entry
    from fileorg.rules.ignore import IgnoreReason

_FEW_BYTES = 1 << 14
"""Joined length of a few hundred names: up to this, to compile takes longer than to search for each sign."""
STALE_NS = 30 * 86_400 * 10**9
"""A download without a write for this long is abandoned."""


class Grouping(NamedTuple):
    """The groups and marked files of one folder."""

    leaders: dict[bytes, bytes]
    """The leader of each follower. A leader never follows another file."""
    marked: dict[bytes, tuple[IgnoreReason, bytes]]
    """Files skipped because of a neighbour: the reason and the neighbour. Their groups are skipped, too."""
    folders: dict[bytes, bytes]
    """Folders skipped because they belong to a file, and that file."""

    raws: dict[bytes, bytes] = {}  # noqa: RUF012  a default of a tuple
    """The raw file of each picture that was taken with one, and of the followers of that picture."""

    def members(self) -> dict[bytes, list[bytes]]:
        """Return the groups by leader: the leader, then its followers."""
        groups: dict[bytes, list[bytes]] = {}
        for follower, leader in self.leaders.items():
            groups.setdefault(leader, [leader]).append(follower)
        return groups


class FolderAccess(NamedTuple):
    """Access beyond names: the entry of a name, the beginning of its content, and the time."""

    entry: Callable[[bytes], Entry | None]
    head: Callable[[bytes, int], bytes]
    now_ns: int
    booted_ns: int


class SignSearch:
    """The signs of rules, searched for in joined names."""

    def __init__(self) -> None:
        self._bytes = 0

    def names(self, text: JoinedNames) -> set[bytes]:
        """Return the names that contain a sign.

        In few names each sign is searched for, because patterns take longer to compile. For many names one pattern for
        each first byte, which `re` finds fast, takes a tenth of the time.
        """
        return {text.name_at(at + 1) for at in self._places(text.low)}

    def are_in(self, name: bytes) -> bool:
        """Return whether a lower-case name, with `EDGE` around it, contains a sign."""
        return next(self._places(name), None) is not None

    def _places(self, low: bytes) -> Iterator[int]:
        self._bytes += len(low)
        if self._bytes > _FEW_BYTES:
            return (match.start() for pattern in self._patterns for match in pattern.finditer(low))
        return (at for sign in SIGNS for at in occurrences(low, sign))

    @cached_property
    def _patterns(self) -> tuple[re.Pattern[bytes], ...]:
        by_first: dict[bytes, list[bytes]] = {}
        for sign in SIGNS:
            rest = re.escape(sign[1:-1]) + b"(?=\0)" if sign.endswith(EDGE) else re.escape(sign[1:])
            by_first.setdefault(sign[:1], []).append(rest)
        parts = ((re.escape(first), b"|".join(rests)) for first, rests in by_first.items())
        return tuple(re.compile(b"%b(?:%b)" % part) for part in parts)


signs = SignSearch()
