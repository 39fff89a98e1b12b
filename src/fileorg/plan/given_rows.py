"""The rows of a plan that someone else wrote: lines of JSON, one JSON document, CSV, or pairs that end with NUL.

The kind is found by the first bytes. All but one JSON document are read as a stream, and a faulty line does not hide
the next one.
"""

from __future__ import annotations

import base64
import binascii
import csv
import json
import re
from enum import StrEnum
from io import BytesIO
from itertools import count, islice, repeat
from typing import IO, TYPE_CHECKING, Any

from fileorg.core.batches import row_maker
from fileorg.core.row_problems import RowFault, RowProblem
from fileorg.core.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_MAX_LINE_BYTES = 1 << 20
_PART_BYTES = 1 << 18
"""Lines of JSON are read a part at a time."""
_MAX_DOCUMENT_BYTES = 64 << 20
"""One JSON document must fit into memory; lines of JSON may be of any number."""
_BOM = b"\xef\xbb\xbf"
_JSON_BLANKS = " \t\r\n"
_ALIASES = {"from": "path", "to": "new_path", "size": "size_bytes"}
_COLUMNS = frozenset(
    {
        "path", "new_path", "action", "size_bytes", "mtime", "sha256", "xxh3_128", "path_b64", "new_path_b64",
        "duplicate_of", "duplicate_of_b64", "etag",
    }
)  # fmt: skip
_DIGESTS = {"sha256": 64, "xxh3_128": 32}
ETAG = "etag"
_MAX_ETAG = 1024
_MAX_DIGITS = 100
"""Of a number in quotes: Python takes no more than some thousand."""


class GivenAction(StrEnum):
    """What a row asks for."""

    MOVE = "move"
    COPY = "copy"
    HARDLINK = "hardlink"
    SYMLINK = "symlink"
    TRASH = "trash"


_ACTIONS = {str(action): action for action in GivenAction}
_SAVED_ACTIONS = {action.encode(): action for action in GivenAction if action is not GivenAction.TRASH}
_SAVED_TEXT = rb'([^"\\\x00-\x1f]+)'
_SAVED_LINE = re.compile(
    rb'^\{"action": "(%b)", "path": "%b", "new_path": "%b", "size_bytes": (0|[1-9][0-9]{0,17}), "mtime": "%b"\}\n'
    % (b"|".join(_SAVED_ACTIONS), _SAVED_TEXT, _SAVED_TEXT, _SAVED_TEXT),
    re.MULTILINE,
)
_decode = json.JSONDecoder().raw_decode  # `decode` looks for blanks with regular expressions, in twice the time


class GivenRow(NamedTuple):
    """A row as it was given. `new_path` is empty for the trash.

    What must still hold: `size_bytes`; `mtime` in ISO 8601; `digest` as (algorithm, hexadecimal digits), or as (`ETAG`,
    the ETag of an object); and the content of the file `duplicate_of`, which a file in the trash must share.
    """

    line: int
    path: bytes
    new_path: bytes
    action: GivenAction = GivenAction.MOVE
    size_bytes: int | None = None
    mtime: str | None = None
    digest: tuple[str, str] | None = None
    duplicate_of: bytes = b""


_new_row = row_maker(GivenRow)


class _BadRow(Exception):
    def __init__(self, fault: RowFault, about: str = "") -> None:
        super().__init__(fault)
        self.fault, self.about = fault, about.encode(errors="backslashreplace")  # it may be half of a surrogate pair


def given_rows(stream: IO[bytes], fail: Callable[[RowProblem], None], *, null: bool = False) -> Iterator[GivenRow]:
    """Yield the rows of a plan; `fail` gets a problem for each line without one. `null`: pairs that end with NUL.

    Raises `OSError`.
    """
    if null:
        return _pairs(stream, fail)
    head = stream.peek(1 << 16) if hasattr(stream, "peek") else b""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        fail(RowProblem(1, RowFault.NOT_UTF8))
        return iter(())
    start = head.removeprefix(_BOM).lstrip()
    if start.startswith(b"["):
        return _document(stream, fail)
    if start.startswith(b"{"):
        return _document(stream, fail) if _is_document(start) else _json_lines(stream, fail)
    return _csv(stream, fail)


def _is_document(start: bytes) -> bool:
    """Return whether an object goes on in the next line: then it is a document with rows, not a row."""
    line = start.partition(b"\n")[0].strip()
    return line == b"{" or line.startswith((b'{"rows"', b'{"dry_run"'))


def _lines(stream: IO[bytes], number: int = 0) -> Iterator[tuple[int, bytes]]:
    """Yield number and content of each line, without the byte-order mark; the first is that after line `number`."""
    while line := stream.readline(_MAX_LINE_BYTES):
        number += 1
        yield number, line.removeprefix(_BOM) if number == 1 else line


def _json_lines(stream: IO[bytes], fail: Callable[[RowProblem], None]) -> Iterator[GivenRow]:
    last = 0
    while part := stream.read(_PART_BYTES):
        if not part.endswith(b"\n"):
            part += stream.readline(_MAX_LINE_BYTES)
        saved = _saved_rows(last + 1, part)
        if saved is not None:
            yield from saved
            last += len(saved)
            continue
        for number, line in _lines(BytesIO(part), last):
            yield from _saved_rows(number, line) or _json_row(number, line, fail)
            last = number


def _saved_rows(first: int, part: bytes) -> list[GivenRow] | None:
    """Return the rows of whole lines as `--save-plan` writes them, in a third of the time; None unless each of them is
    as it writes that. `first` is the number of the first line.
    """
    found = _SAVED_LINE.findall(part)  # each is one line from its start to its end
    if len(found) != part.count(b"\n") or not found or not part.endswith(b"\n"):
        return None
    try:
        part.decode()
    except UnicodeDecodeError:
        return None
    actions, paths, new_paths, sizes, times = zip(*found, strict=True)
    chosen = [_SAVED_ACTIONS[action] for action in actions]
    columns = count(first), paths, new_paths, chosen, map(int, sizes), map(bytes.decode, times)
    return list(map(_new_row, zip(*columns, repeat(None), repeat(b""))))


def _json_row(number: int, line: bytes, fail: Callable[[RowProblem], None]) -> list[GivenRow]:
    """Return the row of a line of any form; nothing if it is blank, or has a problem, which `fail` gets."""
    try:
        text = line.decode().strip(_JSON_BLANKS)
        found, end = _decode(text)
        if end != len(text):
            raise ValueError(text)
    except UnicodeDecodeError:
        fail(RowProblem(number, RowFault.NOT_UTF8))
        return []
    except (ValueError, RecursionError):
        if line.strip():
            fail(RowProblem(number, RowFault.NOT_JSON))
        return []
    try:
        return [_row(number, found)]
    except _BadRow as bad:
        fail(RowProblem(number, bad.fault, b"", bad.about))
        return []


def _document(stream: IO[bytes], fail: Callable[[RowProblem], None]) -> Iterator[GivenRow]:
    content = stream.read(_MAX_DOCUMENT_BYTES + 1)
    if len(content) > _MAX_DOCUMENT_BYTES:
        fail(RowProblem(1, RowFault.BAD_VALUE, b"", b"a JSON document of more than 64 MB: use lines of JSON"))
        return
    try:
        found = json.loads(content.removeprefix(_BOM))
    except UnicodeDecodeError as error:
        fail(RowProblem(content.count(b"\n", 0, error.start) + 1, RowFault.NOT_UTF8))
        return
    except json.JSONDecodeError as error:
        fail(RowProblem(error.lineno, RowFault.NOT_JSON))
        return
    except (RecursionError, ValueError):  # too deep, or a number of thousands of digits
        fail(RowProblem(1, RowFault.NOT_JSON))
        return
    rows = found.get("rows") if isinstance(found, dict) else found
    if not isinstance(rows, list):
        fail(RowProblem(1, RowFault.NO_COLUMNS))
        return
    for number, fields in enumerate(rows, 1):
        if isinstance(fields, dict) and fields.get("status") == "skipped":
            continue  # of a dry run: it says what stays, too
        if isinstance(fields, dict) and fields.get("action") in {"make-folder", "remove-folder"}:
            continue  # the folders of a dry run: they are made and removed as the files need it
        try:
            yield _row(number, fields)
        except _BadRow as bad:
            fail(RowProblem(number, bad.fault, b"", bad.about))


def _csv(stream: IO[bytes], fail: Callable[[RowProblem], None]) -> Iterator[GivenRow]:
    lines = _lines(stream)
    number, header = next(lines, (1, b""))
    while number and not header.strip():
        number, header = next(lines, (0, b""))
    if not number:
        return  # an empty plan
    try:
        columns, separator = _columns(header.decode())
    except UnicodeDecodeError:
        fail(RowProblem(number, RowFault.NOT_UTF8))
        return
    if "path" not in columns and "path_b64" not in columns:
        fail(RowProblem(number, RowFault.NO_COLUMNS))
        return
    lost = list[int]()

    def texts() -> Iterator[str]:
        for each, line in lines:
            try:
                yield line.decode()
            except UnicodeDecodeError:
                lost.append(each)
                yield "\n"

    reader = csv.reader(texts(), delimiter=separator, strict=True)
    first = number
    while True:
        at = first + reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            break
        except csv.Error:
            fail(RowProblem(at, RowFault.NOT_CSV))
            continue
        for each in lost:
            fail(RowProblem(each, RowFault.NOT_UTF8))
        lost.clear()
        if not any(cells):
            continue
        if len(cells) != len(columns):
            fail(RowProblem(at, RowFault.CUT_OFF if len(cells) < len(columns) else RowFault.NOT_CSV))
            continue
        try:
            yield _row(at, {column: cell for column, cell in zip(columns, cells, strict=True) if cell})
        except _BadRow as bad:
            fail(RowProblem(at, bad.fault, b"", bad.about))
    for each in lost:
        fail(RowProblem(each, RowFault.NOT_UTF8))


def _columns(header: str) -> tuple[list[str], str]:
    """Return the columns of a header, and the separator that tells them apart best."""
    best: tuple[list[str], str] = [], ","
    for separator in ",;\t|":
        cells = next(csv.reader([header], delimiter=separator), [])
        found = [_ALIASES.get(cell.strip().lower(), cell.strip().lower()) for cell in cells]
        if len(_COLUMNS.intersection(found)) > len(_COLUMNS.intersection(best[0])):
            best = found, separator
    return best


def _pairs(stream: IO[bytes], fail: Callable[[RowProblem], None]) -> Iterator[GivenRow]:
    """Yield a row for each path and new path; an empty new path is the trash. The line is the number of the pair."""
    names = _terminated(stream)
    number = 0
    while pair := list(islice(names, 2)):
        number += 1
        if len(pair) < 2 or None in pair:
            fail(RowProblem(number, RowFault.CUT_OFF))
            return
        path, new_path = (each or b"" for each in pair)
        if not path:
            fail(RowProblem(number, RowFault.NO_PATH))
            continue
        yield GivenRow(number, path, new_path, GivenAction.MOVE if new_path else GivenAction.TRASH)


def _terminated(stream: IO[bytes]) -> Iterator[bytes | None]:
    """Yield the names that end with NUL, and None for a rest without one."""
    rest = b""
    while part := stream.read(1 << 16):
        *whole, rest = (rest + part).split(b"\0")
        yield from whole
    if rest:
        yield None


def _row(line: int, found: Any) -> GivenRow:
    if not isinstance(found, dict):
        raise _BadRow(RowFault.NOT_JSON)
    get = found.get
    path, new_path = _path(found, "path", "path_b64", "from"), _path(found, "new_path", "new_path_b64", "to")
    if not path:
        raise _BadRow(RowFault.NO_PATH)
    action = get("action")
    chosen = GivenAction.MOVE if action is None else _ACTIONS.get(action) if isinstance(action, str) else None
    if chosen is None:
        raise _BadRow(RowFault.UNKNOWN_ACTION, str(action)[:40])
    if chosen is GivenAction.TRASH:
        new_path = b""
    elif not new_path:
        raise _BadRow(RowFault.NO_NEW_PATH)
    size, mtime = get("size_bytes"), get("mtime")
    if size is not None:
        size = _number(size)
    if mtime is not None and not isinstance(mtime, str):
        raise _BadRow(RowFault.BAD_VALUE, "mtime")
    duplicate_of = b""
    if "duplicate_of" in found or "duplicate_of_b64" in found:
        duplicate_of = _path(found, "duplicate_of", "duplicate_of_b64", "")
    digest = _digest(found) if "sha256" in found or "xxh3_128" in found or ETAG in found else None
    return _new_row((line, path, new_path, chosen, size, mtime, digest, duplicate_of))


def _path(found: Mapping[str, Any], key: str, key_b64: str, alias: str) -> bytes:
    """Return a path: the exact bytes in base 64 come first, because the text beside them is only for people."""
    encoded = found.get(key_b64)
    if encoded:
        try:
            return base64.b64decode(encoded, validate=True)
        except (binascii.Error, TypeError, ValueError):
            raise _BadRow(RowFault.BAD_VALUE, key_b64) from None
    value = found.get(key)
    if value is None:
        value = found.get(alias)
    if value is None:
        return b""
    if not isinstance(value, str):
        raise _BadRow(RowFault.BAD_VALUE, key)
    try:
        return value.encode()
    except UnicodeEncodeError:  # half of a surrogate pair
        raise _BadRow(RowFault.BAD_VALUE, key) from None


def _number(value: Any) -> int:
    if value.__class__ is int and value >= 0:
        return value
    if isinstance(value, str) and len(value) <= _MAX_DIGITS and value.strip().isdecimal():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise _BadRow(RowFault.BAD_VALUE, "size_bytes")
    return value


def _digest(found: Mapping[str, Any]) -> tuple[str, str] | None:
    for algorithm, digits in _DIGESTS.items():
        value = found.get(algorithm)
        if value is None:
            continue
        text = value.lower() if isinstance(value, str) else ""
        if len(text) != digits or not all(each in "0123456789abcdef" for each in text):
            raise _BadRow(RowFault.BAD_VALUE, algorithm)
        return algorithm, text
    etag = found.get(ETAG)
    if etag is None:
        return None
    if not isinstance(etag, str) or not etag or len(etag) > _MAX_ETAG:
        raise _BadRow(RowFault.BAD_VALUE, ETAG)
    return ETAG, etag.strip('"')
