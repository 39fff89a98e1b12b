"""The guarantees of docs/reliability.md as checks of a tree and a journal against their earlier states.

Each check returns the violations that it finds, in words.
"""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import tempfile
from typing import TYPE_CHECKING, NamedTuple

from tests.support.snapshot import Snapshot, compared, contents

from fileorg.core.model import RELOCATIONS
from fileorg.core.names import display
from fileorg.core.reasons import ReasonCode

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterable, Iterator
    from collections.abc import Set as AbstractSet
    from pathlib import Path

_MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
"""The place for copies of journals, because closing a journal flushes it."""
_OURS = re.compile(rb"(?:.*/)?\.fileorg-(\d+)-(\d+)(?:-old)?\.part\Z", re.DOTALL)
_STEP = re.compile(rb"(?:.*/)?\.fileorg-\d+-\d+-step\.part\Z", re.DOTALL)
"""The name that a file of a cycle has for a moment: a record has it as its target."""
_SET_ASIDE = re.compile(rb"(?:\A|/)\.fileorg(?:/trash/|-[^/]*\.part\Z)")
_STATE = re.compile(
    r"((journal|index)\.db(-wal|-shm|-journal)?|(run(-\d+)?|index|journal|recovery)\.lock|(idle-runs|stores)\.json(\.part)?"
    r"|serve\.token|job-\d+\.(status|plan(\.columns)?|log|cancel|certificate))\Z"
)


class Row(NamedTuple):
    """A record of the journal; paths begin with their base, `root` or `dest`."""

    operation: int
    record: int
    action: str
    source: bytes | None
    target: bytes
    state: str
    reason: str | None


class Ledger(NamedTuple):
    """The contents of the journal at one moment."""

    operations: dict[int, str]
    rows: list[Row]


def read_journal(state: Path) -> Ledger:
    """Read the journal as a later process would, from a copy, so that nothing changes."""
    with tempfile.TemporaryDirectory(dir=_MEMORY) as place:
        for name in ("journal.db", "journal.db-wal", "journal.db-journal"):
            if (state / name).exists():
                shutil.copy(state / name, place)
        db = sqlite3.connect(os.path.join(place, "journal.db"))
        try:
            if not any(column == "reason" for _, column, *_ in db.execute("PRAGMA table_info(records)")):
                return Ledger({}, [])  # killed while it was created: no intents yet
            operations = dict(db.execute("SELECT id, state FROM operations"))
            return Ledger(operations, list(_rows(db)))
        finally:
            db.close()


def _rows(db: sqlite3.Connection) -> Iterator[Row]:
    query = (
        "SELECT r.operation, r.id, action, s.base, s.path, source_name, t.base, t.path,"
        " coalesce(target_name, source_name), r.state, reason FROM records r"
        " LEFT JOIN folders s ON s.id = source_folder JOIN folders t ON t.id = target_folder ORDER BY r.id"
    )
    for operation, record, action, base, folder, name, target_base, target, target_name, state, reason in db.execute(
        query
    ):
        source = None if folder is None else _path(base, folder, name)
        yield Row(operation, record, action, source, _path(target_base, target, target_name), state, reason)


def _path(base: int, folder: bytes, name: bytes) -> bytes:
    return os.path.join(b"dest" if base else b"root", folder, name)


# Before recovery --------------------------------------------------------------------------------------------------


def conserved(before: Snapshot, now: Snapshot) -> list[str]:
    """I1: every content still exists as many times as before."""
    lost = contents(before) - contents(now)
    return [f"I1 lost: {content[:40]!r}" for content in lost]


def survived(first: Snapshot, now: Snapshot) -> list[str]:
    """I10: each content still has a file outside the trash."""
    left = {node.content for path, node in now.items() if node.kind == "file" and not _SET_ASIDE.search(path)}
    lost = {node.content for node in first.values() if node.kind == "file"} - left
    return [f"I10 no file is left of {content[:40]!r}" for content in lost]


def never_absent(before: Snapshot, after: Snapshot, now: Snapshot) -> list[str]:
    """I2: a link replaces a duplicate, and the reverse, in one step."""
    return [f"I2 a name without a file: {display(path)}" for path in before.keys() & after.keys() - now.keys()]


def on_the_way(before: Snapshot, after: Snapshot, now: Snapshot, *, placeholders: bool = False) -> list[str]:
    """I2, I3: each name has its node from before or from after; nothing is torn, foreign or missing.

    `after` is the tree after an undisturbed run. `placeholders`: an empty file may occupy a name.
    """
    found = []
    for path, node in now.items():
        known = [tree[path] for tree in (before, after) if path in tree]
        if _OURS.match(path) or _STEP.match(path):
            continue
        if placeholders and node.kind == "file" and not node.content:
            continue  # `announced` checks that fileorg made it
        if not known:
            found.append(f"I3 a name that no one gave: {display(path)}")
        elif node.kind == "folder":
            found += (
                [] if any(one.kind == "folder" for one in known) else [f"I2 a folder took the name {display(path)}"]
            )
        elif node.alone not in [one.alone for one in known]:
            found.append(f"I2/I3 overwritten or torn: {display(path)}: {compared(known[-1].alone, node.alone)}")
    for path, node in before.items():
        stays = path in after and (node.kind == after[path].kind == "folder" or after[path].alone == node.alone)
        if stays and path not in now:
            found.append(f"I2 it was to stay, and is gone: {display(path)}")
    return found


def announced(ledger: Ledger, before: Snapshot, now: Snapshot, operations: int = 1) -> list[str]:
    """I6: each change of a name since `before`, the tree before the last `operations`, was recorded beforehand."""
    last = max(ledger.operations, default=0)
    rows = [row for row in ledger.rows if row.operation > last - operations]
    records = {(row.operation, row.record) for row in ledger.rows}
    targets = {row.target for row in rows} | {b"root", b"dest"}
    gone = {row.source for row in rows if row.action in RELOCATIONS}
    gone |= {row.target for row in rows if row.action.startswith("remove-") or row.action in RELOCATIONS}
    found = []
    for path in now.keys() - before.keys():
        ours = _OURS.match(path)
        known = (int(ours[1]), int(ours[2])) in records if ours else path in targets
        found += [] if known else [f"I6 made without a record: {display(path)}"]
    found += [f"I6 taken away without a record: {display(path)}" for path in before.keys() - now.keys() - gone]
    return found


def ours(tree: Snapshot) -> dict[bytes, tuple[int, int]]:
    """Return the temporary files of fileorg, with the operation and the record of each."""
    found = ((path, _OURS.match(path)) for path in tree)
    return {path: (int(match[1]), int(match[2])) for path, match in found if match}


def kept(tree: Snapshot) -> Counter[bytes]:
    """Count the files of each content, without unfinished copies, which have no name yet."""
    staged = {path for path in ours(tree) if not path.endswith(b"-old.part")}
    rest = {path: node for path, node in tree.items() if path not in staged}
    return contents(
        {path: node._replace(links=tuple(set(node.links) - staged)) for path, node in rest.items()} if staged else rest
    )


def carried(ledger: Ledger, folders: Iterable[tuple[bytes, bytes]]) -> Ledger:
    """Add the paths of records in folders that others have renamed: fileorg goes on in an open folder."""
    rows = list(ledger.rows)
    for old, new in folders:
        for row in ledger.rows:
            source, target = (path and _renamed(path, old, new) for path in (row.source, row.target))
            rows.append(row._replace(source=source, target=target or row.target))
    return ledger._replace(rows=rows)


def _renamed(path: bytes, old: bytes, new: bytes) -> bytes:
    return new + path[len(old) :] if path.startswith(old + b"/") else path


def accounted(ledger: Ledger, fresh: AbstractSet[int], before: Snapshot, now: Snapshot) -> list[str]:
    """I2, I6: every difference is one that a record of a current operation allows.

    `fresh` are the operations that were open before or have begun since.
    """
    rows = [row for row in ledger.rows if row.operation in fresh]
    records, put_aside = {(row.operation, row.record) for row in rows}, set(ours(before).values())
    made = {row.target for row in rows}
    made |= {row.source for row in rows if row.source and (row.operation, row.record) in put_aside}
    gone = {row.source for row in rows if row.action in RELOCATIONS}
    gone |= {row.target for row in rows if row.action.startswith("remove-") or row.action in RELOCATIONS}
    known = ours({**before, **now})
    found = []
    for path in before.keys() | now.keys():
        old, new = before.get(path), now.get(path)
        if path in known:
            found += [] if old == new or known[path] in records else [f"I6 not announced: {display(path)}"]
            continue
        if old and (not new or new.alone != old.alone) and old.kind != "folder" and path not in gone:
            found.append(f"I2 taken away or replaced: {display(path)}")
        if old and not new and old.kind == "folder" and path not in gone:
            found.append(f"I2 a folder is gone: {display(path)}")
        if new and (not old or (new.kind != "folder" and new.alone != old.alone)) and path not in made | gone:
            found.append(f"I6 made without a record: {display(path)}")
    return found


def whole(before: Snapshot, now: Snapshot) -> list[str]:
    """I3: every file without a temporary name has the content of an earlier file."""
    known = kept(before).keys()
    temporary = ours(now)
    torn = (path for path, node in now.items() if node.kind == "file" and node.content not in known)
    return [f"I3 torn: {display(path)}" for path in torn if path not in temporary]


# After recovery ---------------------------------------------------------------------------------------------------


def settled(ledger: Ledger, now: Snapshot) -> list[str]:
    """I6: no operation is open, no temporary file is left, and every record that is done is true."""
    return nothing_open(ledger, [*ours(now), *filter(_STEP.match, now)]) + as_recorded(ledger, now)


def nothing_open(ledger: Ledger, litter: Iterable[bytes]) -> list[str]:
    """I6: after every command that ended by itself, no operation is open and no temporary file is left."""
    return [
        *[f"I6 operation {number} is {state}" for number, state in ledger.operations.items() if state != "sealed"],
        *[f"I6 litter: {display(path)}" for path in litter],
        *[f"I6 still open: {row}" for row in ledger.rows if row.state in {"intent", "copied", "planned"}],
    ]


def as_recorded(ledger: Ledger, now: Snapshot) -> list[str]:
    """I6: every record that is done is true, if no one else changed the file since."""
    last: dict[bytes, Row] = {}
    for row in ledger.rows:
        if row.state in {"done", "purged"} and not row.action.endswith("reflink"):
            if row.state == "done":
                last[row.target] = row
            if row.action in RELOCATIONS and row.source is not None:
                last.pop(row.source, None)
    return [f"I6 not so: {row}" for row in last.values() if row.action.startswith("remove-") == (row.target in now)]


def only_our_state(state: Path) -> list[str]:
    """I5: the state directory contains known names only."""
    names = {path.name for path in state.iterdir()}
    return [f"I5 in the state directory: {name}" for name in names if not _STATE.match(name)]


def tidy_state(state: Path) -> list[str]:
    """A command that ended by itself leaves the journal intact, in one file. The index is only a cache."""
    return [f"left beside the journal: {name}" for name in sorted(os.listdir(state)) if name.startswith("journal.db-")]


def but_for_what_was_said(now: Snapshot, known: Snapshot, said: str, ledger: Ledger) -> Snapshot:
    """Return `now` with the nodes of `known` wherever the journal or the output reports a difference."""
    excused = dict(now)
    rows = [row for row in ledger.rows if row.reason == ReasonCode.NOT_KEPT]
    lost = {path for row in rows for path in (row.source, row.target)}
    for path, node in now.items():
        before = known.get(path)
        if before is None or before.kind != node.kind:
            continue
        if node.kind == "folder" and says_time_is_lost(path, said):
            excused[path] = node._replace(mtime_ns=before.mtime_ns)
        if path in lost:
            excused[path] = before._replace(content=node.content, links=node.links)
    return excused


def says_time_is_lost(path: bytes, said: str) -> bool:
    """Return whether fileorg says that it could not restore the time of a folder: relative to its root, or, if there
    are several, by its whole path.
    """
    relative = re.escape(display(path.partition(b"/")[2]))
    shown = f"(/.*/)?{relative}" if relative else r"(\.|/.*)"
    return bool(re.search(f"Could not restore the time of the folder {shown}:", said))


def shortfall(after: Snapshot, now: Snapshot, output: str) -> list[str]:
    """Return differences to `after` that a successful command did not report."""
    missing = [path for path in after if path not in now]
    unnamed = [path for path in missing if display(os.path.basename(path)) not in output]
    return [f"it ends with 0, but without {display(path)}" for path in unnamed]


def honest(code: int, output: str) -> list[str]:
    """A run that is not killed ends with a documented exit code and readable output."""
    waits = code == 3 and "changed after the crash" in output  # for a person
    found = [] if code in {0, 1, 2, 4, 5} or waits else [f"exit code {code}: {output[-1500:]}"]
    if "Traceback" in output or "Unexpected error" in output:
        found.append(f"not a sentence for people: {output[-1500:]}")
    if code and not any(words in output for words in ("fileorg: ", "could not be processed", "left in the trash")):
        found.append(f"exit code {code} without a sentence: {output[-300:]}")
    return found
