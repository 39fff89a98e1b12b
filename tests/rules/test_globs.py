"""Patterns in .gitignore syntax: their matches, and a time bounded by their length times that of the path."""

from __future__ import annotations

import pickle
import re
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fileorg.rules.globs import Glob, Globs

if TYPE_CHECKING:
    from collections.abc import Iterator


def fits(pattern: str, path: str, *, whole: bool = False) -> bool:
    *above, name = path.split("/")
    return Glob(pattern, whole=whole).fits(above, name)


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Fail if the block takes longer: a limit far above the usual time."""

    def late(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


LONG = "a" * 255
DEEP = "/".join(["a"] * 2000)

EVIL = [
    ("*a" * 12 + "b", LONG),
    ("*a" * 120 + "b", LONG),
    ("*?" * 100 + "b", LONG),
    ("*[ab]" * 60 + "c", LONG),
    ("a*" * 127 + "b", LONG),
    ("*" * 4000 + "b", LONG),
    ("?*" * 60 + "[!a]", LONG),
    ("*a*?*[a-z]" * 20 + "b", LONG),
    ("**/a/" * 50 + "b", DEEP),
    ("**/*a*/" * 50 + "b", DEEP),
    ("*/" * 500 + "**/b", DEEP),
    ("**/" * 1000 + "b", DEEP),
    ("a/**/" * 400 + "b", DEEP),
    ("**/*a*a*a*a*b/**/*a*a*a*b/**/c", "/".join([LONG] * 16)),
    ("\\*" * 2000, "*" * 255),
    ("[" + "a" * 4000 + "]*" * 2 + "b", LONG),
]


@pytest.mark.parametrize(("pattern", "path"), EVIL)
@pytest.mark.parametrize("whole", [False, True])
def test_no_pattern_is_evil(pattern: str, path: str, *, whole: bool) -> None:
    with at_most(5):
        assert not fits(pattern, path, whole=whole)


def test_brackets_that_are_never_closed_are_refused_soon() -> None:
    with at_most(5), pytest.raises(ValueError, match="a \\[ has no closing ]"):
        Glob("[" * 4000, whole=False)


def test_a_pattern_that_is_longer_than_any_path_is_refused() -> None:
    with at_most(5), pytest.raises(ValueError, match="longer than any path"):
        Glob("*a" * 500_000, whole=False)


@pytest.mark.parametrize(
    ("pattern", "those", "others"),
    [
        ("*a*b", ["ab", "xaxb", "aab", "abb", "x/ab"], ["a", "b", "ba", "abx"]),
        ("a*a", ["aa", "aba", "aaa"], ["a", "ab"]),
        ("*ab*ab*", ["abab", "ab-ab", "xabxabx"], ["ab", "aab", "abba"]),
        ("a?c", ["abc", "a?c", "aäc"], ["ac", "abbc"]),
        ("[]x]*", ["]", "xy"], ["y", "[x"]),
        ("[!]x]", ["y"], ["]", "x", "yy"]),
        ("[a-c-]", ["a", "-"], ["d"]),
        ("[^a]", ["b"], ["a"]),
        ("[\\a]", ["\\", "a"], ["b"]),
        ("\\!a", ["!a"], ["a"]),
        ("\\#a", ["#a"], ["a"]),
        ("a\\*", ["a*"], ["ab"]),
        ("a/b", ["a/b"], ["x/a/b", "a", "b", "a/b/c"]),
        ("/a", ["a"], ["x/a"]),
        ("a/*", ["a/b"], ["a", "a/b/c"]),
        ("a/**", ["a/b", "a/b/c"], ["a", "b"]),
        ("**/a", ["a", "x/a", "x/y/a"], ["a/x"]),
        ("a/**/b", ["a/b", "a/x/b", "a/b/b", "a/x/y/b"], ["b", "a", "a/b/c"]),
        ("**/a/**/b", ["a/b", "x/a/y/b", "a/a/b"], ["b/a", "a"]),
        ("**", ["a", "a/b"], []),
        ("*", ["a", "a/b"], []),
        ("a**b", ["ab", "axb"], ["a/b"]),
        ("one*two", ["one\ntwo"], ["one\ntwo\n"]),
        ("caf\udce9*", ["caf\udce9", "caf\udce9x"], ["caf\xe9"]),
    ],
)
def test_what_fits(pattern: str, those: list[str], others: list[str]) -> None:
    assert [path for path in those + others if fits(pattern, path)] == those


@pytest.mark.parametrize(
    ("pattern", "those", "others"),
    [
        ("a", ["a", "a/b", "x/a", "x/a/b/c"], ["b", "ab"]),
        ("a/", ["a/b", "x/a/b/c"], ["a", "x/a"]),
        ("/a", ["a", "a/b"], ["x/a"]),
        ("a/b", ["a/b", "a/b/c"], ["a", "x/a/b"]),
        ("a/**/b", ["a/b", "a/x/b/c"], ["a/x"]),
        ("a/**", ["a/b"], ["a", "x/a/b"]),
        ("*/", ["a/b", "a/b/c"], ["a"]),
    ],
)
def test_what_is_below_a_folder_that_fits(pattern: str, those: list[str], others: list[str]) -> None:
    assert [path for path in those + others if fits(pattern, path, whole=True)] == those


def going_back(pattern: str, path: str) -> bool:
    """Answer by a backtracking regular expression."""
    source = "" if "/" in pattern.rstrip("/") else "(?:.*/)?"
    pattern = pattern.removeprefix("/")
    while pattern:
        if pattern == "**":
            source, pattern = source + ".+", ""
        elif pattern.startswith("**/"):
            source, pattern = source + "(?:.*/)?", pattern[3:]
        elif pattern.startswith("/**/"):
            source, pattern = source + "/(?:.*/)?", pattern[4:]
        else:
            source += {"*": "[^/]*", "?": "[^/]"}.get(pattern[0], re.escape(pattern[0]))
            pattern = pattern[1:]
    return re.fullmatch(source, path, re.DOTALL) is not None


NAME = st.text("ab*?", min_size=1, max_size=5).filter(lambda name: "**" not in name)
PATTERN = st.lists(NAME | st.just("**"), min_size=1, max_size=5).map("/".join)
PATH = st.lists(st.text("ab", min_size=1, max_size=4), min_size=1, max_size=6).map("/".join)


@given(pattern=PATTERN, path=PATH, anchored=st.booleans())
def test_nothing_is_missed_by_never_going_back(pattern: str, path: str, *, anchored: bool) -> None:
    pattern = f"/{pattern}" if anchored else pattern
    assert fits(pattern, path) == going_back(pattern, path)
    below = [path[: end.start()] for end in re.finditer("/|$", path)]
    assert fits(pattern, path, whole=True) == any(going_back(pattern, above) for above in below)


@given(
    texts=st.lists(PATTERN.flatmap(lambda text: st.sampled_from([text, f"!{text}", f"{text}/"])), max_size=6),
    path=PATH,
    is_folder=st.booleans(),
)
def test_the_last_that_fits_has_the_word(texts: list[str], path: str, *, is_folder: bool) -> None:
    *above, name = path.split("/")
    expected = None
    for text in texts:
        glob = Glob(text, whole=False)
        if (is_folder or not glob.folders_only) and glob.fits(above, name):
            expected = not glob.negated
    globs = Globs([Glob(text, whole=False) for text in texts], whole=False)
    for each in (globs, pickle.loads(pickle.dumps(globs))):
        assert each.verdict(["x", *above], 1, name, is_folder=is_folder) is expected
