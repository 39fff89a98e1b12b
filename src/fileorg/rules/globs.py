"""Patterns in .gitignore syntax, matched without backtracking: a match takes at most the length of the pattern times
that of the path, so no pattern can slow down a run.

Text between two stars is matched at its earliest position, text after the last star at the end: if that fails, nothing
can match. This holds for the characters of a name, and for the names of a path between two `**`.
"""

from __future__ import annotations

import re
import warnings
from functools import lru_cache
from typing import TYPE_CHECKING

from fileorg.core.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

_LONGEST = 4096
"""Maximum length of a pattern in characters: no path is longer, and it bounds the memory."""
_ANY = "**"
_CLASS = r"\[[!^]?\]?[^\]]*\]"


class _Chunk(NamedTuple):
    """The text between two stars: its literals before the first and after the last wildcard, or all of it."""

    width: int
    head: str
    tail: str
    regex: re.Pattern[str] | None


class _Name:
    """A pattern for one name."""

    __slots__ = ("_first", "_last", "_middle", "has_star", "is_literal", "prefix", "suffix")

    def __init__(self, chunks: Sequence[_Chunk]) -> None:
        self._first, self._last = chunks[0], chunks[-1]
        self._middle = [chunk for chunk in chunks[1:-1] if chunk.width]
        self.has_star = len(chunks) > 1
        self.prefix, self.suffix = self._first.head, self._last.tail
        """Known beginning and end of all matching names."""
        self.is_literal = not self.has_star and self._first.regex is None

    def fits(self, name: str) -> bool:
        first, last, at, stop = self._first, self._last, self._first.width, len(name) - self._last.width
        if not (stop >= at if self.has_star else stop == 0):
            return False
        if not (name.startswith(first.head) and name.endswith(last.tail)):
            return False
        if (first.regex is not None and first.regex.match(name) is None) or (
            last.regex is not None and last.regex.match(name, stop) is None
        ):
            return False
        for width, head, _, regex in self._middle:
            if regex is None:
                start = name.find(head, at, stop)
            else:
                found = regex.search(name, at, stop)
                start = -1 if found is None else found.start()
            if start < 0:
                return False
            at = start + width
        return True


@lru_cache(maxsize=1024)
def _name(text: str) -> _Name:
    """Parse a pattern for one name. Raises `ValueError` with the reason."""
    chunks, source, width, at = list[_Chunk](), "", 0, 0
    head, tail, has_wildcard = "", "", False
    while at < len(text):
        char = text[at]
        at += 1
        if char == "*":
            chunks.append(
                _Chunk(width, head, tail, _regex(source)) if has_wildcard else _Chunk(width, tail, tail, None)
            )
            source, width, head, tail, has_wildcard = "", 0, "", "", False
            continue
        width += 1
        if char in "?[" and not has_wildcard:
            source, head, has_wildcard = re.escape(tail), tail, True
        if char == "?":
            source, tail = source + ".", ""
        elif char == "[":
            if (found := re.compile(_CLASS, re.DOTALL).match(text, at - 1)) is None:
                raise ValueError("a [ has no closing ]")
            source, tail, at = source + _class(found[0]), "", found.end()
        else:
            if char == "\\":
                if at == len(text):
                    raise ValueError("it ends with a single \\")
                char, at = text[at], at + 1
            source, tail = source + re.escape(char) if has_wildcard else "", tail + char
    chunks.append(_Chunk(width, head, tail, _regex(source)) if has_wildcard else _Chunk(width, tail, tail, None))
    return _Name(chunks)


def _regex(source: str) -> re.Pattern[str]:
    """Compile the regex of a chunk, which cannot backtrack: each part matches one character. Raises `ValueError`."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # `[a--]` is reserved syntax
            return re.compile(source, re.DOTALL)
    except re.error as error:
        raise ValueError(str(error)) from error


def _class(text: str) -> str:
    """Return a class such as `[!a-z]` as a regular expression."""
    is_negated = text[1] in "!^"
    inside = re.sub(r"[\\\[&|~]", r"\\\g<0>", text[1 + is_negated : -1])
    if inside.startswith("]"):
        inside = "\\" + inside
    return f"[{'^' if is_negated else ''}{inside}]"


class Glob:
    """One pattern, relative to the folder that it is written for. A `negated` one revokes an earlier match."""

    __slots__ = (
        "_blocks",
        "_end_matches",
        "_is_anchored",
        "_is_of_name",
        "_needs_more",
        "folders_only",
        "last",
        "negated",
        "text",
    )

    def __init__(self, text: str, *, whole: bool) -> None:
        """Parse a pattern. With `whole`, it also matches everything below a matching folder.

        Raises `ValueError`, with the reason, for a pattern that matches nothing or would match differently in git.
        """
        line = text if text.endswith("\\ ") else text.rstrip()
        if len(line) > _LONGEST:
            raise ValueError("it is longer than any path")
        if re.search(r"\[[^\]\[]*\[:", line):
            raise ValueError("classes such as [:alpha:] are not supported; write a-z")
        self.text, self.negated = text, line.startswith("!")
        names = line.removeprefix("!").split("/")
        is_folder = len(names) > 1 and not names[-1]
        # Names are matched without a final slash, so that `cache/**` does not match `cache` itself.
        self.folders_only = is_folder and not whole
        if is_folder:
            del names[-1]
        if len(names) == 1:
            names.insert(0, _ANY)
        elif not names[0]:
            del names[0]
        if is_folder and whole:
            names.append(_ANY)
        if not all(names) or line.startswith("#"):
            raise ValueError("it matches nothing")
        if not {".", ".."}.isdisjoint(names):
            raise ValueError("it matches nothing, because no path has a . or .. in it")
        self._is_anchored, self._needs_more = names[0] != _ANY, names[-1] == _ANY
        self._end_matches = not (whole or self._needs_more)
        self._blocks = _blocks(names)
        self._is_of_name = len(names) == 2 and not self._is_anchored and not self._needs_more
        self.last = self._blocks[-1][-1] if self._end_matches else None
        """The pattern for the name itself, if there is one."""

    def fits(self, above: Sequence[str], name: str) -> bool:
        """Return whether it matches `name` in the folder of the names `above`."""
        if self._is_of_name:
            fits = self._blocks[0][0].fits
            return fits(name) or (not self._end_matches and any(map(fits, above)))
        names = (*above, name)
        at, end = 0, len(names)
        for number, block in enumerate(self._blocks, 1):
            first, last = at, end - len(block)
            if number == len(self._blocks) and self._end_matches:
                first = max(first, last)
            if number == 1 and self._is_anchored:
                last = min(last, 0)
            at = next((start for start in range(first, last + 1) if _fits_at(block, names, start)), -1) + len(block)
            if at < len(block):
                return False
        return at < end or not self._needs_more

    def fits_all(self, above: Sequence[str]) -> bool | None:
        """Return whether it matches all names in the folder of the names `above`, or none; None if it depends."""
        if self._needs_more or (above and not self._end_matches and self.fits(above[:-1], above[-1])):
            return self.fits(above, "")
        *blocks, last = self._blocks
        at = 0
        for number, block in enumerate(blocks):
            stop = len(above) - len(block)
            if self._is_anchored and not number:
                stop = min(stop, 0)
            at = next((start for start in range(at, stop + 1) if _fits_at(block, above, start)), -1) + len(block)
            if at < len(block):
                return False
        start = len(above) + 1 - len(last)
        if start < at or (self._is_anchored and not blocks and start):
            return False
        return None if _fits_at(last[:-1], above, start) else False


def _blocks(names: Iterable[str]) -> list[list[_Name]]:
    """Split patterns of names at each `**`."""
    blocks: list[list[_Name]] = [[]]
    for name in names:
        if name == _ANY:
            blocks.append([])
        else:
            blocks[-1].append(_name(name))
    return [block for block in blocks if block]


def _fits_at(block: Sequence[_Name], names: Sequence[str], start: int) -> bool:
    return all(pattern.fits(names[at]) for at, pattern in enumerate(block, start))


class Globs:
    """The patterns of one folder or option: the last match decides."""

    def __init__(self, globs: Sequence[Glob], *, whole: bool) -> None:
        """Take the globs in written order, all parsed with the same `whole`."""
        self._globs, self._whole = globs[::-1], whole
        # A quick test: nearly all names match no pattern.
        known = [glob.last for glob in self._globs if glob.last is not None]
        wild = [name for name in known if not name.is_literal]
        self._literals = frozenset(name.prefix for name in known if name.is_literal)
        self._suffixes = tuple({name.suffix for name in wild if name.suffix})
        self._prefixes = tuple({name.prefix for name in wild if name.prefix and not name.suffix})
        self._others = [name.fits for name in wild if not name.prefix and not name.suffix]
        self._are_of_more = len(known) < len(self._globs)

    def __bool__(self) -> bool:
        return bool(self._globs)

    def __reduce__(self) -> tuple[Callable[..., Globs], tuple[tuple[str, ...], bool]]:
        return _globs, (tuple(glob.text for glob in reversed(self._globs)), self._whole)

    def verdict(self, above: Sequence[str], start: int, name: str, *, is_folder: bool) -> bool | None:
        """Return whether the patterns match a name; None if no pattern applies. `above[start:]` are the folders between
        the patterns' folder and the name.
        """
        if not (
            self._are_of_more
            or name in self._literals
            or name.endswith(self._suffixes)
            or name.startswith(self._prefixes)
            or any(fits(name) for fits in self._others)
        ):
            return None
        above = above[start:]
        for glob in self._globs:
            if (is_folder or not glob.folders_only) and glob.fits(above, name):
                return not glob.negated
        return None


@lru_cache(maxsize=64)
def _globs(texts: tuple[str, ...], whole: bool) -> Globs:
    """Unpickle the patterns in a worker, which receives them with each folder."""
    return Globs([Glob(text, whole=whole) for text in texts], whole=whole)
