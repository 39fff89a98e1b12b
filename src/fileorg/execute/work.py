"""What the actions of one operation share: its storages, what the journal knows, and what is to be told at the end."""

from __future__ import annotations

from collections import Counter
from enum import Enum, auto
from functools import cached_property
from typing import TYPE_CHECKING

from fileorg.core.figures import plural
from fileorg.core.memo import MANY_FOLDERS, Memo
from fileorg.core.names import split
from fileorg.core.reasons import Lost
from fileorg.execute.temporaries import aside, remove_checked
from fileorg.journal.trash import is_trash

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fileorg.core.model import Base, Reserving
    from fileorg.execute.identity import Identity
    from fileorg.journal.journal import Journal
    from fileorg.journal.rows import Operation
    from fileorg.storage.local.original import Original
    from fileorg.storage.local.storage import LocalStorage
    from fileorg.storage.local.worker import Hands


SYMLINKS_KEPT = 1000


class Changed(Enum):
    """What happens to a file that is not as it was when the plan was made."""

    LEAVE = auto()  # it stays
    EDITED = auto()  # the same file with other content is moved, with a note; another file at its place stays
    ANY = auto()  # whatever file is at the place is moved


class Work:
    """An operation that is carried out."""

    def __init__(
        self,
        journal: Journal,
        operation: Operation,
        storages: Sequence[LocalStorage],
        hands: Hands,
        changed: Changed = Changed.LEAVE,
    ) -> None:
        self.journal = journal
        self.operation = operation.id
        self._undoes = operation.undoes
        self.storages = storages
        self.hands = hands
        self.changed = changed
        self.folders: dict[Base, Memo[bytes, int]] = {base: Memo(MANY_FOLDERS) for base in range(len(storages))}
        """The ids of folders, as far as they are remembered; `folder_id` knows the others."""
        self.flagged: dict[tuple[Base, bytes], bytes] = {}
        """Folders from which nothing can be taken away, and which one it is of those above them that says so."""
        self.has_trash = False
        """Whether a folder of our trash is among those that it is about."""
        self.disturbed: set[tuple[Base, bytes]] = set()
        """Folders in which something was made and taken away again."""
        self.read_back: list[tuple[int, int]] = []
        """What was made or put into our trash in this batch, as it was left there: (ctime_ns, record)."""
        self.rewritten = 0
        """How many symlinks were rewritten, or are as they were before, for their files have moved."""
        self.symlinks: list[bytes] = []
        """The first of these."""
        self.notes: set[str] = set()
        """What is to be told of the whole of it."""
        self._losses: Counter[Lost] = Counter()
        self._lossy = 0

    @cached_property
    def unsettled(self) -> set[int]:
        """Of what is taken back, the records of which recovery could not tell the end."""
        undone = self.journal.operation(self._undoes or 0)
        return set() if undone is None else self.journal.unsettled(undone)

    @cached_property
    def put_aside(self) -> dict[int, bytes]:
        """Of what is taken back, the records whose file is under a name of ours since a crash, and that name."""
        undone = self.journal.operation(self._undoes or 0)
        return {} if undone is None else self.journal.put_aside(undone)

    def folder_id(self, base: Base, path: bytes) -> int:
        """The id that the journal has for a folder, which it now knows as it is. Inside a transaction."""
        known = self.folders[base].get(path)
        if known is not None:
            return known
        known = self.journal.known_folder(self.operation, base, path)
        if known is None:
            if path:  # those above too: undo may have to make them again
                self.folder_id(base, split(path)[0])
            try:
                seen = self.storages[base].stat_folder(path)
            except OSError:
                seen = None
            self._note_flags(base, path, is_there=seen is not None)
            self.has_trash = self.has_trash or is_trash(path)
            known = self.journal.add_folder(self.operation, base, path, seen)
        self.folders[base][path] = known
        return known

    def _note_flags(self, base: Base, path: bytes, *, is_there: bool) -> None:
        """A folder that is still to be made could not be taken away again, either."""
        above = self.flagged.get((base, split(path)[0])) if path and not is_there else None
        if above is None and is_there and self.storages[base].is_flagged(path):
            above = path
        if above is not None:
            self.flagged[base, path] = above

    def tell_rewritten(self, path: bytes) -> None:
        """A symlink was rewritten, or is as it was before."""
        self.rewritten += 1
        if len(self.symlinks) < SYMLINKS_KEPT:
            self.symlinks.append(path)

    def tell_lost(self, lost: Lost) -> None:
        """A file has its new place, and the file system there did not keep that of it."""
        self._lossy += bool(lost)
        self._losses.update(lost)

    def losses(self) -> list[str]:
        """What was not kept of how many files, in a sentence if there is something."""
        if not self._lossy:
            return []
        words = {Lost.ATTRIBUTE: "attributes"}
        each = Counter[str]()
        for lost, files in self._losses.items():
            each[words.get(lost, (lost.name or "").lower())] += files
        kinds = ", ".join(f"{word} of {files:,}" for word, files in each.items())
        what = plural(self._lossy, "file")
        return [f"Not all of {what} could be kept ({kinds}): fileorg files {self.operation} names them."]

    def remove(
        self,
        storage: LocalStorage,
        folder: bytes,
        name: bytes,
        record: int,
        expected: Identity,
        digest: bytes | None = None,
        original: Original | None = None,
    ) -> bool:
        """`remove_checked` with the names of this operation."""
        reserving = self.reserving(record)
        name_aside = aside(self.operation, record)
        return remove_checked(storage, folder, name, name_aside, expected, digest, original, reserving=reserving)

    def reserving(self, record: int) -> Reserving:
        """What notes that a name of a record is taken by an empty file."""
        return self.journal.reservations.announcing(record)
