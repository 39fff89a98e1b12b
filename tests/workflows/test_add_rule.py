"""A rule made from one file: it is first but for rules that keep, and all else of the file stays as it is."""

from __future__ import annotations

import os
import tomllib
from typing import TYPE_CHECKING

import pytest

from fileorg.core.errors import FileorgError, UsageError
from fileorg.rules.config_edit import with_rule
from fileorg.workflows.add_rule import NewRule, add_rule
from fileorg.workflows.categories import changes_of, restore_category

if TYPE_CHECKING:
    from pathlib import Path

    from fileorg.core.state import StateDirectory

_TEXT = """\
# mine
version = 1

[[rule]]  # stays first
name = "keep drafts"
when = { name = "draft*" }
keep = true

# about pictures
[[rule]]
name = "pictures"
when = { ext = "png" }
to = "Pictures"
"""


def _added(state: StateDirectory, path: Path, **rule: str) -> str:
    return add_rule(os.fsencode(path), NewRule(**rule), state)


def test_a_rule_decides_before_others_but_those_that_keep(state: StateDirectory, tmp_path: Path) -> None:
    path = tmp_path / "fileorg.toml"
    path.write_text(_TEXT)
    assert _added(state, path, to="Papers/{all}", ext="pdf") == "pdf to Papers/{all}"
    assert _added(state, path, to="Bills", start="invoice") == "invoice to Bills"
    rules = tomllib.loads(path.read_text())["rule"]
    assert [each["name"] for each in rules] == ["keep drafts", "invoice to Bills", "pdf to Papers/{all}", "pictures"]
    assert rules[1] == {"name": "invoice to Bills", "when": {"name": "invoice*"}, "to": "Bills"}
    assert rules[2]["to"] == "Papers/{{all}}"
    for line in _TEXT.splitlines():
        assert line in path.read_text().splitlines()
    assert '# about pictures\n[[rule]]\nname = "pictures"' in path.read_text()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a link to another user")
@pytest.mark.parametrize("leads_to", ["mine.toml", "not there/new.toml"])
def test_a_symlink_of_another_user_leads_to_no_other_file(state: StateDirectory, tmp_path: Path, leads_to: str) -> None:
    (tmp_path / "mine.toml").write_text(_TEXT)
    path = tmp_path / "fileorg.toml"
    path.symlink_to(leads_to)
    _added(state, path, to="Papers", ext="pdf")  # a link of one's own is followed
    before = sorted(tmp_path.rglob("*")), path.read_text()
    os.lchown(path, 4242, 4242)
    with pytest.raises(FileorgError, match="a symlink on its path belongs to another user"):
        _added(state, path, to="Bills", ext="docx")
    assert (sorted(tmp_path.rglob("*")), path.read_text()) == before


def test_the_first_rule_makes_the_file_and_names_differ(state: StateDirectory, tmp_path: Path) -> None:
    path = tmp_path / "config" / "fileorg.toml"
    names = [_added(state, path, to="Papers", ext="pdf") for _ in range(2)]
    assert names == ["pdf to Papers", "pdf to Papers (2)"]
    assert tomllib.loads(path.read_text())["version"] == 1


def test_it_is_no_change_of_a_category(state: StateDirectory, tmp_path: Path) -> None:
    path = tmp_path / "fileorg.toml"
    _added(state, path, to="Papers", ext="pdf")
    assert changes_of(os.fsencode(path), state) == []
    assert restore_category(os.fsencode(path), None, state) is None
    assert tomllib.loads(path.read_text())["rule"]


@pytest.mark.parametrize(
    "rule",
    [
        {"to": "../up", "ext": "pdf"},
        {"to": "/abs", "ext": "pdf"},
        {"to": "", "ext": "pdf"},
        {"to": "a", "ext": "p*"},
        {"to": "a", "start": "*"},
        {"to": "a"},
        {"to": "a", "ext": "pdf", "start": "ab"},
    ],
)
def test_what_is_no_rule_changes_nothing(state: StateDirectory, tmp_path: Path, rule: dict[str, str]) -> None:
    path = tmp_path / "fileorg.toml"
    with pytest.raises(UsageError):
        _added(state, path, **rule)
    assert not path.exists()


def test_rules_without_tables_are_edited_by_hand() -> None:
    with pytest.raises(FileorgError, match="no tables of their own"):
        with_rule('version = 1\nrule = [{ name = "a", to = "b" }]\n', "c", {"ext": "d"}, "e")
