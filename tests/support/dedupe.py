"""Duplicates found by reading everything, and a plan for them: as `fileorg dedupe --action ... -y`, on small trees.

The keeper of a group is the first of its files by path; files of one inode are one file.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from fileorg.errors import FileorgError
from fileorg.events import NullReporter
from fileorg.execute import COPIED_ROWS, execute
from fileorg.hands import OwnHands
from fileorg.model import Action, Base, Keeper, PlanRow
from fileorg.names import display, join, split
from fileorg.state import open_state
from fileorg.workflows import common

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from fileorg.model import Entry, Outcome
    from fileorg.state import StateDirectory
    from fileorg.storage import LocalStorage

ACTIONS = {
    "quarantine": Action.QUARANTINE,
    "hardlink": Action.REPLACE_BY_HARDLINK,
    "symlink": Action.REPLACE_BY_SYMLINK,
    "reflink": Action.REFLINK,
}
Found = tuple[Base, bytes, "Entry"]


class DedupePlan:
    """Rows for all but the first of each group of files with one content."""

    def __init__(self, storages: Sequence[LocalStorage], action: Action, operation: int) -> None:
        self._storages = storages
        self._action = action
        self._trash = b".fileorg/trash/%d" % operation
        self._groups = list(self._find())
        self.files = sum(len(group) - 1 for group in self._groups)

    def _find(self) -> Iterator[list[Found]]:
        groups: dict[bytes, list[Found]] = {}
        seen: set[tuple[int, int]] = set()
        for base, storage in enumerate(self._storages):
            if base == Base.DEST and storage is self._storages[0]:
                continue
            for folder in sorted(_folders(storage)):
                entries = [entry for listing in storage.list_folder(folder) for entry in listing.files]
                for entry in sorted(entries, key=lambda entry: entry.name):
                    if (entry.dev, entry.inode) not in seen and not entry.name.startswith(b".fileorg"):
                        seen.add((entry.dev, entry.inode))
                        with storage.open_read(folder, entry.name) as file:
                            groups.setdefault(file.read(), []).append((Base(base), folder, entry))
        return (group for group in groups.values() if len(group) > 1)

    def batches(self, rows: int) -> Iterator[list[PlanRow]]:
        plan = list(self._rows())
        for start in range(0, len(plan), rows):
            yield plan[start : start + rows]

    def _rows(self) -> Iterator[PlanRow]:
        made: set[tuple[Base, bytes]] = set()
        for first, *others in self._groups:
            keeper = Keeper(first[0], first[1], first[2].name, first[2].inode, first[2].mtime_ns)
            for base, folder, entry in others:
                target = folder
                if self._action is not Action.REFLINK:
                    target = join(self._trash, folder) if folder else self._trash
                    yield from self._make_folders(base, target, made)
                yield PlanRow(
                    self._action, base, folder, entry.name, base, target, entry.name,
                    entry.inode, entry.size, entry.mtime_ns, entry.mode, "", keeper=keeper,
                )  # fmt: skip

    def _is_there(self, base: Base, folder: bytes) -> bool:
        try:
            return self._storages[base].stat_folder(folder) is not None
        except OSError:  # something else is in its place, as the rows will find
            return True

    def _make_folders(self, base: Base, folder: bytes, made: set[tuple[Base, bytes]]) -> Iterator[PlanRow]:
        if not folder or (base, folder) in made or self._is_there(base, folder):
            return
        made.add((base, folder))
        above, name = split(folder)
        yield from self._make_folders(base, above, made)
        yield PlanRow(Action.MAKE_FOLDER, base, b"", b"", base, above, name, 0, 0, 0, 0o700, "")


def _folders(storage: LocalStorage) -> Iterator[bytes]:
    pending = [b""]
    while pending:
        folder = pending.pop()
        yield folder
        for listing in storage.list_folder(folder):
            pending += [join(folder, entry.name) for entry in listing.folders if entry.name != b".fileorg"]


def dedupe(
    roots: Sequence[bytes],
    action: str,
    state: StateDirectory,
    *,
    between: Callable[[], object] = lambda: None,
    rows: int = COPIED_ROWS,
) -> Outcome:
    """Plan and carry out. `between` is called when the plan is made."""
    reporter = NullReporter()
    with contextlib.ExitStack() as stack:
        journal, _ = common.changing(stack, state, "dedupe", {*roots}, reporter)
        first, *others = [common.open_local(stack, root) for root in roots]
        storages = [first, first, *others]
        plan = DedupePlan(storages, ACTIONS[action], journal.next_operation())
        between()
        operation = common.begin(journal, "dedupe", storages, {"action": action}, None)
        return execute(plan, journal, operation, storages, OwnHands(storages), reporter, rows=rows)


def main(words: Sequence[str], state: bytes) -> int:
    """`dedupe -y --action ACTION ROOT...`: its exit code, as the real one gives it."""
    at = words.index("--action")
    roots = [os.fsencode(word) for word in (*words[1:at], *words[at + 2 :]) if not word.startswith("-")]
    try:
        outcome = dedupe(roots, words[at + 1], open_state(state), rows=vars(common)["COPIED_ROWS"])
    except FileorgError as error:
        print(f"fileorg: {error}")
        return error.exit_code
    except OSError as error:
        print(f"fileorg: {error.strerror}")
        return 1
    for problem in outcome.problems:
        print(f"Not done, {problem.state}: {display(problem.path)}: {problem.reason}")
    for note in outcome.notes:
        print(note)
    return 1 if outcome.problems else 0
