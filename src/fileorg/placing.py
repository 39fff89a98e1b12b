"""Where each file of a batch belongs: by its category, its time, its extension, or the file that it goes with."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from functools import cache
from itertools import chain
from typing import TYPE_CHECKING

from xxhash import xxh3_64_intdigest

from fileorg.categories import OTHER
from fileorg.index import Filter, Follower, Places
from fileorg.layout import collision_key
from fileorg.model import Action, Base, OnConflict
from fileorg.sidecars import LEADING, following

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from fileorg.classify import Rules
    from fileorg.index import FileBatch
    from fileorg.layout import Template
    from fileorg.model import Entry
    from fileorg.storage import Storage

# Where several could lead, what a camera wrote comes before what was made of it; and what is frequent is found soonest.
_FREQUENT = (*b"cr3 cr2 nef arw dng raf orf rw2 heic jpg jpeg png mkv mp4 mov avi mp3 flac zip rar 001".split(),)


@dataclass(frozen=True, slots=True)
class Layout:
    """How files are to lie. `trash` is where a file goes that a newer one displaces."""

    rules: Rules
    template: Template
    action: Action = Action.MOVE
    on_conflict: OnConflict = OnConflict.RENAME
    base: Base = Base.ROOT
    case_insensitive: bool = False
    trash: bytes = b".fileorg/trash/0"

    @property
    def other_stays(self) -> bool:
        """A folder of everything unknown orders nothing."""
        return self.template.first_component_is_category


@dataclass(slots=True)
class Stay:
    """How many files the plan leaves where they are, silently."""

    in_place: int = 0
    other: int = 0


class Placer:
    """Gives each target folder a number; 0 says that a file stays."""

    def __init__(self, layout: Layout, source: Storage, batches_of: Callable[[bytes], Iterator[FileBatch]]) -> None:
        """`batches_of` gives all batches of a folder: a side-car's leader may be in another one."""
        self._layout = layout
        self._source = source
        self._batches_of = batches_of
        self._neighbours: tuple[bytes, Neighbours] | None = None
        self._numbers: dict[bytes, int] = {}
        self._categories = {category: number for number, category in enumerate(layout.rules.categories)}
        self.targets: list[bytes] = [b""]
        self.stay = Stay()

    def place(self, batch: FileBatch) -> Places:
        """The places of all files of the batch. Looks at the disk only for the files that side-cars follow."""
        layout, folder, numbers = self._layout, batch.folder, self._numbers
        rules, folder_of = layout.rules, layout.template.folder
        category_of, extension_of, uses_extension = (
            rules.category_of,
            rules.extension_of,
            layout.template.uses_extension,
        )
        same_base, other_stays, fold = layout.base is Base.ROOT, layout.other_stays, layout.case_insensitive
        home = collision_key(folder, case_insensitive=fold)
        categories, targets, digests = bytearray(), array("I"), array("Q")
        followers: dict[int, Follower] = {}
        sizes: list[int] = []
        for position, (name, mtime_ns) in enumerate(zip(batch.split_names(), batch.column(1), strict=True)):
            category, number, digest = category_of(name), 0, 0
            leader = None
            if following(name) is not None and (leader := self._leader(folder, name)) is not None:
                category = category_of(leader.name)
                target = folder_of(category, extension_of(leader.name), leader.mtime_ns)
            else:
                target = folder_of(category, extension_of(name) if uses_extension else b"", mtime_ns)
            if category == OTHER and other_stays:
                self.stay.other += 1
            elif same_base and (target == folder or (fold and collision_key(target, case_insensitive=True) == home)):
                self.stay.in_place += 1
            else:
                number = numbers.get(target) or self._number(target)
                key = collision_key(name, case_insensitive=True) if fold else name
                digest = xxh3_64_intdigest(target + b"/" + key)
                if leader is not None:
                    sizes = sizes or batch.column(0)
                    facts = (self._categories[category], number, sizes[position], mtime_ns)
                    followers[position] = Follower(leader.name, name, *facts)
            categories.append(self._categories[category])
            targets.append(number)
            digests.append(digest)
        return Places(array("B", categories), targets, digests, followers)

    def digest(self, target: int, name: bytes) -> int:
        """What `place` gives for a file of that name and target."""
        key = collision_key(name, case_insensitive=self._layout.case_insensitive)
        return xxh3_64_intdigest(self.targets[target] + b"/" + key)

    def _leader(self, folder: bytes, name: bytes) -> Entry | None:
        if self._neighbours is None or self._neighbours[0] != folder:
            files = sum(batch.files for batch in self._batches_of(folder))
            names = chain.from_iterable(batch.split_names() for batch in self._batches_of(folder))
            self._neighbours = (folder, Neighbours(files, names))
        return leader_of(self._source, folder, name, self._neighbours[1])

    def _number(self, target: bytes) -> int:
        number = self._numbers[target] = len(self.targets)
        self.targets.append(target)
        return number


class Neighbours:
    """The names of one folder, as a filter: its yes may be wrong, its no is not, and a look at the disk is saved."""

    def __init__(self, files: int, names: Iterable[bytes]) -> None:
        self._filter = Filter(2 * files)
        for name in names:
            self._filter.add(xxh3_64_intdigest(name))
            stem, dot, extension = name.rpartition(b".")
            if dot and extension.lower() in LEADING:
                self._filter.add(xxh3_64_intdigest(stem + dot))

    def __contains__(self, name: bytes) -> bool:
        return xxh3_64_intdigest(name) in self._filter

    def may_lead(self, stem: bytes) -> bool:
        """Whether there is a file that is called so, with or without an extension of those that are followed."""
        return stem in self or stem + b"." in self


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
