"""Negative controls: fileorg without one part of its protocol. The harness must fail each of them."""

from __future__ import annotations

import errno
import os
import shutil
from typing import TYPE_CHECKING, Any

from fileorg.core.model import ROOT, Action, Outcome, PlanRow
from fileorg.execute import applier, precheck, seal, work
from fileorg.execute.actions import move, replace
from fileorg.execute.actions.handler import one_by_one
from fileorg.execute.actions.table import TABLE
from fileorg.journal import connection, queries
from fileorg.plan import organize_plan as plan
from fileorg.storage.base import Kind
from fileorg.storage.local import posix, worker
from fileorg.workflows import session

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable
    from types import ModuleType


def _put(module: ModuleType, name: str, value: object) -> None:
    """Replace a name of a module. Raises `KeyError` if it is not there any more: then the control would do nothing."""
    vars(module)[name]
    vars(module)[name] = value


def shutil_move() -> None:
    """Move across devices like most programs: write the copy under its final name."""

    def add(crossing: Any, position: int) -> None:
        row, storages = crossing.series.batch[position], crossing._work.storages
        shutil.move(
            os.path.join(storages[row.source_base].root, row.source_folder, row.source_name),
            os.path.join(storages[row.target_base].root, row.target_folder, row.target_name),
        )

    vars(move)["Crossing"].add = add


def journal_after_acting() -> None:
    """Commit only after the files are moved."""

    def execute(plan: Any, journal: Any, operation: Any, storages: Any, *_: Any, **__: Any) -> Outcome:
        shared = work.Work(journal, operation, storages, worker.InlineRenamer(storages))
        checker, applies = precheck.Checker(shared), applier.Applier(shared)
        for batch in plan.batches(4):
            with journal.transaction():
                checked = checker.check(batch)
                first = journal.insert(operation.id, checked)
                applies.start(applies.prepare(batch, checked, first))
                journal.settle(applies.finish().settled())
        seal.seal(journal, operation, storages)
        return Outcome(operation=operation.id)

    _put(session, "execute", execute)


def plain_rename() -> None:
    """Use rename(2), which replaces an existing file."""

    def rename(source_fd: int, source: bytes, target_fd: int, target: bytes) -> None:
        os.rename(source, target, src_dir_fd=source_fd, dst_dir_fd=target_fd)

    _put(posix, "rename_noreplace", rename)


def synchronous_normal() -> None:
    """Use the setting that SQLite recommends for WAL: commits are not flushed, only checkpoints are."""
    connect = connection.connect

    def normal(path: bytes, *, read_only: bool) -> sqlite3.Connection:
        db = connect(path, read_only=read_only)
        db.execute("PRAGMA synchronous=NORMAL")
        return db

    _put(queries, "connect", normal)


def no_flush() -> None:
    """Flush nothing: no copy, no folder, no file system at the end. SQLite still flushes."""

    def nothing(_: int) -> None:
        pass

    _put(os, "fsync", nothing)
    _put(posix, "sync_file_system", nothing)


def stray() -> None:
    """Write outside the given folders."""

    def execute(_plan: Any, _journal: Any, _operation: Any, storages: Any, *_: Any, **__: Any) -> Outcome:
        with open(os.path.join(storages[0].root, b"../outside/stray"), "wb") as file:
            file.write(b"I was here")
        return Outcome()

    _put(session, "execute", execute)


def case_rename() -> None:
    """No control, but a plan that no command makes: rename all files to lower case in place."""

    def batches(self: Any, _rows: int) -> Any:
        for _, batch in self._index.batches(self._source.root):
            yield [
                PlanRow(
                    Action.MOVE, ROOT, batch.folder, name, ROOT, batch.folder, name.lower(),
                    inode, size, mtime_ns, mode, "",
                )
                for name, size, mtime_ns, _, inode, mode, _ in batch.rows()
                if name != name.lower()
            ]  # fmt: skip

    plan.OrganizePlan.batches = batches  # type: ignore[method-assign, assignment]


def neither() -> None:
    """No control, but a file system with neither RENAME_NOREPLACE nor hard links."""

    def refuses(*_: Any, **__: Any) -> None:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    def links_nothing(*_: Any, **__: Any) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    _put(posix, "rename_noreplace", refuses)
    _put(os, "link", links_nothing)


def unlink_then_link() -> None:
    """Replace a duplicate by a hard link like most programs: unlink first, then link."""

    def unlink_and_link(work: Any, row: Any, _record: int) -> None:
        path = os.path.join(work.storages[row.source_base].root, row.source_folder, row.source_name)
        keeper = row.keeper
        os.unlink(path)
        os.link(os.path.join(work.storages[keeper.base].root, keeper.folder, keeper.name), path)

    by_link = replace.REPLACE_BY_LINK._replace(apply=one_by_one(unlink_and_link))
    TABLE[Action.REPLACE_BY_HARDLINK, Kind.LOCAL, Kind.LOCAL] = by_link


CONTROLS: dict[str, Callable[[], None]] = {
    "shutil.move": shutil_move,
    "journal after acting": journal_after_acting,
    "plain rename": plain_rename,
    "synchronous=NORMAL": synchronous_normal,
    "no flush": no_flush,
    "stray": stray,
    "case_rename": case_rename,
    "neither": neither,
    "unlink, then link": unlink_then_link,
}
