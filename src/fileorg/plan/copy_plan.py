"""The plan of a comparison: a row for each missing file, which copies it below the destination."""

from __future__ import annotations

import contextlib
from functools import partial
from typing import TYPE_CHECKING

from fileorg.core.batches import in_batches
from fileorg.core.model import DEST, ROOT, Action, PlanRow
from fileorg.core.names import collision_key, join
from fileorg.core.scratch import scratch
from fileorg.plan.missing_folders import MissingFolders, is_missing
from fileorg.rules.template import numbered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fileorg.content.comparison import ComparedFile, Comparison
    from fileorg.core.scratch import Scratch
    from fileorg.scan.classifier import Classifier
    from fileorg.storage.base import Storage

_SCHEMA = "CREATE TABLE names (key BLOB PRIMARY KEY, numbers INTEGER NOT NULL) WITHOUT ROWID;"


class CopyPlan:
    """Rows that copy the missing files of one tree. `execute` reads them once, a dry run any number of times."""

    def __init__(
        self,
        found: Comparison,
        classifier: Classifier,
        source: Storage,
        target: Storage,
        place: Callable[[ComparedFile, str], bytes],
        *,
        case_insensitive: bool,
    ) -> None:
        """`place` returns the folder in the target for a file and its category. `case_insensitive` is the target."""
        self._found, self._source, self._target, self._place = found, source, target, place
        self._classifier = classifier
        self._folds = case_insensitive
        self.files = found.sums.missing
        self.size_bytes = found.sums.missing_bytes

    def batches(self, rows: int) -> Iterator[list[PlanRow]]:
        """Yield at most `rows` rows at a time; missing folders just before the first file that is copied there."""
        return in_batches(self._rows(), rows)

    def _rows(self) -> Iterator[PlanRow]:
        missing = MissingFolders(DEST, partial(is_missing, self._target))
        with contextlib.closing(scratch(_SCHEMA)) as names:
            for file in self._found.files():
                there = self._source.lstat(file.folder, file.name)
                category = self._classifier.category_of(file.folder, file.name)
                folder = self._place(file, category)
                made = missing.rows(folder)
                yield from made
                yield PlanRow(
                    action=Action.COPY,
                    source_base=ROOT,
                    source_folder=file.folder,
                    source_name=file.name,
                    target_base=DEST,
                    target_folder=folder,
                    target_name=self._free_name(names, folder, file.name),
                    inode=0 if there is None else there.inode,
                    size=file.size,
                    mtime_ns=file.mtime_ns,
                    mode=0 if there is None else there.mode,
                    category=category,
                )

    def _free_name(self, names: Scratch, folder: bytes, name: bytes) -> bytes:
        """Return the name, with a number if another file has it already or will have it by this plan."""
        row = names.execute("SELECT numbers FROM names WHERE key = ?", (self._key(folder, name),)).fetchone()
        number, limit = 1 if row is None else row[0] + 1, self._target.capabilities.name_limit
        while self._is_taken(names, folder, free := name if number == 1 else numbered(name, number, limit)):
            number += 1
        names.execute("INSERT OR REPLACE INTO names VALUES (?, ?)", (self._key(folder, name), number))
        names.execute("INSERT OR IGNORE INTO names VALUES (?, 1)", (self._key(folder, free),))
        return free

    def _is_taken(self, names: Scratch, folder: bytes, name: bytes) -> bool:
        if names.execute("SELECT 1 FROM names WHERE key = ?", (self._key(folder, name),)).fetchone() is not None:
            return True
        try:
            return self._target.lstat(folder, name) is not None
        except OSError:
            return False  # the copy will report the error

    def _key(self, folder: bytes, name: bytes) -> bytes:
        return collision_key(join(folder, name), case_insensitive=self._folds)
