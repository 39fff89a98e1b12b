"""The lines of the keys of a TOML file, which tomllib does not give. Used only to report an error."""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

Keys = tuple[str | int, ...]
"""The way to a value in the file, such as `("rule", 0, "when", "ext")`; a position in an array counts from 0."""

_SPACE = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*")
_BARE_KEY = re.compile(r"[^\s.=\[\]{}#\"',]+")
_STRING = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}(?!")'
    r"|'''.*?'{3,5}(?!')"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'",
    re.DOTALL,
)
_PLAIN_VALUE = re.compile(r"[^,\]}#\n]*")
_ESCAPES = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", '"': '"', "\\": "\\", "e": "\x1b"}


def line_of(text: str, keys: Sequence[str | int]) -> int:
    """Return the line, from 1, of the value with these keys, or of the nearest table around it; 0 if there is none.

    A position in an array counts from 0. In a text that is not TOML, lines are known up to the fault.
    """
    places = _Scan(text).places()
    for length in range(len(keys), 0, -1):
        place = places.get(tuple(keys[:length]))
        if place is not None:
            return text.count("\n", 0, place) + 1
    return 0


def span_of(text: str, keys: Keys) -> tuple[int, int] | None:
    """Return where the table with these keys begins and ends: from its header to the end of the line of its last value.

    Comments and blank lines behind its last value are not part of it. None if it has no header of its own.
    """
    scan = _Scan(text)
    scan.places()
    span = None
    for is_header, table, start, end in scan.statements:
        if is_header:
            if span is not None:
                break
            span = (start, end) if table == keys else None
        elif span is not None:
            span = (span[0], end)
    if span is None:
        return None
    line_end = text.find("\n", span[1])
    return text.rfind("\n", 0, span[0]) + 1, len(text) if line_end < 0 else line_end + 1


def headers_of(text: str) -> list[Keys]:
    """Return the keys of all tables that have a header, in their order."""
    scan = _Scan(text)
    scan.places()
    return [table for is_header, table, _, _ in scan.statements if is_header]


class _Scan:
    """One pass over a TOML text that notes the place of each key."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._places: dict[Keys, int] = {}
        self.statements: list[tuple[bool, Keys, int, int]] = []
        """Headers and pairs in their order: whether it is a header, its table, and its offsets."""

    def places(self) -> dict[Keys, int]:
        """Return the offset of each key and element, up to the first fault."""
        # The end of the text within a value, or no key where one must be.
        with contextlib.suppress(IndexError, ValueError):
            self._document()
        return self._places

    def _document(self) -> None:
        table: Keys = ()
        positions: dict[Keys, int] = {}
        while self._skip():
            start = self._at
            if not self._take("["):
                self._pair(table)
                self.statements.append((False, table, start, self._at))
                continue
            is_array = self._take("[")
            names = self._dotted()
            table = ()
            for depth, name in enumerate(names, 1):
                table += (name,)
                self._places.setdefault(table, start)
                if table in positions and (depth < len(names) or not is_array):
                    table += (positions[table],)
            if is_array:
                positions[table] = positions.get(table, -1) + 1
                table += (positions[table],)
            self._places.setdefault(table, start)
            self._expect("]")
            if is_array:
                self._expect("]")
            self.statements.append((True, table, start, self._at))

    def _pair(self, table: Keys) -> None:
        """Scan `key = value`."""
        start = self._at
        for name in self._dotted():
            table += (name,)
            self._places.setdefault(table, start)
        self._expect("=")
        self._value(table)

    def _dotted(self) -> list[str]:
        names = [self._name()]
        while self._take("."):
            names.append(self._name())
        return names

    def _name(self) -> str:
        self._skip()
        if self._text[self._at] in "\"'":
            start = self._at
            self._string()
            return _unquoted(self._text[start : self._at])
        found = _BARE_KEY.match(self._text, self._at)
        if found is None:
            raise ValueError
        self._at = found.end()
        return found[0]

    def _value(self, keys: Keys) -> None:
        self._skip()
        first = self._text[self._at]
        if first == "[":
            self._at += 1
            position = 0
            while not self._take("]"):
                self._skip()
                self._places.setdefault((*keys, position), self._at)
                self._value((*keys, position))
                self._take(",")
                position += 1
        elif first == "{":
            self._at += 1
            while not self._take("}"):
                self._skip()
                self._pair(keys)
                self._take(",")
        elif first in "\"'":
            self._string()
        else:
            before = self._at
            self._at = _matched_end(_PLAIN_VALUE, self._text, self._at)
            if self._at == before:
                raise ValueError

    def _string(self) -> None:
        found = _STRING.match(self._text, self._at)
        if found is None:
            raise ValueError
        self._at = found.end()

    def _skip(self) -> bool:
        """Skip space, line ends and comments; return whether there is more."""
        self._at = _matched_end(_SPACE, self._text, self._at)
        return self._at < len(self._text)

    def _take(self, character: str) -> bool:
        """Skip space, and the character if it follows; return whether it did."""
        self._skip()
        follows = self._text[self._at] == character if self._at < len(self._text) else False
        self._at += follows
        return follows

    def _expect(self, character: str) -> None:
        if not self._take(character):
            raise ValueError


def _matched_end(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    return at if found is None else found.end()


def _unquoted(name: str) -> str:
    """Return a quoted key without its quotes and escapes."""
    if name[0] == "'":
        return name[1:-1]

    def plain(match: re.Match[str]) -> str:
        escape = match[1]
        return chr(int(escape[1:], 16)) if escape[0] in "uUx" else _ESCAPES.get(escape, escape)

    return re.sub(r"\\(u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|x[0-9a-fA-F]{2}|.)", plain, name[1:-1])
