"""Which files of a folder belong together, and which stay since a neighbour says so: `rules/families` asked of names.

Pure but for what it is given to look with. A folder may hold any number of files: only those that may belong to another
one, or that one may belong to, are kept.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from fileorg.core.batches import in_batches
from fileorg.rules.categories import extension_start
from fileorg.rules.families import FAMILIES, MARKS, NEEDS_ITS_NAME, PAGE_FOLDERS, PAGES, SETS, SHEETS
from fileorg.rules.ignore import Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from fileorg.core.model import Entry
    from fileorg.rules.families import Family, Mark, Set

_NAMES_AT_ONCE = 4096
_SHEET_BYTES = 1 << 16
_PAGE_BYTES = 1 << 18
STALE_NS = 30 * 86_400 * 10**9
"""A download that nobody has written to for so long is abandoned."""

# Where several could lead, what a camera wrote comes before what was made of it.
_FIRST = (*b"cr3 cr2 nef arw dng raf orf rw2 heic jpg jpeg png mkv mp4 mov avi mp3 flac zip rar 001".split(),)
_RANKS = {extension: rank for rank, extension in enumerate(_FIRST)}
_TAG = rb"[a-z]{2,8}(?:[-_][a-z0-9]{2,8})?"
"""`en`, `pt-br`, `forced`: a year or an episode is part of the title, not a tag."""
_QUOTED = rb'(?:"([^"\r\n]+)"|(\S+))'
_NAMED = rb"(?im)^[ \t]*(?:(?:FILE|DATAFILE|AUDIOFILE)|\d+[ \t]+\d+[ \t]+\d+[ \t]+\d+)[ \t]+" + _QUOTED
"""What sheets of discs name: cue and toc by a word, gdi in its fifth column."""

_RULES: tuple[Family | Set | Mark, ...] = (*FAMILIES, *SETS, *MARKS)
_SUFFIXES = frozenset(b"." + suffix for rule in _RULES for suffix in rule.suffixes) | {b"." + each for each in SHEETS}
_PAGES = frozenset(b"." + page for page in PAGES)
_SIGNS = tuple(dict.fromkeys(sign for rule in _RULES for sign in rule.signs))


class Grouping(NamedTuple):
    """What is known of the files of one folder by their neighbours."""

    leaders: dict[bytes, bytes]
    """Of each file that goes with another one, which: never one that itself goes with another."""
    marked: dict[bytes, tuple[Reason, bytes]]
    """Files that stay, why, and the neighbour that says so; and so do the groups that they are in."""
    folders: dict[bytes, bytes]
    """Folders that stay, and the page that they belong to."""

    def members(self) -> dict[bytes, list[bytes]]:
        """The groups: leader and followers, by leader."""
        groups: dict[bytes, list[bytes]] = {}
        for follower, leader in self.leaders.items():
            groups.setdefault(leader, [leader]).append(follower)
        return groups


class Look(NamedTuple):
    """How more than names is known: what a name is, the beginning of its content, and what time it is."""

    entry: Callable[[bytes], Entry | None]
    head: Callable[[bytes, int], bytes]
    now_ns: int
    booted_ns: int


def grouping(
    names: Callable[[], Iterable[bytes]], folders: Callable[[], Iterable[bytes]], look: Look
) -> Grouping | None:
    """Return what the files `names` of a folder have to do with each other and with its `folders`; None for nothing.

    Both are called again if there may be something. `look` may raise `OSError`: what it cannot see is not there.
    """
    suspects = list[bytes]()
    has_pages = False
    for batch in in_batches(iter(names()), _NAMES_AT_ONCE):
        suffixes = {name[name.rfind(b".") :] for name in batch}
        has_pages = has_pages or any(suffix.lower() in _PAGES for suffix in suffixes)
        suspects += _suspects(batch, suffixes)
    pages = [(folder, stem) for folder in folders() for stem in _page_stems(folder)] if has_pages else []
    if not suspects and not pages:
        return None
    asked = _Asked(suspects, pages, look)
    asked.find(names())
    leaders = _ends(asked.leaders())
    marked = asked.marked()
    kept = asked.page_folders()
    marked |= {page: (Reason.TOGETHER, folder) for folder, page in kept.items()}
    return Grouping(leaders, marked, kept) if leaders or marked or kept else None


def keeps_its_name(leader: bytes) -> bool:
    """Whether the files of a group name each other, so that none may be called otherwise."""
    return leader[leader.rfind(b".") + 1 :].lower() in NEEDS_ITS_NAME


def stem_end(name: bytes) -> int:
    """Where the part of a leader's name ends that its followers share: `film` of `film.mkv`, `x` of `x.part1.rar`."""
    part = re.fullmatch(rb"(?is)(.+)\.part\d{1,5}\.(?:rar|exe)", name)
    return part.end(1) if part else extension_start(name)


def _suspects(names: Sequence[bytes], suffixes: Iterable[bytes]) -> Iterator[bytes]:
    """Those of `names` that a rule asks about. Nearly always there is none: all of them are tried at once first."""
    asked = {suffix for suffix in suffixes if suffix.lower() in _SUFFIXES}
    text = b"\0".join(names).lower()
    signs = [sign for sign in _SIGNS if sign in text]
    if asked or signs:
        for name in names:
            if name[name.rfind(b".") :] in asked or (signs and any(sign in name.lower() for sign in signs)):
                yield name


@cache
def _compiled(pattern: bytes) -> re.Pattern[bytes]:
    return re.compile(pattern, re.DOTALL)


def _match(rule: Family | Set | Mark, low: bytes, suffix: bytes) -> re.Match[bytes] | None:
    """How a name in lower case fits a rule."""
    if suffix in rule.suffixes or any(sign in low for sign in rule.signs):
        return _compiled(rule.pattern).fullmatch(low)
    return None


class _Wish(NamedTuple):
    """A file that a name may go with: `x` is its name in lower case, or where `leaders` are, that without extension."""

    x: bytes
    family: Family


class _Asked:
    """The names that may belong to others, and what these may be called."""

    def __init__(self, suspects: Sequence[bytes], pages: Sequence[tuple[bytes, bytes]], look: Look) -> None:
        self._look = look
        self._wishes: dict[bytes, list[_Wish]] = {}
        self._sets: dict[tuple[Set, bytes], list[bytes]] = {}
        self._marks: list[tuple[bytes, Mark, list[bytes]]] = []
        self._unfinished: list[tuple[bytes, Mark]] = []
        self._sheets: dict[bytes, list[bytes]] = {}
        self._pages = pages
        self._stems: set[bytes] = {stem.lower() for _, stem in pages}
        self._wholes: set[bytes] = set()
        self._tails: set[bytes] = set()
        self._beginnings: dict[int, set[bytes]] = {}
        self._found: dict[bytes, list[bytes]] = {}
        """Names by what was asked for: the name, its stem, its beginning or its end, in lower case."""
        for name in suspects:
            self._ask(name)

    def _ask(self, name: bytes) -> None:
        low = name.lower()
        suffix = low[low.rfind(b".") + 1 :]
        for family in FAMILIES:
            if (match := _match(family, low, suffix)) is not None:
                self._wish(name, family, match.expand(family.leader))
        for each in SETS:
            if (match := _match(each, low, suffix)) is not None:
                self._sets.setdefault((each, match.expand(each.key)), []).append(name)
                self._wholes.update(match.expand(head) for head in each.heads)
        for mark in MARKS:
            if (match := _match(mark, low, suffix)) is not None:
                if mark.says_of_itself:
                    self._unfinished.append((name, mark))
                    continue
                about = [match.expand(template) for template in mark.names]
                self._marks.append((name, mark, about))
                (self._tails if mark.is_tail else self._wholes).update(about)
        if suffix in SHEETS:
            named = [part for parts in re.findall(_NAMED, self._head(name, _SHEET_BYTES)) for part in parts if part]
            self._sheets[name] = named
            self._wholes.update(part.lower() for part in named)

    def _wish(self, name: bytes, family: Family, x: bytes) -> None:
        wishes = self._wishes.setdefault(name, [])
        wishes.append(_Wish(x, family))
        if family.has_tags:
            for _ in range(2):
                rest, _, tag = x.rpartition(b".")
                if not rest or not re.fullmatch(_TAG, tag):
                    break
                wishes.append(_Wish(x := rest, family))
        wanted = self._wholes if family.is_whole else self._stems
        wanted.update(wish.x for wish in wishes if wish.family is family)
        if family.cut_at and len(x) >= family.cut_at:
            self._beginnings.setdefault(len(x), set()).add(x)

    def _head(self, name: bytes, most: int) -> bytes:
        try:
            return self._look.head(name, most)
        except OSError:
            return b""

    def find(self, names: Iterable[bytes]) -> None:
        """Note which of what was asked for is there."""
        found, stems, wholes, tails = self._found, self._stems, self._wholes, self._tails
        for name in names:
            low = name.lower()
            if low in wholes:
                found.setdefault(low, []).append(name)
            stem = low[: low.rfind(b".")] if b"." in low else b""
            if stem and stem in stems:
                found.setdefault(stem + b".", []).append(name)  # no name ends so that is one of a whole file
            if tails:
                for start in range(3):
                    if low[start:] in tails:
                        found.setdefault(b"/" + low[start:], []).append(name)
            for length, beginnings in self._beginnings.items():
                if low[:length] in beginnings and b"." in low[length:]:
                    found.setdefault(low[:length] + b"/", []).append(name)

    def leaders(self) -> dict[bytes, bytes]:
        """Of each file that goes with another one, which; that may go with another one itself."""
        leaders: dict[bytes, bytes] = {}
        for (each, _), parts in self._sets.items():
            if each.reason is None:
                leaders |= self._of_set(each, parts)
        for sheet, named in self._sheets.items():
            there = list(dict.fromkeys(found for part in named for found in self._found.get(part.lower(), ())))
            others = [name for name in there if name != sheet]
            leaders |= dict.fromkeys([sheet, *others[1:]], others[0]) if others else {}
        for name, wishes in self._wishes.items():
            if name not in leaders and (leader := self._first(name, wishes)) is not None:
                leaders[name] = leader
        return leaders

    def _of_set(self, each: Set, parts: list[bytes]) -> dict[bytes, bytes]:
        heads = [
            head
            for template in each.heads
            for part in parts[:1]
            if (match := _compiled(each.pattern).fullmatch(part.lower())) is not None
            for head in self._found.get(match.expand(template), ())
        ]
        if not heads and len(parts) < 2:
            return {}
        first = _compiled(each.first)
        leader = heads[0] if heads else min(parts, key=lambda part: (not first.fullmatch(part.lower()), _natural(part)))
        return {part: leader for part in parts if part != leader}

    def _first(self, name: bytes, wishes: Sequence[_Wish]) -> bytes | None:
        """The file that `name` goes with: of several the nearest, in the same case, the one that a camera wrote."""
        for x, family in wishes:
            key = x if family.is_whole else x + b"."
            there = self._found.get(key, [])
            if family.cut_at and len(x) >= family.cut_at:
                there = [*there, *self._found.get(x + b"/", ())]
            fit = [
                each
                for each in there
                if each != name and (not family.leaders or each[each.rfind(b".") + 1 :].lower() in family.leaders)
            ]
            if fit:
                return min(fit, key=lambda each: (not _is_alike(each, name), _rank(each), each))
        return None

    def marked(self) -> dict[bytes, tuple[Reason, bytes]]:
        """The files that a neighbour tells to stay, and those neighbours."""
        marked = {name: (mark.reason, name) for name, mark in self._unfinished}
        for name, mark, about in self._marks:
            there = [found for x in about for found in self._found.get(b"/" + x if mark.is_tail else x, ())]
            there = [each for each in there if each != name]
            if there and (entry := self._entry(name)) is not None:
                for each in there:
                    if each not in marked and self._counts(mark, entry, each):
                        marked[each] = mark.reason, name
                        marked.setdefault(name, (mark.reason, each))
        for (every, _), parts in self._sets.items():
            if every.reason is not None and len(parts) > 1 and not any(map(self._is_stale, parts)):
                marked |= {part: (every.reason, parts[part == parts[0]]) for part in parts if part not in marked}
        return marked

    def _counts(self, mark: Mark, entry: Entry, about: bytes) -> bool:
        """Whether what a neighbour says still holds.

        A lock of before the system was started is nobody's; an abandoned download only keeps the place of its file.
        """
        if mark.reason is Reason.OPEN:
            return entry.mtime_ns >= self._look.booted_ns
        if entry.mtime_ns >= self._look.now_ns - STALE_NS:
            return True
        there = self._entry(about)
        return there is not None and not there.size

    def _is_stale(self, name: bytes) -> bool:
        entry = self._entry(name)
        return entry is None or entry.mtime_ns < self._look.now_ns - STALE_NS

    def _entry(self, name: bytes) -> Entry | None:
        try:
            return self._look.entry(name)
        except OSError:
            return None

    def page_folders(self) -> dict[bytes, bytes]:
        """The folders that belong to a page."""
        kept: dict[bytes, bytes] = {}
        for folder, stem in self._pages:
            for page in sorted(self._found.get(stem.lower() + b".", ())):
                if page[page.rfind(b".") + 1 :].lower() in PAGES and self._is_its(page, folder, stem):
                    kept[folder] = page
                    break
        return kept

    def _is_its(self, page: bytes, folder: bytes, stem: bytes) -> bool:
        """Whether a folder is that of a page: by what browsers call it, or since the page names it."""
        if folder[len(stem) :] in PAGE_FOLDERS:
            return True
        from urllib.parse import quote_from_bytes

        head = self._head(page, _PAGE_BYTES)
        return any(spelled + b"/" in head for spelled in (folder, quote_from_bytes(folder).encode()))


def _page_stems(folder: bytes) -> Iterator[bytes]:
    """What a page may be called whose folder it is, without the extension."""
    for position in range(len(folder) - 1, 0, -1):
        if folder[position] in b"_-.":
            yield folder[:position]


def _ends(leaders: dict[bytes, bytes]) -> dict[bytes, bytes]:
    """The same, each with the end of its chain: of a circle, the first by name leads the others."""
    ends: dict[bytes, bytes] = {}
    for name, at in leaders.items():
        chain = [name]
        while at in leaders and at not in chain:
            chain.append(at)
            at = leaders[at]  # noqa: PLW2901
        end = min(chain[chain.index(at) :]) if at in chain else at
        ends |= {each: end for each in chain if each != end}
    return ends


def _is_alike(leader: bytes, name: bytes) -> bool:
    """Whether the two begin in the same case."""
    stem = leader[: leader.rfind(b".")] if b"." in leader else leader
    return stem in name


def _rank(name: bytes) -> int:
    return _RANKS.get(name[name.rfind(b".") + 1 :].lower(), len(_RANKS))


def _natural(name: bytes) -> tuple[tuple[int, bytes], ...]:
    """By which `part2` comes before `part10`."""
    return tuple((int(part), b"") if part.isdigit() else (-1, part) for part in re.split(rb"(\d+)", name.lower()))
