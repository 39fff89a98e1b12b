"""The plan of an organize run as data: the target and the name of each file, and the files that stay. Writes nothing.

The plan of a million files is not a list of a million objects: it is read batch by batch from the index and from a
draft of a few bytes a file. A dry run and a run read the same rows.
"""

from __future__ import annotations

import contextlib
import functools
import stat
from collections import Counter
from typing import TYPE_CHECKING, cast

from xxhash import xxh3_64_intdigest

from fileorg.core.batches import in_batches, row_maker, unsplit
from fileorg.core.bloom import MAX_NAMES, BloomFilter, CandidateSet
from fileorg.core.errors import ErrorCode, GuardRefused
from fileorg.core.events import NullReporter
from fileorg.core.figures import plural
from fileorg.core.model import ROOT, Action, OnConflict, PlanRow
from fileorg.core.names import collision_key, display, is_within, join, split
from fileorg.core.reasons import Reason, ReasonCode
from fileorg.core.tuples import NamedTuple
from fileorg.plan.awaited_names import downloads_among, logs_among
from fileorg.plan.conflicts import Candidate, ConflictResolver, PlannedTree
from fileorg.plan.draft import Decision, Draft, Follower, Places
from fileorg.plan.link_rows import LinkRows, known_by, whole
from fileorg.plan.missing_folders import PRIVATE_MODE, MissingFolders, is_missing
from fileorg.plan.placing import Layout, Placer
from fileorg.rules.extensions import OTHER
from fileorg.rules.grouping import keeps_its_name, number_places
from fileorg.rules.joined_names import JoinedNames
from fileorg.scan.stays import NotTaken, Stays
from fileorg.scan.together import is_stale
from fileorg.scan.whole import whole_target
from fileorg.storage.base import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from fileorg.content.dates import RefusedDate
    from fileorg.content.dating import DatedBy
    from fileorg.core.events import Reporter
    from fileorg.core.model import Base, Entry
    from fileorg.index.columns import FileBatch, FileRow
    from fileorg.index.index import Index
    from fileorg.plan.disk_border import DiskBorder
    from fileorg.plan.emptied_folders import EmptiedFolders
    from fileorg.plan.rule_placing import RulePlacer
    from fileorg.plan.rule_targets import RuleTargets
    from fileorg.rules.matching import Failed, RuleDecision
    from fileorg.scan.symlinks import Leading
    from fileorg.storage.base import Storage
    from fileorg.storage.local.storage import LocalStorage

_new_row = row_maker(PlanRow)

_ROWS_READ = 4096
_MANY_FILES = 20_000
"""From this number on, workers share the scan, and the plan is made meanwhile with a filter that takes 16 MB."""

_LOOKS = 4
"""How often files are read for one plan. Each look knows more of them, so more are never needed."""


class Tally:
    """Files and bytes of one category, and the folders that they are moved to."""

    def __init__(self) -> None:
        self.files = 0
        self.size_bytes = 0
        self.folders: set[bytes] = set()


class PlacedFile(NamedTuple):
    """A file as it was placed: `rule` is the number of the rule that decides, None if none does. `moves` is false if it
    stays.
    """

    folder: bytes
    name: bytes
    size: int
    category: str
    rule: int | None
    moves: bool


class PlannedNames:
    """The names that the plans of one operation claim: those of most files only in a filter."""

    def __init__(self) -> None:
        self.wanted: BloomFilter | None = None
        self.contested = CandidateSet()
        self.plans: list[OrganizePlan] = []
        self.awaiting: dict[tuple[bytes, bytes], tuple[bytes, bytes, bytes]] = {}
        """The logs of databases and the unfinished downloads at the targets, and logs without a database that come
        there: their root (empty for a target), folder and name, by the place and the key of the name that they await.
        """


def _new_names(batch: FileBatch, places: Places) -> list[bytes]:
    """Return the names of the files of a batch at their targets, as far as nothing is there."""
    names = batch.split_names()
    for position, new_name in places.names.items():
        names[position] = new_name
    return names


class OrganizePlan:
    """The plan of one folder of an organize run, for the files that the index has of `source.root`."""

    def __init__(
        self,
        index: Index,
        layout: Layout,
        source: Storage,
        target: Storage,
        adjust: Callable[[FileBatch, Places, Placer], Places] | None = None,
        *,
        names: PlannedNames | None = None,
        new_name: Callable[[bytes, bytes], bytes] | None = None,
    ) -> None:
        """`adjust` returns the places to use for a batch instead of those of the layout; 0 for a file that stays.
        `names` are those of all plans of the operation, if it has several. `new_name` returns the name of a file (its
        folder, its name) for which `adjust` has another one, unless rules give names.
        """
        self._index = index
        self._adjust, self._adjusted_name = adjust, new_name
        self._layout = layout
        self._source = source
        self._target = target
        bases: Sequence[Storage] = (source, target)
        self._by_rules: RulePlacer | None = None
        self._rule_targets: RuleTargets | None = None
        if layout.by_rules is not None:
            from fileorg.plan.rule_placing import RulePlacer
            from fileorg.plan.rule_targets import RuleTargets

            bases = cast("Sequence[Storage]", layout.by_rules.storages)
            self._rule_targets = RuleTargets(layout.by_rules.storages, layout.base)
            self._target = cast("Storage", self._rule_targets)
            self._by_rules = RulePlacer(layout, layout.by_rules.storages[ROOT])
        self._stores = frozenset(base for base, storage in enumerate(bases) if storage.kind is not Kind.LOCAL)
        self._uploads = source.kind is Kind.LOCAL and bool(self._stores)
        self._placer = self._by_rules or Placer(layout, source)
        self._draft = Draft()
        self._others: dict[Base, Storage] = {}  # other folders of the operation, which may have symlinks into this one
        self.tree = PlannedTree(self._draft, self._source, self._target)
        self._names = PlannedNames() if names is None else names
        self._number = len(self._names.plans)
        self._names.plans.append(self)
        self._contested = self._names.contested
        self._moving: tuple[bytes | None, set[bytes]] = (None, set())  # cached for the last folder
        self._casings: tuple[bytes | None, dict[bytes, bytes]] = (None, {})  # cached for the last folder
        # target folder → why files cannot be moved there
        self._faults: dict[bytes, Reason | None] = dict.fromkeys(self._bases(), None)
        self._new_folders: set[bytes] = set()
        self._searched: set[bytes] = set()  # the target folders in which names are known that others await
        self._devices: dict[bytes, int | None] = {}
        self._groups = 0
        self._actions = set[Action]()
        self.by_category: dict[str, Tally] = {}
        self.files = 0
        self.size_bytes = 0
        self.skipped = 0
        self.renamed = 0
        self.stay = self._placer.stay
        self.dated: Counter[DatedBy] = Counter()
        """How the dates were found by which files are sorted; empty if they are the modification dates."""
        self.uses_dates = layout.template.uses_dates
        self.emptied: EmptiedFolders | None = None
        """The folders that the run empties and removes, if `plan_removals` was called."""

    def _bases(self) -> list[bytes]:
        """Return the target folders that stand for the directories of the operation."""
        rules = self._layout.by_rules
        if rules is None:
            return [b""]
        from fileorg.plan.base_folders import base_folder

        return [b"", *(base_folder(base) for base in range(len(rules.storages)))]

    def _batches_of(self, folder: bytes) -> Iterator[FileBatch]:
        return self._index.folder(self._source.root, folder)

    def refused_dates(self) -> Mapping[tuple[bytes, bytes], Sequence[RefusedDate]]:
        """Return the dates that are not believed, by folder and name: the first ones."""
        dates = self._layout.dates or self._layout.rule_contents
        return {} if dates is None else dates.refused

    def source_entry(self, folder: bytes, name: bytes) -> Entry | None:
        """Return a file of the source as it is now."""
        return self._source.lstat(folder, name)

    def dated_by(self, folder: bytes, name: bytes, mtime_ns: int) -> DatedBy | None:
        """Return how the date of a file is found, which is read if it must be; None if neither the layout nor a rule
        asks for what is in files.
        """
        dates, contents = self._layout.dates or self._layout.rule_contents, self._layout.contents
        if dates is None or contents is None:
            return None
        for _ in range(_LOOKS):
            contents.is_missing = False
            found = dates.date_of(folder, name, mtime_ns)[1]
            if not contents.is_missing:
                break
            contents.gather(NullReporter())
        return found

    def close(self) -> None:
        self._draft.close()

    def add_symlinks(self, found: Iterable[Leading], base: Base = ROOT, other: Storage | None = None) -> None:
        """Add symlinks: those to files that are moved will be rewritten. Copied files keep their links. The symlinks of
        another folder come with its storage, and the number of that in the plan.
        """
        if other is not None:
            self._others[base] = other
        is_moved = self._layout.base not in self._stores and self._layout.action is Action.MOVE
        if is_moved or self._by_rules is not None:
            self._draft.add_symlinks(known_by(found, self._source.root, base, case_insensitive=self._source_folds))

    @functools.cached_property
    def _source_folds(self) -> bool:
        return self._source.is_case_insensitive()

    # First pass: the target of each file, and the contested names ---------------------------------------------------

    def watching(self, batches: Iterator[tuple[int, FileBatch]]) -> Iterator[tuple[int, FileBatch]]:
        """Yield the batches of a scan as they pass. Most of a large tree is placed now, while workers read on."""
        files = 0
        for sequence, batch in batches:
            yield sequence, batch
            files += batch.files
            if files > _MANY_FILES:
                wanted = self._names.wanted = self._names.wanted or BloomFilter(MAX_NAMES)
                self._survey(sequence, batch, wanted)

    def survey(self, files: int, reporter: Reporter) -> None:
        """Make the plan. `files` is the approximate number of files in the index.

        Reads the contents only of files that claim the same name and have the same size.
        """
        reporter.stage("plan", files)
        self.claim(files, reporter)
        self.resolve()

    def claim(self, files: int, reporter: Reporter) -> None:
        """Place the files, and find the names that several of them claim. `files`: about those of all plans."""
        begun = self._names.wanted is not None
        wanted = self._names.wanted = self._names.wanted or BloomFilter(files)
        unknown: dict[bytes, None] = {}
        for sequence, batch in self._index.batches(self._source.root):
            if not (begun and self._draft.has_places(batch.folder, sequence)) and not self._survey(
                sequence, batch, wanted
            ):
                unknown[batch.folder] = None
            reporter.advance(batch.files, 0, batch.folder)
        if unknown:
            self._survey_contents(unknown, wanted, reporter)

    def resolve(self) -> None:
        """Decide on the contested names, once all plans of the operation have claimed theirs."""
        if not self._contested:
            return
        plans = self._names.plans
        for plan in plans:
            plan.mark_groups()
        for plan in plans:
            plan.decide()
        for plan in plans:  # at the end, because a file may take a name from one of another plan
            plan.deduct()

    def _survey_contents(self, folders: Iterable[bytes], wanted: BloomFilter, reporter: Reporter) -> None:
        """Read the files whose category depends on their content, and place the batches that had to wait."""
        contents = self._layout.contents
        if contents is None:
            return
        left, looks = list(folders), 0
        while left:  # what was read may show that more must be read: a picture's date once it is known for a picture
            contents.gather(reporter)
            looks += 1
            waiting: dict[bytes, None] = {}
            for folder in left:
                for sequence, batch in self._index.folder_parts(self._source.root, folder):
                    if not self._draft.has_places(folder, sequence) and not self._survey(
                        sequence, batch, wanted, is_last=looks == _LOOKS
                    ):
                        waiting[folder] = None
            left = list(waiting)

    def _survey(self, sequence: int, batch: FileBatch, wanted: BloomFilter, *, is_last: bool = False) -> bool:
        """Place a batch; return False if that needs the content of files that is not known yet."""
        places = self._placer.place(batch) if is_last else self._placer.try_place(batch)
        if places is None:
            return False
        if self._adjust is not None:
            places = self._adjust(batch, places, self._placer)
        self.dated.update(how for at, how in self._placer.dated.items() if places.targets[at])
        self._draft.add_places(batch.folder, sequence, places)
        self._count(batch, places)
        cross_disk = self._blocked(batch, places.targets)
        candidates = {
            *wanted.add_all(places.digests),
            *self._taken(batch, places),
            *self._awaited(batch, places, wanted),
            *cross_disk,
        }
        self._contested.add_all(places.digests[position] for position in candidates if places.targets[position])
        return True

    def _placed_batches(self) -> Iterator[tuple[FileBatch, Places]]:
        for (_, batch), places in zip(self._index.batches(self._source.root), self._draft.places(), strict=True):
            yield batch, places

    def mark_groups(self) -> None:
        """Mark all names of a group as contested if one is: a file and its sidecars are resolved together."""
        if not self._draft.has_followers:
            return
        digest, contested = self._placer.digest, self._contested
        for batch, places in self._placed_batches():
            if not (leaders := self._draft.leaders(batch.folder)):
                continue
            for name, target, at in zip(batch.split_names(), places.targets, places.digests, strict=True):
                if target and name in leaders:
                    followers = self._draft.followers(batch.folder, name)
                    group = [at, *(digest(file.target, file.new_name or file.name) for file in followers)]
                    if any(each in contested for each in group):
                        contested.add_all(group)

    def _count(self, batch: FileBatch, places: Places) -> None:
        targets, categories = self._placer.targets, self._layout.rules.categories
        pairs = Counter(zip(places.categories, places.targets, strict=True))
        sizes = Counter[tuple[int, int]]()
        for pair, size in zip(zip(places.categories, places.targets, strict=True), batch.sizes, strict=True):
            sizes[pair] += size
        for (category, target), files in pairs.items():
            if not target:
                continue
            folder = targets[target]
            self._look_up(folder)
            if self._faults[folder]:
                self.skipped += files
                continue
            tally = self.by_category.setdefault(categories[category], Tally())
            tally.files += files
            tally.size_bytes += sizes[category, target]
            tally.folders.add(folder if self._by_rules is None else self._shown(target))
            self.files += files
            self.size_bytes += sizes[category, target]
            self._actions.add(self._way(target)[0])

    def _look_up(self, folder: bytes) -> None:
        """Find out whether a target folder exists or why it cannot be used; the answer is cached."""
        if folder in self._faults:
            return
        parent, name = split(folder)
        self._look_up(parent)
        fault = self._faults[parent]
        there = parent not in self._new_folders and not fault
        entry = self._target.lstat(parent, name) if there else None
        if entry is None:
            self._new_folders.add(folder)
        elif not entry.is_folder:
            is_link = stat.S_ISLNK(entry.mode)
            fault = Reason(ReasonCode.SYMLINK_IN_THE_WAY if is_link else ReasonCode.FOLDER_IN_THE_WAY, folder)
        else:
            try:
                self._target.stat_folder(folder)
                into_whole = self._layout.into_whole or self._is_trash(folder)
                found = None if into_whole else whole_target(self._target, folder)
                fault = found and Reason(ReasonCode.FOLDER_IS_WHOLE, join(folder, found.marker).rstrip(b"/"))
            except OSError as error:
                fault = Reason(ReasonCode.FOLDER_UNUSABLE, folder, error.errno)
        self._faults[folder] = fault

    def _device(self, folder: bytes) -> int | None:
        """Return the device of a target folder, or of the folder in which it will be made; the answer is cached."""
        if folder not in self._devices:
            self._look_up(folder)
            device = None
            if folder in self._new_folders:
                device = self._device(split(folder)[0])
            else:
                with contextlib.suppress(OSError):
                    there = self._target.stat_folder(folder)
                    device = there and there.dev
            self._devices[folder] = device
        return self._devices[folder]

    def _cross_disk(self, folder: bytes, targets: Iterable[int]) -> DiskBorder | None:
        """Return the border between the files of a folder and those of their targets on another file system, if any."""
        devices = {target: self._device(self._placer.targets[target]) for target in targets if target}
        source = None
        if devices:
            with contextlib.suppress(OSError):
                source = self._source.stat_folder(folder)
        crossed = {target for target, device in devices.items() if source and device not in {None, source.dev}}
        if not crossed:
            return None
        from fileorg.plan.disk_border import DiskBorder  # only if files leave their disk

        folders = self._placer.targets
        return DiskBorder(self._source, {each: (self._way(each)[0], folders[each]) for each in crossed})

    def _blocked(self, batch: FileBatch, targets: Sequence[int]) -> Mapping[int, Reason]:
        """Return why files cannot be taken to another file system, by position."""
        border = self._cross_disk(batch.folder, set(targets))
        return border.blocked(batch, targets) if border is not None else {}

    def _taken(self, batch: FileBatch, places: Places) -> list[int]:
        """Return the positions of the files whose name exists at the target."""
        targets = self._placer.targets
        existing = {
            target
            for target in set(places.targets)
            if target and targets[target] not in self._new_folders and not self._faults[targets[target]]
        }
        if not existing:
            return []
        names, lstat = _new_names(batch, places), self._target.lstat
        return [
            position
            for position, target in enumerate(places.targets)
            if target in existing and lstat(targets[target], names[position]) is not None
        ]

    def _awaited(self, batch: FileBatch, places: Places, wanted: BloomFilter) -> list[int]:
        """Return the positions of the files whose name a log or a download at the target awaits, and of logs that come
        without their database.
        """
        folders, awaiting, key = self._placer.targets, self._names.awaiting, self._key
        targets = set(places.targets) - {0}
        for target in targets:
            self._list_awaited(folders[target])
        names, found = _new_names(batch, places), list[int]()
        coming = dict(logs_among(JoinedNames(names)))
        old_names = batch.split_names() if coming else []
        for position, (name, target) in enumerate(zip(names, places.targets, strict=True)) if coming else ():
            if not target or (database := coming.get(name)) is None or position in places.followers:
                continue
            log = self._source.root, batch.folder, old_names[position]
            awaiting[self._layout.place(folders[target]), key(database)] = log
            if wanted.add(digest := self._placer.digest(target, database)):
                self._contested.add_all([digest])
            found.append(position)
        if awaiting:
            place_of = {target: self._layout.place(folders[target]) for target in targets}
            found += [
                position
                for position, (name, target) in enumerate(zip(names, places.targets, strict=True))
                if target and (place_of[target], key(name)) in awaiting
            ]
        return found

    def _list_awaited(self, folder: bytes) -> None:
        """Find what awaits a name in a target folder on a disk, the first time that a file goes there."""
        if folder in self._searched or folder in self._new_folders or self._faults[folder]:
            return
        self._searched.add(folder)
        if self._stores:
            return
        place, awaiting = self._layout.place(folder), self._names.awaiting
        with contextlib.suppress(OSError):
            for part in self._target.name_parts(folder):
                names = JoinedNames(part)
                awaiting.update({(place, self._key(name)): (b"", folder, log) for log, name in logs_among(names)})
                for download, name in downloads_among(names):
                    there = self._target.lstat(folder, download)
                    if there is not None and there.is_file and not is_stale(there.mtime_ns):
                        awaiting[place, self._key(name)] = b"", folder, download

    def _key(self, name: bytes) -> bytes:
        return collision_key(name, case_insensitive=self._layout.case_insensitive)

    # What rules add -------------------------------------------------------------------------------------------------

    def _is_trash(self, folder: bytes) -> bool:
        rules = self._layout.by_rules
        return rules is not None and (is_within(folder, rules.trash) or is_within(rules.trash, folder))

    def _shown(self, target: int) -> bytes:
        """Return a target folder for people; one for all files that rules move to the trash."""
        rules, placer, folders = self._layout.by_rules, self._by_rules, self._rule_targets
        if rules is None or placer is None or folders is None:
            return self._placer.targets[target]
        return folders.shown(rules.trash if placer.ways[target].is_trash else placer.targets[target])

    @property
    def has_rules(self) -> bool:
        return self._by_rules is not None

    def explained(self, folder: bytes, leader: bytes) -> tuple[list[Failed], RuleDecision | None]:
        """Return why each rule before the first that matches does not match a file, and that rule."""
        return ([], None) if self._by_rules is None else self._by_rules.explained(folder, leader)

    @property
    def may_fail(self) -> bool:
        """True if a rule refuses the run where a name is taken."""
        return self._by_rules is not None and any(way.on_conflict is OnConflict.FAIL for way in self._by_rules.ways)

    def actions(self) -> set[Action]:
        """Return what happens to the files of the plan; nothing for none."""
        return set(self._actions)

    # Second pass, over the contested names only -------------------------------------------------------------------

    def decide(self) -> None:
        """Decide on each contested name of this plan."""
        targets, draft = self._placer.targets, self._draft
        resolvers: dict[tuple[Action, OnConflict], ConflictResolver] = {}
        for batch, places in self._placed_batches():
            rows, borders = None, dict[int, "DiskBorder | None"]()
            positions: Iterable[int] = self._contested.positions(places.digests)
            if self._by_rules is not None:
                positions = self._by_rules.in_order(batch, positions, places.targets)
            for position in positions:
                target, category = places.targets[position], places.categories[position]
                if not target or self._faults[targets[target]]:
                    continue
                rows = rows or list(batch.rows())
                if target not in borders:
                    borders[target] = self._cross_disk(batch.folder, [target])
                name, size, mtime_ns, *_ = rows[position]
                if draft.has_followers and draft.follows(batch.folder, name):
                    continue  # resolved with its leader
                followers = draft.followers(batch.folder, name) if draft.has_followers else []
                if (border := borders[target]) is not None:
                    names = [name, *(file.name for file in followers)]
                    if stays := border.group_stays(batch.folder, names, target):
                        self._stay(batch.folder, rows[position], target, category, followers, stays)
                        continue
                new_name = self._new_name(target, batch.folder, rows[position], [file.name for file in followers])
                leader = Follower(b"", name, category, target, size, mtime_ns, new_name=new_name)
                group = self._group(batch.folder, leader, followers)
                fixed = bool(followers) and any(keeps_its_name(file.name) for file in (leader, *followers))
                way = self._way(target)
                resolver = resolvers.get(way) or resolvers.setdefault(way, self._resolver(*way))
                resolver.resolve(*group, may_be_numbered=not fixed)

    def _stay(
        self,
        folder: bytes,
        row: FileRow,
        target: int,
        category: int,
        followers: Sequence[Follower],
        reasons: Sequence[Reason],
    ) -> None:
        """Skip a file and its sidecars, for these reasons."""
        new_name = self._new_name(target, folder, row, [file.name for file in followers])
        leader = Follower(b"", row[0], category, target, row[1], row[2], new_name=new_name)
        for file, reason in zip((leader, *followers), reasons, strict=True):
            name = file.new_name or file.name
            known_as = self._layout.rules.categories[file.category]
            self._draft.record_decision(folder, file.name, known_as, file.size, Decision(name, reason), name)

    def _resolver(self, action: Action, on_conflict: OnConflict) -> ConflictResolver:
        wanted = self._names.wanted or BloomFilter(0)
        return ConflictResolver(
            [plan.tree for plan in self._names.plans],
            self._number,
            action=action,
            on_conflict=on_conflict,
            case_insensitive=self._layout.case_insensitive,
            is_new=self._new_folders.__contains__,
            planned=lambda place, key: xxh3_64_intdigest(place + b"/" + key) in wanted,
            moves=self.moves,
            inside=self._inside,
            awaiting=self._names.awaiting,
        )

    def _way(self, target: int) -> tuple[Action, OnConflict]:
        """Return what happens to the files of a target number."""
        if self._by_rules is None:
            return self._layout.action, self._layout.on_conflict
        return self._by_rules.ways[target][:2]

    def _new_name(self, target: int, folder: bytes, row: FileRow, followers: Sequence[bytes]) -> bytes:
        """Return the name that a file is to have at its target, unless it is taken there."""
        if self._by_rules is not None:
            return self._by_rules.new_name(target, folder, row, followers)
        return (self._adjusted_name and self._adjusted_name(folder, row[0])) or row[0]

    def _group(
        self, folder: bytes, leader: Follower, followers: Sequence[Follower]
    ) -> tuple[Candidate, list[Candidate]]:
        """Return a file and its sidecars, whose numbers follow the shared part of their names."""
        files = (leader, *followers)
        names = [file.new_name or file.name for file in files]
        stems, tail = number_places(names[0], names)
        targets, categories, place = self._placer.targets, self._layout.rules.categories, self._layout.place
        key = functools.partial(collision_key, case_insensitive=self._layout.case_insensitive)
        first, *others = [
            Candidate(
                folder, name, targets[target], place(targets[target]), new_name, key(new_name), categories[category],
                size, mtime_ns, stem, tail,
            )
            for (_, name, category, target, size, mtime_ns, *_), stem, new_name in zip(files, stems, names, strict=True)
        ]  # fmt: skip
        return first, others

    def _inside(self, folder: bytes) -> bytes | None:
        """Return the folder of the tree that a target folder is, None if it is elsewhere."""
        if self._by_rules is not None:
            return self._by_rules.source_folder(folder)
        return folder if self._layout.base == ROOT else None

    def moves(self, folder: bytes, name: bytes) -> bool:
        """Return whether the plan moves the file `name` of a target folder: the folder may be in the tree, too."""
        if self._by_rules is not None:
            inside = self._inside(folder)
            if inside is None:
                return False
            folder = inside
        elif self._layout.base != ROOT or self._layout.action is not Action.MOVE:
            others = (plan for plan in self._names.plans if plan.tree.source is self._target and plan is not self)
            return any(plan.moves(folder, name) for plan in others)
        if self._moving[0] != folder:
            moving = set[bytes]()
            for batch in self._batches_of(folder):
                moving.update(self._moved_names(batch))
            self._moving = (folder, moving)
        return name in self._moving[1]

    def _moved_names(self, batch: FileBatch) -> Iterator[bytes]:
        """Yield the files of a batch that the plan moves away from their names."""
        if self._by_rules is None:
            targets = Placer(self._layout, self._source).place(batch).targets
            yield from (name for name, target in zip(batch.split_names(), targets, strict=True) if target)
            return
        again = self._by_rules.placed_again(batch)
        blocked = self._blocked(batch, again)
        for position, (name, target) in enumerate(zip(batch.split_names(), again, strict=True)):
            if target and self._by_rules.ways[target].action is Action.MOVE and position not in blocked:
                yield name

    def deduct(self) -> None:
        """Deduct the files that the decisions skip."""
        self.renamed = self._draft.renamed()
        for category, files, size_bytes in self._draft.skipped():
            self.skipped += files
            self.files -= files
            self.size_bytes -= size_bytes
            self.by_category[category].files -= files
            self.by_category[category].size_bytes -= size_bytes

    # The files without a row ------------------------------------------------------------------------------------

    def stays(self) -> Iterator[Stays]:
        """Yield the files that stay without a row, in the order of the index: of unknown type, or in place already."""
        categories = self._layout.rules.categories
        for batch, places in self._placed_batches():
            kept = () if self._by_rules is None else self._by_rules.kept_positions(batch)
            columns = batch.split_names(), places.categories, places.targets, batch.sizes, batch.mtimes_ns
            for position, (name, category, target, size, mtime_ns) in enumerate(zip(*columns, strict=True)):
                if not target:
                    unknown = self._layout.other_stays and categories[category] == OTHER
                    reason = NotTaken.UNKNOWN_KIND if unknown else NotTaken.IN_PLACE
                    yield Stays(join(batch.folder, name), NotTaken.KEPT if position in kept else reason, size, mtime_ns)

    def placed(self) -> Iterator[PlacedFile]:
        """Yield every file with what decides on it, in the order of the index."""
        categories, by_rules = self._layout.rules.categories, self._by_rules
        for batch, places in self._placed_batches():
            columns = batch.split_names(), places.categories, places.targets, batch.sizes
            for name, category, target, size in zip(*columns, strict=True):
                rule = None
                if by_rules is not None and target:
                    rule = by_rules.ways[target].rule
                elif by_rules is not None:
                    decision = by_rules.explained(batch.folder, name)[1]
                    rule = None if decision is None else decision.rule.number
                yield PlacedFile(batch.folder, name, size, categories[category], rule, bool(target))

    def plan_removals(self, storage: LocalStorage) -> None:
        """Add rows that remove the folders that the plan empties. `storage` is the source."""
        rows = (row for batch in self._batches(_ROWS_READ) for row in batch)
        self.emptied = self.emptied_by(rows, storage, ROOT)

    def emptied_by(self, rows: Iterable[PlanRow], storage: LocalStorage, base: Base) -> EmptiedFolders:
        """Return the folders of the source that the rows of an operation empty, in which it has the number `base`."""
        from fileorg.plan.emptied_folders import EmptiedFolders  # only with --remove-empty

        key = functools.partial(collision_key, case_insensitive=self._source_folds)

        def is_led_to(folder: bytes, name: bytes) -> bool:
            return any(any(self._draft.symlinks_to(key(folder), key(each))) for each in (name, name + b"/"))

        return EmptiedFolders(rows, storage, base, is_led_to)

    def left_folders(self) -> Iterator[bytes]:
        """Yield each folder below the root from which the plan moves a file."""
        folder = b""
        for batch, places in self._placed_batches():
            if batch.folder != folder and any(places.targets):
                folder = batch.folder
                yield folder

    # The rows -----------------------------------------------------------------------------------------------------

    def batches(self, rows: int) -> Iterator[list[PlanRow]]:
        """Yield the plan, the same each time: folders just before their files, skipped files with the reason; then the
        folders to remove.
        """
        yield from self.file_batches(rows)
        if self.emptied is not None:
            yield from in_batches(self.emptied.rows(), rows)

    def file_batches(self, rows: int) -> Iterator[list[PlanRow]]:
        """Yield the plan without the folders to remove."""
        return unsplit(self._batches(rows))

    def _batches(self, rows: int) -> Iterator[list[PlanRow]]:
        ready: list[PlanRow] = []
        missing = MissingFolders(self._layout.base, self._is_missing)
        self._trash = missing
        if self._uploads and self._by_rules is None:
            self._trash = MissingFolders(ROOT, functools.partial(is_missing, self._source))
        folds = self._draft.has_symlinks and self._source_folds
        links = LinkRows(
            self._layout, self._draft, self._source, missing, self._others, self._stores, case_insensitive=folds
        )
        for batch, places in self._placed_batches():
            made = self._rows(batch, places, missing)
            if self._by_rules is not None:
                made = self._by_rules.real_rows(made)
            ready += links.added(made) if self._draft.has_symlinks else made
            while len(ready) >= rows:
                end = whole(ready, rows)
                yield ready[:end]
                ready = ready[end:]
        if ready:
            yield ready

    def _rows(self, batch: FileBatch, places: Places, missing: MissingFolders) -> Iterator[PlanRow]:
        layout, targets = self._layout, self._placer.targets
        followers: Collection[int] = batch.followers()
        raws = batch.raws()
        if raws or (self._adjust is not None and followers):
            followers = self._with_their_leaders(batch, {*followers, *raws})
        leaders = self._draft.leaders(batch.folder) if self._draft.has_followers else ()
        contested = set(self._contested.positions(places.digests))
        action, base, categories, folder = layout.action, layout.base, layout.rules.categories, batch.folder
        known, by_rules = missing.known, self._by_rules
        actions, renaming = dict[int, Action](), set[int]()
        if by_rules is not None:
            numbers = set(places.targets)
            actions = {number: by_rules.ways[number].action for number in numbers}
            renaming = set(filter(by_rules.renames, numbers))
        all_rows = enumerate(zip(batch.rows(), places.categories, places.targets, strict=True))
        for position, (row, category, number) in all_rows:
            if not number or position in followers:
                continue  # a follower comes with its leader
            name, size, mtime_ns, _, inode, mode, _ = row
            target, target_name, reason = targets[number], name, None
            if by_rules is not None:
                action = actions[number]
                if number in renaming:
                    with_it = [file.name for file in self._draft.followers(folder, name)] if name in leaders else ()
                    target_name = by_rules.new_name(number, folder, row, with_it)
            elif self._adjusted_name is not None:
                target_name = self._adjusted_name(folder, name) or name
            if target not in known and not (reason := self._faults[target]):
                yield from missing.rows(target, PRIVATE_MODE if self._is_trash(target) else 0o777)
            group = 0
            if name in leaders:
                self._groups += 1
                group = self._groups
            if position in contested and not reason:
                decision = self._draft.decision(folder, name)
                if decision is not None:
                    target_name, reason = decision.target_name, decision.reason
                    if decision.displaced_mtime_ns is not None:
                        yield from self._displace(target, target_name, decision.displaced_mtime_ns, missing)
            if self._uploads and not reason and self._leaves_original(number):
                yield from self._place_for_original(folder)
            yield _new_row((
                action, ROOT, folder, name, base, target, target_name, inode, size, mtime_ns, mode,
                categories[category], 0, reason, None, group,
            ))  # fmt: skip
            if group:
                yield from self._with_leader(folder, name, group, missing)

    def _with_their_leaders(self, batch: FileBatch, followers: Collection[int]) -> set[int]:
        """Return the followers of a batch that the plan takes with their leader, or not at all."""
        names, follows = batch.split_names(), self._draft.follows
        return {at for at in followers if follows(batch.folder, names[at])}

    def _with_leader(self, folder: bytes, leader: bytes, group: int, missing: MissingFolders) -> Iterator[PlanRow]:
        """Yield the rows of a leader's followers, which come just after its own."""
        layout, targets, categories = self._layout, self._placer.targets, self._layout.rules.categories
        rows, displacing, leaves_original = [], list[PlanRow](), False
        for file in self._draft.followers(folder, leader):
            _, name, category, number, size, mtime_ns, inode, mode, new_name = file
            target, action = targets[number], self._way(number)[0]
            target_name, reason = new_name or name, self._faults[target]
            decision = None if reason else self._draft.decision(folder, name)
            if decision is not None:
                target_name, reason = decision.target_name, decision.reason
                if decision.displaced_mtime_ns is not None:
                    displacing += self._displace(target, target_name, decision.displaced_mtime_ns, missing)
            leaves_original |= self._uploads and not reason and self._leaves_original(number)
            rows.append(_new_row((
                action, ROOT, folder, name, layout.base, target, target_name, inode, size, mtime_ns, mode,
                categories[category], 0, reason, None, group,
            )))  # fmt: skip
        yield from displacing
        if leaves_original:
            yield from self._place_for_original(folder)
        yield from rows

    def _is_missing(self, folder: bytes) -> bool:
        """Return whether a target folder is to be made: in a store, a folder comes with its first file."""
        if self._base_of(folder) in self._stores:
            return False
        self._look_up(folder)
        return folder in self._new_folders

    def _base_of(self, folder: bytes) -> Base:
        return self._layout.base if self._rule_targets is None else self._rule_targets.base_of(folder)

    def _leaves_original(self, target: int) -> bool:
        """Return whether a file with this target goes into the trash of its own folder, after its upload."""
        return self._way(target)[0] is Action.MOVE and self._base_of(self._placer.targets[target]) in self._stores

    def _place_for_original(self, folder: bytes) -> list[PlanRow]:
        """Return the rows that make the folder of the trash for files of a folder."""
        trash = self._layout.link_trash if self._layout.by_rules is None else self._layout.by_rules.trash
        return self._trash.rows(join(trash, folder) if folder else trash, PRIVATE_MODE)

    def _displace(self, folder: bytes, name: bytes, mtime_ns: int, missing: MissingFolders) -> Iterator[PlanRow]:
        """Yield the rows that move an older file at the target to the trash, so that undo can restore it."""
        there = self._target.lstat(folder, name)
        if there is None or not there.is_file or there.mtime_ns != mtime_ns:
            return  # another file now, not known to be older: the name is taken
        if self._layout.case_insensitive:
            there = there._replace(name=self._name_on_disk(folder, name))  # the name that undo restores
        trash = join(self._layout.trash, folder) if folder else self._layout.trash
        if self._by_rules is not None:
            trash = self._by_rules.trash_beside(folder)
        yield from missing.rows(trash, PRIVATE_MODE)
        yield PlanRow.move(self._layout.base, folder, there, trash)

    def _name_on_disk(self, folder: bytes, name: bytes) -> bytes:
        """Return the name on disk, in its own case, of the file that is found by `name`."""
        if self._casings[0] != folder:
            self._casings = (folder, {})
            with contextlib.suppress(OSError):  # from unreadable entries, which do not matter here
                for listing in self._target.list_folder(folder):
                    for entry in listing.files:
                        self._casings[1][collision_key(entry.name, case_insensitive=True)] = entry.name
        return self._casings[1].get(collision_key(name, case_insensitive=True), name)

    def refuse_conflicts(self) -> None:
        """Refuse conflicts, for `--on-conflict fail`. Raises `GuardRefused` if any name is taken by other content."""
        refused = self._draft.refused()
        if refused:
            first = ", ".join(display(join(folder, name)) for folder, name in refused[:3])
            raise GuardRefused(
                f"{plural(len(refused), 'name')} already taken by other files: {first}"
                f"{', …' if len(refused) > 3 else ''}.",
                hint="nothing was moved; choose --on-conflict rename, skip or keep-newer",
                code=ErrorCode.NAMES_TAKEN,
            )
