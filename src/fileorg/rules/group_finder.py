"""Finds the groups and marks of a folder in which some name is a trigger: `rules/grouping` says when."""

from __future__ import annotations

import re
from functools import cache
from os import fsdecode
from typing import TYPE_CHECKING

from fileorg.core.tuples import NamedTuple
from fileorg.rules.classify import Rules
from fileorg.rules.families import (
    FAMILIES,
    FOLDERS,
    NEEDS_ITS_NAME,
    PAGE_FOLDERS,
    PAGES,
    SETS,
    SHEETS,
    WITH_RAW,
    Beside,
    Family,
    Set,
    Sheet,
)
from fileorg.rules.groups import STALE_NS, FolderAccess, Grouping, signs
from fileorg.rules.ignore import IgnoreReason
from fileorg.rules.joined_names import EDGE, JoinedNames
from fileorg.rules.marks import MARKS, Mark

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from fileorg.core.model import Entry

_Rule = Family | Set | Sheet | Mark

_FEW_KEYS = 20
"""Up to this number, a search of the joined names for each key is faster than a look at each name."""
_SHEET_BYTES = 1 << 16
_PAGE_BYTES = 1 << 18

# Prefer camera originals to derivatives as leaders.
_FIRST = (*b"cr3 cr2 nef arw dng raf orf rw2 heic jpg jpeg png mkv mp4 mov avi mp3 flac zip rar 001".split(),)
_RANKS = {extension: rank for rank, extension in enumerate(_FIRST)}
_TAG = (
    rb"(?P<x>.+)(?:\.(?:[a-z]{2,8}(?:[-_][a-z0-9]{2,8}){0,2}|\d{1,2}|commentary|translated|hearing_impaired"
    rb"|\[[a-z -]+\]|[a-z]+(?: [a-z]+)? ?\([a-z ]+\))"
    rb"|[-_](?:en|eng|de|deu|ger|fr|fra|fre|es|spa|it|ita|pt|por|nl|nld|dut|pl|pol|ru|rus|sv|swe|da|dan|no|nor|fi|fin"
    rb"|cs|ces|cze|hu|hun|tr|tur|el|ell|gre|ja|jpn|zh|zho|chi|ko|kor|ar|ara|he|heb|uk|ukr|ro|ron|rum))"
)
"""Tags such as `en`, `pt-br`, `forced` at the end of a name; a year or an episode is part of the title."""
_MAX_TAGS = 4

_RULES: tuple[_Rule, ...] = (*FAMILIES, WITH_RAW, *SETS, *SHEETS, *MARKS)


def _by_suffix(rules: Iterable[_Rule]) -> dict[bytes, tuple[int, ...]]:
    """Return the positions of rules by the suffixes that trigger them."""
    positions: dict[bytes, list[int]] = {}
    for position, rule in enumerate(rules):
        for suffix in rule.suffixes:
            positions.setdefault(suffix, []).append(position)
    return {suffix: tuple(each) for suffix, each in positions.items()}


_BY_SUFFIX = _by_suffix(_RULES)
_SIGNED = tuple(position for position, rule in enumerate(_RULES) if rule.signs)


def is_named_by_its_files(leader: bytes) -> bool:
    """Return what `keeps_its_name` returns."""
    low = leader.lower()
    return low[low.rfind(b".") + 1 :] in NEEDS_ITS_NAME or any(isinstance(rule, Sheet) for rule, _ in _matches(low))


def _rules(low: bytes, *, may_have_signs: bool) -> list[int]:
    """Return the positions of the rules that a lower-case name triggers, in order."""
    positions = _BY_SUFFIX.get(low.rpartition(b".")[2], ())
    framed = EDGE + low + EDGE
    # One search instead of one for each rule: nearly all sidecars have a suffix only.
    if not may_have_signs or not signs.are_in(framed):
        return [*positions]
    signed = [position for position in _SIGNED if any(sign in framed for sign in _RULES[position].signs)]
    return sorted({*positions, *signed})


@cache
def _compiled(pattern: bytes) -> re.Pattern[bytes]:
    return re.compile(pattern, re.DOTALL)


def _expanded(match: re.Match[bytes], template: bytes) -> bytes:
    """Return `match.expand(template)` in a tenth of the time: templates use named groups only."""
    if template == rb"\g<x>":
        return match["x"] or b""
    literals, groups = _parts(template)
    found = [match[group] or b"" for group in groups]
    return b"".join(part for pair in zip(literals, [*found, b""], strict=True) for part in pair)


@cache
def _parts(template: bytes) -> tuple[list[bytes], list[str]]:
    """Return the literals of a template, and the groups between them."""
    parts = re.split(rb"\\g<(\w+)>", template)
    return parts[::2], [group.decode() for group in parts[1::2]]


def _matches(low: bytes, *, may_have_signs: bool = True) -> Iterator[tuple[_Rule, re.Match[bytes]]]:
    """Yield (rule, match) for each rule that a lower-case name matches."""
    for position in _rules(low, may_have_signs=may_have_signs):
        rule = _RULES[position]
        if (match := _compiled(rule.pattern).fullmatch(low)) is not None:
            yield rule, match


class _PossibleLeader(NamedTuple):
    """A possible leader of a file: `x` is its lower-case name for a family with `is_whole`, else its stem.

    Alternatively its name starts with `beginning` and ends with `number`, if set.
    """

    x: bytes
    family: Family
    beginning: bytes = b""
    number: bytes = b""


class GroupFinder:
    """The names that may belong to other files, and the names to search for."""

    def __init__(self, candidates: Mapping[bytes, bool], access: FolderAccess) -> None:
        self._access = access
        self._possible_leaders: dict[bytes, list[_PossibleLeader]] = {}
        self._possible_raws: dict[bytes, list[_PossibleLeader]] = {}
        self._sets: dict[tuple[Set, bytes], list[bytes]] = {}
        self._marks: list[tuple[bytes, Mark, list[bytes]]] = []
        self._unfinished: list[tuple[bytes, Mark]] = []
        self._sheets: dict[bytes, tuple[Sheet, list[bytes]]] = {}
        self._pages: list[tuple[bytes, bytes]] = []
        self._folders: list[tuple[bytes, Beside, bytes]] = []
        self._stems: set[bytes] = set()
        self._whole_names: set[bytes] = set()
        self._tails: set[bytes] = set()
        self._beginnings: dict[int, set[bytes]] = {}
        self._found: dict[bytes, list[bytes]] = {}
        """Found names by search key: the lower-case name, stem, beginning or end."""
        for name, has_sign in candidates.items():
            self._ask(name, has_sign=has_sign)

    def grouping(self, texts: Iterable[JoinedNames]) -> Grouping | None:
        """Return the groups and marks of a folder with these names."""
        if not self._is_anything():
            return None
        for text in texts:
            self._find(text)
        leaders = _last_leaders(self._leaders())
        raws = self._raws(leaders)
        marked = self._marked()
        kept = self._kept_folders()
        marked |= {file: (IgnoreReason.TOGETHER, folder) for folder, file in kept.items()}
        return Grouping(leaders, marked, kept, raws) if leaders or marked or kept or raws else None

    def _is_anything(self) -> bool:
        """Return whether there is anything to search for."""
        asked = (
            self._possible_leaders,
            self._possible_raws,
            self._sets,
            self._marks,
            self._unfinished,
            self._sheets,
            self._pages,
            self._folders,
        )
        return any(asked)

    def _ask(self, name: bytes, *, has_sign: bool) -> None:
        for rule, match in _matches(name.lower(), may_have_signs=has_sign):
            if isinstance(rule, Family):
                self._add_possible_leaders(name, rule, match)
            elif isinstance(rule, Set):
                self._sets.setdefault((rule, _expanded(match, rule.key)), []).append(name)
                self._whole_names.update(_expanded(match, head) for head in rule.heads)
            elif isinstance(rule, Sheet):
                named = [
                    part
                    for parts in _compiled(rule.names).findall(self._head(name, _SHEET_BYTES))
                    for part in _some(parts)
                ]
                self._sheets[name] = rule, named
                self._whole_names.update(part.lower() for part in named)
            else:
                self._mark(name, rule, match)

    def ask_mark(self, name: bytes) -> None:
        """Register an entry that is not a file: it can only be a mark."""
        for rule, match in _matches(name.lower()):
            if isinstance(rule, Mark) and not rule.says_of_itself:
                self._mark(name, rule, match)

    def _mark(self, name: bytes, mark: Mark, match: re.Match[bytes]) -> None:
        if mark.says_of_itself:
            self._unfinished.append((name, mark))
            return
        about = [_expanded(match, template) for template in mark.names]
        self._marks.append((name, mark, about))
        (self._tails if mark.is_tail else self._whole_names).update(about)

    def ask_folder(self, folder: bytes) -> None:
        """Register a folder that may belong to a file."""
        low = folder.lower()
        pages = [(folder, stem) for stem in _page_stems(folder)]
        self._pages += pages
        self._stems.update(stem.lower() for _, stem in pages)
        for each in FOLDERS:
            for ending in each.endings:
                if low.endswith(ending):
                    x = low.removesuffix(ending)
                    self._folders.append((folder, each, x))
                    (self._whole_names if each.is_whole else self._stems).add(x)

    def _add_possible_leaders(self, name: bytes, family: Family, match: re.Match[bytes]) -> None:
        x = _expanded(match, family.leader)
        possible_leaders = [_PossibleLeader(x, family)]
        if family.has_tags:
            for _ in range(_MAX_TAGS):
                if (tag := _compiled(_TAG).fullmatch(x)) is None:
                    break
                possible_leaders.append(_PossibleLeader(x := tag["x"], family))
        (self._whole_names if family.is_whole else self._stems).update(possible.x for possible in possible_leaders)
        if family.cut_at and _characters(beginning := match["x"]) >= family.cut_at:
            self._beginnings.setdefault(len(beginning), set()).add(beginning)
            possible_leaders.append(_PossibleLeader(x, family, beginning, match.groupdict().get("z") or b""))
        possible = self._possible_raws if family is WITH_RAW else self._possible_leaders
        possible.setdefault(name, []).extend(possible_leaders)

    def _head(self, name: bytes, limit: int) -> bytes:
        try:
            return self._access.head(name, limit)
        except OSError:
            return b""

    def _find(self, text: JoinedNames) -> None:
        """Record the searched names that occur in `text`."""
        is_few = len(self._stems) + len(self._whole_names) <= _FEW_KEYS
        if is_few and not (self._tails or self._beginnings):
            self._find_few(text)
        else:
            self._find_many(text.names)

    def _find_few(self, text: JoinedNames) -> None:
        """Search the joined names for each of a few keys."""
        for whole in self._whole_names:
            for name in text.starting_with(whole + EDGE):
                self._found.setdefault(whole, []).append(name)
        for stem in self._stems:
            for name in text.starting_with(stem + b".") if stem else ():
                if name.lower().rpartition(b".")[0] == stem:
                    self._found.setdefault(stem + b".", []).append(name)

    def _find_many(self, names: Sequence[bytes]) -> None:
        found, stems, whole_names, tails = self._found, self._stems, self._whole_names, self._tails
        for name in names:
            low = name.lower()
            if low in whole_names:
                found.setdefault(low, []).append(name)
            stem = low.rpartition(b".")[0]
            if stem in stems and stem:
                found.setdefault(stem + b".", []).append(name)  # the dot keeps stems apart from whole names
            if tails:
                for start in range(3):
                    if low[start:] in tails:
                        found.setdefault(b"/" + low[start:], []).append(name)
            for length, beginnings in self._beginnings.items():
                if low[:length] in beginnings and b"." in low[length:]:
                    found.setdefault(low[:length] + b"/", []).append(name)

    def _leaders(self) -> dict[bytes, bytes]:
        """Return the leader of each follower; it may itself follow another file."""
        leaders: dict[bytes, bytes] = {}
        for (each, _), parts in self._sets.items():
            if each.reason is None:
                leaders |= self._of_set(each, parts)
        sheets = [(sheet, rule, self._named(sheet, names)) for sheet, (rule, names) in self._sheets.items()]
        for sheet, rule, named in sheets:
            if rule.leads:
                leaders |= dict.fromkeys(named, sheet)
            elif named and (len(named) == 1 or not rule.of_a_kind):
                leaders |= dict.fromkeys([sheet, *named[1:]], named[0])
        for name, possible_leaders in self._possible_leaders.items():
            if name not in leaders and (leader := self._first(name, possible_leaders)) is not None:
                leaders[name] = leader
        for sheet, rule, named in sheets:
            own = [name for name in named if name not in leaders] or named
            if own and rule.of_a_kind and sheet not in leaders and len(set(map(_category, own))) == 1:
                leaders |= dict.fromkeys([sheet, *own[1:]], own[0])
        return leaders

    def _raws(self, leaders: Mapping[bytes, bytes]) -> dict[bytes, bytes]:
        """Return the raw file of each picture that has one, and of the followers of that picture."""
        raws = dict[bytes, bytes]()
        for name, possible_raws in self._possible_raws.items():
            raw = None if name in leaders else self._first(name, possible_raws)
            if raw is not None and raw not in leaders:
                raws[name] = raw
        if raws:
            raws |= {name: raws[leader] for name, leader in leaders.items() if leader in raws}
        return raws

    def _named(self, sheet: bytes, names: Iterable[bytes]) -> list[bytes]:
        """Return the existing files that a sheet names."""
        there = dict.fromkeys(found for name in names for found in self._found.get(name.lower(), ()))
        return [name for name in there if name != sheet]

    def _of_set(self, each: Set, parts: list[bytes]) -> dict[bytes, bytes]:
        heads = self._heads(each, parts[0])
        first = _compiled(each.first)
        if not heads and (
            len(parts) < 2 or (each.needs_first and not any(first.fullmatch(part.lower()) for part in parts))
        ):
            return {}
        if each.only and sum(_compiled(each.only).fullmatch(part.lower()) is not None for part in parts) != 1:
            return {}
        leader = heads[0] if heads else min(parts, key=lambda part: (not first.fullmatch(part.lower()), _natural(part)))
        return {part: leader for part in parts if part != leader}

    def _heads(self, each: Set, part: bytes) -> list[bytes]:
        """Return the leaders of a set that are not parts of it."""
        match = _compiled(each.pattern).fullmatch(part.lower())
        heads = [] if match is None else [_expanded(match, head) for head in each.heads]
        return [found for head in heads for found in self._found.get(head, ())]

    def _first(self, name: bytes, possible_leaders: Sequence[_PossibleLeader]) -> bytes | None:
        """Return the leader of `name`; among several the closest name, then the same case, then a camera original."""
        for x, family, beginning, number in possible_leaders:
            if beginning:
                there = [each for each in self._found.get(beginning + b"/", ()) if _number(each) == number]
            else:
                there = self._found.get(x if family.is_whole else x + b".", [])
            fit = [
                each
                for each in there
                if each != name and (not family.leaders or each[each.rfind(b".") + 1 :].lower() in family.leaders)
            ]
            if fit:
                return min(fit, key=lambda each: (not _is_alike(each, name), _rank(each), each))
        return None

    def _marked(self) -> dict[bytes, tuple[IgnoreReason, bytes]]:
        """Return the files skipped because of a neighbour: reason and neighbour of each."""
        marked = {name: (mark.reason, name) for name, mark in self._unfinished}
        for name, mark, about in self._marks:
            there = [found for x in about for found in self._found.get(b"/" + x if mark.is_tail else x, ())]
            there = [each for each in there if each != name]
            if there and (entry := self._entry(name)) is not None:
                for each in there:
                    if self._counts(mark, entry, each):
                        marked.setdefault(each, (mark.reason, name))
                        marked.setdefault(name, (mark.reason, each))
        for (rule, _), parts in self._sets.items():
            if rule.reason is None or len(parts) < 2 or any(map(self._is_stale, parts)):
                continue
            if not self._heads(rule, parts[0]):
                marked |= {part: (rule.reason, parts[part == parts[0]]) for part in parts if part not in marked}
        return marked

    def _counts(self, mark: Mark, entry: Entry, about: bytes) -> bool:
        """Return whether a mark is still valid.

        A lock from before the last boot has no owner; an abandoned download only protects its empty placeholder.
        """
        if mark.reason is IgnoreReason.OPEN:
            return entry.mtime_ns >= self._access.booted_ns
        if entry.mtime_ns >= self._access.now_ns - STALE_NS:
            return True
        there = self._entry(about)
        return there is not None and not there.size

    def _is_stale(self, name: bytes) -> bool:
        entry = self._entry(name)
        return entry is None or entry.mtime_ns < self._access.now_ns - STALE_NS

    def _entry(self, name: bytes) -> Entry | None:
        try:
            return self._access.entry(name)
        except OSError:
            return None

    def _kept_folders(self) -> dict[bytes, bytes]:
        """Return the folders that belong to a file, and that file."""
        kept: dict[bytes, bytes] = {}
        for folder, each, x in self._folders:
            for file in sorted(self._found.get(x if each.is_whole else x + b".", ())):
                if file[file.rfind(b".") + 1 :].lower() in each.leaders:
                    kept.setdefault(folder, file)
        for folder, stem in self._pages:
            for page in sorted(self._found.get(stem.lower() + b".", ())):
                if (
                    folder not in kept
                    and page[page.rfind(b".") + 1 :].lower() in PAGES
                    and self._is_its(page, folder, stem)
                ):
                    kept[folder] = page
        return kept

    def _is_its(self, page: bytes, folder: bytes, stem: bytes) -> bool:
        """Return whether a folder belongs to a page: by its browser-made name, or because the page refers to it."""
        if folder[len(stem) :] in PAGE_FOLDERS:
            return True
        from urllib.parse import quote_from_bytes

        head = self._head(page, _PAGE_BYTES)
        return any(form + b"/" in head for form in (folder, quote_from_bytes(folder).encode()))


def _page_stems(folder: bytes) -> Iterator[bytes]:
    """Yield the stems that the page of a folder may have."""
    yield folder
    for position in range(len(folder) - 1, 0, -1):
        if folder[position] in b"_-.":
            yield folder[:position]


def _last_leaders(leaders: dict[bytes, bytes]) -> dict[bytes, bytes]:
    """Return the leaders with chains resolved to their end; in a cycle, the first by name leads the others."""
    last: dict[bytes, bytes] = {}
    for name, at in leaders.items():
        chain = [name]
        while at in leaders and at not in chain:
            chain.append(at)
            at = leaders[at]  # noqa: PLW2901
        end = min(chain[chain.index(at) :]) if at in chain else at
        last |= {each: end for each in chain if each != end}
    return last


def _is_alike(leader: bytes, name: bytes) -> bool:
    """Return whether a leader's stem occurs in the name in the same case."""
    stem = leader[: leader.rfind(b".")] if b"." in leader else leader
    return stem in name


def _characters(name: bytes) -> int:
    """Return the length of a name in UTF-16 units."""
    return len(fsdecode(name).encode("utf-16-le", "surrogatepass")) // 2


def _number(name: bytes) -> bytes:
    """Return `(1)` of `a(1).jpg`."""
    number = re.search(rb"\(\d+\)(?=\.[^.]*$)", name)
    return number[0] if number else b""


def _category(name: bytes) -> str:
    """Return the category by name alone; the content may differ."""
    return Rules.default().evidence(name).category


def _some(parts: bytes | tuple[bytes, ...]) -> Iterator[bytes]:
    """Yield the non-empty groups of a match."""
    return (part for part in ((parts,) if isinstance(parts, bytes) else parts) if part)


def _rank(name: bytes) -> int:
    return _RANKS.get(name[name.rfind(b".") + 1 :].lower(), len(_RANKS))


def _natural(name: bytes) -> tuple[tuple[int, bytes], ...]:
    """Return a sort key that puts `part2` before `part10`."""
    return tuple((int(part), b"") if part.isdigit() else (-1, part) for part in re.split(rb"(\d+)", name.lower()))
