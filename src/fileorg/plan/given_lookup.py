"""The checks of each row of a given plan by itself, by columns: where its paths lead, and what is there."""

from __future__ import annotations

import contextlib
import stat
from typing import TYPE_CHECKING, cast

from fileorg.core.formats import is_at
from fileorg.core.memo import MANY_FOLDERS, Memo
from fileorg.core.names import below, is_within, join, split
from fileorg.core.row_problems import RowFault
from fileorg.core.tuples import NamedTuple
from fileorg.plan.given_places import as_added, as_arrived, without_case
from fileorg.plan.given_rows import GivenAction
from fileorg.plan.row_checks import Fault, SourceFolders, TargetFolders, digest_fault, is_empty

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from fileorg.core.model import Base, Entry
    from fileorg.plan.given_places import GivenPlaces, PlaceOfFolder, PlanTree
    from fileorg.plan.given_rows import GivenRow
    from fileorg.storage.object.object_storage import ObjectStorage

_MISSING = Fault(RowFault.MISSING)


class LocatedRow(NamedTuple):
    """A row with its paths within the trees."""

    row: GivenRow
    base: Base
    folder: bytes
    name: bytes
    to_base: Base
    to_folder: bytes
    to_name: bytes


class LocatedRows(NamedTuple):
    """Rows with their paths within the trees, by columns of one length.

    `entries` are those of the sources: None while they are not known, and where there is a fault.
    """

    rows: Sequence[GivenRow]
    folders: Sequence[PlaceOfFolder]
    names: Sequence[bytes]
    to_folders: Sequence[PlaceOfFolder]
    to_names: Sequence[bytes]
    entries: list[Entry | None]

    def row(self, position: int) -> LocatedRow:
        folder, to_folder = self.folders[position], self.to_folders[position]
        return LocatedRow(
            self.rows[position], *folder, self.names[position], *to_folder, self.to_names[position]
        )  # fmt: skip

    def only(self, positions: Sequence[int]) -> LocatedRows:
        """Return the rows at these positions, which ascend."""
        if len(positions) == len(self.rows):
            return self
        return LocatedRows(*([column[position] for position in positions] for column in self))  # type: ignore[arg-type]


class FoundRows(NamedTuple):
    """What the lookups found, by position: the faults, the targets whose names something has, and the leaders of files
    that belong together.
    """

    faults: Mapping[int, Fault]
    occupied: set[int]
    leaders: Mapping[int, bytes]


class RowLookup:
    """Finds the places of rows, and checks the folders and names there."""

    def __init__(
        self,
        trees: Mapping[Base, PlanTree],
        places: GivenPlaces,
        trash: bytes,
        note_missing: Callable[[Base], Callable[[bytes, int], object]],
        will_be_folder: Callable[[Base], Callable[[bytes], bool]],
        *,
        all_files: bool,
    ) -> None:
        """`note_missing` and `will_be_folder` return those of a tree: see `TargetFolders`."""
        self._trees, self._places, self._trash = trees, places, trash
        self._sources = {base: SourceFolders(tree.storage, all_files=all_files) for base, tree in trees.items()}
        self._targets = {
            base: TargetFolders(tree.storage, note_missing(base), will_be_folder(base), all_files=all_files)
            for base, tree in trees.items()
        }
        self._devices: Memo[PlaceOfFolder, int | None] = Memo(MANY_FOLDERS)
        """The device of a folder, or of the one that it is to be made in."""

    # Places -----------------------------------------------------------------------------------------------------------

    def located(self, rows: Sequence[GivenRow]) -> tuple[LocatedRows, list[tuple[GivenRow, Fault]]]:
        """Return the rows that have places, and the others with the reason."""
        kept: list[GivenRow] = []
        sources: list[tuple[PlaceOfFolder, bytes]] = []
        targets: list[tuple[PlaceOfFolder, bytes]] = []
        failed: list[tuple[GivenRow, Fault]] = []
        place_all, trash = self._places.place_all, GivenAction.TRASH
        found = zip(rows, place_all([row[1] for row in rows]), place_all([row[2] for row in rows]), strict=True)
        for row, source, new in found:
            target = new
            if row[3] is trash and not isinstance(source, Fault):
                target = self._place_in_trash(row, source)
            if isinstance(source, Fault):
                failed.append((row, source))
            elif isinstance(target, Fault):
                failed.append((row, target))
            elif source == target:
                failed.append((row, Fault(RowFault.ONTO_ITSELF)))
            else:
                kept.append(row)
                sources.append(source)
                targets.append(target)
        folders, names = zip(*sources, strict=True) if sources else ((), ())
        to_folders, to_names = zip(*targets, strict=True) if targets else ((), ())
        located = LocatedRows(kept, folders, names, to_folders, to_names, [None] * len(kept))
        return self._as_listed(located, failed) if self._places.folding else located, failed

    def _place_in_trash(
        self, row: GivenRow, source: tuple[PlaceOfFolder, bytes]
    ) -> tuple[PlaceOfFolder, bytes] | Fault:
        if row.duplicate_of and isinstance(keeper := self._places.place(row.duplicate_of), Fault):
            return keeper
        (base, folder), name = source
        return (base, join(self._trash, folder) if folder else self._trash), name

    def _as_listed(self, located: LocatedRows, failed: list[tuple[GivenRow, Fault]]) -> LocatedRows:
        """Return the rows with their sources in the case that the disk lists, which undo gives back to them. Without
        those that have their new path already: they are a problem.
        """
        folding = self._places.folding
        by_folder: dict[PlaceOfFolder, dict[bytes, None]] = {}
        for place, name in zip(located.folders, located.names, strict=True):
            if place[0] in folding:
                by_folder.setdefault(place, {})[name] = None
        listed = {
            (base, folder): ((base, folding[base].folder(folder)), folding[base].names(folder, names))
            for (base, folder), names in by_folder.items()
        }
        places: list[PlaceOfFolder] = []
        names: list[bytes] = []
        kept: list[int] = []
        for position, (place, name) in enumerate(zip(located.folders, located.names, strict=True)):
            found, found_names = listed.get(place, (place, {name: name}))
            places.append(found)
            names.append(found_names.get(name, name))
            if (found, names[-1]) == (located.to_folders[position], located.to_names[position]):
                failed.append((located.rows[position], Fault(RowFault.ONTO_ITSELF)))
            else:
                kept.append(position)
        return located._replace(folders=places, names=names).only(kept)

    def untouched(self, located: LocatedRows, touched: Callable[[bytes], bool]) -> LocatedRows:
        """Return the rows that a job has not done, and that are not about what it has put there. `touched` returns
        whether it has touched an absolute path.
        """
        positions = range(len(located.rows))
        return located.only([each for each in positions if not self._is_touched(touched, located.row(each))])

    def _is_touched(self, touched: Callable[[bytes], bool], each: LocatedRow) -> bool:
        tree = self._trees[each.base]
        path = below(tree.storage.root, join(each.folder, each.name))
        if touched(_place(tree, as_arrived(path))):
            return True
        if each.row.action not in {GivenAction.MOVE, GivenAction.TRASH}:
            tree = self._trees[each.to_base]  # a file may have several copies and links: each is a row
            path = as_added(below(tree.storage.root, join(each.to_folder, each.to_name)))
        return touched(_place(tree, path))

    # What is there ----------------------------------------------------------------------------------------------------

    def look_up(self, located: LocatedRows) -> FoundRows:
        """Check sources and targets folder by folder, and put the entries of the sources into their column."""
        faults: dict[int, Fault] = {}
        leaders: dict[int, bytes] = {}
        occupied: set[int] = set()
        unknown = [position for position, entry in enumerate(located.entries) if entry is None]
        for (base, folder), positions in _by_folder(located.folders, unknown).items():
            self._look_up_sources(base, folder, located, positions, leaders, faults)
        sound = [position for position in range(len(located.rows)) if position not in faults]
        for (base, folder), some in _by_folder(located.to_folders, sound).items():
            self._look_up_targets(base, folder, located, some, occupied, faults)
        return FoundRows(faults, occupied, leaders)

    def members_of(self, base: Base, folder: bytes, leader: bytes) -> Sequence[bytes]:
        """Return the names of the files that belong together with a leader, itself included."""
        known, _ = self._sources[base].judged(folder)
        return known.groups.get(leader, (leader,))

    def _look_up_sources(
        self,
        base: Base,
        folder: bytes,
        located: LocatedRows,
        positions: Sequence[int],
        leaders: dict[int, bytes],
        faults: dict[int, Fault],
    ) -> None:
        known, listed = self._sources[base].judged(folder)
        if known.fault is not None:
            faults |= dict.fromkeys(positions, known.fault)
            return
        storage, in_store = self._trees[base].storage, base in self._places.stores
        rows, names, entries = located.rows, located.names, located.entries
        to_stores, is_folder, left, groups = bool(self._places.stores), stat.S_ISDIR, known.left, known.groups
        for position in positions:
            row, name = rows[position], names[position]
            entry = None if listed is None or in_store else listed.get(name)
            if entry is None:
                try:
                    entry = storage.lstat(folder, name)
                except OSError as error:
                    faults[position] = Fault(RowFault.UNREADABLE, row.path, error.errno)
                    continue
                if in_store and row.path.endswith(b"/"):  # an object may have the same name
                    entry = cast("ObjectStorage", storage).folder_entry(folder, name)
            if entry is None:
                faults[position] = _MISSING
                continue
            _, _, _, _, size_bytes, mtime, digest, _ = row
            _, size, mtime_ns, _, _, mode, _, _ = entry
            in_folder = is_folder(mode)
            if to_stores and not in_folder and self._is_prefix(located.row(position)):
                faults[position] = Fault(RowFault.BAD_PATH, row.new_path)
                continue
            entries[position] = entry
            if in_folder:
                if name.lower() == b".fileorg" or is_within(
                    folder.lower(), b".fileorg"
                ):  # undo looks for the trash there
                    faults[position] = Fault(RowFault.OURS, row.path)
                elif size_bytes == 0 and not is_empty(storage, join(folder, name)):
                    faults[position] = Fault(RowFault.NOT_EMPTY)
                elif in_store and (size_bytes or digest is not None):  # a prefix has neither
                    faults[position] = Fault(RowFault.NOT_A_FILE)
            elif size_bytes is not None and size_bytes != size:
                faults[position] = Fault(RowFault.OTHER_SIZE, b"%d" % size_bytes, size)
            elif mtime is not None and not (is_same := is_at(mtime_ns, mtime)):
                code, about = (RowFault.OTHER_TIME, "") if is_same is False else (RowFault.BAD_VALUE, "mtime ")
                faults[position] = Fault(code, f"{about}{mtime}".encode(errors="backslashreplace"))
            elif digest is not None and (fault := digest_fault(storage, folder, entry, digest)) is not None:
                faults[position] = fault
            if left and name in left and position not in faults:
                faults[position] = left[name]
            if groups and (group := groups.get(name)) is not None:
                leaders[position] = group[0]

    def _is_prefix(self, located: LocatedRow) -> bool:
        """Return whether the new path of a row is one of a folder in a store: no other key is meant."""
        return located.to_base in self._places.stores and located.row.new_path.endswith(b"/")

    def _look_up_targets(
        self,
        base: Base,
        folder: bytes,
        located: LocatedRows,
        positions: Sequence[int],
        occupied: set[int],
        faults: dict[int, Fault],
    ) -> None:
        targets, storage, entries = self._targets[base], self._trees[base].storage, located.entries
        if located.rows[positions[0]].action is GivenAction.TRASH and is_within(folder, self._trash):
            for position in positions:
                each = located.row(position)
                entry = entries[position]
                if entry is not None and entry.dev != storage.identity[0]:
                    faults[position] = Fault(RowFault.OTHER_DISK)
                elif is_within(join(each.folder, each.name).lower(), b".fileorg"):
                    faults[position] = Fault(RowFault.OURS, each.row.path)
            return
        known = targets.judged(folder, located.rows[positions[0]].line)
        if known.fault is not None:
            faults |= dict.fromkeys(positions, known.fault)
            return
        names = [located.to_names[position] for position in positions]
        there = storage.lstat_all(folder, names) if known.exists else [None] * len(names)
        name_fault = targets.name_fault
        for position, name, found in zip(positions, names, there, strict=True):
            if (fault := name_fault(name, folder)) is not None:
                faults[position] = fault
            elif isinstance(found, OSError):
                faults[position] = Fault(RowFault.UNREADABLE, join(folder, name), found.errno)
            elif found is not None:
                occupied.add(position)
            entry = entries[position]
            if (
                entry is not None
                and entry.nlink > 1
                and not entry.is_folder
                and self._leaves_disk(located.row(position))
            ):
                faults[position] = Fault(RowFault.HARD_LINKS_TORN, b"", entry.nlink)

    def store_fault(self, located: LocatedRow) -> Fault | None:
        """Return why a row cannot be carried out in a store."""
        row, base, to_base = located.row, located.base, located.to_base
        if row.action in {GivenAction.HARDLINK, GivenAction.SYMLINK} and not self._places.stores.isdisjoint(
            {base, to_base}
        ):
            return Fault(RowFault.LINK_IN_STORE)
        if row.duplicate_of and not isinstance(keeper := self._places.place(row.duplicate_of), Fault):
            kept = self._trees[keeper[0]].storage.kind
            is_same = kept is self._trees[base].storage.kind
            return None if is_same else Fault(RowFault.KEEPER_ELSEWHERE, row.duplicate_of)
        return None

    def _leaves_disk(self, located: LocatedRow) -> bool:
        """Return whether a row moves a file to another file system or into a store, as far as that is known."""
        if located.row.action is not GivenAction.MOVE:
            return False
        if located.to_base in self._places.stores:
            return True
        # Not that of the file: on an overlay, files have devices of their own.
        before, after = (
            self._device((located.base, located.folder)), self._device((located.to_base, located.to_folder))
        )  # fmt: skip
        return None not in {before, after} and before != after

    def _device(self, place: PlaceOfFolder) -> int | None:
        if place not in self._devices:
            found, (base, above) = None, place
            with contextlib.suppress(OSError):
                while (found := self._trees[base].storage.stat_folder(above)) is None and above:
                    above = split(above)[0]
            self._devices[place] = None if found is None else found.dev
        return self._devices[place]


def _place(tree: PlanTree, path: bytes) -> bytes:
    return without_case(path) if tree.case_insensitive else path


def _by_folder(places: Sequence[PlaceOfFolder], positions: Iterable[int]) -> dict[PlaceOfFolder, list[int]]:
    """Return the positions by the folders there, in the order in which these come."""
    found: dict[PlaceOfFolder, list[int]] = {}
    for position in positions:
        place = places[position]
        some = found.get(place)
        if some is None:
            found[place] = [position]
        else:
            some.append(position)
    return found
