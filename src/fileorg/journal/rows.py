"""Rows of the journal as types. Rows that were read are untrusted: `checked` validates them before they are used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeGuard

from fileorg.core.batches import row_maker
from fileorg.core.errors import JournalError
from fileorg.core.model import FOLDER_ACTIONS, ROOT, Action, Base, Keeper, OperationState, RecordState
from fileorg.core.names import are_names, display, is_folder, is_name, is_root
from fileorg.core.reasons import UNSETTLED, Lost, Reason, ReasonCode
from fileorg.core.times import MAX_KEPT
from fileorg.core.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

RecordId = int

_NUMBERS = {int, type(None)}
_ACTIONS = {str(action): action for action in Action}
NO_REASON = (None, None, None, None)
_TIME_BYTES, _NO_TIME_NS = 12, 10**9 << 63  # file systems store seconds in 64 bits
_OF_REASON = ("reason", "about", "number", "lost")

OPERATION_COLUMNS = (
    "id, kind, root, dest, root_inode, options, undoes, state, was_interrupted, first_record, pid, host, started_ns,"
    " ended_ns, done, bytes, problems"
)
REASON_COLUMNS = ", ".join(f"r.{column}" for column in _OF_REASON)
RECORD_COLUMNS = (
    "r.id, r.action, s.base, s.path, r.source_name, t.base, t.path, coalesce(r.target_name, r.source_name),"
    " r.dev, r.inode, r.size, r.mtime_ns, r.mode, r.nlink, r.category, r.state, r.reverts,"
    " coalesce(r.target_inode, r.inode), coalesce(r.target_mtime_ns, r.mtime_ns), r.digest,"
    f" {REASON_COLUMNS}"
)


class Operation(NamedTuple):
    """One run that changed something. Times in nanoseconds since 1970."""

    id: int
    kind: str
    root: bytes
    dest: bytes | None
    root_inode: int
    options: str
    undoes: int | None
    state: OperationState
    was_interrupted: int
    first_record: RecordId
    pid: int
    host: str
    started_ns: int
    ended_ns: int | None
    done: int
    size_bytes: int
    problems: int

    @property
    def part(self) -> dict[str, list[str]] | None:
        """What says which files an undo or redo was about, None for all."""
        return part_of(self.options)

    @property
    def client(self) -> str:
        """The program that asked for it, as it names itself; empty for a person."""
        return client_of(self.options)

    @property
    def destination(self) -> bytes | None:
        """The destination that the user named: `dest` may be the folder above it that was there before the run."""
        return destination_of(self.options) or self.dest


def part_of(options: str) -> dict[str, list[str]] | None:
    """Return what says which files an undo or redo is about, by the options of its operation or job; None for all."""
    if isinstance(options, str) and '"part"' not in options:
        return None
    found = parsed_options(options).get("part")
    if not isinstance(found, dict):
        return None
    lists = {name: found.get(name) for name in ("patterns", "categories")}
    return {name: [str(each) for each in values] if isinstance(values, list) else [] for name, values in lists.items()}


def client_of(options: str) -> str:
    """Return the program that asked for an operation or a job, as it names itself, by their options; empty for none."""
    if isinstance(options, str) and '"client"' not in options:
        return ""
    from fileorg.core.confinement import client_name

    return client_name(str(parsed_options(options).get("client") or ""))


def destination_of(options: str) -> bytes | None:
    """Return the destination in the options of an operation, None without one that is valid."""
    if isinstance(options, str) and '"dest' not in options:  # nearly always: a listing need not load a parser
        return None
    from fileorg.core.formats import exact

    try:
        path = exact("dest", parsed_options(options))
    except ValueError:
        return None
    return path if is_root(path) else None


BIRTHS = "births"
"""The option of an operation that keeps when its directories were made, for recovery and not for people."""


def parsed_options(options: str) -> dict[str, Any]:
    """Return the options that an operation keeps for display; empty if they are no JSON object."""
    import json

    try:
        found = json.loads(options)
    except (ValueError, TypeError):
        return {}
    return found if isinstance(found, dict) else {}


def checked_operation(row: tuple[Any, ...]) -> Operation:
    """Return the operation of a row if its types are right and its roots may be some. Raises `JournalError`."""
    try:
        found = Operation(*row)._replace(state=OperationState(row[7]))
        roots = [found.root] if found.dest is None else [found.root, found.dest]
        numbers = (found.id, found.root_inode, found.first_record, found.started_ns, found.done, found.size_bytes)
        fine = all(map(is_root, roots))
        fine &= all(isinstance(number, int) for number in numbers) and isinstance(found.kind, str)
        fine &= all(isinstance(number, int | None) for number in (found.undoes, found.ended_ns))
    except (ValueError, TypeError):
        fine = False
    if not fine:
        raise foreign("Operation", row[0])
    return found


class Root(NamedTuple):
    """A directory that an operation worked in. The inode is None if an older fileorg wrote the row."""

    path: bytes
    inode: int | None


def checked_root(row: tuple[Any, ...], operation: int) -> Root:
    """Return the root of a row (path, inode) if it is valid. Raises `JournalError`."""
    path, inode = row
    if not is_root(path) or not isinstance(inode, int):
        raise foreign("A root of operation", operation)
    return Root(path, inode)


class Record(NamedTuple):
    """A FileRecord: one file, the planned action, and its result."""

    id: RecordId
    action: Action
    source_base: Base
    source_folder: bytes
    source_name: bytes
    target_base: Base
    target_folder: bytes
    target_name: bytes
    dev: int
    inode: int
    size: int
    mtime_ns: int
    mode: int
    nlink: int
    category: str | None
    state: RecordState
    reverts: int | None
    target_inode: int
    target_mtime_ns: int
    digest: bytes | None
    reason: Reason | None


def record_of(row: tuple[Any, ...]) -> Record:
    """Return a row of `RECORD_COLUMNS` as a record; only its reason is checked. Raises `JournalError`."""
    return Record._make((*row[:-4], checked_reason(row[0], *row[-4:])))


def checked_reason(record: object, code: Any, about: Any, number: Any, lost: Any) -> Reason | None:
    """Return the reason of a row, None without one. Raises `JournalError` if it is invalid."""
    if code is None:
        return None
    words = isinstance(code, str) and isinstance(about, bytes | None)
    if not words or not is_number(number) or not isinstance(lost, int | None):
        raise foreign("Record", record)
    try:
        return Reason(ReasonCode(code), about, number, Lost(lost or 0))
    except ValueError:
        raise foreign("Record", record) from None


def is_number(number: object) -> TypeGuard[int | None]:
    """Return whether the value can be an errno, a number of names, or flags."""
    return number is None or (isinstance(number, int) and 0 <= number < 1 << 31)


def columns_of(reason: Reason | None) -> dict[str, Any]:
    """Return a reason as columns of the journal."""
    return dict(zip(_OF_REASON, reason or NO_REASON, strict=True))


class RecordedFolder(NamedTuple):
    """A folder, below one of the bases of an operation."""

    base: Base
    folder: bytes


class LostBefore(NamedTuple):
    """The attributes of a file that its new file system did not keep: its mode, mtime_ns and chattr(1) flags; and those
    that cannot be restored, with the names of extended attributes.
    """

    mode: int | None
    mtime_ns: int | None
    flags: int
    for_good: Lost
    attributes: list[bytes]


class Copied(NamedTuple):
    """A copy that a record made: the original at that time, and the copy as fileorg left it."""

    inode: int
    mtime_ns: int
    started_ns: int  # when the operation began
    copy_ctime_ns: int | None
    digest: bytes | None


class DoneRecord(NamedTuple):
    """The fields of a record in effect that undo needs. `target_*` describes the file now, if nobody touched it."""

    id: RecordId
    action: Action
    source: RecordedFolder
    source_name: bytes
    target: RecordedFolder
    target_name: bytes
    inode: int | None
    target_inode: int | None
    size: int | None
    target_mtime_ns: int | None
    mode: int | None
    category: str | None
    keeper: Keeper | None
    leader: RecordId
    """The first record of its group, 0 for none."""


_new_done = row_maker(DoneRecord)


def checked_place(row: tuple[int, bytes] | None, folder: object) -> RecordedFolder:
    """Return a folder of the journal if its path stays below its base. Raises `JournalError`."""
    try:
        if row is None or not isinstance(row[1], bytes) or not is_folder(row[1]):
            raise ValueError
        return RecordedFolder(_checked_base(row[0]), row[1])
    except (ValueError, TypeError, AttributeError):
        raise foreign("Folder", folder) from None


def exact_time(mtime_ns: int | None) -> int | bytes | None:
    """Return a time in the journal's exact format: a number, or bytes where it needs more than 64 bits."""
    if mtime_ns is None or -MAX_KEPT <= mtime_ns <= MAX_KEPT:
        return mtime_ns
    return mtime_ns.to_bytes(_TIME_BYTES, signed=True)


def checked_exact_time(value: object, what: str, number: object) -> int | None:
    """Return the time that `exact_time` encoded. Raises `JournalError` if no file can have that time."""
    if isinstance(value, bytes) and len(value) == _TIME_BYTES:
        value = int.from_bytes(value, signed=True)
    if not isinstance(value, int | None) or abs(value or 0) >= _NO_TIME_NS:
        raise foreign(what, number)
    return value


def checked_rows(rows: Sequence[tuple[Any, ...]]) -> Sequence[tuple[Any, ...]]:
    """Return rows that `JournalReader.done` selected, after checking names, numbers and actions.

    Checks whole columns: a check of each row takes as long as reading it. Raises `JournalError`.
    """
    numbers, actions, _, source_names, _, target_names, *columns, _ = zip(*rows, strict=True)
    try:
        fine = (
            checked_names([name for name in source_names if name is not None], target_names)
            and _ACTIONS.keys() >= set(actions)
            and all(kinds <= _NUMBERS for kinds in (set(map(type, column)) for column in columns))
            and all(map(is_mode, set(columns[-1])))
        )
    except TypeError:
        fine = False
    if not fine:
        raise foreign("A record between", f"{numbers[-1]} and {numbers[0]}")
    return rows


def checked_names(*columns: Sequence[Any]) -> bool:
    """Return whether all values are single names."""
    try:
        return all(map(are_names, columns))
    except TypeError:
        return False


def checked_keeper(row: tuple[Any, ...], place: RecordedFolder) -> Keeper:
    """Return the keeper of a row (record, name, inode, mtime_ns) and its folder's place. Raises `JournalError`."""
    record, name, *numbers = row
    if not is_inside(place.folder, name) or not all(isinstance(number, int) for number in numbers):
        raise foreign("The keeper of record", record)
    return Keeper(*place, name, *numbers)


def done(
    rows: Sequence[tuple[Any, ...]],
    places: Mapping[int | None, RecordedFolder],
    keepers: Mapping[RecordId, Keeper],
    leaders: Mapping[RecordId, RecordId],
) -> list[DoneRecord]:
    """Return checked rows as `DoneRecord`. `places` has their folders, the others what belongs to some records."""
    return [
        _new_done((
            number, _ACTIONS[action], places[source], source_name or b"", places[target], target_name,
            inode, target_inode, size, mtime_ns, mode, category, keepers.get(number), leaders.get(number, 0),
        ))
        for number, action, source, source_name, target, target_name,
            inode, target_inode, size, mtime_ns, mode, category in rows
    ]  # fmt: skip


def checked(record: Record) -> Record:
    """Return the record with enums if its types are right and its paths are below their base. Raises `JournalError`."""
    try:
        action, state = Action(record.action), RecordState(record.state)
        folder_action = action in FOLDER_ACTIONS
        if not (
            is_inside(record.target_folder, record.target_name)
            and (folder_action or is_inside(record.source_folder, record.source_name))
            and isinstance(record.id, int)
            and all(isinstance(value, int | None) for value in record[8:14])
            and is_mode(record.mode)
        ):
            raise ValueError
        return record._replace(
            action=action,
            state=state,
            source_base=_checked_base(record.source_base or ROOT),
            target_base=_checked_base(record.target_base),
        )
    except (ValueError, TypeError):
        raise foreign("Record", record.id) from None


def _checked_base(value: object) -> Base:
    """Return a base number. Raises `ValueError` if it is invalid; `roots` checks that the operation has that base."""
    if not isinstance(value, int) or value < ROOT:
        raise ValueError
    return value


def quoted(words: Iterable[str]) -> str:
    """Return an SQL list of words, which must be constants."""
    return ", ".join(f"'{word}'" for word in sorted(words))


def numbers(ids: Iterable[RecordId]) -> str:
    """Return an SQL list of ids."""
    return ", ".join(f"{record:d}" for record in ids)


IS_UNSETTLED = f"state IN ('changed', 'missing') AND reason IN ({quoted(UNSETTLED)})"
"""Records whose outcome recovery could not determine."""

IS_LEFT = f"(state = 'done' OR ({IS_UNSETTLED}))"
"""Records that are in effect, or may be: undo reverts these."""

LEFT_AGAIN = (
    f"CASE WHEN reason = '{ReasonCode.LOST_IN_CRASH}' THEN 'missing'"
    f" WHEN reason IN ({quoted(UNSETTLED)}) THEN 'changed' ELSE 'done' END"
)
"""The state of a record that should have been undone, and was not."""


def is_mode(number: int | None) -> bool:
    """Return whether the system accepts the number as the mode of a file."""
    return 0 <= (number or 0) < 1 << 16


def foreign(what: str, number: object) -> JournalError:
    """Return the error for a row that fileorg did not write."""
    return JournalError(
        f"The journal contains an entry that fileorg did not write: {what.lower()} {display(str(number))}.",
        hint="another program changed the journal: restore it from a backup",
    )


def is_inside(folder: object, name: object) -> bool:
    """Return whether the values are a folder that stays below its base and a single name."""
    return isinstance(folder, bytes) and isinstance(name, bytes) and is_folder(folder) and is_name(name)
