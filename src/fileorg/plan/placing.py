"""The target folder of each file of a batch: by its category, its time, its extension, or its leader."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Protocol, TypeVar, cast

from xxhash import xxh3_64_intdigest

from fileorg.core.memo import Memo
from fileorg.core.model import ROOT, Action, Base, OnConflict
from fileorg.core.names import collision_key
from fileorg.core.tuples import NamedTuple
from fileorg.plan.draft import NO_NAMES, Follower, Places
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
KINDS_KNOWN = 4096
KEPT = -1
"""The target number of files that rules keep where they are."""
_Kind = TypeVar("_Kind")


def suffix_of(name: bytes) -> bytes:
    """Return the last dot of a name and what follows, which decide on nearly every file; b"" for names without one."""
    dot = name.rfind(b".")
    return name[dot:] if dot > 0 else b""


def kinds_of(names: Sequence[bytes], kinds: Mapping[bytes, _Kind]) -> list[_Kind | None]:
    """Return what is known of each name by its suffix. Called once per file: `suffix_of` would double its time."""
    get = kinds.get
    return [get(name[dot:] if (dot := name.rfind(b".")) > 0 else b"") for name in names]


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


class Decisions(NamedTuple):
    """What is decided on the files of a batch, by position: categories and target numbers, 0 for files that stay.

    `leaders` has the leader of each follower, and `new_names` the names of the files that do not keep their own.
    """

    names: Sequence[bytes]
    categories: Sequence[int]
    numbers: Sequence[int]
    leaders: Mapping[int, bytes]
    new_names: Mapping[int, bytes] = NO_NAMES


class Placer:
    """Assigns a number to each target folder; 0 means that a file stays."""

    def __init__(self, layout: Layout, source: Storage) -> None:
        self._layout = layout
        self._source = source
        self._contents = layout.contents
        self._classifier = Classifier(layout.rules, source, layout.contents)
        self._numbers: dict[bytes, int] = {}
        self._kinds: Memo[bytes, tuple[int, int]] = Memo(KINDS_KNOWN)
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
        if self._contents is None:
            return self.place(batch)
        self._contents.is_missing = False
        decisions = self._decisions(batch, gives_up=True)
        return None if decisions is None else self._places(batch, decisions)

    def place(self, batch: FileBatch) -> Places:
        """Return the places of all files of the batch. Reads only ambiguous files, and the dates of leaders."""
        decisions = self._decisions(batch, gives_up=False)
        if decisions is None:
            raise AssertionError("given up, though all contents are known")
        return self._places(batch, decisions)

    def _decisions(self, batch: FileBatch, *, gives_up: bool) -> Decisions | None:
        """Return the decisions on a batch; None with `gives_up` if the content of some files is not known yet."""
        folder, names, kinds = batch.folder, batch.split_names(), self._kinds
        leaders = self._leaders(batch)
        found = kinds_of(names, kinds)
        for position in leaders:
            found[position] = None
        self.dated = {}
        opened = [position for position, kind in enumerate(found) if kind is None]
        mtimes_ns = batch.mtimes_ns if opened else ()
        for position in opened:
            name, leader, mtime_ns = names[position], leaders.get(position), mtimes_ns[position]
            if leader is None:
                found[position] = kinds.get(suffix_of(name)) or self._place_one(folder, name, mtime_ns)
            else:
                found[position] = self._place_with(folder, leader, mtime_ns)
            if self._dated_by is not None:
                self.dated[position] = self._dated_by
        if gives_up and self._is_missing:
            return None
        categories, numbers = zip(*cast("list[tuple[int, int]]", found), strict=True) if found else ((), ())
        return Decisions(names, categories, numbers, leaders)

    @property
    def _is_missing(self) -> bool:
        """True if some content that was asked for is not known yet."""
        return self._contents is not None and self._contents.is_missing

    def _places(self, batch: FileBatch, decisions: Decisions) -> Places:
        """Return the places of a batch, and count the files that stay."""
        names, new_names, numbers, leaders = decisions.names, decisions.new_names, decisions.numbers, decisions.leaders
        keys, prefixes = self._keys, self._prefixes
        home, distinct = self._home(batch.folder), set(numbers)
        here = {number for number in distinct if number > 0 and keys[number] == home}
        self.stay.other += numbers.count(0)
        targets: Sequence[int] = numbers
        if KEPT in distinct:
            self.stay.kept += numbers.count(KEPT)
        if here or KEPT in distinct:
            targets = [
                0 if number == KEPT or (number in here and position not in new_names) else number
                for position, number in enumerate(numbers)
            ]
            self.stay.in_place += targets.count(0) - numbers.count(0) - numbers.count(KEPT)
        claimed = names
        if new_names:
            claimed = list(names)
            for position, new_name in new_names.items():
                claimed[position] = new_name
        if self._layout.case_insensitive:
            claimed = [collision_key(name, case_insensitive=True) for name in claimed]
        digest = xxh3_64_intdigest
        digests = [
            digest(prefixes[number] + name) if number else 0 for number, name in zip(targets, claimed, strict=True)
        ]
        self.dated = {position: how for position, how in self.dated.items() if targets[position]}
        followers: dict[int, Follower] = {}
        if leaders:
            sizes, mtimes_ns, inodes, modes = batch.sizes, batch.mtimes_ns, batch.inodes, batch.modes
            for at, leader in leaders.items():
                if targets[at]:
                    followers[at] = Follower(
                        leader, names[at], decisions.categories[at], targets[at], sizes[at], mtimes_ns[at], inodes[at],
                        modes[at], new_names.get(at, b""),
                    )  # fmt: skip
        moved = {at: name for at, name in new_names.items() if targets[at]} if new_names else NO_NAMES
        return Places(array("B", decisions.categories), array("I", targets), array("Q", digests), followers, moved)

    def _home(self, folder: bytes) -> bytes | None:
        """Return the key of a folder of the source as a target folder, None if no target is in the source."""
        if self._layout.base != ROOT:
            return None
        return collision_key(folder, case_insensitive=self._layout.case_insensitive)

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
        category = self._classifier.category_of(folder, name)
        place = self._categories[category], self._by_category(category, folder, name, mtime_ns)
        suffix = suffix_of(name)
        if self._layout.template.is_by_category_alone and self._layout.rules.by_suffix(suffix) is not None:
            self._kinds[suffix] = place
        return place

    def _by_category(self, category: str, folder: bytes, name: bytes, mtime_ns: int) -> int:
        """Return the target of a file of a category, 0 if it stays. Asks for its extension and date if they decide."""
        template = self._layout.template
        extension = self._classifier.extension_of(folder, name) if template.uses_extension else b""
        if self._layout.dates is not None:
            mtime_ns, self._dated_by = self._layout.dates.date_of(folder, name, mtime_ns)
        target = template.folder(category, extension, mtime_ns)
        if category == OTHER and self._layout.other_stays:
            return 0
        return self._numbers.get(target) or self._number(target)

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
