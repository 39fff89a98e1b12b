"""A plan as a text that people edit: a line for each file, with its number, a tab, and its new path."""

from __future__ import annotations

import re
from typing import IO, TYPE_CHECKING

from fileorg.core.names import display, is_within
from fileorg.core.row_problems import RowFault, RowProblem
from fileorg.core.scratch import scratch
from fileorg.plan.given_rows import GivenAction, GivenRow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

_SCHEMA = """
CREATE TABLE lines (
    number INTEGER PRIMARY KEY, path BLOB NOT NULL, new_path BLOB NOT NULL, action TEXT NOT NULL, size INTEGER,
    mtime TEXT, algorithm TEXT, digest TEXT, duplicate_of BLOB NOT NULL);
CREATE TABLE seen (number INTEGER PRIMARY KEY, line INTEGER NOT NULL);
"""
_HELP = """\
# Change the new paths, then save and close. Close without saving to change nothing.
# A line a file: its number, a tab, its new path{and_old}.
# What is on a line that you remove stays as it is. The lines may be in any order.
# Lines that begin with # say something and do nothing. \\\\ is a backslash, \\xNN another byte.
{trash}#
"""
_TRASH = "# Without a new path, a file goes into the trash.\n"
MISTAKE = b"#! "
_ESCAPED = re.compile(rb"\\(?:\\|x([0-9a-fA-F]{2}))")


class EditedPlan:
    """The rows of a plan and the text that changes them. They are on disk: a plan may have a million rows."""

    def __init__(self, rows: Iterable[GivenRow], root: bytes) -> None:
        """Paths in `root` are shown relative to it."""
        self._db, self._prefix = scratch(_SCHEMA), root.rstrip(b"/") + b"/"
        values = (
            (
                self._shown(row.path), self._shown(row.new_path), row.action, row.size_bytes, row.mtime,
                *(row.digest or (None, None)), row.duplicate_of,
            )
            for row in rows
        )  # fmt: skip
        self._db.executemany(
            "INSERT INTO lines (path, new_path, action, size, mtime, algorithm, digest, duplicate_of)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            values,
        )
        [(self.files,)] = self._db.execute("SELECT count(*) FROM lines")

    def close(self) -> None:
        self._db.close()

    def _shown(self, path: bytes) -> bytes:
        return path[len(self._prefix) :] if path != self._prefix and is_within(path, self._prefix) else path

    def write(self, stream: IO[bytes]) -> None:
        """Write the text."""
        [(moves, trash)] = self._db.execute(
            "SELECT coalesce(sum(path <> new_path), 0), coalesce(sum(action = 'trash'), 0) FROM lines"
        )
        note = _HELP.format(and_old=", a tab, and # with its old path" if moves else "", trash=_TRASH if trash else "")
        stream.write(note.encode())
        for number, path, new_path in self._db.execute("SELECT number, path, new_path FROM lines ORDER BY number"):
            old = b"" if path == new_path else b"\t# " + escaped(path)
            stream.write(b"%d\t%b%b\n" % (number, escaped(new_path), old))

    def read(self, stream: IO[bytes], fail: Callable[[RowProblem], None]) -> Iterator[GivenRow]:
        """Yield the rows of an edited text that change something; `fail` gets its mistakes. Lines are those of the
        text.
        """
        self._db.execute("DELETE FROM seen")
        for line, text in enumerate(stream, 1):
            if not text.strip() or text.startswith(b"#"):
                continue
            cells = text.rstrip(b"\r\n").split(b"\t")
            digits = cells[0].strip()
            row = self._row(int(digits)) if digits.isdigit() and len(digits) < 10 else None
            if row is None or len(cells) < 2:
                fail(RowProblem(line, RowFault.NO_NUMBER, b"", text.strip()[:40]))
                continue
            number, path, _, action, size, mtime, algorithm, digest, duplicate_of = row
            before = self._db.execute("SELECT line FROM seen WHERE number = ?", (number,)).fetchone()
            if before is not None:
                fail(RowProblem(line, RowFault.TWO_ROWS, path, path, before[0]))
                continue
            self._db.execute("INSERT INTO seen VALUES (?, ?)", (number, line))
            new_path = _unescaped(cells[1])
            if new_path is None:
                fail(RowProblem(line, RowFault.BAD_VALUE, path, cells[1]))
                continue
            chosen = GivenAction(action)
            if not new_path and chosen is not GivenAction.TRASH:
                fail(RowProblem(line, RowFault.NO_NEW_PATH, path))
                continue
            if new_path and chosen is GivenAction.TRASH:
                chosen, duplicate_of = GivenAction.MOVE, b""
            if new_path != path:
                known = None if algorithm is None else (algorithm, digest)
                yield GivenRow(line, path, new_path, chosen, size, mtime, known, duplicate_of)

    def _row(self, number: int) -> tuple[int, bytes, bytes, str, int | None, str | None, str, str, bytes] | None:
        query = (
            "SELECT number, path, new_path, action, size, mtime, algorithm, digest, duplicate_of FROM lines"
            " WHERE number = ?"
        )
        found: tuple[int, bytes, bytes, str, int | None, str | None, str, str, bytes] | None
        found = self._db.execute(query, (number,)).fetchone()
        return found


def with_mistakes(old: IO[bytes], new: IO[bytes], mistakes: Mapping[int, str]) -> int:
    """Copy an edited text with a remark above each faulty line, without those of the last time. `mistakes` are by line.

    Return the line of the first one in the new text.
    """
    first = written = 0
    for line, text in enumerate(old, 1):
        if text.startswith(MISTAKE):
            continue
        if line in mistakes:
            new.write(MISTAKE + display(mistakes[line]).encode() + b"\n")
            written += 1
            first = first or written + 1
        new.write(text)
        written += 1
    return first or 1


def escaped(path: bytes) -> bytes:
    r"""Return a path as one printable field: a backslash as two, and each byte of what is not printable as `\xNN`."""
    if path.isascii() and b"\\" not in path and path.decode().isprintable():
        return path
    found = bytearray()
    for character in path.decode(errors="surrogateescape"):
        raw = character.encode(errors="surrogateescape")
        if character == "\\":
            found += b"\\\\"
        elif display(character) == character:
            found += raw
        else:
            found += b"".join(b"\\x%02x" % byte for byte in raw)
    return bytes(found)


def _unescaped(field: bytes) -> bytes | None:
    """Return the path of a field; None if it has a backslash that stands for nothing."""
    if b"\\" not in field:
        return field
    if b"\\" in _ESCAPED.sub(b"", field):
        return None
    return _ESCAPED.sub(lambda found: b"\\" if found[1] is None else bytes([int(found[1], 16)]), field)
