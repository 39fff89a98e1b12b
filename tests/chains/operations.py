"""The operations of a chain: the changes of each, and if each undo is exact and reports all that is not restored."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import tempfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from tests.chains.names import is_set_aside, is_temporary

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.chains.names import Followed, Name
    from tests.chains.view import View
    from tests.faults.process import Finished

FORWARD = frozenset({"organize", "dedupe", "clean", "apply", "import", "compare"})
_MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
"""The place for copies of journals, because closing a journal flushes it."""

Key = tuple[int, int]
"""The state directory, and the number of the first operation in a chain of undos and redos."""


class Line(NamedTuple):
    """One operation in the journal; nothing else is read from it."""

    number: int
    kind: str
    undoes: int | None
    state: str


class Job(NamedTuple):
    """One job in the journal."""

    number: int
    kind: str
    state: str


class Moved(NamedTuple):
    """What an operation of a chain of undos and redos did with a name, by its number, the old path and the new one."""

    by: int
    old: bytes
    new: bytes


class Listed(NamedTuple):
    """The operations and jobs of a journal, by number."""

    lines: dict[int, Line]
    jobs: dict[int, Job]


def read_journal(state: Path) -> Listed:
    """Read the operations and jobs from a copy of the journal, so that nothing changes."""
    if not _holds(state / "journal.db"):
        return Listed({}, {})
    if not any(_holds(state / f"journal.db-{log}") for log in ("wal", "journal")):
        content = bytearray((state / "journal.db").read_bytes())
        content[18:20] = b"\1\1"  # rollback mode: a database in memory cannot use WAL
        with contextlib.closing(sqlite3.connect(":memory:")) as db:
            db.deserialize(bytes(content))
            return _listed(db)
    with tempfile.TemporaryDirectory(dir=_MEMORY) as copy:
        for name in ("journal.db", "journal.db-wal", "journal.db-journal"):
            with contextlib.suppress(FileNotFoundError):
                shutil.copy(state / name, copy)
        with contextlib.closing(sqlite3.connect(os.path.join(copy, "journal.db"))) as db:
            return _listed(db)


def _holds(file: Path) -> bool:
    return file.exists() and file.stat().st_size > 0


def _listed(db: sqlite3.Connection) -> Listed:
    tables = {name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    if "operations" not in tables:
        return Listed({}, {})  # missing, or killed during creation
    lines = db.execute("SELECT id, kind, undoes, state FROM operations ORDER BY id").fetchall()
    jobs = db.execute("SELECT id, kind, state FROM jobs ORDER BY id").fetchall() if "jobs" in tables else []
    return Listed({row[0]: Line(*row) for row in lines}, {row[0]: Job(*row) for row in jobs})


@dataclass
class Operation:
    """An operation that can be undone, with all its undos and redos."""

    before: View
    interventions: int
    """The number of acts by others when it was last done."""
    order: int
    moves: dict[Name, Moved] = field(default_factory=dict)
    made: dict[Name, tuple[int, bytes]] = field(default_factory=dict)
    """The new names, with the operation of the chain and the path: names of one file may be exchanged later."""
    in_effect: bool = True
    is_exact: bool = True
    """True if all earlier operations are in the same state as when this one was done."""
    is_murky: bool = False
    """True if a run of it was disturbed: then only the final result is known."""

    def note(self, number: int, followed: Followed, *, is_more: bool = False) -> None:
        """Note the changes of an operation; `is_more` for a recovery that continued it."""
        for name, path in followed.moves.items():
            known = self.moves.get(name) if is_more else None
            if is_more and known is None and name in self.made and name.home and _comes_back(path, name.path):
                continue  # an original that had been set aside, while others took its role from the copy
            self.moves[name] = Moved(number, path, name.path) if known is None else known._replace(new=name.path)
        self.made |= {name: (number, name.path) for name in followed.made}


def _comes_back(old: bytes, new: bytes) -> bool:
    """Return whether a file that had been set aside has its name again: it was in the same folder."""
    return is_set_aside(old) and old.rpartition(b"/")[0] == new.rpartition(b"/")[0]


class Command(NamedTuple):
    """A finished command and its changes."""

    what: str
    state: int
    finished: Finished
    before: View
    followed: Followed
    interventions: int
    is_touched: bool
    """True if it was killed, halted, or run while an older operation was open."""
    takes_changed: bool
    """True for `--include-changed`, which moves back files that others put in place of the original ones."""
    is_part: bool = False
    """True for an undo or redo of chosen files or of a job, which may undo several operations, or a part of each."""
    is_resumed: bool = False
    """True for a job that goes on: it recovers what it had begun."""


class Operations:
    """The operations of both state directories. The callables of the world answer questions about names and views."""

    def __init__(
        self,
        states: list[Path],
        is_elsewhere: Callable[[Name, bytes], bool],
        is_made: Callable[[Name, bytes], bool],
        is_named: Callable[..., bool],
        differences: Callable[[View, str], list[str]],
    ) -> None:
        self._states = states
        self._is_elsewhere, self._is_made, self._is_named = is_elsewhere, is_made, is_named
        self._differences = differences
        self.lines: list[dict[int, Line]] = [{} for _ in states]
        self.jobs: list[dict[int, Job]] = [{} for _ in states]
        self._known: dict[Key, Operation] = {}
        self._order = 0

    def has_open(self, state: int) -> bool:
        return any(line.state != "sealed" for line in self.lines[state].values())

    @property
    def is_confused(self) -> bool:
        """True if there are two journals: neither knows the operations of the other."""
        return all(self.lines)

    def folders_passed(self, name: Name) -> set[bytes]:
        """Return the folders out of which operations moved a name."""
        return {
            operation.moves[name].old.rpartition(b"/")[0]
            for operation in self._known.values()
            if name in operation.moves
        }

    def newest_first(self) -> list[Key]:
        return sorted(self._known, key=lambda key: self._known[key].order, reverse=True)

    def account(self, command: Command) -> list[str]:
        """Take note of a command and return its violations."""
        known = self.lines[command.state]
        lines, self.jobs[command.state] = read_journal(self._states[command.state])
        self.lines[command.state] = lines
        fresh = [line for number, line in lines.items() if number not in known]
        if fresh and command.is_part and command.what in {"undo", "redo"}:
            return self._taken_in_part(command, fresh)
        if fresh:
            was_open = [line.number for line in known.values() if line.state != "sealed"]
            # After an operation that tore a group apart, the same command undoes a part of it.
            forward = [line for line in fresh if line.kind in FORWARD]
            if forward:
                self._handed_on(command, was_open)
            return self._begun(command, (forward or fresh)[-1], was_open=bool(was_open))
        if command.what == "recover" or command.is_resumed:
            return self._recovered(command, [line.number for line in known.values() if line.state != "sealed"])
        if command.followed.moves and command.what != "purge" and not command.is_touched:
            return [f"{command.what} moved {len(command.followed.moves)} names without an operation"]
        return []

    def _taken_in_part(self, command: Command, fresh: list[Line]) -> list[str]:
        """Note the undo or redo of a part: from then on, only the final result of its operations is known."""
        for line in fresh:
            operation = self._known.get((command.state, self._origin(command.state, line.number)))
            if operation is None:
                continue
            operation.is_murky = True
            for other in self._known.values():
                other.is_exact = False
            if line.kind == "undo":
                self._undone(operation, line, command)
            else:
                self._redone(operation, line, command)
        return []

    def _handed_on(self, command: Command, numbers: list[int]) -> None:
        """Note that a command has recovered these operations, and then moved some of their files itself."""
        for number in numbers:
            operation = self._known.get((command.state, self._origin(command.state, number)))
            if operation is not None:
                operation.moves = {
                    name: by for name, by in operation.moves.items() if name not in command.followed.moves
                }

    def _begun(self, command: Command, line: Line, *, was_open: bool) -> list[str]:
        key = command.state, self._origin(command.state, line.number)
        if line.kind in FORWARD:
            self._order += 1
            self._known[key] = Operation(
                command.before, command.interventions, self._order, is_murky=command.is_touched
            )
            if command.finished.code < 0 and not was_open:  # the result of its recovery can be undone exactly
                self._known[key].is_murky = False
            self._known[key].note(line.number, command.followed)
        elif line.kind == "purge":
            for other in self._known.values():
                other.is_exact = False
        elif key in self._known:
            operation = self._known[key]
            for other in self._known.values():
                other.is_exact &= other.order <= operation.order
            if line.kind == "undo":
                return self._undone(operation, line, command)
            self._redone(operation, line, command)
        return []

    def _origin(self, state: int, number: int) -> int:
        lines = self.lines[state]
        while (line := lines.get(number)) is not None and line.kind in {"undo", "redo"} and line.undoes is not None:
            number = line.undoes
        return number

    def _recovered(self, command: Command, numbers: list[int]) -> list[str]:
        for number in numbers:
            operation = self._known.get((command.state, self._origin(command.state, number)))
            if operation is not None:
                operation.note(number, command.followed, is_more=True)
        if "that had been left" in command.finished.output:  # it may have the name again that another one comes back to
            for operation in self._known.values():
                operation.is_exact = False
        code = command.finished.code
        if code in {1, 3} and command.what == "recover" and not command.interventions and not self.is_confused:
            return [f"recover ends with {code}, though nobody else did anything: {command.finished.output[-300:]}"]
        return []

    def _redone(self, operation: Operation, line: Line, command: Command) -> None:
        self._order += 1
        operation.is_murky |= command.is_touched
        if not operation.in_effect and not operation.is_murky:
            operation.before, operation.interventions, operation.is_exact = command.before, command.interventions, True
        operation.in_effect, operation.order = True, self._order
        operation.note(line.number, command.followed)

    def _undone(self, operation: Operation, line: Line, command: Command) -> list[str]:
        """Check that an undo reports files that it did not restore; without interference, it is exact and exits 0."""
        # What is at its home is back, or is by now a file of others, who have replaced the one that was moved there.
        moves = ((name, by) for name, by in operation.moves.items() if name.path != name.home)
        operation.moves = {name: by for name, by in moves if self._is_elsewhere(name, by.old)}
        operation.made = {name: by for name, by in operation.made.items() if self._is_made(name, by[1])}
        if command.is_touched or command.takes_changed or self.is_confused:
            operation.is_murky = True
        if operation.is_murky:
            return []
        code, said = command.finished.code, command.finished.output
        left = [name for name, moved in operation.moves.items() if moved.by == line.undoes]
        made = [name for name, (by, _) in operation.made.items() if by == line.undoes and not name.is_made_again]
        left += [name for name in made if not is_temporary(name.path)]
        places = {name: [moved.new] for name, moved in operation.moves.items()}  # a later one may have renamed it
        unnamed = [name for name in left if not self._is_named(name, said, *places.get(name, []))]
        wrong = [f"undo ends with {code}, but {name} is not back, and not named" for name in unnamed]
        if code == 0:
            wrong += [f"undo ends with 0, but {name} is not back" for name in left if name in operation.moves]
        if self._is_last(operation) and operation.is_exact and operation.interventions == command.interventions:
            if code:
                why = "though nobody else did anything"
                wrong.append(f"undo of the last operation ends with {code}, {why}: {said[-700:]}")
            else:
                wrong += self._differences(operation.before, "after undo")
        if code == 0 and not operation.moves:
            operation.in_effect = False
        return wrong

    def _is_last(self, operation: Operation) -> bool:
        return not any(other.in_effect and other.order > operation.order for other in self._known.values())
