"""The reference in docs/rules.md, from the tables of the rules: `python -m tests.support.rules_page` writes it anew."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fileorg.rules.condition_values import Price
from fileorg.rules.conditions import ELSEWHERE, KEYS
from fileorg.rules.config_check import OPTIONS, RULE_ACTIONS
from fileorg.rules.facts import META
from fileorg.rules.field_formats import DATE_DIRECTIVES
from fileorg.rules.path_template import CONTENT_FIELDS, DATE_FIELDS, DATE_PARTS, PATH_FIELDS, TEXT_FIELDS

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = Path(__file__).parents[2] / "docs" / "rules.md"
_FROM_HERE = "<!-- made by tests/support/rules_page.py from the tables in src/fileorg/rules -->\n"
_PRICES = {
    Price.NAME: "the name",
    Price.STAT: "size, times and mode",
    Price.ATTRIBUTES: "one more look at the entry",
    Price.HEAD: "the first bytes, if the extension is ambiguous",
    Price.CONTENT: "the first 64 KiB of the file",
    Price.FURTHER: "the file: 64 KiB, and at most 256 KiB beyond",
}
_TYPES = {str: "text", bool: "true or false", int: "a number", list: "a list of texts"}


def page(now: str) -> str:
    """Return the page with the reference of today."""
    before = now.partition(_FROM_HERE)[0]
    return before + _FROM_HERE + "\n" + "\n".join([*_conditions(), *_fields(), *_options()]) + "\n"


def _conditions() -> Iterator[str]:
    yield "## Conditions\n"
    yield "The keys of `when`, `not` and the tables of `any`. Cheap ones are asked first, and a later one only if the"
    yield "earlier ones match: nothing is read that no rule needs.\n"
    yield "| key | meaning | example | reads |\n|---|---|---|---|"
    for name, key in KEYS.items():
        yield f"| `{name}` | {_cell(key.meaning)} | `{_cell(f'{name} = {key.example}')}` | {_PRICES[key.price]} |"
    yield "\nSizes: `>500MB`, `<50KB`, `1MB..2GB`; 1KB is 1024 bytes. Ages: `>14d`, `<1h`, `7d..30d`; the units are"
    yield "s, min, h, d, w, mo and y. Days: `2024`, `2023-10..2024-03`, `..2019`.\n"
    yield "Pixels: `<640x480`, `>1920x1080`, `640x480..1920x1080`; the areas are compared. Durations: `<40s`, `>10min`,"
    yield "`1min..1h30min`. What was read of a file is kept for the next run, except for `contains` and `text`. A file"
    yield "that cannot be read has no kind, date or text.\n"
    yield "The fields of `meta`:\n"
    yield "| field | meaning |\n|---|---|"
    for name, meaning in META.items():
        yield f"| `{name}` | {meaning} |"
    yield ""
    for name, (why, instead) in ELSEWHERE.items():
        yield f"There is no key `{name}`: {why}; {instead}.\n"


def _fields() -> Iterator[str]:
    yield "## Fields\n"
    yield "In `to`, and in `--template`. `{{` and `}}` stand for braces.\n"
    yield "| field | value |\n|---|---|"
    for name, meaning in DATE_FIELDS.items():
        yield f"| `{{{name}}}` | {meaning} |"
    parts = " ".join(f"`{{modified.{part}}}`" for part in DATE_PARTS)
    short = "`{year}`, `{month}` and `{day}` are short for three of them"
    yield f"| {parts} | a part of it, also of `taken` and `named`; {short} |"
    for name, meaning in {**TEXT_FIELDS, **CONTENT_FIELDS, **PATH_FIELDS}.items():
        yield f"| `{{{name}}}` | {meaning} |"
    yield "| `{meta.FIELD}` | a field of `meta`, which the file says of itself: `{meta.camera}`, `{meta.artist}` |"
    yield "| `{re.GROUP}` | what the group `(?P<GROUP>…)` of the rule's `regex` matched |\n"
    yield "A format follows a colon:\n"
    yield "| format | of | result |\n|---|---|---|"
    directives = " ".join(f"`%{each}`" for each in DATE_DIRECTIVES)
    yield f"| `{{modified:%Y-%m}}` | dates | as in strftime: {directives}; a `/` makes folders |"
    yield "| `{modified:fy4}` | dates | the year that begins in April: `2023-24` |"
    yield "| `{name:lower}` `{name:upper}` `{name:title}` | texts | another case |"
    yield "| `{stem:slug}` | texts | lower case, with `_` for blanks and signs |"
    yield "| `{name:1}` | texts | the first character, or more |"
    yield "\nFormats may follow each other: `{re.show:slug:title}`."
    yield "`{a|b}` is the first of the two that is not empty: `{taken|named|modified:%Y-%m}`. A date of which only the"
    yield "day is known has the time 00:00. See [dates.md](dates.md) for where dates come from.\n"


def _options() -> Iterator[str]:
    yield "## Keys of a profile\n"
    yield "`root` (one folder or a list), `rules`, `tags`, `schedule`, and the options of `organize`, `dedupe` and"
    yield "`clean`:\n"
    yield "| key | value |\n|---|---|"
    for name, kind in OPTIONS.items():
        yield f"| `{name}` | {_TYPES[kind]} |"
    yield "\nThe actions of a rule are " + ", ".join(f"`{action}`" for action in RULE_ACTIONS) + "."


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
