"""Rules of organize (YAML) as a `fileorg.toml`, as far as they can be said, and a list of what could not."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from fileorg.core.errors import ErrorCode, UsageError
from fileorg.core.names import display
from fileorg.core.tuples import NamedTuple
from fileorg.rules.config import VERSION, ConfigError
from fileorg.rules.config_file import parse_configuration

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_CONFLICTS = {"rename_new": "rename", "rename_existing": "rename", "skip": "skip", "overwrite": "keep-newer"}
_UNITS = {"seconds": "s", "minutes": "min", "hours": "h", "days": "d", "weeks": "w", "months": "mo", "years": "y"}
_FIELDS = (
    (r"\{(?:lastmodified|created|date_added)\.strftime\(['\"]([^'\"}]*)['\"]\)\}", r"{modified:\1}"),
    (r"\{(?:lastmodified|created|date_added)\.(year|month|day|hour|minute)\}", r"{modified.\1}"),
    (r"\{(?:lastmodified|created)\}", "{modified}"),
    (r"\{regex\.(\w+)\}", r"{re.\1}"),
    (r"\{(?:path\.stem|name)\}", "{stem}"),
    (r"\{path\.name\}", "{name}"),
    (r"\{extension(?:\.(lower|upper)\(\))?\}", lambda match: f"{{ext:{match[1]}}}" if match[1] else "{ext}"),
    (r"\{relative_path(?:\.parent)?\}", "{dir}"),
)


class Imported(NamedTuple):
    """The text of a `fileorg.toml`, and sentences about what it does not say."""

    text: str
    missing: list[str]


class _UnsaidError(Exception):
    """A part of a rule that has no counterpart; the rule is left out."""


def imported(content: bytes) -> Imported:
    """Return the rules of organize's YAML. Raises `UsageError` if it is none, or PyYAML is missing."""
    try:
        import yaml
    except ImportError as error:
        raise UsageError("Reading YAML needs PyYAML.", hint="pip install 'fileorg[import]'") from error
    try:
        found = yaml.safe_load(content)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f", line {mark.line + 1}" if mark is not None else ""
        raise UsageError(f"This is not YAML{place}.", hint="give a configuration of organize") from error
    rules = found.get("rules") if isinstance(found, dict) else None
    if not isinstance(rules, list) or not all(isinstance(rule, dict) for rule in rules):
        raise UsageError(
            "The file has no rules of organize.", hint="its first key must be rules:", code=ErrorCode.BAD_VALUE
        )
    lines, missing = [f"version = {VERSION}"], list[str]()
    for number, rule in enumerate(rules, 1):
        name = str(rule.get("name") or f"rule {number}")
        if f"name = {_toml(name)}" in lines:
            name = f"{name} {number}"
        try:
            rule_lines = list(_rule(name, rule, missing))
            parse_configuration(b"", "\n".join([lines[0], *rule_lines]).encode())
        except _UnsaidError as unsaid:
            missing.append(f"{display(name)}: left out, because {unsaid}")
        except ConfigError as error:
            missing.append(f"{display(name)}: left out, because {error.message}")
        except UnicodeEncodeError:
            missing.append(f"{display(name)}: left out, because it holds half of a character")
        else:
            lines += ["", *rule_lines]
    return Imported("\n".join(lines) + "\n", missing)


def _rule(name: str, rule: Mapping[str, Any], missing: list[str]) -> Iterator[str]:
    """Yield the lines of a rule, all of them after it is known that it can be said. Raises `_UnsaidError`."""
    when, nots, groups = dict[str, Any](), dict[str, Any](), list[dict[str, Any]]()
    mode = rule.get("filter_mode", "all")
    if rule.get("targets", "files") != "files":
        raise _UnsaidError("it is about folders")
    folders = [_location(name, each, nots, missing) for each in _listed(rule.get("locations"))]
    for each in _listed(rule.get("filters")):
        filter_name, value = _named(each)
        table = _condition(filter_name.removeprefix("not "), value)
        if filter_name.startswith("not ") != (mode == "none"):
            _merge(nots, table)
        elif mode == "any":
            groups += [table] if table else []
        else:
            _merge(when, table)
    result = _result(name, _listed(rule.get("actions")), folders, missing)
    if folders:
        when = {"in": folders[0] if len(folders) == 1 else folders, **when}
    if not rule.get("subfolders") and folders:
        when["depth"] = 0
    lines = ["[[rule]]", f"name = {_toml(name)}"]
    if rule.get("enabled") is False:
        lines.append("enabled = false")
    if tags := [str(tag) for tag in _listed(rule.get("tags"))]:
        lines.append(f"tags = {_toml(tags)}")
    lines += [f"{key} = {_toml(table)}" for key, table in (("when", when), ("not", nots)) if table]
    if groups:
        lines.append(f"any = [{', '.join(map(_toml, groups))}]")
    yield from lines
    yield from (f"{key} = {_toml(value)}" for key, value in result.items())


def _location(name: str, each: Any, nots: dict[str, Any], missing: list[str]) -> str:
    """Return the folder of a location, and add what it excludes."""
    if not isinstance(each, dict):
        return str(each)
    if excluded := [f"**/{folder}/**" for folder in _listed(each.get("exclude_dirs"))]:
        nots["path"] = [*nots.get("path", []), *excluded]
    if excluded := [str(pattern) for pattern in _listed(each.get("exclude_files"))]:
        nots["name"] = [*nots.get("name", []), *excluded]
    missing += (
        f"{display(name)}: {display(str(key))} of its location is left out"
        for key in each
        if key not in {"path", "exclude_dirs", "exclude_files"}
    )
    return str(each.get("path", ""))


def _listed(value: Any) -> list[Any]:
    return [] if value is None else value if isinstance(value, list) else [value]


def _named(each: Any) -> tuple[str, Any]:
    """Return the name and the value of a filter or an action, which may be a word alone."""
    if isinstance(each, dict) and len(each) == 1:
        name, value = next(iter(each.items()))
        return str(name), value
    if isinstance(each, str):
        return each, None
    raise _UnsaidError("it is not written as organize documents it")


def _merge(table: dict[str, Any], more: Mapping[str, Any]) -> None:
    for key, value in more.items():
        if key in table:
            raise _UnsaidError(f"it has two filters that both become {key}")
        table[key] = value


def _condition(name: str, value: Any) -> dict[str, Any]:
    """Return the condition of a filter; empty for one that only defines fields. Raises `_UnsaidError`."""
    match name:
        case "extension":
            return {"ext": [str(each) for each in _listed(value)]} if value else {}
        case "name" if value is None:
            return {}
        case "name":
            return {"name": _name_patterns(value)}
        case "regex" if value:
            return {"regex": str(value.get("expr") if isinstance(value, dict) else value)}
        case "size" if value:
            return {"size": _size(str(value))}
        case "empty":
            return {"empty": True}
        case "lastmodified" | "created" | "date_added" if value is None:
            return {}
        case "lastmodified" | "date_added" if isinstance(value, dict):
            return {"age" if name == "lastmodified" else "added": _age(value)}
    raise _UnsaidError(f"the filter {display(name)} has no counterpart")


def _name_patterns(value: Any) -> list[str]:
    if not isinstance(value, dict):
        return [str(each) for each in _listed(value)]
    found = [*_escaped(value, "match", "{}"), *_escaped(value, "startswith", "{}*")]
    found += [*_escaped(value, "contains", "*{}*"), *_escaped(value, "endswith", "*{}.*")]
    if not found or sum(key in value for key in ("match", "startswith", "contains", "endswith")) > 1:
        raise _UnsaidError("its filter name has several parts, which must all match")
    return found


def _escaped(value: Mapping[str, Any], key: str, form: str) -> Iterator[str]:
    for each in _listed(value.get(key)):
        yield form.format(str(each) if key == "match" else re.sub(r"([*?\[\]\\])", r"\\\1", str(each)))


def _size(text: str) -> str:
    found = re.fullmatch(r"\s*([<>]=?|=)\s*([\d.]+)\s*([kmgtp]?)i?b?\s*", text, re.IGNORECASE)
    if found is None:
        raise _UnsaidError(f"the size {display(text)} has no counterpart")
    return f"{found[1]}{found[2]}{found[3].upper()}{'B' if found[3] else ''}"


def _age(value: Mapping[str, Any]) -> str:
    parts = "".join(f"{value[unit]}{short}" for unit, short in _UNITS.items() if value.get(unit))
    if not parts:
        raise _UnsaidError("its filter of a time has no length")
    return ("<" if value.get("mode") == "newer" else ">") + parts


def _result(name: str, actions: list[Any], folders: list[str], missing: list[str]) -> dict[str, str]:
    """Return what happens to the files. Raises `_UnsaidError` unless it is one action that has a counterpart."""
    named = [_named(each) for each in actions]
    found = [(action, value) for action, value in named if action != "echo"]
    if len(found) != len(named):
        missing.append(f"{display(name)}: echo is left out; fileorg prints its plan")
    if len(found) != 1:
        raise _UnsaidError(f"it has {len(found)} actions, and a rule of fileorg has one")
    action, value = found[0]
    options = value if isinstance(value, dict) else {"dest": value}
    if action == "trash":
        return {"action": "trash"}
    if action in {"move", "copy", "rename"} and (options.get("dest") or options.get("new_name") or options.get("name")):
        target = str(options.get("dest") or options.get("new_name") or options.get("name"))
        if re.search(r"\{(created|date_added)\b", target):
            missing.append(f"{display(name)}: the time of its creation became that of its last change")
        result = {"to": _target(target, folders) if action != "rename" else f"{{dir}}/{_with_fields(target)}"}
        if action == "copy":
            result["action"] = "copy"
        if policy := _CONFLICTS.get(str(options.get("on_conflict", ""))):
            result["on_conflict"] = policy
        if options.get("on_conflict") == "overwrite":
            missing.append(f"{display(name)}: overwrite became keep-newer; fileorg never overwrites")
        return result
    raise _UnsaidError(f"the action {display(action)} has no counterpart")


def _target(target: str, folders: list[str]) -> str:
    """Return a target relative to the one folder of a rule if it is below it, because that is what fileorg sorts."""
    base = folders[0].rstrip("/") + "/" if len(folders) == 1 else ""
    inside = target.removeprefix(base) if base and target.startswith(base) else target
    return _with_fields(inside.rstrip("/") or "{name}")


def _with_fields(text: str) -> str:
    for pattern, replacement in _FIELDS:
        text = re.sub(pattern, replacement, text)
    return text


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(each)}" for key, each in value.items()) + " }"
    if isinstance(value, list):
        return _toml(value[0]) if len(value) == 1 else "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, int):
        return str(value)
    text = str(value)
    if "\\" in text and "'" not in text and "\n" not in text:
        return f"'{text}'"
    import json

    return json.dumps(text, ensure_ascii=False)
