"""What became of one record of an operation that was cut short: what lies under its two names decides."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING, Any

from fileorg.content.compare import same_content
from fileorg.core.model import RecordState
from fileorg.execute.identity import Identity, identity, is_certain, is_known
from fileorg.execute.respell import is_respelling
from fileorg.execute.temporaries import PLACED, aside, is_empty_since, put_back, remove_checked, settle_aside, temporary
from fileorg.execute.verdict import CHANGED, CUT_SHORT, DONE, NOT_DONE, TAKEN, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fileorg.core.model import Base, Entry
    from fileorg.journal.rows import Record
    from fileorg.storage.local.storage import LocalStorage


class Case:
    """One record, and the places it speaks of."""

    def __init__(
        self,
        record: Record,
        operation: int,
        storages: Sequence[LocalStorage],
        disturbs: Callable[[Record, Base, bytes], None],
        digest_of: Callable[[int], bytes | None],
    ) -> None:
        """`disturbs` is told of each folder in which something of ours is about to be taken away; `digest_of` tells the
        digest of what another record copied.
        """
        self.record = record
        self.source = storages[record.source_base]
        self.target = storages[record.target_base]
        self.temporary = temporary(operation, record.id)
        self.aside = aside(operation, record.id)
        self.original = Identity(record.inode, record.size, record.mtime_ns)
        self.placed = record.target_inode == PLACED and record.inode != PLACED
        made = Identity(record.target_inode, record.size, record.target_mtime_ns)
        self.moved = self.original if self.placed else made
        self._disturbs = disturbs
        self.digest_of = digest_of
        self.not_done = CUT_SHORT if record.error == CUT_SHORT.reason else NOT_DONE

    def disturb(self, base: Base, folder: bytes) -> None:
        self._disturbs(self.record, base, folder)
        self.not_done = CUT_SHORT

    def is_original(self, entry: Entry | None) -> bool:
        """Whether what is at the source is what was there."""
        return is_known(self.source, self.record.source_folder, entry, self.original)

    def is_made(self, entry: Entry | None, made: Identity) -> bool:
        """Whether what is at the target is what was to come there."""
        return is_known(self.target, self.record.target_folder, entry, made)

    def at_source(self) -> Entry | None:
        return self.source.lstat(self.record.source_folder, self.record.source_name)

    def at_target(self) -> Entry | None:
        return self.target.lstat(self.record.target_folder, self.record.target_name)

    def is_recognised(self) -> bool:
        """Whether the file is under one of its names, maybe edited, or there is a temporary of it."""
        source, target, record = self.at_source(), self.at_target(), self.record
        if self.is_original(source) or self.is_made(target, self.moved):
            return True
        if (source is not None and source.inode == record.inode) or (
            target is not None and target.inode == record.target_inode
        ):
            return True
        return any(
            storage.lstat(folder, name) is not None
            for storage, folder, name in (
                (self.target, self.record.target_folder, self.temporary),
                (self.target, self.record.target_folder, self.aside),
                (self.source, self.record.source_folder, self.aside),
            )
        )

    def move(self) -> Verdict:
        if (made := self._settle_copy()) is not None:
            return self._move_across(made)
        if is_respelling(self.record) and (verdict := self._respelled()) is not None:
            return verdict
        source, target = self.at_source(), self.at_target()
        match (self.is_original(source), self.is_made(target, self.moved), target is None):
            case (False, True, _):
                # A new file at the source is someone else's.
                return Verdict(RecordState.DONE, self.note(), self.as_placed(target))
            case (True, False, True):
                if self.placed:  # an empty file may have come and gone
                    self.disturb(self.record.target_base, self.record.target_folder)
                return self.not_done
            case (True, True, _) if self._is_between_names(source, target):
                self.source.remove(self.record.source_folder, self.record.source_name)
                return DONE
            case (True, False, False) if self.is_our_placeholder(target):
                self.disturb(self.record.target_base, self.record.target_folder)
                self.target.remove(self.record.target_folder, self.record.target_name)
                return self.not_done
            case (True, _, False):
                return TAKEN
            case (False, False, True) if source is None:
                return Verdict(RecordState.MISSING, "after the crash, it is under neither of its names")
            case _:
                return self._edited(source, target)

    def _respelled(self) -> Verdict | None:
        """Of a name in another case, which may be the same one: on which of the three it stands, None for others."""
        storage, folder, name = self.target, self.record.target_folder, self.record.target_name
        put_aside = storage.lstat(folder, self.aside)
        if self.placed and put_aside is not None:
            self.disturb(self.record.target_base, folder)
            if self.is_original(put_aside):
                self._finish_respelling(folder, name)
            elif put_aside.size == 0:
                storage.remove(folder, self.aside)  # the name was only reserved
        # What the names lead to may be remembered from before; what is listed is there.
        listed, target = storage.spellings(folder, name), self.at_target()
        if len(listed) != 1 or not self.is_original(target):
            return None
        if name not in listed:
            return self.not_done
        return Verdict(RecordState.DONE, self.note(), self.as_placed(target))

    def _finish_respelling(self, folder: bytes, name: bytes) -> None:
        """The file is aside: give it its new name, which at most an empty file of ours may have."""
        listed = self.target.spellings(folder, name)
        if listed and self.is_our_placeholder(self.target.lstat(folder, listed[0])):
            self.target.remove(folder, listed[0])
        elif not listed:
            self.target.is_free_after_all(folder, name)
        put_back(self.target, folder, name, self.aside)

    def _edited(self, source: Entry | None, target: Entry | None) -> Verdict:
        """The same inode with other content: an outsider wrote to it, wherever it is."""
        record = self.record
        if (
            target is not None
            and target.inode == record.target_inode
            and self._is_of_its_kind(target)
            and source is None
        ):
            # A number that is given out anew may be another file's.
            if self.target.has_stable_inodes(record.target_folder):
                return Verdict(RecordState.DONE, "it was edited since")
        elif source is not None and source.inode == record.inode and target is None:
            return self.not_done
        return CHANGED

    def _is_of_its_kind(self, entry: Entry) -> bool:
        return stat.S_IFMT(entry.mode) == (stat.S_IFMT(self.record.mode or 0) or stat.S_IFREG)

    def note(self) -> str | None:
        noted = {RecordState.INTENT, RecordState.COPIED, RecordState.DONE}
        known = self.record.state in noted and self.record.error != CUT_SHORT.reason
        return self.record.error if known else None

    def _is_between_names(self, source: Entry | None, target: Entry | None) -> bool:
        """Between link and unlink: both names are of one file, and one of them it has only now."""
        if source is None or target is None or source.inode != target.inode:
            return False
        return source.nlink > (self.record.nlink or 1)

    def is_our_placeholder(self, target: Entry | None) -> bool:
        return self.placed and target is not None and is_empty_since(target, self.record.target_mtime_ns)

    def as_placed(self, target: Entry | None) -> dict[str, Any]:
        """What to record of a file that was moved by a placeholder, and not recorded yet."""
        if not self.placed or target is None:
            return {}
        return {"target_inode": target.inode, "target_mtime_ns": target.mtime_ns}

    def _settle_copy(self) -> Identity | None:
        """Bring a copy under way to one of two ends: there is none, or it is whole and under its name."""
        folder, name, recorded = self.record.target_folder, self.record.target_name, self.record.digest is not None
        staged = self.target.lstat(folder, self.temporary)
        whole = identity(staged) if staged is not None else self.moved if recorded else None
        if whole is None:
            return None
        withdrawn = self.is_aside(self.target, folder, name, whole)
        if withdrawn or staged is not None:
            self.disturb(self.record.target_base, folder)
        if withdrawn:
            settle_aside(self.target, folder, name, self.aside, whole, self.record.digest)
        if staged is None:
            return None if withdrawn else whole
        there = self.at_target()
        published = there is not None and (there.dev, there.inode) == (staged.dev, staged.inode)
        if published and self._was_edited(whole, recorded=recorded):
            published = False  # since the crash: it is someone else's now, and keeps its name
        elif published and not recorded and self.at_source() is not None:
            # It was never recorded, and the original is there: as if it had not happened.
            remove_checked(self.target, folder, name, self.aside, whole)
            published = False
        if there is not None and not published and recorded and is_empty_since(there, staged.ctime_ns):
            self.target.remove(folder, name)  # the name was only reserved
        self.target.discard(folder, self.temporary)
        return whole if published else None

    def _was_edited(self, copy: Identity, *, recorded: bool) -> bool:
        """Whether a copy under its name is no longer what was copied; with no record of it, the original tells."""
        if recorded:
            return (copy.size, copy.mtime_ns) != (self.moved.size, self.moved.mtime_ns)
        record = self.record
        original = (self.source, record.source_folder, record.source_name)
        there = self.at_source() is not None
        return there and not same_content(self.target, record.target_folder, record.target_name, *original)

    def is_aside(self, storage: LocalStorage, folder: bytes, name: bytes, expected: Identity) -> bool:
        """Whether a file was put aside, and has only that name."""
        there = storage.lstat(folder, self.aside)
        if there is None:
            return False
        named = storage.lstat(folder, name)
        if named is not None and named.inode == there.inode:
            storage.remove(folder, name)  # between link and unlink
        elif there.size == 0 and is_known(storage, folder, named, expected):
            storage.remove(folder, self.aside)  # the name was only reserved
            return False
        return True

    def _move_across(self, made: Identity) -> Verdict:
        """The copy is whole; now the original goes, unless either of them is no longer what it was."""
        source, folder, name = self.source, self.record.source_folder, self.record.source_name
        is_aside = self.is_aside(source, folder, name, self.original)
        is_there = not is_aside and self.is_original(self.at_source())
        place = self.record.target_folder, self.record.target_name
        whole = is_certain(self.target, *place, made, self.record.digest)
        if is_aside or (is_there and whole):
            self.disturb(self.record.source_base, folder)
        if not whole:
            if is_aside:
                put_back(source, folder, name, self.aside)
            return self.not_done if self.is_original(self.at_source()) else CHANGED
        if is_aside:
            gone = settle_aside(source, folder, name, self.aside, self.original, self.record.digest)
        elif is_there:
            gone = remove_checked(source, folder, name, self.aside, self.original, self.record.digest)
        else:
            gone = True  # what is at the source now is someone else's
        copied = {"target_inode": made.inode, "target_mtime_ns": made.mtime_ns}
        return Verdict(RecordState.DONE, self.note(), copied) if gone else CHANGED

    def copy(self) -> Verdict:
        made = self._settle_copy()
        target = self.at_target()
        if made is not None and self.is_made(target, made):
            columns = {"target_inode": made.inode, "target_mtime_ns": made.mtime_ns}
            return Verdict(RecordState.DONE, self.note(), columns)
        return self.not_done if target is None else TAKEN

    def made(self, is_ours: Any) -> Verdict:
        """For what is there or not, and is made in one step."""
        there = self.at_target()
        if there is None:
            return NOT_DONE
        # Whoever had the name before the crash has it now.
        return DONE if is_ours(there) and self.record.state is not RecordState.CONFLICT else TAKEN
