"""Groups of files in a folder, and files that a neighbour marks as unfinished or open.

Pure except for the callables it is given. A folder may hold any number of files: only names that may belong to another
file, or that another file may belong to, are kept in memory. Nearly always there are none, and `rules/group_finder`
with its tables is not loaded.
"""

from __future__ import annotations

import re
from itertools import chain
from typing import TYPE_CHECKING

from fileorg.core.batches import in_batches
from fileorg.rules.extensions import extension_start
from fileorg.rules.groups import signs
from fileorg.rules.joined_names import JoinedNames
from fileorg.rules.triggers import BESIDE, SUFFIXES, WITH_FOLDERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from fileorg.rules.groups import FolderAccess, Grouping

_NAMES_AT_ONCE = 4096


_TRIGGERS = frozenset[bytes]().union(*(beside for beside, _ in BESIDE))


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
    # No mark is a number, but folders called 001 look like parts of an archive.
    named = (name for name in chain(folders(), others()) if not name.isdigit())
    entries = in_batches(named, _NAMES_AT_ONCE)
    marks = (name for batch in entries for name, _ in _candidates(JoinedNames(batch)))
    first_mark = next(marks, None)
    has_folders = may_have_folders and next(iter(folders()), None) is not None
    if not (candidates or has_folders) and first_mark is None:
        return None
    from fileorg.rules.group_finder import GroupFinder

    asked = GroupFinder(candidates, access)
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


def number_places(leader: bytes, names: Sequence[bytes]) -> tuple[list[int], int]:
    """Return where each name of a group takes a number, so that the names still belong together, and the longest tail
    after it: see `template.numbered`.
    """
    shared = leader[: stem_end(leader)]
    stems = [len(shared) if name.startswith(shared) else stem_end(name) for name in names]
    return stems, max(len(name) - stem for name, stem in zip(names, stems, strict=True))


def probable_leader(names: Sequence[bytes]) -> bytes:
    """Return the file of a group that most others are named after."""

    def followers(name: bytes) -> tuple[int, int]:
        stem = name[: stem_end(name)]
        return sum(each.startswith(stem) for each in names), -len(stem)

    return max(names, key=followers)


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
