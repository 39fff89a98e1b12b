"""Edits of `fileorg.toml` by commands: comments, order and blank lines survive, and only one category changes."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fileorg.core.errors import FileorgError
from fileorg.rules.config_edit import with_category, with_category_of, with_values, without_category

TEXT = """\
# mine
version = 1

[categories.Games]  # retro
extensions = [
    "nes",  # Nintendo
    "gba",
    # more to come
]

# about rules
[[rule]]
name = "a"
to = "x"

[categories.Books]
extensions = ["q"]
# last words
"""


def test_an_edit_changes_only_its_lines() -> None:
    edited = with_category(TEXT, "Games", ["+z64"], ["gba"])
    assert edited == TEXT.replace('    "gba",\n', "").replace("# more to come\n", '# more to come\n    "+z64"\n')
    assert with_category(TEXT, "Books", enabled=False) == TEXT.replace('["q"]\n', '["q"]\nenabled = false\n')
    assert without_category(TEXT, "Books") == TEXT.replace('[categories.Books]\nextensions = ["q"]\n', "")
    assert with_category_of(without_category(TEXT, "Games"), "Games", TEXT).count('"nes",  # Nintendo') == 1
    assert with_category(TEXT, "Games", ["nes", ".GBA"]) == TEXT


def test_a_new_category_follows_the_others_or_makes_the_file() -> None:
    added = with_category(TEXT, "Disk stuff", ["a"])
    assert added == TEXT.replace('["q"]\n', '["q"]\n\n[categories."Disk stuff"]\nextensions = ["a"]\n\n')
    assert with_category("", "A", ["a"]) == 'version = 1\n\n[categories.A]\nextensions = ["a"]\n'
    assert with_category("# x", "A", ["a"]) == '# x\nversion = 1\n\n[categories.A]\nextensions = ["a"]\n'


@pytest.mark.parametrize("text", ['[categories]\nA = { extensions = ["a"] }\n', 'categories.A.extensions = ["a"]\n'])
def test_a_category_without_a_table_of_its_own_is_not_edited(text: str) -> None:
    with pytest.raises(FileorgError, match="cannot be edited by a command"):
        with_category(text, "A", ["b"])


NAMES = ("A", "B b", 'C"c', "D")
BLANKS = st.lists(st.sampled_from(["", "# a comment", "  # [categories.A]", "\t"]), max_size=3)
EXTENSIONS = st.lists(st.sampled_from(["x", "+y", "Z", ".w", "tar.q"]), unique=True, max_size=4)


@st.composite
def _array(draw: st.DrawFn) -> str:
    extensions = draw(EXTENSIONS)
    if draw(st.booleans()):
        return "[" + ", ".join(f'"{each}"' for each in extensions) + "]" + draw(st.sampled_from(["", "  # behind"]))
    lines = ["["]
    for each in extensions:
        lines += [f"  {line}" for line in draw(BLANKS) if line.strip()]
        lines.append(f"  '{each}',")
    return "\n".join([*lines, "]"])


@st.composite
def _document(draw: st.DrawFn) -> str:
    lines = [*draw(BLANKS), "version = 1"]
    tables = [*draw(st.lists(st.sampled_from(NAMES), unique=True)), *draw(st.lists(st.just("rule"), max_size=2))]
    for table in draw(st.permutations(tables)):
        lines += draw(BLANKS)
        if table == "rule":
            lines += ["[[rule]]", "note = '''", "[categories.A]", "'''", *draw(BLANKS), 'to = "x"']
        else:
            key = '"' + table.replace('"', '\\"') + '"' if not table.isalnum() else table
            lines += [f"[ categories . {key} ] # a table", *draw(BLANKS), f"extensions = {draw(_array())}"]
            lines += draw(st.sampled_from([[], ["enabled = true"]]))
    return "\n".join([*lines, *draw(BLANKS), ""])


def _comments(text: str) -> list[str]:
    """Return the comments of a text."""
    return [line[line.index("#") :] for line in text.splitlines() if "#" in line]


@settings(max_examples=150, deadline=None)
@given(_document(), st.sampled_from(NAMES), EXTENSIONS, EXTENSIONS)
def test_any_edit_keeps_comments_order_and_all_else(text: str, name: str, add: list[str], drop: list[str]) -> None:
    before = tomllib.loads(text)
    edited = with_category(text, name, add, drop, enabled=False)
    after = tomllib.loads(edited)
    # Comments and lines that stay, in their order.
    assert _comments(edited) == _comments(text)
    kept = [
        line for line in text.splitlines() if "extensions" not in line and "'" not in line and "enabled" not in line
    ]
    rest = iter(edited.splitlines())
    assert all(line in rest for line in kept)
    # Values of this category, and all others.
    mine = after["categories"].pop(name)
    assert mine["enabled"] is False
    signless = {each.lower().lstrip("+.") for each in mine["extensions"]}
    assert {each.lower().lstrip("+.") for each in add} <= signless
    assert not ({each.lower().lstrip("+.") for each in drop} - {each.lower().lstrip("+.") for each in add}) & signless
    before.get("categories", {}).pop(name, None)
    assert after.get("categories", {}) == before.get("categories", {})
    assert after.get("rule") == before.get("rule")
    # Removed, and put back as it was before.
    if name in tomllib.loads(text).get("categories", {}):
        assert tomllib.loads(with_category_of(edited, name, text)) == tomllib.loads(text)


def test_values_of_a_table_are_set_and_all_else_stays() -> None:
    text = TEXT + "\n[settings]  # mine\nkeep_days = 3  # short\nlocale = 'de'\n"
    edited = with_values(text, "settings", {"keep_days": 3, "locale": None, "trash_size": "10G"})
    assert edited == text.replace("locale = 'de'\n", 'trash_size = "10G"\n')
    assert with_values(text, "settings", {"keep_days": 3, "names": None}) == text
    assert with_values("", "jobs", {"parallel": 2}) == "version = 1\n\n[jobs]\nparallel = 2\n"
    assert tomllib.loads(with_values(TEXT, "jobs", {"parallel": 2}))["jobs"] == {"parallel": 2}


@pytest.mark.parametrize("text", ["version = 1\nsettings = {keep_days = 1}\n", "version = 1\nsettings.keep_days = 1\n"])
def test_values_without_a_table_of_their_own_are_not_edited(text: str) -> None:
    with pytest.raises(FileorgError, match="no table of their own"):
        with_values(text, "settings", {"keep_days": 2})
