"""Values of a parsed TOML file by their types; errors name the line and the nearest known word."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from fileorg.core.errors import similar_word
from fileorg.core.names import display

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping, Sequence

    from fileorg.rules.config import ConfigError, Configuration
    from fileorg.rules.toml_lines import Keys

_MAXIMUM = 1 << 62
_SIZE = re.compile(r"(?ai)(\d+(?:\.\d+)?)\s*(?:([kmgtp])i?)?b?")
_LONGEST_SIZE = 100
_TYPES = {str: "text in quotes", bool: "true or false", int: "a whole number", list: "a list of texts", dict: "a table"}


class Values:
    """Reads values; each method raises `ConfigError` for a wrong one."""

    def __init__(self, empty: Configuration) -> None:
        self._empty = empty

    def line(self, keys: Keys) -> int:
        """Return the line of a value."""
        from fileorg.rules.toml_lines import line_of

        return line_of(self._empty.text, keys)

    def error(self, keys: Keys, message: str, hint: str) -> ConfigError:
        """Return the error of a value, with its line."""
        return self._empty.error(keys, message, hint)

    def lines_of_tables(self, name: str, count: int) -> list[int]:
        """Return the line of each table of an array of tables."""
        # One search does for nearly all files; text that only looks like a header changes the count.
        header = re.compile(rf"^[ \t]*\[\[[ \t]*{name}[ \t]*\]\]", re.MULTILINE)
        text, lines, line, before = self._empty.text, list[int](), 1, 0
        for found in header.finditer(text):
            line += text.count("\n", before, found.start())
            before = found.start()
            lines.append(line)
        if len(lines) != count or '"""' in text or "'''" in text:
            return [self.line((name, position)) for position in range(count)]
        return lines

    def known(
        self, table: Mapping[str, Any], words: Iterable[str], keys: Keys, noun: str, also: Container[str] = ()
    ) -> None:
        """Refuse a key that is not one of the words, nor one of `also`, which are not told."""
        words = tuple(words)
        for key in table:
            if key not in words and key not in also:
                raise self.unknown(noun, key, words, (*keys, key))

    def unknown(
        self, noun: str, word: str, words: Sequence[str], keys: Keys, *, shown: str | None = None
    ) -> ConfigError:
        """Return the error of an unknown word, with the nearest known one."""
        return self._empty.error(
            keys, f"{noun} {display(shown or word) or repr(word)} does not exist", nearest(word, words)
        )

    def one_of(self, word: str, words: Sequence[str], keys: Keys) -> None:
        if word not in words:
            raise self.unknown("the value", word, [str(each) for each in words], keys)

    def typed(self, value: object, kind: type, keys: Keys) -> Any:
        """Return a value of that type; a single text is a list of one."""
        if kind is list:
            value = [value] if isinstance(value, str) else value
            if isinstance(value, list) and all(isinstance(each, str) for each in value):
                return value
        elif isinstance(value, kind) and (kind is bool or not isinstance(value, bool)):
            if isinstance(value, int) and not 0 <= value <= _MAXIMUM:
                raise self._empty.error(keys, f"{_name(keys)} = {value} is not from 0 to {_MAXIMUM}")
            return value
        raise self._empty.error(keys, f"{_shown(value)} is not {_TYPES[kind]}", _example(keys, kind))

    def table(self, value: object, keys: Keys) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.typed(value, dict, keys)
        return found

    def tables(self, value: object, keys: Keys) -> list[Mapping[str, Any]]:
        if isinstance(value, list) and all(isinstance(each, dict) for each in value):
            return value
        hint = (
            f"write [[{keys[0]}]] with double brackets" if len(keys) == 1 else f"write {keys[-1]} = [{{ … }}, {{ … }}]"
        )
        raise self._empty.error(keys, f"{keys[-1]} is not a list of tables", hint)

    def text(self, table: Mapping[str, Any], key: str, keys: Keys) -> str | None:
        """Return a text, which is not empty; None if there is none."""
        if key not in table:
            return None
        text: str = self.typed(table[key], str, (*keys, key))
        if not text.strip():
            raise self._empty.error((*keys, key), f"{key} is empty", f"give it a value, or remove {key}")
        return text

    def texts(self, table: Mapping[str, Any], key: str, keys: Keys) -> list[str]:
        """Return a list of texts; empty if there is none."""
        if key not in table:
            return []
        found: list[str] = self.typed(table[key], list, (*keys, key))
        for position, text in enumerate(found):
            if not text.strip():
                raise self._empty.error((*keys, key, position), f"{key} holds an empty text", "remove it")
        return found

    def flag(self, table: Mapping[str, Any], key: str, keys: Keys, *, default: bool) -> bool:
        return bool(self.typed(table[key], bool, (*keys, key))) if key in table else default

    def number(self, table: Mapping[str, Any], key: str, keys: Keys) -> int | None:
        return int(self.typed(table[key], int, (*keys, key))) if key in table else None

    def size(self, value: object, keys: Keys) -> int:
        """Return a size in bytes: a number, or a text such as `10GB`."""
        if isinstance(value, int):
            return int(self.typed(value, int, keys))
        match = _SIZE.fullmatch(value.strip()) if isinstance(value, str) and len(value) <= _LONGEST_SIZE else None
        if match is None:
            raise self._empty.error(
                keys,
                f"{_name(keys)} = {_shown(value)} is not a size",
                'for example: "500M" or "10G" (1K is 1024 bytes)',
            )
        size_bytes = int(float(match[1]) * 1024 ** " kmgtp".index((match[2] or " ").lower()))
        return int(self.typed(size_bytes, int, keys))


def nearest(word: str, words: Sequence[str]) -> str:
    """Return a hint with the known word that is nearest, or with all of them."""
    if similar := similar_word(word, words):
        return f"did you mean {display(similar)}?"
    if not words:
        return "there is none in the file"
    listed = ", ".join(display(each) for each in words)
    return f"write one of: {listed}"


def _shown(value: object) -> str:
    """Return a value of the file for a message, not longer than a line."""
    text = "a table" if isinstance(value, dict) else display(str(value))
    if isinstance(value, bool):
        text = text.lower()
    return text if len(text) <= 60 else text[:59] + "…"


def _name(keys: Keys) -> str:
    """Return the name of a value, or of the list that it is in."""
    return next((str(key) for key in reversed(keys) if isinstance(key, str)), "")


def _example(keys: Keys, kind: type) -> str | None:
    name = _name(keys)
    examples = {str: f'{name} = "…"', bool: f"{name} = true", int: f"{name} = 10", list: f'{name} = ["…", "…"]'}
    if kind is dict and len(keys) > 1:
        return f"for example: {name} = {{ … }}"
    return f"for example: {examples[kind]}" if kind in examples else f"write [{name}] above its keys"
