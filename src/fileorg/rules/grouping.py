"""Groups of files in a folder, and files that a neighbour marks as unfinished or open.

Pure except for the callables it is given. A folder may hold any number of files: only names that may belong to another
file, or that another file may belong to, are kept in memory. Nearly always there are none, and `rules/group_finder`
with its tables is not loaded.
"""

from __future__ import annotations

import re
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING

from fileorg.core.batches import in_batches
from fileorg.core.tuples import NamedTuple
from fileorg.rules.extensions import extension_start
from fileorg.rules.joined_names import EDGE, JoinedNames, occurrences
from fileorg.rules.triggers import BESIDE, SIGNS, SUFFIXES, WITH_FOLDERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from fileorg.core.model import Entry
    from fileorg.rules.ignore import IgnoreReason

_NAMES_AT_ONCE = 4096
_FEW_BYTES = 1 << 16
"""Joined length of a few thousand names."""
STALE_NS = 30 * 86_400 * 10**9
"""A download without a write for this long is abandoned."""


class _Signs:
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


_TRIGGERS = frozenset[bytes]().union(*(beside for beside, _ in BESIDE))
signs = _Signs()


class Grouping(NamedTuple):
    """The groups and marked files of one folder."""

    leaders: dict[bytes, bytes]
    """The leader of each follower. A leader never follows another file."""
    marked: dict[bytes, tuple[IgnoreReason, bytes]]
    """Files skipped because of a neighbour: the reason and the neighbour. Their groups are skipped, too."""
    folders: dict[bytes, bytes]
    """Folders skipped because they belong to a file, and that file."""

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


def grouping(
    names: Callable[[], Iterable[bytes]],
    folders: Callable[[], Iterable[bytes]],
    others: Callable[[], Iterable[bytes]],
    access: FolderAccess,
) -> Grouping | None:
    """Return the groups and marks among the files `names` of a folder and its other entries; None if there are none.

    The `folders`, and the `others` of any other type, may be marks. The callables are called again if anything is
    found. `look` may raise `OSError`: a file that it cannot read is treated as missing.
    """
    candidates: dict[bytes, bool] = {}
    """Candidates, and whether they contain a sign."""
    may_have_folders = False
    triggers = set[bytes]()
    texts = _Texts(names)
    for text in texts:
        may_have_folders = may_have_folders or not WITH_FOLDERS.isdisjoint(text.suffixes)
        triggers |= text.suffixes & _TRIGGERS
        candidates.update(_candidates(text))
    if triggers:
        late = {suffix for beside, common in BESIDE if not beside.isdisjoint(triggers) for suffix in common}
        for text in texts:
            for name in text.ending_in(late):
                candidates.setdefault(name, False)
    entries = in_batches(chain(folders(), others()), _NAMES_AT_ONCE)
    marks = (name for batch in entries for name, _ in _candidates(JoinedNames(batch)))
    first_mark = next(marks, None)
    has_folders = may_have_folders and next(iter(folders()), None) is not None
    if not (candidates or has_folders) and first_mark is None:
        return None
    from fileorg.rules.group_finder import Asked

    asked = Asked(candidates, access)
    if first_mark is not None:
        for name in chain((first_mark,), marks):
            asked.ask_mark(name)
    if has_folders:
        for folder in folders():
            asked.ask_folder(folder)
    return asked.grouping(texts)


def keeps_its_name(leader: bytes) -> bool:
    """Return whether the files of a group contain each other's names, so that none may be renamed."""
    from fileorg.rules.group_finder import is_named_by_its_files

    return is_named_by_its_files(leader)


def stem_end(name: bytes) -> int:
    """Return the end of the stem that a leader shares with followers: `film` of `film.mkv`, `x` of `x.part1.rar`."""
    part = re.fullmatch(rb"(?is)(.+)\.part\d{1,5}\.(?:rar|exe)", name)
    return part.end(1) if part else extension_start(name)


class _Texts:
    """The names of a folder, some thousands at a time, read anew for each iteration; a single batch is kept."""

    def __init__(self, names: Callable[[], Iterable[bytes]]) -> None:
        self._names = names
        self._only: JoinedNames | None = None

    def __iter__(self) -> Iterator[JoinedNames]:
        if self._only is not None:
            yield self._only
            return
        names = self._names()
        if isinstance(names, JoinedNames):
            self._only = names
            yield names
            return
        for number, batch in enumerate(in_batches(iter(names), _NAMES_AT_ONCE)):
            text = JoinedNames(batch)
            if not number and len(batch) < _NAMES_AT_ONCE:
                self._only = text
            yield text


def _candidates(text: JoinedNames) -> Iterator[tuple[bytes, bool]]:
    """Yield the names that trigger a rule, and whether by a sign. Nearly always none."""
    signed = signs.names(text)
    yield from ((name, True) for name in signed)
    for name in text.ending_in(SUFFIXES):
        if name not in signed:
            yield name, False
