"""The check of a configuration's rules without files: rules that never decide, likely mistakes, and examples."""

from __future__ import annotations

import os
import re
import time
from typing import TYPE_CHECKING

from fileorg.core.names import display
from fileorg.core.tuples import NamedTuple
from fileorg.rules.classify import Rules
from fileorg.rules.config import ConfigError
from fileorg.rules.extensions import OTHER
from fileorg.rules.facts import META, ContentType, FileFacts, MediaFields
from fileorg.rules.matching import RuleSet
from fileorg.rules.moments import MediaMoment, now_utc
from fileorg.rules.name_dates import date_in_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fileorg.rules.config import Configuration, Rule
    from fileorg.rules.matching import CompiledRule, Failed, RuleDecision

_NAMES_ONLY = frozenset({"name", "regex", "ext", "category", "path", "hidden", "unready", "named"})
"""Keys that the path of an example can answer."""
_WITH_CASE = frozenset({"regex", "path", "in", "owner"})
_LISTS_OF_ALTERNATIVES = _WITH_CASE | {"ext", "category", "name", "from", "tag"}
"""Keys that a file matches if it matches one of their values."""


class RuleFinding(NamedTuple):
    """A likely mistake in a rule, or an example that it does not treat as it says. `line` counts from 1."""

    line: int
    rule: str
    message: str
    hint: str


class NoContents:
    """The contents of a file that does not exist: only its name says a date."""

    def content_type(self, _: bytes, __: bytes) -> ContentType:
        return ContentType()

    def taken(self, _: bytes, __: bytes) -> MediaMoment | None:
        return None

    def named(self, name: bytes) -> MediaMoment | None:
        return date_in_name(os.fsdecode(name), now_utc())

    def media(self, _: bytes, __: bytes) -> MediaFields:
        return MediaFields()

    def archive_names(self, _: bytes, __: bytes) -> Sequence[str]:
        return ()

    def head_text(self, _: bytes, __: bytes) -> str:
        return ""


class _SomeContents(NoContents):
    """The contents of an example: each field of a target has a value, whatever it is."""

    def content_type(self, _: bytes, __: bytes) -> ContentType:
        return ContentType(fitting_extension=b"x")

    def taken(self, _: bytes, __: bytes) -> MediaMoment:
        return MediaMoment(now_utc())

    def media(self, _: bytes, __: bytes) -> MediaFields:
        return MediaFields(1, 1, 1, dict.fromkeys(META, "x"))


class _Example:
    """Lookups of a file that does not exist: its category by name, and a value for each field of a target."""

    contents = _SomeContents()

    def __init__(self, rules: Rules, name: bytes) -> None:
        self._rules = rules
        self._name = name

    def category_of(self, _: bytes, name: bytes) -> str:
        return self._rules.evidence(name).category

    def extension_of(self, _: bytes, name: bytes) -> bytes:
        return self._rules.extension_of(name)

    def origins(self, _: bytes, __: bytes) -> Sequence[str]:
        return ()

    def tags(self, _: bytes, __: bytes) -> Sequence[str]:
        return ()

    def owner(self, _: bytes, __: bytes) -> int | None:
        return None

    def folders_in(self, _: bytes) -> Sequence[str]:
        return (os.fsdecode(self._name),)


def compiled_rules(configuration: Configuration, root: bytes, rules: Sequence[Rule] | None = None) -> RuleSet:
    """Return the rules of a configuration, those switched off left out. Raises `UsageError` with the line."""
    chosen = configuration.selected(()) if rules is None else rules
    return RuleSet(chosen, configuration, Rules.of(configuration), root, time.time_ns())


def checked_rules(configuration: Configuration, root: bytes) -> list[RuleFinding]:
    """Return what is wrong with the rules of a configuration, in the order of the file."""
    findings, sound = _wrong_values(configuration, root)
    compiled = compiled_rules(configuration, root, [rule for rule in sound if rule.enabled]).rules
    for position, asked in enumerate(compiled):
        hiding = next((before for before in compiled[:position] if _hides(before, asked)), None)
        if hiding is not None:
            findings.append(
                RuleFinding(
                    asked.rule.line,
                    asked.rule.name,
                    f"it never decides, because the rule {display(hiding.rule.name)} of line {hiding.rule.line} matches"
                    " all its files first",
                    "move it above that rule, or remove it",
                )
            )
        findings += _never_matches(asked)
        findings += _likely_mistakes(asked)
        findings += _ends_in_a_file(asked)
    return sorted(findings, key=lambda finding: finding.line)


def _wrong_values(configuration: Configuration, root: bytes) -> tuple[list[RuleFinding], list[Rule]]:
    """Return the rules that no run could use, each with what is wrong, and the other rules."""
    findings, sound = list[RuleFinding](), list["Rule"]()
    for rule in configuration.rules:
        try:
            compiled_rules(configuration, root, [rule])
            sound.append(rule)
        except ConfigError as error:
            findings.append(RuleFinding(error.line, rule.name, error.message, error.hint))
    return findings, sound


def _hides(before: CompiledRule, rule: CompiledRule) -> bool:
    """Return whether a rule before certainly matches all files of another one."""
    if before.nots or before.any_of or (before.target is not None and before.target.may_be_empty):
        return False
    wider = dict(before.rule.when)
    narrower = dict(rule.rule.when)
    return all(key in narrower and _covers(key, wider[key], narrower[key]) for key in wider)


def _covers(key: str, wider: object, narrower: object) -> bool:
    """Return whether one value of a key matches all that another one matches."""
    if wider == narrower:
        return True
    if key not in _LISTS_OF_ALTERNATIVES:
        return False
    return _words(key, narrower) <= _words(key, wider)


def _words(key: str, value: object) -> set[str]:
    """Return the values of a list, alike where the key takes them for the same."""
    words = set(map(str, _values(value)))
    if key in _WITH_CASE:
        return words
    lower = {word.lower() for word in words}
    return {word.strip().removeprefix("*").removeprefix(".") for word in lower} if key == "ext" else lower


def _values(value: object) -> list[object]:
    return list(value) if isinstance(value, list | tuple) else [value]


def _never_matches(rule: CompiledRule) -> Iterator[RuleFinding]:
    for key, value in rule.rule.when.items():
        excluded = rule.rule.not_.get(key)
        if excluded is not None and _covers(key, excluded, value):
            yield RuleFinding(
                rule.rule.line, rule.rule.name, f"no file matches it: not excludes all that {key} asks for",
                "change the key in when or in not",
            )  # fmt: skip


def _likely_mistakes(rule: CompiledRule) -> Iterator[RuleFinding]:
    line, name = rule.rule.line, rule.rule.name
    for table in (rule.rule.when, rule.rule.not_, *rule.rule.any_of):
        for pattern in map(str, _values(table.get("regex", []))):
            if any(char in pattern for char in "\b\f\t\r\n\x1b"):
                yield RuleFinding(
                    line, name, "its regex holds a control character: TOML has read \\b, \\t or the like as one",
                    "write the pattern in single quotes: regex = '\\bword\\b'",
                )  # fmt: skip
        for pattern in map(str, _values(table.get("name", []))):
            if pattern.startswith("!"):
                yield RuleFinding(
                    line, name, f"its name {display(pattern)} is a name that begins with !, and excludes nothing",
                    f'write not = {{ name = "{display(pattern[1:])}" }}',
                )  # fmt: skip
            if not set(pattern) & set("*?[") and pattern.startswith("."):
                yield RuleFinding(
                    line, name, f"its name {display(pattern)} is a whole name, and not an extension",
                    f'write ext = "{display(pattern[1:])}", or name = "*{display(pattern)}"',
                )  # fmt: skip
        for key in ("name", "path"):
            for pattern in map(str, _values(table.get(key, []))):
                if re.search(r"\{[^{}]*,[^{}]*\}", pattern):
                    yield RuleFinding(
                        line, name, f"its {key} {display(pattern)} has braces, which stand for themselves",
                        f'write a list: {key} = ["…", "…"]',
                    )  # fmt: skip
        for word in map(str, _values(table.get("type", []))):
            yield from _unknown_type(line, name, word.strip().lower().removeprefix("."))
    to = rule.rule.to or ""
    if odd := "$" if to.startswith("$") else "\\" if "\\" in to else "":
        yield RuleFinding(
            line, name, f"its target has a {odd}, which becomes a part of a folder name",
            "write ~/ for your home directory, and / between folders",
        )  # fmt: skip


def _unknown_type(line: int, name: str, word: str) -> Iterator[RuleFinding]:
    """Yield a finding for a word that is no format which the content of a file tells."""
    from fileorg.content.file_formats import FORMATS
    from fileorg.rules.content_conditions import SYNONYMS, TEXTS

    if "/" in word or word in SYNONYMS or word in TEXTS or any(each.name == word.encode() for each in FORMATS.values()):
        return
    holding = next((each.name.decode() for each in FORMATS.values() if word.encode() in each.extensions), "")
    yield RuleFinding(
        line,
        name,
        f"its type {display(word)} matches no file: fileorg knows no content that is {display(word)} and nothing else",
        f'write type = "{holding}", and ext = "{word}" if need be'
        if holding
        else 'write for example "image/*", or "pdf"',
    )


def _ends_in_a_file(rule: CompiledRule) -> Iterator[RuleFinding]:
    """Yield a finding if the target seems to end in a file name, which would be a folder."""
    last = rule.rule.to.rpartition("/")[2] if rule.rule.to else ""
    if rule.target is None or rule.target.name or "{" in last or "." not in last[1:]:
        return
    if Rules.default().evidence(os.fsencode(last)).category != OTHER:
        stem = display(os.path.splitext(last)[0])
        yield RuleFinding(
            rule.rule.line, rule.rule.name, f"its target ends in {display(last)}, which is a folder",
            f"end it in {{name}}, or in a name such as {stem}.{{ext}}",
        )  # fmt: skip


def tried_rules(configuration: Configuration, root: bytes) -> tuple[int, list[RuleFinding]]:
    """Return the number of examples in a configuration, and those that rules do not treat as they say.

    An example is a path below the root. Only what its path says is known, so a rule matches an example if the keys on
    names and paths match, and other rules decide on it only if their keys and targets need no more. A rule that no run
    could use is a finding, as in `checked_rules`, and its examples are not tried.
    """
    rules, examples = Rules.of(configuration), 0
    findings, sound = _wrong_values(configuration, root)
    selected = [rule for rule in configuration.selected(()) if rule in sound]
    by_path = {each.rule.name for each in compiled_rules(configuration, root, selected).rules if _is_by_path(each)}
    for rule in selected:
        if not (rule.matches or rule.not_matches):
            continue
        asked = [each for each in selected if each.name == rule.name or each.name in by_path]
        all_rules = compiled_rules(configuration, root, [_by_path(each) for each in asked])
        for path, wanted in [*((path, True) for path in rule.matches), *((path, False) for path in rule.not_matches)]:
            examples += 1
            folder, _, name = path.encode("utf-8", "surrogateescape").rpartition(b"/")
            file = FileFacts(_Example(rules, name), folder, name, 1, time.time_ns(), time.time_ns(), 0o644)
            failed, decision = all_rules.explain(file)
            is_by_it = decision is not None and decision.rule.rule.name == rule.name
            if is_by_it != wanted:
                findings.append(_broken(rule, path, failed, decision, wanted=wanted))
    return examples, sorted(findings, key=lambda finding: finding.line)


def _is_by_path(rule: CompiledRule) -> bool:
    """Return whether the path of an example tells whether a rule decides on it."""
    target = rule.target
    is_known = target is None or not (target.needs_contents or "folder_in_name" in target.fields)
    return is_known and _by_path(rule.rule) == rule.rule


def _by_path(rule: Rule) -> Rule:
    """Return a rule without the keys that an example cannot answer: the same rule if it has none."""
    when = {key: value for key, value in rule.when.items() if key in _NAMES_ONLY}
    not_ = {key: value for key, value in rule.not_.items() if key in _NAMES_ONLY}
    tables = [{key: value for key, value in table.items() if key in _NAMES_ONLY} for table in rule.any_of]
    return rule._replace(when=when, not_=not_, any_of=tuple(table for table in tables if table))


def _broken(
    rule: Rule, path: str, failed: Sequence[Failed], decision: RuleDecision | None, *, wanted: bool
) -> RuleFinding:
    if not wanted:
        return RuleFinding(rule.line, rule.name, f"it matches {display(path)}, which is in not_matches", "")
    why = next((f"{each.table}: {each.shown}" for each in failed if each.rule.rule.name == rule.name), "")
    if why:
        return RuleFinding(rule.line, rule.name, f"it does not match {display(path)}, because of {display(why)}", "")
    by = "" if decision is None else decision.rule.rule.name
    message = f"it does not get {display(path)}: the rule {display(by)} decides first"
    return RuleFinding(rule.line, rule.name, message, "move it above that rule")
