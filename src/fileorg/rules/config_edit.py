"""Edits of the text of `fileorg.toml`: only the lines of one category, rule or table change. Only commands that edit
load it.

tomlkit edits one table; all other text is not even parsed anew: tomlkit moves comments between tables, and brings
tables of one kind together.
"""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

import tomlkit

from fileorg.core.errors import FileorgError
from fileorg.core.names import display
from fileorg.rules.category_changes import toml_key
from fileorg.rules.config import VERSION
from fileorg.rules.config_check import normalized
from fileorg.rules.toml_lines import headers_of, span_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_TABLES, _RULES = "categories", "rule"


def with_values(text: str, table: str, values: Mapping[str, str | int | list[str] | None]) -> str:
    """Return the text with these values in a table, which is made if missing; None removes a value. What is as it was
    keeps its form. Raises `FileorgError` unless all else is the same.
    """
    before = tomllib.loads(text)
    there: Any = before.get(table, {})
    changed = {key: value for key, value in values.items() if there.get(key) != value}
    if not changed:
        return text
    span = span_of(text, (table,))
    if span is None:
        text = _begun(text, before)
        span = len(text), len(text)
        document = tomlkit.parse(f"\n[{table}]\n")
    else:
        document = tomlkit.parse(text[slice(*span)])
    edited: Any = document[table]
    for key, value in changed.items():
        if value is None:
            edited.pop(key, None)
        else:
            edited[key] = value
    result = text[: span[0]] + tomlkit.dumps(document) + text[span[1] :]
    wanted = {key: value for key, value in {**there, **values}.items() if value is not None}
    after = _values(result)
    if after.pop(table, {}) != wanted or _without(after, table) != _without(before, table):
        raise FileorgError(
            f"The settings of [{table}] cannot be edited by a command: they have no table of their own in the"
            " configuration.",
            hint=f"write them below [{table}], or edit the file by hand",
        )
    return result


def _begun(head: str, values: Mapping[str, Any]) -> str:
    """Return the beginning of a text, before a new table: in whole lines, with a version if the text has no values."""
    head += "\n" if head and not head.endswith("\n") else ""
    return head if values else f"{head}version = {VERSION}\n"


def _values(edited: str) -> dict[str, Any]:
    """Return the values of an edited text; none if the edit made it no TOML."""
    try:
        return tomllib.loads(edited)
    except tomllib.TOMLDecodeError:
        return {}


def _without(values: dict[str, Any], table: str) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key not in {table, "version"}}


def with_category(text: str, name: str, add: Iterable[str] = (), drop: Iterable[str] = (), **flags: bool) -> str:
    """Return the text with a category that has more or fewer extensions; it is made if missing. A flag that is True is
    the default, and removed.

    `add` and `drop` are as in the file, with their signs; one that is there already, or is not, changes nothing.
    """
    document, table = _table(text, name)
    dropped = {normalized(each).lstrip(b"+-") for each in drop}
    added = list(dict.fromkeys(map(normalized, add)))
    if added or dropped:
        extensions: Any = table.setdefault("extensions", tomlkit.array())
        replaced = dropped | {each.lstrip(b"+-") for each in added if each not in set(map(normalized, extensions))}
        for position in reversed(range(len(extensions))):
            if normalized(extensions[position]).lstrip(b"+-") in replaced:
                extensions.pop(position)
        present = set(map(normalized, extensions))
        for each in added:
            if each not in present:
                extensions.append(each.decode(errors="surrogateescape"))
    for key, value in flags.items():
        if not value:
            table[key] = False
        else:
            table.pop(key, None)
    return _with_table(text, name, tomlkit.dumps(document))


def without_category(text: str, name: str) -> str:
    """Return the text without the table of a category."""
    return _with_table(text, name, "")


def with_category_of(text: str, name: str, other: str) -> str:
    """Return the text with the table of a category as it is in another text, or without it if it has none there."""
    span = span_of(other, (_TABLES, name))
    return _with_table(text, name, other[slice(*span)] if span is not None else "")


def category_in(text: str, name: str) -> object:
    """Return the values of a category's table, None if there is none."""
    found: object = tomllib.loads(text).get(_TABLES, {}).get(name)
    return found


def with_rule(text: str, name: str, when: Mapping[str, str], to: str) -> str:
    """Return the text with a new rule, which decides before all others but those that keep files in place. `to` is a
    folder, not a template. Raises `FileorgError` unless all else is the same.
    """
    rule = tomlkit.table()
    rule["name"] = name
    conditions = tomlkit.inline_table()
    conditions.update(when)
    rule["when"] = conditions
    rule["to"] = to.replace("{", "{{").replace("}", "}}")
    table = f"[[{_RULES}]]\n{tomlkit.dumps(rule)}"
    values = tomllib.loads(text)
    before: list[Any] = values.get(_RULES, [])
    place = next((at for at, each in enumerate(before) if not each.get("keep")), len(before))
    at = _start_of_rule(text, place)
    head = _begun(text[:at], values)
    gap = "" if head.endswith("\n\n") or not head else "\n"
    result = f"{head}{gap}{table}" + (f"\n{text[at:]}" if text[at:].strip() else text[at:])
    after = _values(result)
    added = after.get(_RULES, [])
    if added[:place] + added[place + 1 :] != before or _without(after, _RULES) != _without(values, _RULES):
        raise FileorgError(
            "The rules cannot be edited by a command: they have no tables of their own in the configuration.",
            hint=f"write each as [[{_RULES}]], or edit the file by hand",
        )
    return result


def _start_of_rule(text: str, place: int) -> int:
    """Return where a rule begins, with the comment right above it; the end of the text if there is no such rule."""
    span = span_of(text, (_RULES, place))
    if span is None:
        return len(text)
    start = span[0]
    while start:
        above = text.rfind("\n", 0, start - 1) + 1
        if not text[above:start].startswith("#"):
            break
        start = above
    return start


def _table(text: str, name: str) -> tuple[tomlkit.TOMLDocument, Any]:
    """Return a document with the table of a category alone, and the table."""
    span = span_of(text, (_TABLES, name))
    if span is None:
        if category_in(text, name) is not None:
            raise _uneditable(name)
        document = tomlkit.parse(f"[{_TABLES}.{toml_key(name)}]\nextensions = []\n")
    else:
        document = tomlkit.parse(text[slice(*span)])
    categories: Any = document[_TABLES]
    return document, categories[name]


def _with_table(text: str, name: str, table: str) -> str:
    """Return the text with the table in its place, or behind the other categories. Raises `FileorgError` unless all
    else is the same.
    """
    table += "\n" if table and not table.endswith("\n") else ""
    span = span_of(text, (_TABLES, name))
    if span is not None:
        start, end = span
        has_gap_before = start == 0 or text[:start].endswith("\n\n")
        if not table and has_gap_before and text[end : end + 1] == "\n":
            end += 1  # one of the two blank lines around it
        result = text[:start] + table + text[end:]
    elif table:
        head = _begun(text, tomllib.loads(text))
        ends = [span[1] for keys in headers_of(head) if keys[:1] == (_TABLES,) and (span := span_of(head, keys))]
        at = max(ends, default=len(head))
        before = head[:at] + ("" if head[:at].endswith("\n") else "\n")
        after = head[at:]
        gap = "\n" if after.strip() and not after.startswith("\n") else ""
        result = f"{before}\n{table}{gap}{after}"
    else:
        result = text
    if _others(result, name) != _others(text, name):
        raise _uneditable(name)
    return result


def _others(text: str, name: str) -> dict[str, Any]:
    """Return all values but those of the category, and the version, which an empty file gets."""
    try:
        parsed = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _uneditable(name) from error
    parsed.pop("version", None)
    categories = {key: value for key, value in parsed.pop(_TABLES, {}).items() if key != name}
    return parsed | {_TABLES: categories}


def _uneditable(name: str) -> FileorgError:
    return FileorgError(
        f"The category {display(name)} cannot be edited by a command: it has no table of its own in the configuration.",
        hint=f"write it as [{_TABLES}.{toml_key(name)}], or edit the file by hand",
    )
