"""A plan in a file of the state directory: what was agreed to, and the folders that it is about.

A line of JSON with the head, a line for each batch of rows, and a last line with their number: a file that was cut off
is refused. Names are text with surrogates for bytes that are not UTF-8. The rows are checked when they are read: the
file may come from elsewhere.
"""

from __future__ import annotations

import contextlib
import json
import os
from typing import TYPE_CHECKING, Any

from fileorg.core.errors import ErrorCode, UsageError
from fileorg.core.model import FOLDER_ACTIONS, Action, Base, Keeper, PlanRow
from fileorg.core.names import display, is_folder, is_name, is_root, join, split
from fileorg.core.reasons import Lost, Reason, ReasonCode
from fileorg.core.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from fileorg.core.model import Plan

_FORM, _VERSION = "fileorg plan", 2
_LONGEST_PLACE = 40
_MAX_LINE_BYTES, _END_BYTES = 64 << 20, 64


class InvalidPlan(UsageError):
    """A saved plan that cannot be carried out."""

    code = ErrorCode.STATE_UNUSABLE
    hint = "make the plan again with the command that made it"

    def __init__(self, path: bytes, why: str) -> None:
        super().__init__(f"The saved plan {display(path)} {why}.", path=path)


class PlannedRoot(NamedTuple):
    """A folder of a plan, by `Base`. The inode number identifies it; the device number is a hint for people."""

    path: bytes
    dev: int
    inode: int
    changes: bool
    """False if the plan only reads there: the source of copies, a reference folder."""
    uses: Sequence[bytes] = (b"",)
    """The paths below it, for the guards: empty for the folder itself. None of them for a folder to compare with."""


class PlanHead(NamedTuple):
    """What a plan is about, beside its rows: the arguments of `Session.run`, and where the trash was to be."""

    kind: str
    facts: dict[str, Any]
    stage: str
    files: int
    renames: int
    copies: bool
    trash: bytes
    roots: Sequence[PlannedRoot]


def write_plan(
    path: bytes,
    at: int,
    head: PlanHead,
    plan: Plan,
    rows: int,
    seen: Callable[[list[PlanRow]], None] | None = None,
    ready: Callable[[], None] = lambda: None,
) -> str:
    """Write a plan durably to the name `path` in the open folder `at`, at most `rows` at a time; return its version.

    `seen` gets each batch; `ready` is called once all are written, before the plan takes its name, which it does not if
    that raises. Raises `OSError`.
    """
    part = path + b".part"
    try:
        version = _write(part, at, head, plan, rows, seen)
        ready()
        os.replace(part, path, src_dir_fd=at, dst_dir_fd=at)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(part, dir_fd=at)
        raise
    folder = os.open(b".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=at)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return version


def _write(
    path: bytes, at: int, head: PlanHead, plan: Plan, rows: int, seen: Callable[[list[PlanRow]], None] | None
) -> str:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=at)
    with open(fd, "w", encoding="ascii") as file:
        roots = [(os.fsdecode(root.path), *root[1:4], [*map(os.fsdecode, root.uses)]) for root in head.roots]
        fields = head._replace(roots=roots, trash=os.fsdecode(head.trash))._asdict()  # type: ignore[arg-type]
        file.write(json.dumps({"form": _FORM, "version": _VERSION, **fields}) + "\n")
        count = 0
        for batch in plan.batches(rows):
            file.write(json.dumps([_plain(row) for row in batch], separators=(",", ":")) + "\n")
            count += len(batch)
            if seen is not None:
                seen(batch)
        file.write(json.dumps({"rows": count}) + "\n")
        file.flush()
        os.fsync(fd)
        return _version_of(fd)


def _version_of(fd: int) -> str:
    seen = os.fstat(fd)
    return f"{seen.st_ino:x}-{seen.st_mtime_ns:x}-{seen.st_size:x}"


def _plain(row: PlanRow) -> list[Any]:
    fields: list[Any] = [os.fsdecode(value) if isinstance(value, bytes) else value for value in row]
    if row.reason is not None:
        code, about, number, lost = row.reason
        fields[13] = [code, None if about is None else os.fsdecode(about), number, int(lost)]
    if row.keeper is not None:
        fields[14] = [os.fsdecode(value) if isinstance(value, bytes) else value for value in row.keeper]
    return fields


class PlanPlace(NamedTuple):
    """The place of a row in a saved plan: where its line begins, its number there, and its number in the plan."""

    line: int
    at: int
    row: int

    @property
    def text(self) -> str:
        return f"{self.line}.{self.at}.{self.row}"


class SavedPlan:
    """A saved plan, opened. Its batches are those that were written: a group of files is never split."""

    def __init__(self, path: bytes) -> None:
        """Read the head. Raises `InvalidPlan`, `OSError`."""
        self._path = path
        self._trash = self._old_trash = b""
        self._file = open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NOFOLLOW))  # noqa: SIM115
        try:
            self.head = self._head()
            self._check_end()
        except BaseException:
            self._file.close()
            raise

    @property
    def files(self) -> int:
        return self.head.files

    @property
    def version(self) -> str:
        """A text that differs for each plan that a job has had: the file is replaced, never changed."""
        return _version_of(self._file.fileno())

    def put_trash_into(self, trash: bytes) -> None:
        """Use another trash folder than the plan was made with: it is named after the operation."""
        self._old_trash, self._trash = self.head.trash, trash

    def batches(self, rows: int) -> Iterator[list[PlanRow]]:  # noqa: ARG002  they were cut when they were written
        """Yield the rows; only once. Raises `InvalidPlan` for a row that leads out of the folders of the plan."""
        count = 0
        while isinstance(line := self._line(), list):
            batch = [self._row(fields) for fields in line]
            count += len(batch)
            yield batch
        if line != {"rows": count}:
            raise InvalidPlan(self._path, "is incomplete")

    def rows_from(self, place: str) -> Iterator[tuple[PlanPlace, PlanRow]]:
        """Yield the rows from a `PlanPlace` on, which is given as text, each with its own; from the first one if it is
        empty. Raises `UsageError` for another text, `InvalidPlan`.
        """
        line, at, row = self._file.tell(), 0, 0
        if place:
            if len(place) > _LONGEST_PLACE:
                raise _no_place()
            numbers = [int(number) for number in place.split(".") if number.isascii() and number.isdigit()]
            if len(numbers) != 3 or not line <= numbers[0] <= os.fstat(self._file.fileno()).st_size:
                raise _no_place()
            line, at, row = numbers
            self._file.seek(line - 1)
            if self._file.read(1) != b"\n":
                raise _no_place()
        while isinstance(batch := self._line(), list):
            if at > len(batch):
                raise _no_place()
            for position in range(at, len(batch)):
                yield PlanPlace(line, position, row), self._row(batch[position])
                row += 1
            line, at = self._file.tell(), 0

    def close(self) -> None:
        self._file.close()

    def _line(self) -> Any:
        try:
            return json.loads(self._file.readline(_MAX_LINE_BYTES))
        except (ValueError, RecursionError):
            raise InvalidPlan(self._path, "is damaged") from None

    def _head(self) -> PlanHead:
        found = self._line()
        if not isinstance(found, dict) or found.get("form") != _FORM:
            raise InvalidPlan(self._path, "is not a plan of fileorg")
        if found.get("version") != _VERSION:
            raise InvalidPlan(self._path, "was written by another version of fileorg")
        try:
            head = PlanHead(*(found[field] for field in PlanHead._fields))
            roots = [
                PlannedRoot(os.fsencode(path), dev, inode, bool(goes), [os.fsencode(used) for used in uses])
                for path, dev, inode, goes, uses in head.roots
            ]
            head = head._replace(roots=roots, trash=os.fsencode(head.trash))
            numbers = [head.files, head.renames, *(number for root in roots for number in root[1:3])]
            fine = all(is_root(root.path) for root in roots) and len(roots) > 1
            fine &= all(root.uses or not root.changes for root in roots)
            fine &= all(is_folder(used) for root in roots for used in root.uses)
            fine &= all(isinstance(number, int) for number in numbers) and isinstance(head.facts, dict)
            fine &= isinstance(head.kind, str) and isinstance(head.stage, str) and is_folder(head.trash)
        except (KeyError, TypeError, ValueError):
            fine = False
        if not fine:
            raise InvalidPlan(self._path, "is damaged")
        return head

    def _check_end(self) -> None:
        """Check that the last line is there, before the first row is carried out."""
        start = self._file.tell()
        self._file.seek(max(start, self._file.seek(0, os.SEEK_END) - _END_BYTES))
        end = self._file.read().rstrip(b"\n").rpartition(b"\n")[2]
        if not end.startswith(b'{"rows": '):
            raise InvalidPlan(self._path, "is incomplete")
        self._file.seek(start)

    def _row(self, fields: list[Any]) -> PlanRow:
        try:
            action, source_base, source_folder, source_name, target_base, target_folder, target_name, *rest = fields
            inode, size, mtime_ns, mode, category, reverts, reason, keeper, together = rest
            target = self._in_trash(os.fsencode(target_folder), os.fsencode(target_name))
            row = PlanRow(
                Action(action), self._base(source_base), os.fsencode(source_folder), os.fsencode(source_name),
                self._base(target_base), *target,
                _number(inode), _number(size), _number(mtime_ns), _number(mode), category, _number(reverts),
                _reason(reason), self._keeper(keeper), _number(together),
            )  # fmt: skip
            is_inside = is_folder(row.target_folder) and is_name(row.target_name) and isinstance(category, str)
            if row.action not in FOLDER_ACTIONS:
                is_inside &= is_folder(row.source_folder) and is_name(row.source_name)
        except (ValueError, TypeError):
            is_inside = False
        if not is_inside:
            raise InvalidPlan(self._path, "is damaged: a row leads out of its folders")
        return row

    def _base(self, value: Any) -> Base:
        if not isinstance(value, int) or not 0 <= value < len(self.head.roots):
            raise ValueError
        return value

    def _in_trash(self, folder: bytes, name: bytes) -> tuple[bytes, bytes]:
        """Return a target with the trash folder of now: at the start of its path, or below a folder to be made."""
        path, old = join(folder, name), self._old_trash
        at = b"/".join((b"", path, b"")).find(b"/".join((b"", old, b""))) if old else -1
        return (folder, name) if at < 0 else split(path[:at] + self._trash + path[at + len(old) :])

    def _keeper(self, fields: Any) -> Keeper | None:
        if fields is None:
            return None
        base, folder, name, inode, mtime_ns = fields
        keeper = Keeper(self._base(base), os.fsencode(folder), os.fsencode(name), _number(inode), _number(mtime_ns))
        if not is_folder(keeper.folder) or not is_name(keeper.name):
            raise ValueError
        return keeper


def _no_place() -> UsageError:
    return UsageError("The plan has no such place.", hint="begin with its first row", code=ErrorCode.BAD_VALUE)


def _number(value: Any) -> int:
    if not isinstance(value, int):
        raise ValueError  # noqa: TRY004  one kind of error for all damage
    return value


def _reason(fields: Any) -> Reason | None:
    if fields is None:
        return None
    code, about, number, lost = fields
    return Reason(ReasonCode(code), None if about is None else os.fsencode(about), number, Lost(lost))
