"""Rules asked about many files at a time: the files of one folder whose names end alike, column by column.

Most of the work does not grow with the number of rules. Conditions on folders are asked once a folder, those on
suffixes and categories once for all files that share them, and what they rule out is not looked at again. The patterns
on names of all rules are tried at once. Of the rest, each condition sees only the files that the cheaper ones leave.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fileorg.core.memo import Memo
from fileorg.core.tuples import NamedTuple
from fileorg.rules.condition_values import Price
from fileorg.rules.facts import name_text
from fileorg.rules.regexes import PatternSet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from fileorg.rules.condition_values import Condition
    from fileorg.rules.facts import FileColumns
    from fileorg.rules.matching import CompiledRule

_KNOWN = 4096
"""How many combinations of a suffix with a category are kept, and how many of those with folders."""


class _OpenRule(NamedTuple):
    """A rule that may match some files, and the conditions that are still open."""

    rule: CompiledRule
    when: tuple[Condition, ...]
    nots: tuple[Condition, ...]
    any_of: tuple[tuple[Condition, ...], ...]
    is_by_name: bool = False
    """True if only files whose name fits one of its patterns are asked."""
    asked: tuple[tuple[bool, Condition], ...] = ()
    """The conditions of `when` and `not` in the order in which files are asked, and whether each excludes files."""

    @property
    def is_certain(self) -> bool:
        """True if the rule matches all these files."""
        return not (self.when or self.nots or self.any_of or self.is_by_name)

    @property
    def is_final(self) -> bool:
        """True if nothing gets past the rule: it matches all these files, and has a target for each."""
        return self.is_certain and (self.rule.target is None or not self.rule.target.may_be_empty)

    def conditions(self) -> Iterator[Condition]:
        yield from self.when
        yield from self.nots
        for table in self.any_of:
            yield from table

    def given(self, answer: Callable[[Condition], bool | None]) -> _OpenRule | None:
        """Return the rule without the conditions that have an answer; None if it cannot match."""
        when, nots = _open(self.when, answer, stop=False), _open(self.nots, answer, stop=True)
        if when is None or nots is None:
            return None
        any_of = self.any_of
        if any_of:
            tables = [table for table in (_open(table, answer, stop=False) for table in any_of) if table is not None]
            if not tables:
                return None
            any_of = () if () in tables else tuple(tables)
        return self._replace(when=when, nots=nots, any_of=any_of)

    def with_order(self) -> _OpenRule:
        """Return the rule ready for `matching`. The cheap conditions come before the expensive ones, of `not` too: no
        file is read that a cheaper key excludes.
        """
        asked = [(False, each) for each in self.when] + [(True, each) for each in self.nots]
        asked.sort(key=lambda each: each[1].price if each[1].price > Price.STAT else 0)
        return self._replace(asked=tuple(asked))

    def matching(self, files: FileColumns, positions: Sequence[int], category: str) -> Sequence[int]:
        """Return the positions of the files that match."""
        for excludes, condition in self.asked:
            if not positions:
                return positions
            fitting = _fitting(condition, files, positions, category)
            if not excludes:
                positions = fitting
            elif fitting:
                excluded = set(fitting)
                positions = [at for at in positions if at not in excluded]
        if self.any_of and positions:
            found = set[int]()
            for table in self.any_of:
                some: Sequence[int] = [at for at in positions if at not in found]
                for condition in table:
                    some = _fitting(condition, files, some, category)
                found.update(some)
            positions = [at for at in positions if at in found]
        return positions


def _open(
    conditions: tuple[Condition, ...], answer: Callable[[Condition], bool | None], *, stop: bool
) -> tuple[Condition, ...] | None:
    """Return the conditions without an answer, None if one has the answer `stop`."""
    answers = [answer(condition) for condition in conditions]
    if stop in answers:
        return None
    return tuple(condition for condition, known in zip(conditions, answers, strict=True) if known is None)


def _fitting(condition: Condition, files: FileColumns, positions: Sequence[int], category: str) -> Sequence[int]:
    """Return the positions of the files that a condition matches."""
    if not positions:
        return positions
    if condition.column is None:
        return [at for at in positions if condition.test(files.file(at, category))]
    values: Sequence[int] = getattr(files, condition.column)
    if len(condition.ranges) == 1:
        (low, high) = condition.ranges[0]
        return [at for at in positions if low <= values[at] <= high]
    return [at for at in positions if any(low <= values[at] <= high for low, high in condition.ranges)]


class OpenRules(NamedTuple):
    """The rules that may match files of one category in some folders, whose names end alike."""

    category: str
    always: tuple[_OpenRule, ...]
    by_name: Mapping[int, _OpenRule]
    """The rules that only names with their patterns are asked for, by number."""

    @property
    def is_empty(self) -> bool:
        return not (self.always or self.by_name)

    @property
    def certain(self) -> CompiledRule | None:
        """The rule that decides on all these files, None if it is not the same one for all."""
        first = self.always[0] if self.always and not self.by_name else None
        return first.rule if first is not None and first.is_final else None


class ColumnRules:
    """The rules of one run, for files by the column."""

    def __init__(self, rules: Sequence[CompiledRule]) -> None:
        self._rules = [_OpenRule(rule, rule.when, rule.nots, rule.any_of) for rule in rules]
        conditions = [condition for rule in self._rules for condition in rule.conditions()]
        self._of_folders = [condition for condition in conditions if condition.of_folder is not None]
        self._suffixes = frozenset[bytes]().union(*(condition.suffixes for condition in conditions))
        self._patterns = _Patterns(rules)
        self._alike: Memo[tuple[bytes, str], list[_OpenRule]] = Memo(_KNOWN)
        self._known: Memo[tuple[bytes, str, tuple[bool | None, ...]], OpenRules] = Memo(_KNOWN)

    def in_folder(self, folder: bytes) -> tuple[bool | None, ...]:
        """Return the answers of the conditions on folders, for `candidates`."""
        return tuple([each.of_folder and each.of_folder(folder) for each in self._of_folders])

    def candidates(self, suffix: bytes, category: str, of_folders: tuple[bool | None, ...]) -> OpenRules:
        """Return the rules for the names with a suffix, dot included; b"" for those without one."""
        suffix = suffix.lower()
        if suffix not in self._suffixes:
            suffix = b""  # all suffixes that no rule names have the same rules
        key = suffix, category, of_folders
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = self._candidates(suffix, category, of_folders)
        return found

    def _candidates(self, suffix: bytes, category: str, of_folders: tuple[bool | None, ...]) -> OpenRules:
        answers = dict(zip(map(id, self._of_folders), of_folders, strict=True))
        always, by_name = list[_OpenRule](), dict[int, _OpenRule]()
        for each in self._of_suffix(suffix, category):
            candidate = each.given(lambda condition: answers.get(id(condition))) if answers else each
            if candidate is None:
                continue
            candidate = candidate.with_order()
            if candidate.is_by_name:
                by_name[candidate.rule.number] = candidate
                continue
            always.append(candidate)
            if candidate.is_final:
                break
        return OpenRules(category, tuple(always), by_name)

    def _of_suffix(self, suffix: bytes, category: str) -> list[_OpenRule]:
        """Return the rules for a suffix and a category in any folder, each with the conditions that are left."""

        def answer(condition: Condition) -> bool | None:
            if condition.of_category is not None:
                return condition.of_category(category)
            return None if condition.of_suffix is None else condition.of_suffix(suffix)

        key = suffix, category
        found = self._alike.get(key)
        if found is None:
            left = (rule.given(answer) for rule in self._rules)
            found = self._alike[key] = [self._patterns.without_found(rule) for rule in left if rule is not None]
        return found

    def decide(
        self,
        candidates: OpenRules,
        files: FileColumns,
        positions: Sequence[int],
        take: Callable[[CompiledRule, Sequence[int]], Sequence[int]],
    ) -> Sequence[int]:
        """Call `take` with each rule, in order, and the positions of the files that it matches first. It returns those
        for which the rule has a target: only these are taken. Return the positions that no rule decides.
        """
        rules: Iterable[_OpenRule] = candidates.always
        hits: Mapping[int, list[int]] = {}
        if candidates.by_name:
            hits = self._patterns.hits(files.names, positions, candidates.by_name)
            if hits:
                named = [candidates.by_name[number] for number in hits]
                rules = sorted((*rules, *named), key=lambda each: each.rule.number)
        left, done = positions, set[int]()
        for candidate in rules:
            asked = [at for at in hits[candidate.rule.number] if at not in done] if candidate.is_by_name else left
            matched = candidate.matching(files, asked, candidates.category)
            taken = take(candidate.rule, matched) if matched else ()
            if not taken:
                continue
            if len(taken) == len(left):
                return ()
            done.update(taken)
            left = [at for at in left if at not in done]
        return left


class _Patterns:
    """The patterns for names of all rules, tried at once: regular expressions, or else the patterns with stars."""

    def __init__(self, rules: Sequence[CompiledRule]) -> None:
        self._found: dict[int, Condition] = {}
        globs, patterns = dict[str, list[int]](), dict[str, list[int]]()
        for rule in rules:
            condition = next((each for each in rule.when if each.patterns), None)
            condition = condition or next((each for each in rule.when if each.globs), None)
            if condition is None:
                continue
            self._found[rule.number] = condition
            for pattern in condition.patterns:
                patterns.setdefault(pattern, []).append(rule.number)
            for glob in condition.globs if not condition.patterns else ():
                globs.setdefault(glob, []).append(rule.number)
        self._rules = (*globs.values(), *patterns.values())
        self._first_pattern = len(globs)
        self._globs, self._patterns = [_superset(glob) for glob in globs], list(patterns)
        # ASCII letters in lower case are all that a name in ASCII needs: one search finds both kinds.
        self._of_ascii = PatternSet([f"(?i){glob}" for glob in self._globs] + self._patterns) if self._rules else None
        self._of_others: tuple[PatternSet | None, PatternSet | None] | None = None

    def without_found(self, candidate: _OpenRule) -> _OpenRule:
        """Return a rule without the condition that its patterns answer, if they are what finds its files."""
        condition = self._found.get(candidate.rule.number)
        if condition is None:
            return candidate
        when = candidate.when
        if condition.patterns or not any("[" in glob for glob in condition.globs):
            when = tuple(each for each in when if each is not condition)
        return candidate._replace(when=when, is_by_name=True)

    def hits(
        self, names: Sequence[bytes], positions: Iterable[int], wanted: Mapping[int, object]
    ) -> dict[int, list[int]]:
        """Return the positions of the names with the patterns of each of the wanted rules, by rule."""
        found = dict[int, list[int]]()
        of_ascii, rules = self._of_ascii, self._rules
        if of_ascii is None:
            return found
        search = of_ascii.hits
        for at in positions:
            name = names[at]
            for pattern in search(name) if name.isascii() else self._hits_in_text(name_text(name)):
                for rule in rules[pattern]:
                    if rule in wanted:
                        there = found.setdefault(rule, [])
                        if there[-1:] != [at]:
                            there.append(at)
        return found

    def _hits_in_text(self, text: str) -> Iterator[int]:
        if self._of_others is None:
            self._of_others = (
                PatternSet(self._globs) if self._globs else None,
                PatternSet(self._patterns) if self._patterns else None,
            )
        globs, patterns = self._of_others
        if globs is not None:
            yield from globs.hits(text.lower())
        if patterns is not None:
            yield from (self._first_pattern + number for number in patterns.hits(text))


def _superset(glob: str) -> str:
    """Return a regular expression for a pattern of names that matches these names, and more only where it has a [."""
    import re

    text, at = "(?s)^", 0
    while at < len(glob):
        char = glob[at]
        at += 1
        if char == "*":
            text += ".*"
        elif char == "?":
            text += "."
        elif char == "[":
            end = glob.find("]", at + 1 + (glob[at : at + 1] in {"!", "^"}))
            text, at = text + ".", len(glob) if end < 0 else end + 1
        elif char == "\\" and at < len(glob):
            text, at = text + re.escape(glob[at]), at + 1
        else:
            text += re.escape(char)
    return f"{text}$"
