"""The check of a parsed `fileorg.toml`: unknown words, wrong types and contradictions, each with its line."""

from __future__ import annotations

import re
import time
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from fileorg.core.figures import age_parts, before, parsed_size
from fileorg.core.model import MOST_PARALLEL, Action, By, OnConflict
from fileorg.core.names import display
from fileorg.core.pool import LEAST_MEMORY_BYTES
from fileorg.core.times import is_time_zone
from fileorg.rules.category_changes import CategoryFault, extension_fault, name_fault, with_changes
from fileorg.rules.classify import Rules
from fileorg.rules.conditions import ELSEWHERE, KEYS
from fileorg.rules.config import VERSION, Category, Configuration, DateSettings, Jobs, Profile, Rule, Serve, Settings
from fileorg.rules.config_values import Values
from fileorg.rules.extensions import OTHER
from fileorg.rules.facts import META
from fileorg.rules.globs import Glob

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fileorg.core.store_settings import StoreSettings
    from fileorg.rules.config import ConfigError
    from fileorg.rules.toml_lines import Keys

TABLES = ("version", "settings", "jobs", "serve", "dates", "storage", "categories", "sets", "rule", "profile")
TRASH = "trash"
RULE_ACTIONS = (Action.MOVE, Action.COPY, Action.HARDLINK, Action.SYMLINK, TRASH)
RULE_KEYS = (
    "name", "when", "not", "any", "to", "keep", "action", "on_conflict", "enabled", "tags", "matches", "not_matches",
)  # fmt: skip
CATEGORY_KEYS = ("extensions", "enabled")
SETTINGS = ("names", "locale", "keep_days", "trash_size")
SERVE = ("requests_per_minute", "operations_per_hour")
JOBS = ("notify", "webhook", "webhook_key", "attempts", "helper_memory", "parallel")
DATES = ("local_video", "exiftool")
_MOST_ATTEMPTS = 100
_MOST_REQUESTS = 1_000_000
_DEEPEST_SETS = 100
PROFILE_KEYS = ("root", "rules", "tags", "schedule")
OPTIONS: Mapping[str, type] = {
    "dest": str, "by": str, "template": str, "action": str, "on_conflict": str, "recursive": bool, "max_depth": int,
    "include": list, "exclude": list, "hidden": bool, "everything": bool, "one_file_system": bool, "min_size": str,
    "max_size": str, "newer_than": str, "older_than": str, "min_age": str, "max_changes": int, "inside_project": bool,
    "stays": bool, "keep": list, "reference": list, "prefer": list, "protect": list, "isolate": bool, "hardlinks": bool,
    "empty_files": bool, "empty_folders": bool, "broken_symlinks": bool, "quiet": bool, "verbose": bool,
    "by_content": bool, "by_name": bool, "timezone": str, "fix_extensions": bool, "remove_empty": bool,
    "exiftool": bool,
}  # fmt: skip
"""The options of commands that a profile can hold, with the type of their value."""
_CHOICES: Mapping[str, tuple[str, ...]] = {
    "by": tuple(By),
    "on_conflict": tuple(OnConflict),
    "action": ("move", "copy", "hardlink", "symlink", "quarantine", "reflink"),
}
_SIZES_OF = ("min_size", "max_size")
_AGES_OF = ("min_age",)
_TIMES_OF = ("newer_than", "older_than")
_PATTERNS_OF = ("include", "exclude", "prefer", "protect")

CONDITIONS = (*KEYS, *ELSEWHERE)
_SET_NAME = re.compile(r"[\w-]+")
_LITERAL = frozenset({"regex", "text"})
"""Keys whose values may begin with an @ that names no set."""


def checked(path: bytes, text: str, parsed: Mapping[str, Any]) -> Configuration:
    """Return the configuration of a parsed file. Raises `ConfigError`."""
    return _Check(Configuration(path, text=text)).result(parsed)


class _Check:
    """One pass over the tables of a file, in the order in which they need each other."""

    def __init__(self, empty: Configuration) -> None:
        self._empty = empty
        self._values = Values(empty)
        self._sets: dict[str, tuple[str, ...]] = {}
        self._categories: dict[str, tuple[bytes, ...]] = {}

    def result(self, parsed: Mapping[str, Any]) -> Configuration:
        self._version(parsed)
        self._values.known(parsed, TABLES, (), "the table or key")
        values = self._values
        settings = self._settings(values.table(parsed.get("settings", {}), ("settings",)))
        jobs = self._jobs(values.table(parsed.get("jobs", {}), ("jobs",)))
        serve = self._serve(values.table(parsed.get("serve", {}), ("serve",)))
        stores = self._stores(values.table(parsed.get("storage", {}), ("storage",)))
        dates = self._dates(values.table(parsed.get("dates", {}), ("dates",)))
        categories = self._changes(values.table(parsed.get("categories", {}), ("categories",)))
        self._read_sets(values.table(parsed.get("sets", {}), ("sets",)))
        rules = tuple(self._rules(values.tables(parsed.get("rule", []), ("rule",))))
        profiles = self._profiles(values.table(parsed.get("profile", {}), ("profile",)), rules)
        return self._empty._replace(
            settings=settings,
            jobs=jobs,
            serve=serve,
            stores=MappingProxyType(stores),
            dates=dates,
            categories=categories,
            sets=MappingProxyType(self._sets),
            rules=rules,
            profiles=MappingProxyType(profiles),
        )

    def _error(self, keys: Keys, message: str, hint: str | None = None) -> ConfigError:
        return self._empty.error(keys, message, hint)

    def _version(self, parsed: Mapping[str, Any]) -> None:
        if not parsed:
            return
        version = parsed.get("version")
        if version is None:
            raise self._error(
                (), "it does not say which version of the format it uses", f"begin the file with: version = {VERSION}"
            )
        if isinstance(version, bool) or not isinstance(version, int) or version < VERSION:
            raise self._error(("version",), f"the version {version!r} does not exist", f"write version = {VERSION}")
        if version > VERSION:
            hint = "update fileorg: pip install --upgrade fileorg"
            raise self._error(("version",), f"version {version} of the form needs a newer fileorg", hint)

    def _settings(self, table: Mapping[str, Any]) -> Settings:
        keys: Keys = ("settings",)
        values = self._values
        values.known(table, SETTINGS, keys, "the setting")
        names = values.text(table, "names", keys)
        if names is not None:
            values.one_of(names, ("portable", "any"), (*keys, "names"))
        size = table.get("trash_size")
        return Settings(
            names="portable" if names == "portable" else "",
            locale=values.text(table, "locale", keys) or "",
            keep_days=values.number(table, "keep_days", keys),
            trash_size=None if size is None else values.size(size, (*keys, "trash_size")),
        )

    def _jobs(self, table: Mapping[str, Any]) -> Jobs:
        keys: Keys = ("jobs",)
        values = self._values
        values.known(table, JOBS, keys, "the key")
        notify = table.get("notify", [])
        words: list[str] = values.typed(notify, list, (*keys, "notify"))
        if "notify" in table and not (words and words[0].strip()):
            raise self._error(
                (*keys, "notify"), "notify names no program", 'for example: notify = ["notify-send", "fileorg"]'
            )
        if "/" in (words or [""])[0] and not words[0].startswith(("/", "~")):
            raise self._error(
                (*keys, "notify"),
                f"notify = {words[0]!r} is a relative path, and jobs end in many folders",
                "write the whole path, one that begins with ~/, or the name of a program",
            )
        attempts, size = values.number(table, "attempts", keys), table.get("helper_memory")
        if attempts is not None and not 1 <= attempts <= _MOST_ATTEMPTS:
            raise self._error((*keys, "attempts"), f"attempts = {attempts} is not from 1 to {_MOST_ATTEMPTS}")
        memory = None if size is None else values.size(size, (*keys, "helper_memory"))
        if memory is not None and memory < LEAST_MEMORY_BYTES:
            needed = f"a helper needs at least {LEAST_MEMORY_BYTES >> 20}M"
            raise self._error((*keys, "helper_memory"), f"{memory} bytes are too little: {needed}")
        parallel = values.number(table, "parallel", keys)
        if parallel is not None and not 1 <= parallel <= MOST_PARALLEL:
            raise self._error((*keys, "parallel"), f"parallel = {parallel} is not from 1 to {MOST_PARALLEL}")
        webhook, key = values.text(table, "webhook", keys) or "", values.text(table, "webhook_key", keys) or ""
        if webhook and not webhook.startswith(("https://", "http://")):
            raise self._error((*keys, "webhook"), f"webhook = {webhook!r} is no URL that begins with https://")
        if bool(webhook) != bool(key):
            missing = "webhook_key" if webhook else "webhook"
            raise self._error(
                (*keys, "webhook" if webhook else "webhook_key"),
                f"{missing} is missing: a webhook is signed with the content of the file webhook_key",
                'for example: webhook_key = "~/.config/fileorg/webhook.key"',
            )
        if key and not key.startswith(("/", "~")):
            raise self._error(
                (*keys, "webhook_key"),
                f"webhook_key = {key!r} is a relative path",
                "write one that begins with / or ~/",
            )
        return Jobs(tuple(words), webhook, key, attempts, memory, parallel)

    def _serve(self, table: Mapping[str, Any]) -> Serve:
        keys: Keys = ("serve",)
        self._values.known(table, SERVE, keys, "the key")
        found = {}
        for key in SERVE:
            number = self._values.number(table, key, keys)
            if number is not None and not 1 <= number <= _MOST_REQUESTS:
                raise self._error((*keys, key), f"{key} = {number} is not from 1 to {_MOST_REQUESTS:,}")
            if number is not None:
                found[key] = number
        return Serve(**found)

    def _stores(self, table: Mapping[str, Any]) -> dict[str, StoreSettings]:
        if not table:
            return {}
        from fileorg.rules.store_check import checked_store

        return {name: checked_store(self._values, name, table[name]) for name in table}

    def _dates(self, table: Mapping[str, Any]) -> DateSettings:
        keys: Keys = ("dates",)
        self._values.known(table, DATES, keys, "the key")
        exiftool = self._values.flag(table, "exiftool", keys, default=False)
        return DateSettings(tuple(self._values.texts(table, "local_video", keys)), exiftool)

    def _changes(self, table: Mapping[str, Any]) -> tuple[Category, ...]:
        changes = tuple(self._category(name, table[name]) for name in table)
        try:
            self._categories = with_changes(changes)
        except CategoryFault as fault:
            keys: Keys = ("categories", fault.category.name)
            listed = table[fault.category.name].get("extensions", [])
            at = [position for position, each in enumerate(listed) if normalized(each) == fault.extension]
            raise self._error((*keys, "extensions", at[0]) if at else keys, str(fault), fault.hint) from fault
        return changes

    def _category(self, name: str, found: object) -> Category:
        keys: Keys = ("categories", name)
        table = self._values.table(found, keys)
        self._values.known(table, CATEGORY_KEYS, keys, "the key")
        if fault := name_fault(name):
            raise self._error(
                keys, f"the name of the category {display(name) or repr(name)} {fault}", "choose another name"
            )
        signed: dict[bytes, list[bytes]] = {b"": [], b"+": [], b"-": []}
        for position, text in enumerate(self._values.texts(table, "extensions", keys)):
            extension = normalized(text)
            sign = extension[:1] if extension[:1] in {b"+", b"-"} else b""
            if fault := extension_fault(extension[len(sign) :]):
                place = (*keys, "extensions", position)
                raise self._error(
                    place, f"the extension {display(text) or repr(text)} {fault}", 'for example: "nes", "tar.gz"'
                )
            signed[sign].append(extension[len(sign) :])
        enabled = self._values.flag(table, "enabled", keys, default=True)
        plain, taken, dropped = (tuple(dict.fromkeys(each)) for each in signed.values())
        return Category(name, self._values.line(keys), plain, taken, dropped, enabled)

    def _read_sets(self, table: Mapping[str, Any]) -> None:
        for name in table:
            if not _SET_NAME.fullmatch(name):
                hint = "a name of a set consists of letters, digits, _ and -"
                raise self._error(("sets", name), f"a set cannot have the name {display(name) or repr(name)}", hint)
            if name in self._categories:
                raise self._error(
                    ("sets", name), f"{name} is a category, which is a set of its extensions", "rename the set"
                )
        for name in table:
            self._sets[name] = self._members(name, table, ())

    def _members(self, name: str, table: Mapping[str, Any], above: tuple[str, ...]) -> tuple[str, ...]:
        """Return the members of a set, those of the sets in it included."""
        if name in above:
            way = " → ".join((*above[above.index(name) :], name))
            raise self._error(
                ("sets", above[-1]), f"the set {name} contains itself ({way})", "remove it from one of the sets"
            )
        if name in self._sets:
            return self._sets[name]
        if len(above) >= _DEEPEST_SETS:
            message = f"sets are nested more than {_DEEPEST_SETS} deep"
            raise self._error(("sets", name), message, "write the members of some of them out")
        found: dict[str, None] = {}
        for position, text in enumerate(self._values.texts(table, name, ("sets",))):
            inner = text[1:]
            if text.startswith("@") and inner in table:
                found.update(dict.fromkeys(self._members(inner, table, (*above, name))))
            elif text.startswith("@"):
                found.update(dict.fromkeys(self._set(inner, ("sets", name, position), tuple(table))))
            else:
                found[text] = None
        return tuple(found)

    def _set(self, name: str, keys: Keys, more: tuple[str, ...] = ()) -> tuple[str, ...]:
        """Return the members of a set or category."""
        if name in self._sets:
            return self._sets[name]
        for category, extensions in self._categories.items():
            if category.casefold() == name.replace("-", " ").casefold():
                return tuple(extension.decode(errors="surrogateescape") for extension in extensions)
        raise self._values.unknown("the set", name, (*self._sets, *more, *self._categories), keys, shown=f"@{name}")

    def _rules(self, tables: list[Mapping[str, Any]]) -> Iterator[Rule]:
        names: dict[str, int] = {}
        lines = self._values.lines_of_tables("rule", len(tables))
        for position, table in enumerate(tables):
            rule = self._rule(table, position, lines[position])
            if rule.name in names:
                message = f"the rule of line {names[rule.name]} has the same name"
                raise self._error(("rule", position, "name"), message, "rename one of them")
            names[rule.name] = rule.line
            yield rule

    def _rule(self, table: Mapping[str, Any], position: int, line: int) -> Rule:
        keys: Keys = ("rule", position)
        values = self._values
        self._refuse_conditions_outside(table, keys)
        values.known(table, RULE_KEYS, keys, "the key")
        rule = Rule(
            name=values.text(table, "name", keys) or f"rule {position + 1}",
            line=line,
            position=position,
            enabled=values.flag(table, "enabled", keys, default=True),
            tags=tuple(values.texts(table, "tags", keys)),
            when=self._conditions(table, "when", keys),
            not_=self._conditions(table, "not", keys),
            any_of=tuple(
                self._expanded(each, (*keys, "any", number))
                for number, each in enumerate(values.tables(table.get("any", []), (*keys, "any")))
            ),
            to=values.text(table, "to", keys),
            keep=values.flag(table, "keep", keys, default=False),
            action=values.text(table, "action", keys),
            on_conflict=values.text(table, "on_conflict", keys),
            matches=tuple(values.texts(table, "matches", keys)),
            not_matches=tuple(values.texts(table, "not_matches", keys)),
        )
        if "any" in table and not rule.any_of:
            raise self._error((*keys, "any"), "any is empty", 'for example: any = [{ ext = "pdf" }, { size = ">1GB" }]')
        self._check_result(rule, keys)
        return rule

    def _refuse_conditions_outside(self, table: Mapping[str, Any], keys: Keys) -> None:
        for key in table:
            if key not in RULE_KEYS and key in CONDITIONS:
                raise self._error((*keys, key), f"{key} is a condition", f"write it in when: when = {{ {key} = … }}")

    def _check_result(self, rule: Rule, keys: Keys) -> None:
        """Check that the rule says exactly one thing about its files."""
        if rule.action is not None:
            self._values.one_of(rule.action, RULE_ACTIONS, (*keys, "action"))
        if rule.on_conflict is not None:
            self._values.one_of(rule.on_conflict, tuple(OnConflict), (*keys, "on_conflict"))
        shown = f"the rule {display(rule.name)}"
        results = [
            name
            for name, has in (("to", rule.to is not None), ("keep", rule.keep), (TRASH, rule.action == TRASH))
            if has
        ]
        if not results:
            hint = 'add to = "FOLDER", keep = true or action = "trash"'
            raise self._error(keys, f"{shown} does not say what happens to its files", hint)
        if len(results) > 1:
            raise self._error(
                (*keys, results[0]), f"{shown} has both {results[0]} and {results[1]}", "remove one of them"
            )
        for name in ("action", "on_conflict"):
            if rule.keep and getattr(rule, name) is not None:
                raise self._error(
                    (*keys, name), f"{shown} keeps its files: {name} has no meaning", f"remove {name} or keep"
                )
        if rule.action == TRASH and rule.on_conflict is not None:
            raise self._error((*keys, "on_conflict"), f"{shown} has no target: on_conflict has no meaning", "remove it")
        if rule.to is not None:
            self._check_template(rule.to, (*keys, "to"))

    def _check_template(self, text: str, keys: Keys, *, is_below_root: bool = False) -> None:
        from fileorg.rules.path_template import TemplateError, parse_target

        try:
            if parse_target(text).absolute and is_below_root:
                raise TemplateError("its folders are created below the root or dest", "leave out / and ~, or use dest")
        except TemplateError as error:
            message = f"the template {display(text)} cannot be used: {error}"
            raise self._error(keys, message, error.hint or None) from error

    def _conditions(self, table: Mapping[str, Any], key: str, keys: Keys) -> Mapping[str, object]:
        if key not in table:
            return MappingProxyType({})
        conditions = self._values.table(table[key], (*keys, key))
        if not conditions:
            raise self._error((*keys, key), f"{key} is empty", "leave it out if the rule is for all files")
        return self._expanded(conditions, (*keys, key))

    def _expanded(self, table: Mapping[str, Any], keys: Keys) -> Mapping[str, object]:
        """Return checked conditions with the members of sets in place of their names."""
        for key in META:
            if key in table:
                hint = f'write meta = {{ {key} = "…" }}'
                hint += ', or modified = "…" for the year of the last change' if key == "year" else ""
                raise self._error((*keys, key), f"{key} is a field of meta", hint)
        self._values.known(table, KEYS, keys, "the condition", also=ELSEWHERE)
        found: dict[str, object] = {}
        for key, value in table.items():
            place = (*keys, key)
            members = self._with_sets(key, value, place)
            found[key] = self._category_names(members, place) if key == "category" else members
        return MappingProxyType(found)

    def _with_sets(self, key: str, value: object, keys: Keys) -> object:
        texts = value if isinstance(value, list) else [value]
        if not any(isinstance(text, str) and text.startswith("@") for text in texts):
            return value
        found: list[object] = []
        for position, text in enumerate(texts):
            place = (*keys, position) if isinstance(value, list) else keys
            if isinstance(text, str) and text.startswith("@") and (key not in _LITERAL or text[1:] in self._sets):
                found += self._set(text[1:], place)
            else:
                found.append(text)
        return found

    def _category_names(self, value: object, keys: Keys) -> object:
        """Return the names of categories as their folders have them: `disk-images` is `Disk images`."""
        known = {name.casefold(): name for name in (*self._categories, OTHER)}
        texts = value if isinstance(value, list) else [value]
        for text in texts:
            if isinstance(text, str) and _plain(text, known) not in known:
                raise self._values.unknown("the category", text, tuple(self._categories), keys)
        names = [known[_plain(text, known)] if isinstance(text, str) else text for text in texts]
        return names if isinstance(value, list) else names[0]

    def _profiles(self, table: Mapping[str, Any], rules: tuple[Rule, ...]) -> dict[str, Profile]:
        return {name: self._profile(name, table[name], rules) for name in table}

    def _profile(self, name: str, found: object, rules: tuple[Rule, ...]) -> Profile:
        keys: Keys = ("profile", name)
        values = self._values
        table = values.table(found, keys)
        values.known(table, (*PROFILE_KEYS, *OPTIONS), keys, "the key")
        options = {key: values.typed(table[key], OPTIONS[key], (*keys, key)) for key in table if key in OPTIONS}
        for key, choices in _CHOICES.items():
            if key in options:
                values.one_of(str(options[key]), choices, (*keys, key))
        self._check_values(options, keys)
        if "template" in options:
            self._check_template(str(options["template"]), (*keys, "template"), is_below_root=True)
            if "by" in options:
                raise self._error((*keys, "by"), "by and template cannot be combined", "remove one of them")
        chosen = [*values.texts(table, "rules", keys), *(f"@{tag}" for tag in values.texts(table, "tags", keys))]
        tags = dict.fromkeys(f"@{tag}" for rule in rules for tag in rule.tags)
        for each in chosen:
            known = tuple(tags) if each.startswith("@") else tuple(rule.name for rule in rules)
            if each not in known:
                place = (*keys, "rules" if "rules" in table else "tags")
                raise values.unknown("the tag" if each.startswith("@") else "the rule", each, known, place)
        roots = values.texts(table, "root", keys)
        return Profile(
            name, values.line(keys), tuple(roots), tuple(chosen), values.text(table, "schedule", keys), options
        )

    def _check_values(self, options: Mapping[str, object], keys: Keys) -> None:
        """Check the values of a profile as the command line checks them."""
        if options.get("by_content") and options.get("by_name"):
            raise self._error((*keys, "by_name"), "by_content and by_name cannot be combined", "remove one of them")
        for key, value in options.items():
            at: Keys = (*keys, key)
            if key == "timezone" and not is_time_zone(str(value)):
                message = f"timezone is {display(str(value))}, which is no time zone that this computer knows"
                raise self._error(at, message, "write for example Europe/Berlin")
            if key in _SIZES_OF and parsed_size(str(value)) is None:
                raise self._error(at, f"{key} is {display(str(value))}, which is no size", "write for example 10MB")
            if key in (*_AGES_OF, *_TIMES_OF) and not _is_age(str(value)) and (key in _AGES_OF or not _is_day(value)):
                what = "no age" if key in _AGES_OF else "no age and no day"
                hint = "write for example 12h, 7d or 6mo" + ("" if key in _AGES_OF else ", or 2024-05-01")
                raise self._error(at, f"{key} is {display(str(value))}, which is {what}", hint)
            for position, text in enumerate(value if key in _PATTERNS_OF and isinstance(value, list) else ()):
                try:
                    Glob(str(text), whole=True)
                except ValueError as error:
                    message = f"{key} has the pattern {display(str(text))}, which cannot be used: {error}"
                    raise self._error((*at, position), message, None) from error


def _is_age(text: str) -> bool:
    parts = age_parts(text)
    try:
        return parts is not None and before(time.time_ns(), parts) is not None
    except (ValueError, OverflowError, OSError):
        return False


def _is_day(value: object) -> bool:
    try:
        datetime.fromisoformat(str(value).strip())
    except ValueError:
        return False
    return True


def check_rules(configuration: Configuration) -> None:
    """Compile all rules that are not switched off, as a run does. Raises `ConfigError` for the first that is wrong."""
    if configuration.rules:
        from fileorg.rules.matching import RuleSet

        RuleSet(configuration.selected(()), configuration, Rules.of(configuration), b"/", time.time_ns())


def normalized(extension: object) -> bytes:
    """Return an extension of the file in lower case without its first dot, with its sign: `.NES` is `nes`."""
    text = str(extension).strip().lower()
    sign = text[:1] if text[:1] in {"+", "-"} else ""
    return (sign + text[len(sign) :].removeprefix("*").removeprefix(".")).encode(errors="surrogateescape")


def _plain(text: str, known: Mapping[str, str]) -> str:
    folded = text.strip().casefold()
    return folded if folded in known else folded.replace("-", " ")
