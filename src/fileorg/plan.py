"""What is to be done, as data: which file goes where, under which name, and which stay. Nothing is written here.

The plan of a million files is not a list of a million objects: it is computed, batch by batch, from the index and
from the decisions about the few names that are contested. A dry run and a run read the same rows.
"""

from __future__ import annotations

import builtins
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import TYPE_CHECKING, NamedTuple

from xxhash import xxh3_64_intdigest

from fileorg.clashes import Contender, Contest
from fileorg.errors import GuardRefused
from fileorg.index import Claims, Filter
from fileorg.layout import collision_key
from fileorg.model import Action, Base, OnConflict, PlanRow
from fileorg.names import display, join, split
from fileorg.sidecars import following, leads

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fileorg.classify import Rules
    from fileorg.events import Reporter
    from fileorg.index import FileBatch, Index
    from fileorg.layout import Template
    from fileorg.model import Entry
    from fileorg.storage import LocalStorage

OTHER = "Other"


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
class Tally:
    """Files and bytes that go to one place."""

    files: int = 0
    bytes: int = 0
    folders: set[builtins.bytes] = field(default_factory=set)


@dataclass(slots=True)
class Stay:
    """How many files the plan leaves where they are, silently."""

    in_place: int = 0
    other: int = 0


class _File(NamedTuple):
    """A file that belongs elsewhere. `leader` is the name of the file it follows, empty for most."""

    folder: bytes
    name: bytes
    size: int
    mtime_ns: int
    inode: int
    mode: int
    category: str
    target_folder: bytes
    digest: int
    leader: bytes


class OrganizePlan:
    """The plan of one organize run, over what the index holds of `root`."""

    def __init__(self, index: Index, layout: Layout, source: LocalStorage, target: LocalStorage) -> None:
        self._index = index
        self._layout = layout
        self._source = source
        self._target = target
        self._claims = Claims()
        self._contested = Filter(0)
        self._known_folders: dict[bytes, str] = {b"": ""}  # target folder → why nothing can go there, or ""
        self._new_folders: set[bytes] = set()
        self.by_category: dict[str, Tally] = {}
        self.files = 0
        self.bytes = 0
        self.skipped = 0
        self.renamed = 0
        self.stay = Stay()

    def close(self) -> None:
        self._claims.close()

    # First pass: where does each file belong, and which names are wanted twice? ----------------------------------

    def survey(self, files: int, reporter: Reporter) -> None:
        """Find what is to be done. `files` is how many the index holds, at least roughly.

        Reads contents only of files that want the name of another one of the same size.
        """
        reporter.stage("plan", files)
        wanted, self._contested = Filter(files), Filter(files)
        contested = False
        for batch in self._index.batches(self._source.root):
            for file in self._files(batch, self.stay):
                exists = self._folder_exists(file.target_folder)
                if self._known_folders[file.target_folder]:
                    self.skipped += 1
                    continue
                self._count(file)
                if wanted.add(file.digest) or file.leader or (exists and self._taken(file)):
                    self._contested.add(file.digest)
                    contested = True
            reporter.advance(batch.files, 0, batch.folder)
        if contested:
            self._resolve(wanted)

    def _files(self, batch: FileBatch, stay: Stay) -> Iterator[_File]:
        """Those of the batch that belong elsewhere; the others are counted in `stay`."""
        layout, folder = self._layout, batch.folder
        category_of, extension_of, folder_of = layout.rules.category_of, layout.rules.extension_of, layout.template.folder
        same_base, other_stays = layout.base is Base.ROOT, layout.other_stays
        uses_extension, fold = layout.template.uses_extension, layout.case_insensitive
        new = tuple.__new__
        for name, size, mtime_ns, _, inode, mode, _ in batch.rows():
            leader = b""
            category = category_of(name)
            if following(name) is not None and (found := self._leader(batch, name)) is not None:
                leader = found.name
                category = category_of(leader)
                target = folder_of(category, extension_of(leader), found.mtime_ns)
            elif category == OTHER and other_stays:
                stay.other += 1
                continue
            else:
                target = folder_of(category, extension_of(name) if uses_extension else b"", mtime_ns)
            if same_base and target == folder:
                stay.in_place += 1
                continue
            key = collision_key(name, case_insensitive=True) if fold else name
            digest = xxh3_64_intdigest(target + b"/" + key)
            yield new(_File, (folder, name, size, mtime_ns, inode, mode, category, target, digest, leader))

    def _leader(self, batch: FileBatch, name: bytes) -> Entry | None:
        """The file that a side-car goes with, looked up on the disk: it may be in another batch of the folder."""
        wanted = following(name)
        if wanted is None:
            return None
        for stem in wanted.stems:
            spellings = (extension for known in wanted.extensions for extension in (known, known.upper()))
            for candidate in chain((stem,), (stem + b"." + extension for extension in spellings)):
                if candidate != name and leads(candidate, wanted):
                    entry = self._source.lstat(batch.folder, candidate)
                    if entry is not None and entry.is_file:
                        # An edit of a film of a picture: what counts is the end of the chain.
                        return self._leader(batch, candidate) or entry
        return None

    def _count(self, file: _File) -> None:
        tally = self.by_category.get(file.category)
        if tally is None:
            tally = self.by_category[file.category] = Tally()
        tally.files += 1
        tally.bytes += file.size
        self.files += 1
        self.bytes += file.size
        tally.folders.add(file.target_folder)

    def _folder_exists(self, folder: bytes) -> bool:
        """Whether the target folder is there already. The answer, and what stands in its way, is remembered."""
        if folder in self._known_folders:
            return folder not in self._new_folders
        parent, name = split(folder)
        there = self._folder_exists(parent)
        fault = self._known_folders[parent]
        entry = self._target.lstat(parent, name) if there and not fault else None
        if entry is not None and not entry.is_folder:
            fault = f"{display(folder)} is in the way: it is no folder"
        self._known_folders[folder] = fault
        if entry is None:
            self._new_folders.add(folder)
        return entry is not None

    def _taken(self, file: _File) -> bool:
        return self._target.lstat(file.target_folder, file.name) is not None

    # Second pass, over the contested names only -------------------------------------------------------------------

    def _resolve(self, wanted: Filter) -> None:
        layout = self._layout
        contest = Contest(
            self._claims,
            self._source,
            self._target,
            on_conflict=layout.on_conflict,
            case_insensitive=layout.case_insensitive,
            planned=lambda folder, key: xxh3_64_intdigest(folder + b"/" + key) in wanted,
        )
        for batch in self._index.batches(self._source.root):
            groups: dict[bytes, list[Contender]] = {}
            for file in self._files(batch, Stay()):
                if file.digest in self._contested and not self._known_folders[file.target_folder]:
                    groups.setdefault(file.leader or file.name, []).append(_contender(file))
            for name, group in groups.items():
                # The file that the others follow decides first.
                contest.decide(sorted(group, key=lambda contender: contender.source_name != name))
        self.renamed = self._claims.renamed()
        for category, files, bytes_ in self._claims.skipped():
            self.skipped += files
            self.files -= files
            self.bytes -= bytes_
            self.by_category[category].files -= files
            self.by_category[category].bytes -= bytes_

    # The rows -----------------------------------------------------------------------------------------------------

    def batches(self, rows: int) -> Iterator[list[PlanRow]]:
        """The plan, the same each time: folders just before what goes into them, skipped files with the reason."""
        every = self._rows()
        while batch := list(islice(every, rows)):
            yield batch

    def _rows(self) -> Iterator[PlanRow]:
        layout, made = self._layout, set[bytes]()
        action, base = layout.action, layout.base
        new = tuple.__new__
        for batch in self._index.batches(self._source.root):
            for file in self._files(batch, Stay()):
                folder, name, size, mtime_ns, inode, mode, category, target, digest, _ = file
                target_name, reason = name, self._known_folders[target]
                if digest in self._contested and not reason:
                    decision = self._claims.decision(folder, name)
                    if decision is not None:
                        target_name, reason = decision.target_name, decision.reason
                        if decision.displaces:
                            yield from self._displace(target, target_name, made)
                if target not in made and not reason:
                    yield from self._make_folders(target, made)
                yield new(
                    PlanRow,
                    (action, Base.ROOT, folder, name, base, target, target_name, inode, size, mtime_ns, mode, category,
                     0, reason),
                )  # fmt: skip

    def _make_folders(self, folder: bytes, made: set[bytes], mode: int = 0o777) -> Iterator[PlanRow]:
        """Rows for the folder and those above it, as far as they are missing and not in the plan yet."""
        self._folder_exists(folder)
        if folder in made or folder not in self._new_folders:
            made.add(folder)
            return
        parent, name = split(folder)
        yield from self._make_folders(parent, made, mode)
        made.add(folder)
        base = self._layout.base
        yield PlanRow(Action.MAKE_FOLDER, base, b"", b"", base, parent, name, 0, 0, 0, mode, "")

    def _displace(self, folder: bytes, name: bytes, made: set[bytes]) -> Iterator[PlanRow]:
        """The older file at the target goes to our trash, so that undo can bring it back."""
        there = self._target.lstat(folder, name)
        if there is None:
            return
        base, trash = self._layout.base, join(self._layout.trash, folder)
        yield from self._make_folders(trash, made, 0o700)
        yield PlanRow(
            Action.MOVE, base, folder, name, base, trash, name,
            there.inode, there.size, there.mtime_ns, there.mode, "",
        )  # fmt: skip

    def refuse_conflicts(self) -> None:
        """For `--on-conflict fail`. Raises `GuardRefused` if any name is taken by other content."""
        refused = self._claims.refused()
        if refused:
            first = ", ".join(display(join(folder, name)) for folder, name in refused[:3])
            raise GuardRefused(
                f"{len(refused)} files want a name that is taken: {first}{', …' if len(refused) > 3 else ''}.",
                hint="nothing was moved; choose --on-conflict rename, skip or keep-newer",
            )


def _contender(file: _File) -> Contender:
    return Contender(file.folder, file.name, file.target_folder, file.category, file.size, file.mtime_ns)
