"""Rules of organize as a `fileorg.toml`."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from fileorg.core.errors import UsageError
from fileorg.rules.organize_import import imported

PAGE = Path(__file__).parents[2] / "docs" / "rules-from-organize.md"
BLOCKS = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def rules(text: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = tomllib.loads(imported(text.encode()).text)["rule"]
    return found


@pytest.mark.parametrize("block", BLOCKS)
def test_each_configuration_of_the_page_is_imported(block: str) -> None:
    found = imported(block.encode())
    assert len(tomllib.loads(found.text)["rule"]) == 1
    assert [each for each in found.missing if "creation became" not in each] == []


def test_a_rule_keeps_its_meaning() -> None:
    text = r"""
rules:
  - name: "client's papers"
    tags: [nightly]
    enabled: false
    locations: ~/In
    subfolders: true
    filters:
      - regex: '^(?P<client>[A-Z]+)-\d'
      - lastmodified: {days: 3, mode: newer}
      - not name: {contains: ["draft", "a*"]}
    actions:
      - echo: moving
      - copy: {dest: "~/In/{regex.client}/{lastmodified.strftime('%Y')}/", on_conflict: overwrite}
"""
    [rule] = rules(text)
    assert rule == {
        "name": "client's papers",
        "enabled": False,
        "tags": "nightly",
        "when": {"in": "~/In", "regex": r"^(?P<client>[A-Z]+)-\d", "age": "<3d"},
        "not": {"name": ["*draft*", "*a\\**"]},
        "to": "{re.client}/{modified:%Y}",
        "action": "copy",
        "on_conflict": "keep-newer",
    }
    assert [each.partition(": ")[2] for each in imported(text.encode()).missing] == [
        "echo is left out; fileorg prints its plan",
        "overwrite became keep-newer; fileorg never overwrites",
    ]


def test_what_a_location_excludes_is_excluded() -> None:
    text = "rules: [{locations: [{path: ~/P, exclude_dirs: [raw], max_depth: 2}], actions: [trash]}]"
    [rule] = rules(text)
    assert rule["not"] == {"path": "**/raw/**"}
    assert imported(text.encode()).missing == ["rule 1: max_depth of its location is left out"]


@pytest.mark.parametrize(
    ("part", "why"),
    [
        ("filters: [exif]\n    actions: [trash]", "the filter exif has no counterpart"),
        ("actions:\n      - shell: rm", "the action shell has no counterpart"),
        ("actions:\n      - copy: /a\n      - move: /b", "it has 2 actions, and a rule of fileorg has one"),
        ("filters: [size: big]\n    actions: [trash]", "the size big has no counterpart"),
        ('actions:\n      - move: "\\uD83D\\uDE00"', "it holds half of a character"),
    ],
)
def test_what_cannot_be_said_is_left_out_and_listed(part: str, why: str) -> None:
    found = imported(f"rules:\n  - name: a\n    {part}\n  - actions: [trash]\n".encode())
    assert found.missing == [f"a: left out, because {why}"]
    assert len(tomllib.loads(found.text)["rule"]) == 1


@pytest.mark.parametrize("text", ["rules: [", "a: 1", "rules: {}", "- 1", "", "rules: [1]", "\x00"])
def test_what_is_no_configuration_of_organize_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        imported(text.encode())
