"""The module `rules/triggers.py`, from three tables: `python -m tests.support.trigger_table`."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

from fileorg.rules.families import FAMILIES, FOLDERS, PAGES, SETS, SHEETS, WITH_RAW, Family, Set, Sheet
from fileorg.rules.ignore import IgnoreReason
from fileorg.rules.marks import MARKS, Mark
from fileorg.rules.whole_folders import OF_A_PROJECT, all_rules, is_suffix, numbers_by_sign

if TYPE_CHECKING:
    from collections.abc import Iterable

MODULE = Path(__file__).parents[2] / "src" / "fileorg" / "rules" / "triggers.py"
_RULES: tuple[Family | Set | Sheet | Mark, ...] = (*FAMILIES, WITH_RAW, *SETS, *SHEETS, *MARKS)
_HEAD = '''\
"""What makes fileorg look closer at a folder: names, suffixes and parts of names, from three tables of rules.

To make the tables at each start would take 8 ms, and nearly no folder needs them. This module is made from `families`,
`marks` and `whole_folders` by `python -m tests.support.trigger_table`; a test compares them.
"""

# fmt: off
'''


def module() -> str:
    """Return the module that fits the tables."""
    beside: dict[frozenset[bytes], set[bytes]] = {}
    for rule in _RULES:
        if rule.beside:
            beside.setdefault(rule.beside, set()).update(rule.suffixes)
    common = frozenset[bytes]().union(*beside.values())
    signs = tuple(dict.fromkeys(sign for rule in _RULES for sign in rule.signs))
    of_signs = numbers_by_sign()
    system = {
        form for rule in all_rules() if rule.reason is IgnoreReason.OTHER_SYSTEM for sign in rule.signs for form in sign
    }
    names = OF_A_PROJECT.union(form for form in of_signs if not is_suffix(form))
    parts = [
        f"SUFFIXES = frozenset({_set({suffix for rule in _RULES for suffix in rule.suffixes} - common)})",
        '"""Files with these suffixes may be in a group, or marks."""',
        "BESIDE = (",
        *(f"    (frozenset({_set(each)}), frozenset({_set(suffixes)}))," for each, suffixes in beside.items()),
        ")",
        '"""Common suffixes, the second ones, count only in a folder with a file with one of the first."""',
        f"SIGNS = ({_listed(signs)})",
        '"""Parts of names of such files; a NUL is the start or the end."""',
        f"WITH_FOLDERS = frozenset({_set(PAGES.union(*(each.leaders for each in FOLDERS)))})",
        '"""To files with these suffixes a folder may belong."""',
        f"SIGN_NAMES = frozenset({_set(names)})",
        '"""Names in a folder that may be a reason to keep it whole."""',
        f"SIGN_SUFFIXES = frozenset({_set({form[1:] for form in of_signs if is_suffix(form)})})",
        '"""Suffixes of such names, with their dot."""',
        f"SYSTEM_SIGNS = frozenset({_set(system)})",
        '"""Names that identify the root of another operating system."""',
    ]
    return _HEAD + "\n".join(parts) + "\n"


def _set(names: Iterable[bytes]) -> str:
    return f"{{{_listed(sorted(names))}}}"


def _listed(names: Iterable[bytes]) -> str:
    text = textwrap.fill(
        ", ".join(repr(name).replace(" ", "\xa0") for name in names), 112, break_long_words=False,
        break_on_hyphens=False, initial_indent=" " * 4, subsequent_indent=" " * 4,
    )  # fmt: skip
    return "\n" + text.replace("\xa0", " ").replace("b'", 'b"').replace("',", '",').removesuffix("'") + '",\n'


if __name__ == "__main__":
    MODULE.write_text(module(), encoding="utf-8")
