"""A set of rules, compiled for one run: the first rule that matches a file decides, and each file is decided once.

`RuleSet.explain` asks all rules about one file, with a reason; `column_matching` asks them about many files at a time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fileorg.core.model import Action, OnConflict
from fileorg.core.tuples import NamedTuple
from fileorg.rules.condition_values import Condition, ConditionError, Price, Setting
from fileorg.rules.conditions import compiled, depth_condition
from fileorg.rules.field_formats import calendar_of
from fileorg.rules.ignore import has_unfinished_suffix
from fileorg.rules.path_template import EmptyField, PathTemplate, Rendered, TemplateError, parse_target
from fileorg.rules.regexes import RegexError, Regexes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from fileorg.core.errors import UsageError
    from fileorg.rules.classify import Rules
    from fileorg.rules.config import Configuration, Rule
    from fileorg.rules.facts import FileFacts
    from fileorg.rules.toml_lines import Keys

TRASH = "trash"
LINKS = {"link": Action.HARDLINK}


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

    # One file --------------------------------------------------------------------------------------------------------

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
            if rule.target is not None and (rule.target.literal_folder or rule.target.absolute):
                yield rule.target, rule.target.literal_folder

    @property
    def takes_more(self) -> bool:
        """True if the scan takes files for the rules alone."""
        return bool(self._only_if_asked)

    @property
    def needs_contents(self) -> bool:
        """True if some rule asks for a fact that comes from what is in files, or for the date in a name."""
        return any(
            (rule.target is not None and rule.target.needs_contents)
            or any(condition.price >= Price.CONTENT or condition.key == "named" for condition in rule.conditions())
            for rule in self.rules
        )

    def leaves(self, file: FileFacts) -> bool:
        """Return whether a file that no rule matches is one that only rules take."""
        return ("hidden" in self._only_if_asked and file.is_hidden) or (
            "unready" in self._only_if_asked and has_unfinished_suffix(file.name.lower())
        )


def asks(rules: Sequence[Rule], key: str) -> bool:
    """Return whether any rule wants files for which a key is true."""
    return any(table.get(key) is True for rule in rules for table in (rule.when, *rule.any_of))


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
