"""The target folder of each file of a batch: by its category, its time, its extension, or its leader."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Protocol

from xxhash import xxh3_64_intdigest

from fileorg.core.memo import Memo
from fileorg.core.model import ROOT, Action, Base, OnConflict
from fileorg.core.names import collision_key
from fileorg.core.tuples import NamedTuple
from fileorg.plan.draft import Follower, Places
from fileorg.rules.extensions import OTHER
from fileorg.scan.classifier import Classifier

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from fileorg.content.dates import RefusedDate
    from fileorg.content.dating import DatedBy
    from fileorg.index.columns import FileBatch
    from fileorg.plan.base_folders import RuleContents, RuleLayout
    from fileorg.rules.classify import Rules
    from fileorg.rules.template import Template
    from fileorg.scan.classifier import GatheredContents
    from fileorg.storage.base import Storage

# More suffixes than any real tree has.
_KINDS_KNOWN = 4096


class Dates(Protocol):
    """The dates by which files are sorted."""

    @property
    def refused(self) -> Mapping[tuple[bytes, bytes], Sequence[RefusedDate]]:
        """The dates that are not believed, by folder and name: the first ones."""

    def date_of(self, folder: bytes, name: bytes, mtime_ns: int) -> tuple[int, DatedBy]:
        """Return the date of a file as a local time in nanoseconds since 1970, and how it was found."""


class Layout(NamedTuple):
    """The rules for the targets of files. Files that are displaced by newer ones are moved to `trash`, symlinks that
    are rewritten to `link_trash`, below the root.
    """

    rules: Rules
    template: Template
    action: Action = Action.MOVE
    on_conflict: OnConflict = OnConflict.RENAME
    base: Base = ROOT
    case_insensitive: bool = False
    trash: bytes = b".fileorg/trash/0"
    link_trash: bytes = b".fileorg/trash/0"
    target_root: bytes = b""
    actual_folder: Callable[[bytes], bytes] = lambda folder: folder
    """Returns a folder's name as it is on disk already, for case-insensitive file systems."""
    into_whole: bool = False
    """Files may be moved into folders kept whole."""
    by_rules: RuleLayout | None = None
    takes_other: bool = False
    """Files of unknown type get a folder of their category, too."""
    contents: GatheredContents | None = None
    """What files are by their content, if their names leave it open, or when they were taken."""
    dates: Dates | None = None
    """The dates of files; None for their modification times."""
    rule_contents: RuleContents | None = None
    """What rules know of the contents of files; None if no rule asks for that."""
    place: Callable[[bytes], bytes] = lambda folder: folder
    """Returns what stands for a target folder where the names of several plans meet."""

    @property
    def other_stays(self) -> bool:
        """Files of unknown type stay: a folder for all of them would not order anything."""
        return self.template.first_component_is_category and not self.takes_other


class Stay:
    """The number of files that the plan leaves in place without a row."""

    def __init__(self) -> None:
        self.in_place = 0
        self.other = 0
        self.kept = 0  # by rules


class Placer:
    """Assigns a number to each target folder; 0 means that a file stays."""

    def __init__(self, layout: Layout, source: Storage) -> None:
        self._layout = layout
        self._source = source
        self._contents = layout.contents
        self._classifier = Classifier(layout.rules, source, layout.contents)
        self._numbers: dict[bytes, int] = {}
        self._kinds: Memo[bytes, tuple[int, int]] = Memo(_KINDS_KNOWN)
        self._by_key: dict[bytes, int] = {}
        self._categories = {category: number for number, category in enumerate(layout.rules.categories)}
        self.targets: list[bytes] = [b""]
        self._keys: list[bytes] = [b""]  # of the targets: equal for two spellings of one folder
        self._prefixes: list[bytes] = [b""]  # put before a name in a target to digest it
        self.stay = Stay()
        self.dated: dict[int, DatedBy] = {}
        """How the dates of the files of the last batch that have another place were found, by position."""
        self._dated_by: DatedBy | None = None

    def try_place(self, batch: FileBatch) -> Places | None:
        """Return the places of all files of the batch; None if the content of some is not known yet."""
        contents = self._contents
        if contents is None:
            return self.place(batch)
        before, contents.is_missing = (self.stay.in_place, self.stay.other, self.stay.kept), False
        places = self.place(batch)
        if contents.is_missing:
            self.stay.in_place, self.stay.other, self.stay.kept = before
            return None
        return places

    def place(self, batch: FileBatch) -> Places:
        """Return the places of all files of the batch. Reads only ambiguous files, and the dates of leaders."""
        layout, folder, kinds = self._layout, batch.folder, self._kinds
        same_base, fold, keys, prefixes = layout.base == ROOT, layout.case_insensitive, self._keys, self._prefixes
        home = collision_key(folder, case_insensitive=fold)
        categories, targets, digests = bytearray(), array("I"), array("Q")
        followers: dict[int, Follower] = {}
        leaders = self._leaders(batch)
        other = in_place = 0
        self.dated = {}
        for position, (name, mtime_ns) in enumerate(zip(batch.split_names(), batch.mtimes_ns, strict=True)):
            dot, digest, leader = name.rfind(b"."), 0, leaders.get(position)
            kind = kinds.get(name[dot:]) if dot > 0 and leader is None else None
            if kind is not None:  # nearly every file
                category, number = kind
            elif leader is None:
                category, number = self._place_one(folder, name, mtime_ns)
            else:
                category, number = self._place_with(folder, leader, mtime_ns)
            if not number:
                other += 1
            elif same_base and keys[number] == home:
                in_place += 1
                number = 0
            else:
                if self._dated_by is not None:
                    self.dated[position] = self._dated_by
                digest = xxh3_64_intdigest(
                    prefixes[number] + (collision_key(name, case_insensitive=True) if fold else name)
                )
                if leader is not None:
                    followers[position] = Follower(leader, name, category, number, 0, mtime_ns)
            categories.append(category)
            targets.append(number)
            digests.append(digest)
        if followers:
            sizes, inodes, modes = batch.sizes, batch.inodes, batch.modes
            for at, follower in followers.items():
                followers[at] = follower._replace(size=sizes[at], inode=inodes[at], mode=modes[at])
        self.stay.other += other
        self.stay.in_place += in_place
        return Places(array("B", categories), targets, digests, followers)

    def _leaders(self, batch: FileBatch) -> Mapping[int, bytes]:
        """Return the leader of each follower. A picture follows its raw file if both go to one folder."""
        leaders, raws = batch.followers(), batch.raws()
        if not raws:
            return leaders
        names, mtimes_ns, folder = batch.split_names(), batch.mtimes_ns, batch.folder
        for position, raw in raws.items():
            picture, mtime_ns = leaders.get(position, names[position]), mtimes_ns[position]
            if self._place_with(folder, picture, mtime_ns, by=raw) == self._place_with(folder, raw, mtime_ns):
                leaders[position] = raw
        return leaders

    def _place_one(self, folder: bytes, name: bytes, mtime_ns: int) -> tuple[int, int]:
        """Return the category and the target of a file, 0 for none. Caches answers that depend on the suffix only."""
        classifier, template = self._classifier, self._layout.template
        category = classifier.category_of(folder, name)
        extension = classifier.extension_of(folder, name) if template.uses_extension else b""
        if self._layout.dates is not None:
            mtime_ns, self._dated_by = self._layout.dates.date_of(folder, name, mtime_ns)
        target = template.folder(category, extension, mtime_ns)
        stays = category == OTHER and self._layout.other_stays
        place = self._categories[category], 0 if stays else self._numbers.get(target) or self._number(target)
        suffix = name[name.rfind(b".") :]
        if template.is_by_category_alone and self._layout.rules.by_suffix(suffix) is not None:
            self._kinds[suffix] = place
        return place

    def _place_with(self, folder: bytes, leader: bytes, mtime_ns: int, *, by: bytes = b"") -> tuple[int, int]:
        """Return the place of a follower: that of its leader, by its own date if the leader is gone since the scan.
        With `by`, the modification date is that of this file.
        """
        there = self._source.lstat(folder, by or leader) if self._layout.template.uses_dates else None
        return self._place_one(folder, leader, mtime_ns if there is None else there.mtime_ns)

    def digest(self, target: int, name: bytes) -> int:
        """Return the digest that `place` gives for a file of that name and target."""
        return xxh3_64_intdigest(
            self._prefixes[target] + collision_key(name, case_insensitive=self._layout.case_insensitive)
        )

    def number_of(self, target: bytes) -> int:
        """Return the number of a target folder."""
        return self._numbers.get(target) or self._number(target)

    def _number(self, target: bytes) -> int:
        """Return a new number. All names of one folder share one: its spellings, and symlinks that lead to it."""
        folds, number = self._layout.case_insensitive, len(self.targets)
        actual_folder = self._layout.actual_folder(target)
        key = collision_key(actual_folder, case_insensitive=folds)
        number = self._by_key.setdefault(key, number)
        self._numbers[target] = number
        if number == len(self.targets):
            self.targets.append(actual_folder)
            self._keys.append(key)
            self._prefixes.append(self._layout.place(actual_folder) + b"/")
        return number
