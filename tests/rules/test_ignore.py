"""Files skipped by name and by patterns."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fileorg.core.errors import UsageError
from fileorg.rules.ignore import Ignore, IgnoreReason, Scope

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

NAMES = st.binary(min_size=1, max_size=255).map(lambda raw: raw.replace(b"/", b"_").replace(b"\0", b"_"))


def kept(ignore: Ignore, tree: Mapping[str, str | None], folder: bytes = b"", parent: Scope | None = None) -> list[str]:
    """Return the files that `ignore` does not skip, from a tree of paths to contents."""
    here = os.fsdecode(folder) + "/" if folder else ""
    below = [path.removeprefix(here) for path in tree if path.startswith(here)]
    content = tree.get(here + ".fileorgignore")
    scope = ignore.scope(folder, content.encode() if content else None, parent)
    found = []
    for name in sorted({path.split("/")[0] for path in below}):
        is_folder = name not in below
        if scope is not None and scope.excludes(os.fsencode(name), is_folder=is_folder):
            continue
        if is_folder:
            found += kept(ignore, tree, os.fsencode(here + name), scope)
        elif name != ".fileorgignore":
            found.append(here + name)
    return found


# -- by name ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        (b"photo.jpg", None),
        (b"README", None),
        (b"part", None),
        (b"data.db", None),
        (b"settings.ini", None),
        (b"~backup.txt", None),
        (b".bashrc", IgnoreReason.HIDDEN),
        (b".tmp", IgnoreReason.HIDDEN),
        (b"film.mkv.part", IgnoreReason.UNFINISHED),
        (b"a.CRDOWNLOAD", IgnoreReason.UNFINISHED),
        (b"a.!qB", IgnoreReason.UNFINISHED),
        (b"a.tmp", IgnoreReason.UNFINISHED),
        (b"a.iso.aria2", IgnoreReason.UNFINISHED),
        (b"~$letter.docx", IgnoreReason.LOCK_FILE),
        (b".~lock.sheet.ods#", IgnoreReason.LOCK_FILE),
        (b".DS_Store", IgnoreReason.SYSTEM),
        (b"Thumbs.db", IgnoreReason.SYSTEM),
        (b"THUMBS.DB", IgnoreReason.SYSTEM),
        (b"Desktop.ini", IgnoreReason.SYSTEM),
        (b"Icon\r", IgnoreReason.SYSTEM),
        (b"._photo.jpg", IgnoreReason.SYSTEM),
        (b".nfs000000001", IgnoreReason.SYSTEM),
        (b".git", IgnoreReason.TOOLING),
        (b".fileorg", IgnoreReason.OURS),
        (b".fileorgignore", IgnoreReason.OURS),
        (b".fileorg-7-12.part", IgnoreReason.OURS),
        (b".fileorg-notes", IgnoreReason.HIDDEN),
    ],
)
def test_why_a_file_is_left_alone(name: bytes, reason: IgnoreReason | None) -> None:
    assert Ignore().file(name) is reason
    assert Ignore(hidden=True).file(name) is (None if reason is IgnoreReason.HIDDEN else reason)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        (b"Holidays", None),
        (b"v1.2", None),
        (b".config", IgnoreReason.HIDDEN),
        (b".app", IgnoreReason.HIDDEN),
        (b".git", IgnoreReason.TOOLING),
        (b"node_modules", IgnoreReason.TOOLING),
        (b".venv", IgnoreReason.TOOLING),
        (b"@eaDir", IgnoreReason.SYSTEM),
        (b"#recycle", IgnoreReason.SYSTEM),
        (b"lost+found", IgnoreReason.SYSTEM),
        (b"$RECYCLE.BIN", IgnoreReason.SYSTEM),
        (b".Trash-1000", IgnoreReason.SYSTEM),
        (b"System Volume Information", IgnoreReason.SYSTEM),
        (b"film.mkv.download", IgnoreReason.UNFINISHED),
        (b".fileorg", IgnoreReason.OURS),
        (b".fileorg-1-2.part", IgnoreReason.OURS),
    ],
)
def test_why_a_folder_is_left_alone(name: bytes, reason: IgnoreReason | None) -> None:
    assert Ignore().folder(name) is reason
    assert Ignore(hidden=True).folder(name) is (None if reason is IgnoreReason.HIDDEN else reason)


@given(NAMES)
def test_ours_and_hidden_are_exactly_the_dotted_ones(name: bytes) -> None:
    for verdict in (Ignore().file(name), Ignore().folder(name)):
        assert verdict is not IgnoreReason.HIDDEN or name.startswith(b".")
        assert not name.startswith(b".") or verdict is not None


# -- by pattern ------------------------------------------------------------------------------------------


def test_without_patterns_there_is_no_scope() -> None:
    assert Ignore().scope(b"", None, None) is None
    assert Ignore().scope(b"a/b", b"", None) is None
    assert Ignore().scope(b"a", b"# only a comment\n\n  \r\n", None) is None


TREE = dict.fromkeys(["a.log", "b.txt", "x/a.log", "x/c.txt", "x/y/d.txt", "build/e.txt", "x/build/f.txt"])


@pytest.mark.parametrize(
    ("patterns", "left"),
    [
        ("*.log", ["b.txt", "build/e.txt", "x/build/f.txt", "x/c.txt", "x/y/d.txt"]),
        ("/a.log", ["b.txt", "build/e.txt", "x/a.log", "x/build/f.txt", "x/c.txt", "x/y/d.txt"]),
        ("build/", ["a.log", "b.txt", "x/a.log", "x/c.txt", "x/y/d.txt"]),
        ("a.log/", sorted(TREE)),
        ("/build\r\n", ["a.log", "b.txt", "x/a.log", "x/build/f.txt", "x/c.txt", "x/y/d.txt"]),
        ("x/*\n!x/y", ["a.log", "b.txt", "build/e.txt", "x/y/d.txt"]),
        ("*.log\n!a.log\nx/**", ["a.log", "b.txt", "build/e.txt"]),
        ("*\n!x/\n!c.txt", ["x/c.txt"]),
        ("**/y/d.txt\n*/", ["a.log", "b.txt"]),
        ("# all\n\n*.txt", ["a.log", "x/a.log"]),
    ],
)
def test_an_ignore_file_speaks_gitignore(patterns: str, left: list[str]) -> None:
    assert kept(Ignore(), {**TREE, ".fileorgignore": patterns}) == left
    assert kept(Ignore(), {**TREE, ".fileorgignore": "\ufeff" + patterns}) == left


def test_the_nearest_ignore_file_wins_and_speaks_of_its_own_folder() -> None:
    tree = {
        **dict.fromkeys(["a.log", "x/a.log", "x/y/a.log", "x/y/b.txt", "b.txt"]),
        ".fileorgignore": "*.log\n",
        "x/.fileorgignore": "!a.log\n/y/b.txt\n",
        "x/y/.fileorgignore": "/a.log\n",
    }
    assert kept(Ignore(), tree) == ["b.txt", "x/a.log"]


def test_exclude_has_the_last_word() -> None:
    tree = {**TREE, ".fileorgignore": "!*.txt\n*.log\n"}
    assert kept(Ignore(exclude=["*.txt", "!a.log", "x/build/"]), tree) == ["a.log", "x/a.log"]
    assert kept(Ignore(exclude=["*.txt", "!c.txt"]), tree) == ["x/c.txt"]


def test_include_leaves_out_every_other_file() -> None:
    assert kept(Ignore(include=["*.log"]), TREE) == ["a.log", "x/a.log"]
    assert kept(Ignore(include=["/x/"]), TREE) == ["x/a.log", "x/build/f.txt", "x/c.txt", "x/y/d.txt"]
    assert kept(Ignore(include=["x/", "!*.log", "e.txt"], exclude=["y"]), TREE) == [
        *("build/e.txt", "x/build/f.txt", "x/c.txt"),
    ]


def test_names_that_are_no_text_and_names_of_many_lines() -> None:
    scope = Ignore(exclude=["*.log", "caf\udce9", "one\ntwo"]).scope(b"a\nb/\xff", b"/x\n", None)
    assert scope is not None
    assert scope.excludes(b"\xff.log", is_folder=False)
    assert scope.excludes(b"caf\xe9", is_folder=False)
    assert scope.excludes(b"x", is_folder=True)
    assert scope.excludes(b"one\ntwo.log", is_folder=False)
    assert not scope.excludes(b"a.log\n", is_folder=False)
    assert scope.excludes(b"one\ntwo", is_folder=False)


def test_brackets_and_blanks_are_those_of_git() -> None:
    scope = Ignore(exclude=["[[]a]", "b\\ ", "c  "]).scope(b"", None, None)
    assert scope is not None
    names = [b"[a]", b"b ", b"b", b"c", b"c  "]
    assert [name for name in names if scope.excludes(name, is_folder=False)] == [b"[a]", b"b ", b"c"]


@pytest.mark.skipif(shutil.which("git") is None, reason="git is the judge")
@pytest.mark.parametrize(
    "patterns",
    [
        "*.txt\n!c.txt",
        "*.log\n!x/",
        "/*\n!/x\n/x/*\n!/x/y/",
        "x/**\n!x/y/",
        "**/build/*",
        "x/**/d.txt",
        "[a-b].*",
        "?.log",
    ],
)
def test_git_agrees(tmp_path: Path, patterns: str) -> None:
    for path in TREE:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    (tmp_path / ".ignore").write_text(patterns)
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    command: list[str | Path] = ["git", "-C", tmp_path, "ls-files", "--others", "--exclude-from=.ignore"]
    files = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    assert kept(Ignore(), {**TREE, ".fileorgignore": patterns}) == sorted({*files} - {".ignore"})


@pytest.mark.parametrize("pattern", ["", "#x", "/", "!", "a\\", "[z-a]", "x[[:alpha:]]"])
def test_a_pattern_that_cannot_match_is_refused_by_name(pattern: str) -> None:
    for option in ("include", "exclude"):
        options: dict[str, Any] = {option: ["*.jpg", pattern]}
        with pytest.raises(UsageError, match=f"--{option}"):
            Ignore(**options)


def test_a_bad_line_is_told_with_its_file_and_number_and_passed_over() -> None:
    reported: list[str] = []
    scope = Ignore().scope(b"a/b", b"# fine\n*.log\nx[z-a]\n*.txt\n", None, reported.append)
    (note,) = reported
    assert note.startswith("a/b/.fileorgignore, line 3: the pattern x[z-a] cannot be used: ")
    assert scope is not None
    names = (b"a.log", b"a.txt", b"x", b"xz")
    assert [name for name in names if scope.excludes(name, is_folder=False)] == [b"a.log", b"a.txt"]


def test_what_comes_after_ten_thousand_patterns_is_told_and_not_used() -> None:
    reported: list[str] = []
    lines = [f"*.{number}" for number in range(10_001)]
    scope = Ignore().scope(b"", "\n".join(lines).encode(), None, reported.append)
    assert reported == [".fileorgignore, line 10001: more than 10,000 patterns are not used"]
    assert scope is not None
    names = (b"a.0", b"a.9999", b"a.10000")
    assert [scope.excludes(name, is_folder=False) for name in names] == [True, True, False]


def test_the_fingerprint_tells_options_apart() -> None:
    options: list[dict[str, Any]] = [
        {},
        {"hidden": True},
        {"include": ["a"]},
        {"exclude": ["a"]},
        {"exclude": ["a", "b"]},
    ]
    prints = [Ignore(**each).fingerprint for each in options]
    assert len(set(prints)) == len(options)
    assert prints == [Ignore(**each).fingerprint for each in options]
    assert {len(each) for each in prints} == {16}
