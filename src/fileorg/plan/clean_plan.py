"""Plan a clean: move empty files and broken symlinks to the trash, remove empty folders. Yields rows, writes nothing.

Files and links come first, by folder, then folders, the deepest first. Nothing is held in memory: the findings are in
the private database that the scan has filled.
"""

from __future__ import annotations

import os
from itertools import islice
from typing import TYPE_CHECKING, cast

from fileorg.core.batches import in_batches
from fileorg.core.model import DEST, ROOT, PlanRow
from fileorg.core.names import below, is_within, join, split, with_parents
from fileorg.core.reasons import Reason, ReasonCode
from fileorg.plan.combined_rows import PlanPart, combined
from fileorg.plan.missing_folders import PRIVATE_MODE, MissingFolders
from fileorg.scan.leftovers import Leftover
from fileorg.storage.local.recreate import RecreationCheck

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from fileorg.core.model import Entry
    from fileorg.journal.moved import Moved
    from fileorg.scan.empty_folders import Leftovers
    from fileorg.storage.local.storage import LocalStorage
    from fileorg.storage.object.object_storage import ObjectStorage

_ELSEWHERE = Reason(ReasonCode.CLEANED_BY_ITSELF)
_LINKS_AT_ONCE = 1000
_LED_TO = Reason(ReasonCode.SYMLINK_LEADS_TO_IT)


class CleanPlan:
    """The plan of one clean run. `trash` is root-relative: a file keeps its path below it."""

    def __init__(
        self,
        leftovers: Leftovers,
        goes: Collection[Leftover],
        storage: LocalStorage,
        trash: bytes,
        moved: Callable[[Collection[bytes]], Mapping[bytes, Moved]],
        others: Sequence[Leftovers] = (),
    ) -> None:
        """Checks each empty folder and the trash. `moved` returns which absolute paths fileorg moved a file from. The
        symlinks of `others`, other folders of the run, may lead to entries of this one.

        Raises `OSError` if the root cannot be read, `JournalError`.
        """
        self._leftovers = leftovers
        self._seen = leftovers, *others
        self._goes = goes
        self._storage = storage
        self._trash = trash
        self._there, self._fault, self._dev = _check_trash(trash, storage)
        self.counts = dict.fromkeys(Leftover, 0)
        self.skipped = 0
        if Leftover.BROKEN_SYMLINK in goes:
            self._hold_led_to_moved(moved)
        for folder, entry in leftovers.names():
            if self._reason(folder, entry):
                self.skipped += 1
                leftovers.keep(folder)
            else:
                self.counts[_kind(entry)] += 1
        if Leftover.EMPTY_FOLDER in goes:
            if storage.capabilities.empty_folders:
                recreation = RecreationCheck(storage)
                going = leftovers.judge_folders(lambda folder: self._obstacle(folder, recreation))
            else:
                self._drop_unmarked(cast("ObjectStorage", storage))
                going = leftovers.judge_folders(lambda _: None)
            self.counts[Leftover.EMPTY_FOLDER] = going
            self.skipped += sum(1 for _, reason in leftovers.folders() if reason)

    def _drop_unmarked(self, store: ObjectStorage) -> None:
        """Leave the folders that have a marker and nothing else: only these can be removed from a store."""
        for folder in store.known.held():
            self._leftovers.keep(folder)
        self._leftovers.drop_folders(lambda folder: store.marker(folder) is not None)

    @property
    def root(self) -> bytes:
        """The folder to clean."""
        return self._storage.root

    @property
    def files(self) -> int:
        """The number of files, links and folders to remove."""
        return sum(self.counts.values())

    @property
    def renames(self) -> int:
        return self.files - self.counts[Leftover.EMPTY_FOLDER]

    def batches(self, rows: int) -> Iterator[list[PlanRow]]:
        """Yield the plan, the same each time: skipped entries are in it with the reason."""
        return in_batches(self._rows(), rows)

    def first(self, kind: Leftover, limit: int) -> list[bytes]:
        """Return the first paths to remove of a kind."""
        found: list[bytes] = []
        for row in self._rows():
            if row.category == kind and not row.reason:
                found.append(join(row.source_folder, row.source_name) or join(row.target_folder, row.target_name))
                if len(found) == limit:
                    break
        return found

    def _rows(self) -> Iterator[PlanRow]:
        makes_folders = self._storage.capabilities.empty_folders
        missing = MissingFolders(ROOT, lambda folder: makes_folders and not is_within(self._there, folder))
        for folder, entry in self._leftovers.names():
            trash, reason = join(self._trash, folder) if folder else self._trash, self._reason(folder, entry)
            if not reason and trash not in missing.known:
                yield from missing.rows(trash, PRIVATE_MODE)
                missing.forget_beside(trash)
            yield PlanRow.move(ROOT, folder, entry, trash, _kind(entry), reason)
        if Leftover.EMPTY_FOLDER in self._goes:
            for path, reason in self._leftovers.folders():
                yield PlanRow.remove_folder(ROOT, path, Leftover.EMPTY_FOLDER, reason)

    def _hold_led_to_moved(self, moved: Callable[[Collection[bytes]], Mapping[bytes, Moved]]) -> None:
        """Keep symlinks that are broken because fileorg moved their target: they are no leftovers."""
        links = ((folder, entry.name) for folder, entry in self._leftovers.names() if not entry.is_file)
        for some in in_batches(links, _LINKS_AT_ONCE):
            root = self._storage.root
            led_to = {(folder, name): os.path.realpath(below(root, join(folder, name))) for folder, name in some}
            found = moved(set(led_to.values()))
            for (folder, name), place in led_to.items():
                if place in found:
                    operation, path = found[place]
                    about = path[len(root.rstrip(b"/")) + 1 :] if is_within(path, root) else path
                    self._leftovers.hold(folder, name, Reason(ReasonCode.SYMLINK_LED_TO_MOVED, about, operation))

    def _reason(self, folder: bytes, entry: Entry) -> Reason | None:
        """Return why a file or a link stays, None if it is removed."""
        if self._fault or entry.dev != self._dev:
            return self._fault or _ELSEWHERE
        if reason := self._leftovers.held(folder, entry.name):
            return reason
        return _LED_TO if self._is_led_to(entry) else None

    def _obstacle(self, folder: bytes, recreation: RecreationCheck) -> Reason | None:
        """Return why an empty folder stays, None if it is removed."""
        if reason := recreation.obstacle(folder):
            return reason
        entry = self._storage.stat_folder(folder)
        return _LED_TO if entry is not None and self._is_led_to(entry) else None

    def _is_led_to(self, entry: Entry) -> bool:
        return any(leftovers.is_led_to(entry) for leftovers in self._seen)


class CombinedCleanPlan:
    """The plan of a clean run in several folders: their rows one after the other, the first with the base `ROOT`."""

    def __init__(self, plans: Sequence[CleanPlan]) -> None:
        self._plans = plans
        self.counts = {kind: sum(plan.counts[kind] for plan in plans) for kind in Leftover}
        self.files = sum(plan.files for plan in plans)
        self.renames = sum(plan.renames for plan in plans)
        self.skipped = sum(plan.skipped for plan in plans)

    def batches(self, rows: int) -> Iterator[list[PlanRow]]:
        """Yield the plan, the same each time."""
        bases = [ROOT, *range(DEST + 1, DEST + len(self._plans))]
        parts = [PlanPart(plan.batches, [base]) for plan, base in zip(self._plans, bases, strict=True)]
        return combined(parts, rows)

    def first(self, kind: Leftover, limit: int) -> list[bytes]:
        """Return the first paths to remove of a kind, absolute."""
        paths = (below(plan.root, path) for plan in self._plans for path in plan.first(kind, limit))
        return list(islice(paths, limit))


def _check_trash(trash: bytes, storage: LocalStorage) -> tuple[bytes, Reason | None, int]:
    """Return the existing part of the path of the trash, the reason if it cannot be used, and its device."""
    there = b""
    try:
        for path in with_parents(trash):
            entry = storage.lstat(*split(path))
            if entry is None:
                break
            if not entry.is_folder:
                return there, Reason(ReasonCode.FOLDER_IN_THE_WAY, path), 0
            there = path
        found = storage.stat_folder(there if storage.capabilities.empty_folders else b"")
    except OSError as error:
        return there, Reason(ReasonCode.TRASH_UNUSABLE, None, error.errno), 0
    return there, None, found.dev if found else 0


def _kind(entry: Entry) -> Leftover:
    return Leftover.EMPTY_FILE if entry.is_file else Leftover.BROKEN_SYMLINK
