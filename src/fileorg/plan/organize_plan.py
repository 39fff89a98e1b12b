"""The plan of an organize run as data: the target and the name of each file, and the files that stay. Writes nothing.

The plan of a million files is not a list of a million objects: it is read batch by batch from the index and from a
draft of a few bytes a file. A dry run and a run read the same rows.
"""

from __future__ import annotations

import contextlib
import functools
from collections import Counter
from typing import TYPE_CHECKING

from xxhash import xxh3_64_intdigest

from fileorg.core.batches import row_maker, unsplit
from fileorg.core.bloom import MAX_NAMES, BloomFilter, CandidateSet
from fileorg.core.errors import ErrorCode, GuardRefused
from fileorg.core.figures import plural
from fileorg.core.model import ROOT, Action, PlanRow
from fileorg.core.names import collision_key, display, join, split
from fileorg.core.reasons import Reason, ReasonCode
from fileorg.plan.conflicts import Candidate, ConflictResolver
from fileorg.plan.draft import Draft, Follower, Places
from fileorg.plan.link_rows import LinkRows, known_by, whole
from fileorg.plan.missing_folders import PRIVATE_MODE, MissingFolders
from fileorg.plan.placing import Layout, Placer
from fileorg.rules.extensions import OTHER
from fileorg.rules.grouping import keeps_its_name, stem_end
from fileorg.scan.stays import NotTaken, Stays
from fileorg.scan.whole import whole_target

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from fileorg.core.events import Reporter
    from fileorg.index.columns import FileBatch
    from fileorg.index.index import Index
    from fileorg.scan.symlinks import Leading
    from fileorg.storage.base import Storage

_new_row = row_maker(PlanRow)

_MANY_FILES = 20_000
"""From this number on, workers share the scan, and the plan is made meanwhile with a filter that takes 16 MB."""


class Tally:
    """Files and bytes of one category, and the folders that they are moved to."""

    def __init__(self) -> None:
        self.files = 0
        self.size_bytes = 0
        self.folders: set[bytes] = set()


class OrganizePlan:
    """The plan of one organize run, for the files that the index has of `source.root`."""

    def __init__(self, index: Index, layout: Layout, source: Storage, target: Storage) -> None:
        self._index = index
        self._layout = layout
        self._source = source
        self._target = target
        self._placer = Placer(layout, source)
        self._draft = Draft()
        self._wanted: BloomFilter | None = None
        self._contested = CandidateSet()
        self._moving: tuple[bytes | None, set[bytes]] = (None, set())  # cached for the last folder
        self._casings: tuple[bytes | None, dict[bytes, bytes]] = (None, {})  # cached for the last folder
        self._faults: dict[bytes, Reason | None] = {b"": None}  # target folder → why files cannot be moved there
        self._new_folders: set[bytes] = set()
        self._groups = 0
        self.by_category: dict[str, Tally] = {}
        self.files = 0
        self.size_bytes = 0
        self.skipped = 0
        self.renamed = 0
        self.stay = self._placer.stay
        self.uses_dates = layout.template.uses_dates

    def _batches_of(self, folder: bytes) -> Iterator[FileBatch]:
        return self._index.folder(self._source.root, folder)

    def close(self) -> None:
        self._draft.close()

    def add_symlinks(self, found: Iterable[Leading]) -> None:
        """Add symlinks of the tree: those to files that are moved will be rewritten. Copied files keep their links."""
        if self._layout.action is Action.MOVE:
            self._draft.add_symlinks(known_by(found, self._source.root, case_insensitive=self._source_folds))

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
                self._wanted = self._wanted or BloomFilter(MAX_NAMES)
                self._survey(sequence, batch, self._wanted)

    def survey(self, files: int, reporter: Reporter) -> None:
        """Make the plan. `files` is the approximate number of files in the index.

        Reads the contents only of files that claim the same name and have the same size.
        """
        reporter.stage("plan", files)
        begun = self._wanted is not None
        wanted = self._wanted = self._wanted or BloomFilter(files)
        for sequence, batch in self._index.batches(self._source.root):
            if not (begun and self._draft.has_places(batch.folder, sequence)):
                self._survey(sequence, batch, wanted)
            reporter.advance(batch.files, 0, batch.folder)
        if self._contested:
            self._resolve_groups()
            self._resolve(wanted)

    def _survey(self, sequence: int, batch: FileBatch, wanted: BloomFilter) -> None:
        places = self._placer.place(batch)
        self._draft.add_places(batch.folder, sequence, places)
        self._count(batch, places)
        candidates = {*wanted.add_all(places.digests), *self._taken(batch, places)}
        self._contested.add_all(places.digests[position] for position in candidates if places.targets[position])

    def _resolve_groups(self) -> None:
        """Mark all names of a group as contested if one is: a file and its sidecars are resolved together."""
        if self._draft.has_followers:
            digest, contested = self._placer.digest, self._contested
            for follower in self._draft.all_followers():
                if digest(follower.target, follower.name) in contested:
                    contested.add_all([digest(follower.target, follower.leader)])
            for follower in self._draft.all_followers():
                if digest(follower.target, follower.leader) in contested:
                    contested.add_all([digest(follower.target, follower.name)])

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
            tally.folders.add(folder)
            self.files += files
            self.size_bytes += sizes[category, target]

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
            fault = Reason(ReasonCode.FOLDER_IN_THE_WAY, folder)
        else:
            try:
                self._target.stat_folder(folder)
                found = None if self._layout.into_whole else whole_target(self._target, folder)
                fault = found and Reason(ReasonCode.FOLDER_IS_WHOLE, join(folder, found.marker).rstrip(b"/"))
            except OSError as error:
                fault = Reason(ReasonCode.FOLDER_UNUSABLE, folder, error.errno)
        self._faults[folder] = fault

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
        names, lstat = batch.split_names(), self._target.lstat
        return [
            position
            for position, target in enumerate(places.targets)
            if target in existing and lstat(targets[target], names[position]) is not None
        ]

    # Second pass, over the contested names only -------------------------------------------------------------------

    def _resolve(self, wanted: BloomFilter) -> None:
        layout, targets, draft = self._layout, self._placer.targets, self._draft
        resolver = ConflictResolver(
            draft,
            self._source,
            self._target,
            action=layout.action,
            on_conflict=layout.on_conflict,
            case_insensitive=layout.case_insensitive,
            planned=lambda folder, key: xxh3_64_intdigest(folder + b"/" + key) in wanted,
            moves=self._moves,
        )
        for (_, batch), places in zip(self._index.batches(self._source.root), draft.places(), strict=True):
            rows = None
            for position in self._contested.positions(places.digests):
                target, category = places.targets[position], places.categories[position]
                if not target or self._faults[targets[target]]:
                    continue
                rows = rows or list(batch.rows())
                name, size, mtime_ns, *_ = rows[position]
                if draft.has_followers and draft.follows(batch.folder, name):
                    continue  # resolved with its leader
                followers = draft.followers(batch.folder, name) if draft.has_followers else []
                leader = Follower(b"", name, category, target, size, mtime_ns)
                group = self._group(batch.folder, leader, followers)
                fixed = any(keeps_its_name(file.name) for file in (leader, *followers))
                resolver.resolve(*group, may_be_numbered=not fixed)
        self._deduct()

    def _group(
        self, folder: bytes, leader: Follower, followers: Sequence[Follower]
    ) -> tuple[Candidate, list[Candidate]]:
        """Return a file and its sidecars, whose numbers follow the shared part of their names."""
        shared = leader.name[: stem_end(leader.name)]
        files = (leader, *followers)
        stems = [len(shared) if file.name.startswith(shared) else stem_end(file.name) for file in files]
        tail = max(len(file.name) - stem for file, stem in zip(files, stems, strict=True))
        targets, categories = self._placer.targets, self._layout.rules.categories
        first, *others = (
            Candidate(folder, name, targets[target], categories[category], size, mtime_ns, stem, tail)
            for (_, name, category, target, size, mtime_ns, *_), stem in zip(files, stems, strict=True)
        )
        return first, others

    def _moves(self, folder: bytes, name: bytes) -> bool:
        """Return whether the plan moves the file `name` of a target folder: the folder may be in the tree, too."""
        if self._layout.base != ROOT or self._layout.action is not Action.MOVE:
            return False
        if self._moving[0] != folder:
            placer, moving = Placer(self._layout, self._source), set[bytes]()
            for batch in self._batches_of(folder):
                targets = placer.place(batch).targets
                moving.update(name for name, target in zip(batch.split_names(), targets, strict=True) if target)
            self._moving = (folder, moving)
        return name in self._moving[1]

    def _deduct(self) -> None:
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
        for (_, batch), places in zip(self._index.batches(self._source.root), self._draft.places(), strict=True):
            columns = batch.split_names(), places.categories, places.targets, batch.sizes, batch.mtimes_ns
            for name, category, target, size, mtime_ns in zip(*columns, strict=True):
                if not target:
                    unknown = self._layout.other_stays and categories[category] == OTHER
                    reason = NotTaken.UNKNOWN_KIND if unknown else NotTaken.IN_PLACE
                    yield Stays(join(batch.folder, name), reason, size, mtime_ns)

    def left_folders(self) -> Iterator[bytes]:
        """Yield each folder below the root from which the plan moves a file."""
        folder = b""
        for (_, batch), places in zip(self._index.batches(self._source.root), self._draft.places(), strict=True):
            if batch.folder != folder and any(places.targets):
                folder = batch.folder
                yield folder

    # The rows -----------------------------------------------------------------------------------------------------

    def batches(self, rows: int) -> Iterator[list[PlanRow]]:
        """Yield the plan, the same each time: folders just before their files, skipped files with the reason."""
        yield from unsplit(self._batches(rows))

    def _batches(self, rows: int) -> Iterator[list[PlanRow]]:
        ready: list[PlanRow] = []
        missing = MissingFolders(self._layout.base, self._is_missing)
        folds = self._draft.has_symlinks and self._source_folds
        links = LinkRows(self._layout, self._draft, self._source, missing, case_insensitive=folds)
        for (_, batch), places in zip(self._index.batches(self._source.root), self._draft.places(), strict=True):
            made = self._rows(batch, places, missing)
            ready += links.added(made) if self._draft.has_symlinks else made
            while len(ready) >= rows:
                end = whole(ready, rows)
                yield ready[:end]
                ready = ready[end:]
        if ready:
            yield ready

    def _rows(self, batch: FileBatch, places: Places, missing: MissingFolders) -> Iterator[PlanRow]:
        layout, targets = self._layout, self._placer.targets
        followers = batch.followers()
        leaders = self._draft.leaders(batch.folder) if self._draft.has_followers else ()
        contested = set(self._contested.positions(places.digests))
        action, base, categories, folder = layout.action, layout.base, layout.rules.categories, batch.folder
        known = missing.known
        all_rows = enumerate(zip(batch.rows(), places.categories, places.targets, strict=True))
        for position, ((name, size, mtime_ns, _, inode, mode, _), category, number) in all_rows:
            if not number or position in followers:
                continue  # a follower comes with its leader
            target, target_name, reason = targets[number], name, None
            if target not in known and not (reason := self._faults[target]):
                yield from missing.rows(target)
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
            yield _new_row((
                action, ROOT, folder, name, base, target, target_name, inode, size, mtime_ns, mode,
                categories[category], 0, reason, None, group,
            ))  # fmt: skip
            if group:
                yield from self._with_leader(folder, name, group, missing)

    def _with_leader(self, folder: bytes, leader: bytes, group: int, missing: MissingFolders) -> Iterator[PlanRow]:
        """Yield the rows of a leader's followers, which come just after its own."""
        layout, targets, categories = self._layout, self._placer.targets, self._layout.rules.categories
        rows, displacing = [], list[PlanRow]()
        for _, name, category, number, size, mtime_ns, inode, mode in self._draft.followers(folder, leader):
            target = targets[number]
            target_name, reason = name, self._faults[target]
            decision = None if reason else self._draft.decision(folder, name)
            if decision is not None:
                target_name, reason = decision.target_name, decision.reason
                if decision.displaced_mtime_ns is not None:
                    displacing += self._displace(target, target_name, decision.displaced_mtime_ns, missing)
            rows.append(_new_row((
                layout.action, ROOT, folder, name, layout.base, target, target_name, inode, size, mtime_ns, mode,
                categories[category], 0, reason, None, group,
            )))  # fmt: skip
        yield from displacing
        yield from rows

    def _is_missing(self, folder: bytes) -> bool:
        self._look_up(folder)
        return folder in self._new_folders

    def _displace(self, folder: bytes, name: bytes, mtime_ns: int, missing: MissingFolders) -> Iterator[PlanRow]:
        """Yield the rows that move an older file at the target to the trash, so that undo can restore it."""
        there = self._target.lstat(folder, name)
        if there is None or not there.is_file or there.mtime_ns != mtime_ns:
            return  # another file now, not known to be older: the name is taken
        if self._layout.case_insensitive:
            there = there._replace(name=self._name_on_disk(folder, name))  # the name that undo restores
        trash = join(self._layout.trash, folder) if folder else self._layout.trash
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
