"""The file that a side-car goes with, as it is on the disk."""

from __future__ import annotations

from functools import cache
from itertools import chain
from typing import TYPE_CHECKING

from xxhash import xxh3_64_intdigest

from fileorg.core.bloom import Filter
from fileorg.rules.sidecars import LEADING, following
from fileorg.storage.base import BATCH_ENTRIES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fileorg.core.model import Entry
    from fileorg.storage.base import Storage

# Where several could lead, what a camera wrote comes before what was made of it; and what is frequent is found soonest.
_FREQUENT = (*b"cr3 cr2 nef arw dng raf orf rw2 heic jpg jpeg png mkv mp4 mov avi mp3 flac zip rar 001".split(),)


class Neighbours:
    """The names of one folder, by which looks at the disk are saved. Of a large one a filter: its no is certain."""

    def __init__(self, files: int, names: Iterable[bytes]) -> None:
        self._names = frozenset(names) if files <= BATCH_ENTRIES else None
        if self._names is not None:
            return
        self._filter = Filter(2 * files)
        for name in names:
            self._filter.add(xxh3_64_intdigest(name))
            stem, dot, extension = name.rpartition(b".")
            if dot and extension.lower() in LEADING:
                self._filter.add(xxh3_64_intdigest(stem + dot))

    def __contains__(self, name: bytes) -> bool:
        return name in self._names if self._names is not None else xxh3_64_intdigest(name) in self._filter

    def may_lead(self, stem: bytes) -> bool:
        """Whether it is worth the while to ask for a file that is called so, with or without a leader's extension."""
        return self._names is not None or stem in self or stem + b"." in self


def leader_of(storage: Storage, folder: bytes, name: bytes, neighbours: Neighbours | None = None) -> Entry | None:
    """The file that a side-car goes with, as it is on the disk; with `neighbours`, only one of these."""
    wanted = following(name)
    if wanted is None:
        return None
    for stem in wanted.stems:
        if neighbours is not None and not neighbours.may_lead(stem):
            continue
        for candidate in chain((stem,), (stem + b"." + spelling for spelling in _spellings(wanted.extensions))):
            if candidate == name or (neighbours is not None and candidate not in neighbours):
                continue
            entry = storage.lstat(folder, candidate)
            if entry is not None and entry.is_file:
                # A side-car of a film of a picture: what counts is the end of the chain.
                return leader_of(storage, folder, candidate, neighbours) or entry
    return None


@cache
def _spellings(extensions: frozenset[bytes]) -> tuple[bytes, ...]:
    """The extensions in the order in which they are tried, the same one in every run."""
    frequent = [known for known in _FREQUENT if known in extensions]
    known = [*frequent, *sorted(extensions.difference(frequent))]
    return tuple(spelling for extension in known for spelling in dict.fromkeys((extension, extension.upper())))
