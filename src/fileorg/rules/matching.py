"""A set of rules, compiled for one run: the first rule that matches a file decides, and each file is decided once.

The work for a file is little however many rules there are: conditions on folders are asked once a folder, those on
suffixes once a suffix, and all patterns for names are tried at once. What is left is asked in the order of its price.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from fileorg.core.memo import Memo
from fileorg.core.model import Action, OnConflict
from fileorg.rules.conditions import Condition, ConditionError, Price, Setting, compiled, depth_condition
from fileorg.rules.field_formats import calendar_of
from fileorg.rules.ignore import has_unfinished_suffix
from fileorg.rules.path_template import EmptyField, PathTemplate, Rendered, TemplateError, parse_target
from fileorg.rules.regexes import PatternSet, RegexError, Regexes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from fileorg.core.errors import UsageError
    from fileorg.rules.classify import Rules
    from fileorg.rules.config import Configuration, Rule
    from fileorg.rules.facts import FileFacts
    from fileorg.rules.toml_lines import Keys

TRASH = "trash"
LINKS = {"link": Action.HARDLINK}
_SUFFIXES_KNOWN = 4096
_FEW_PATTERNS = 3
"""Up to this number, patterns are tried one after the other."""


class CompiledRule(NamedTuple):
    """A rule ready to be asked. Without `target`, it keeps the file, or with `is_trash` moves it to the trash."""

    number: int
    rule: Rule
    when: tuple[Condition, ...]
    nots: tuple[Condition, ...]
    any_of: tuple[tuple[Condition, ...], ...]
    target: PathTemplate | None
    is_trash: bool
    action: Action | None
    on_conflict: OnConflict | None
    patterns: tuple[str, ...]
    """The regular expressions whose groups are fields, in the order in which they are tried."""

    @property
    def keeps(self) -> bool:
        return self.target is None and not self.is_trash

    def conditions(self) -> Iterator[Condition]:
        yield from self.when
        yield from self.nots
        for table in self.any_of:
            yield from table


class RuleDecision(NamedTuple):
    """The rule that decides on a file, and the target of the file if the rule has one."""

    rule: CompiledRule
    rendered: Rendered | None


class Failed(NamedTuple):
    """Why a rule does not match a file: the table and the key that failed, as they stand in the rule."""

    rule: CompiledRule
    table: str
    shown: str


class _Candidate(NamedTuple):
    """A rule that may match the files of a folder with one suffix, and what is still to be asked."""

    rule: CompiledRule
    when: tuple[Condition, ...]
    nots: tuple[Condition, ...]

    @property
    def is_certain(self) -> bool:
        """True if the rule matches all these files."""
        return not (self.when or self.nots or self.rule.any_of)


class SuffixRules(NamedTuple):
    """The candidates for the files of a folder with one suffix."""

    always: tuple[_Candidate, ...]
    by_number: Mapping[int, _Candidate]
    """All candidates, with those whose names must match a pattern."""
    has_named: bool


class RuleSet:
    """The rules of one run, compiled for one root and one moment."""

    def __init__(
        self,
        rules: Sequence[Rule],
        configuration: Configuration,
        categories: Rules,
        root: bytes,
        now_ns: int,
        only_if_asked: frozenset[str] = frozenset(),
    ) -> None:
        """Take the enabled rules in their order. Files that `only_if_asked` names (`hidden`, `unready`) are for rules
        that ask for them. Raises `UsageError`, which names the file and the line.
        """
        self._only_if_asked = only_if_asked
        self._regexes = Regexes()
        self._setting = Setting(root, now_ns, categories, self._regexes)
        self._configuration = configuration
        settings = configuration.settings
        try:
            self._calendar = calendar_of(settings.locale)
        except ValueError as error:
            raise configuration.error(("settings", "locale"), str(error)) from error
        self.rules = tuple(self._compiled(number, rule) for number, rule in enumerate(rules))
        self._globs, self._of_glob = self._pattern_set("globs")
        self._patterns, self._of_pattern = self._pattern_set("patterns")
        self._by_active: Memo[tuple[int, ...], FolderRules] = Memo(_SUFFIXES_KNOWN)

    # Compilation -----------------------------------------------------------------------------------------------------

    def _compiled(self, number: int, rule: Rule) -> CompiledRule:
        at: Keys = ("rule", rule.position)
        when = self._table(rule.when, (*at, "when"), rule.when.get("in"))
        nots = self._table(rule.not_, (*at, "not"), rule.not_.get("in") or rule.when.get("in"))
        any_of = tuple(
            self._table(table, (*at, "any", position), table.get("in") or rule.when.get("in"))
            for position, table in enumerate(rule.any_of)
        )
        patterns = tuple(pattern for table in (when, *any_of) for condition in table for pattern in condition.patterns)
        target = None
        if rule.to is not None:
            groups = [name for pattern in patterns for name in self._regexes.groups(pattern)]
            try:
                names = self._configuration.settings.names
                target = parse_target(rule.to, names=names, calendar=self._calendar, groups=groups)
            except TemplateError as error:
                raise self._error((*at, "to"), f"the target {rule.to!r} cannot be used: {error}", error.hint) from error
        is_trash = rule.action == TRASH
        action = None
        if rule.action is not None and not is_trash:
            action = LINKS.get(rule.action) or Action(rule.action)
        on_conflict = None if rule.on_conflict is None else OnConflict(rule.on_conflict)
        return CompiledRule(number, rule, when, nots, any_of, target, is_trash, action, on_conflict, patterns)

    def _table(self, table: Mapping[str, object], at: Keys, folders: object) -> tuple[Condition, ...]:
        """Return the conditions of a table, the cheapest first; `folders` is what depth counts from."""
        found = []
        for key, value in table.items():
            try:
                if key == "depth":
                    found.append(depth_condition(value, folders, self._setting))
                else:
                    found.append(compiled(key, value, self._setting))
            except (ConditionError, RegexError) as error:
                raise self._error((*at, key), str(error), error.hint) from error
        return tuple(sorted(found, key=lambda condition: (condition.price, condition.scope)))

    def _error(self, at: Keys, message: str, hint: str) -> UsageError:
        return self._configuration.error(at, message, hint or None)

    def _pattern_set(self, kind: str) -> tuple[PatternSet | None, list[list[int]]]:
        """Return the patterns of all rules that are indexed by this kind, and the rules of each pattern."""
        wanted = [
            (pattern, rule.number)
            for rule in self.rules
            if (index := _index(rule.when)) is not None
            for pattern in getattr(index, kind)
        ]
        if len(wanted) <= _FEW_PATTERNS:
            return None, []
        rules: dict[str, list[int]] = {}
        for pattern, number in wanted:
            rules.setdefault(pattern, []).append(number)
        texts = [_superset(pattern) for pattern in rules] if kind == "globs" else list(rules)
        return PatternSet(texts), list(rules.values())

    # The folders, suffixes and names of many files -------------------------------------------------------------------

    def of_folder(self, folder: bytes) -> FolderRules:
        """Return the rules that may match files of a folder."""
        active = tuple(
            rule.number
            for rule in self.rules
            if all(each.of_folder is None or each.of_folder(folder) for each in rule.when)
            and not any(each.of_folder is not None and each.of_folder(folder) for each in rule.nots)
        )
        found = self._by_active.get(active)
        if found is None:
            found = self._by_active[active] = FolderRules(self, [self.rules[number] for number in active])
        return found

    def is_indexed(self, rule: CompiledRule) -> bool:
        """Return whether a rule is found by the patterns that are tried all at once."""
        index = _index(rule.when)
        return index is not None and (
            (bool(index.globs) and self._globs is not None) or (bool(index.patterns) and self._patterns is not None)
        )

    def hits(self, file: FileFacts) -> set[int]:
        """Return the indexed rules whose patterns may match the name of a file."""
        found = set[int]()
        if self._globs is not None:
            for number in self._globs.hits(file.name.lower() if file.name.isascii() else file.lower):
                found.update(self._of_glob[number])
        if self._patterns is not None:
            for number in self._patterns.hits(file.name if file.name.isascii() else file.text):
                found.update(self._of_pattern[number])
        return found

    # One file --------------------------------------------------------------------------------------------------------

    def decide(self, file: FileFacts, candidates: SuffixRules) -> RuleDecision | None:
        """Return the first rule that matches a file, None if none does."""
        rules: Sequence[_Candidate] = candidates.always
        if candidates.has_named and (hits := self.hits(file)):
            numbers = hits & candidates.by_number.keys()
            if numbers:
                numbers.update(each.rule.number for each in rules)
                rules = [candidates.by_number[number] for number in sorted(numbers)]
        for candidate in rules:
            if _matches(candidate.when, candidate.nots, candidate.rule.any_of, file):
                rule = candidate.rule
                if rule.target is None:
                    return RuleDecision(rule, None)
                rendered = rule.target.render(file, self.groups(rule, file))
                if isinstance(rendered, Rendered):
                    return RuleDecision(rule, rendered)
        return None

    def groups(self, rule: CompiledRule, file: FileFacts) -> Mapping[str, str]:
        """Return the named groups of a rule's regular expressions in the name of a file."""
        if rule.target is None or not rule.target.groups:
            return {}
        found: dict[str, str] = {}
        for pattern in rule.patterns:
            groups = self._regexes.found(pattern, file.text)
            for name, value in (groups or {}).items():
                if value and name not in found:
                    found[name] = value
        return found

    def explain(self, file: FileFacts) -> tuple[list[Failed], RuleDecision | None]:
        """Return why each rule before the first that matches does not match a file, and that rule."""
        failed = list[Failed]()
        for rule in self.rules:
            if (why := _why_not(rule, file)) is not None:
                failed.append(Failed(rule, *why))
            elif rule.target is None:
                return failed, RuleDecision(rule, None)
            else:
                rendered = rule.target.render(file, self.groups(rule, file))
                if isinstance(rendered, EmptyField):
                    failed.append(Failed(rule, "to", rendered.why))
                else:
                    return failed, RuleDecision(rule, rendered)
        return failed, None

    @property
    def literal_folders(self) -> Iterator[tuple[PathTemplate, bytes]]:
        """The targets of the rules with the folders at their beginning that are the same for all files."""
        for rule in self.rules:
            if rule.target is not None and (folder := rule.target.literal_folder):
                yield rule.target, folder

    @property
    def takes_more(self) -> bool:
        """True if the scan takes files for the rules alone."""
        return bool(self._only_if_asked)

    def leaves(self, file: FileFacts) -> bool:
        """Return whether a file that no rule matches is one that only rules take."""
        return ("hidden" in self._only_if_asked and file.is_hidden) or (
            "unready" in self._only_if_asked and has_unfinished_suffix(file.name.lower())
        )


def asks(rules: Sequence[Rule], key: str) -> bool:
    """Return whether any rule wants files for which a key is true."""
    return any(table.get(key) is True for rule in rules for table in (rule.when, *rule.any_of))


class FolderRules:
    """The rules that may match the files of some folders."""

    def __init__(self, owner: RuleSet, rules: Sequence[CompiledRule]) -> None:
        self._owner = owner
        self._rules = rules
        self._by_suffix: Memo[bytes, SuffixRules] = Memo(_SUFFIXES_KNOWN)
        self.kinds: Memo[bytes, tuple[int, int]] = Memo(_SUFFIXES_KNOWN)
        """The places of all files with a suffix, kept here by the plan."""

    @property
    def is_empty(self) -> bool:
        return not self._rules

    def of_suffix(self, suffix: bytes) -> SuffixRules:
        """Return the candidates for a suffix, dot included; empty for names without one."""
        found = self._by_suffix.get(suffix)
        if found is None:
            found = self._by_suffix[suffix] = self._candidates(suffix)
        return found

    def _candidates(self, suffix: bytes) -> SuffixRules:
        always, by_number, has_named = list[_Candidate](), dict[int, _Candidate](), False
        for rule in self._rules:
            when = _left(rule.when, suffix, excluded=False)
            nots = _left(rule.nots, suffix, excluded=True)
            if when is None or nots is None:
                continue
            candidate = by_number[rule.number] = _Candidate(rule, when, nots)
            if self._owner.is_indexed(rule):
                has_named = True
            else:
                always.append(candidate)
            if candidate.is_certain and (rule.target is None or not rule.target.may_be_empty):
                break  # nothing gets past this rule
        return SuffixRules(tuple(always), by_number, has_named)


def _left(conditions: Sequence[Condition], suffix: bytes, *, excluded: bool) -> tuple[Condition, ...] | None:
    """Return the conditions that a suffix leaves open, None if it decides against the rule."""
    left = list[Condition]()
    for condition in conditions:
        if condition.of_folder is not None:
            continue  # the folder was asked already
        answer = None if condition.of_suffix is None else condition.of_suffix(suffix)
        if answer is None:
            left.append(condition)
        elif answer is excluded:
            return None
    return tuple(left)


def _index(conditions: Sequence[Condition]) -> Condition | None:
    """Return the condition whose patterns find the rule: the first on names that has any."""
    return next((each for each in conditions if each.patterns), None) or next(
        (each for each in conditions if each.globs), None
    )


def _superset(glob: str) -> str:
    """Return a regular expression for a pattern of names that matches these names, and perhaps more."""
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


def _matches(
    when: Sequence[Condition], nots: Sequence[Condition], any_of: Sequence[Sequence[Condition]], file: FileFacts
) -> bool:
    # The cheap exclusions come before the expensive conditions.
    for condition in when:
        if condition.price <= Price.STAT and not condition.test(file):
            return False
    for condition in nots:
        if condition.test(file):
            return False
    for condition in when:
        if condition.price > Price.STAT and not condition.test(file):
            return False
    return not any_of or any(all(each.test(file) for each in table) for table in any_of)


def _why_not(rule: CompiledRule, file: FileFacts) -> tuple[str, str] | None:
    """Return the table and the key of a rule that do not fit a file, None if all fit."""
    for condition in rule.when:
        if not condition.test(file):
            return "when", condition.shown
    for condition in rule.nots:
        if condition.test(file):
            return "not", condition.shown
    if rule.any_of:
        failed = list[str]()
        for table in rule.any_of:
            wrong = next((each for each in table if not each.test(file)), None)
            if wrong is None:
                return None
            failed.append(wrong.shown)
        return "any", "; ".join(failed)
    return None
