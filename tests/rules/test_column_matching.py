"""Rules asked by the column decide as rules asked file by file."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.commands.test_properties import tried
from tests.commands.test_rule_properties import Lookups, configurations, load, toml

from fileorg.core.errors import UsageError
from fileorg.rules.classify import Rules
from fileorg.rules.column_matching import ColumnRules
from fileorg.rules.facts import FileColumns, FileFacts, FileNumbers
from fileorg.rules.globs import Glob
from fileorg.rules.matching import RuleSet
from fileorg.rules.path_template import Rendered
from fileorg.rules.regexes import PatternSet, Regexes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fileorg.rules.matching import CompiledRule

NOW_NS = 1_700_000_000 * 10**9
stems = st.sampled_from(
    ["a", "A1", "Images", "x (2)", "[b]", "ä", "Ä.tar", "İ", "b\n", " c", "a!", "#d", "\udcff", "~"]
)
ends = st.sampled_from(["", ".jpg", ".JPG", ".pdf", ".xmp", ".tar.gz", ".gz", ".mov", ".", ".srt"])
file_names = st.builds("{}{}".format, stems, ends).filter(lambda name: name.strip("."))
files_of = st.lists(
    st.tuples(
        file_names, st.integers(0, 4), st.sampled_from([0, NOW_NS, 1_262_304_000 * 10**9, 1_577_836_800 * 10**9 - 1])
    ),
    min_size=1,
    max_size=12,
    unique_by=lambda file: file[0],
)
name_globs = st.lists(
    st.sampled_from(
        ["*", "?", "a", "A", "ä", "[", "]", "[a-c]", "[!a]", "!", "#", " ", "\\*", "\\", ".", "\t", "İ", "("]
    ),
    min_size=1,
    max_size=4,
).map("".join)


class KnownLookups(Lookups):
    """The disk behind files that are not there: categories by name."""

    def category_of(self, _: bytes, name: bytes) -> str:
        return Rules.default().category_of(name) or "Other"


def compiled(rules: tuple[str, list[dict[str, Any]]]) -> RuleSet:
    head, tables = rules
    text = "version = 1\n" + head
    for table in tables:
        text += "[[rule]]\n" + "".join(f"{key} = {toml(value)}\n" for key, value in table.items())
    configuration = load(text.replace("TREE", "/root").replace("BIG", "/big"))
    return RuleSet(configuration.selected([]), configuration, Rules.default(), b"/root", NOW_NS)


def by_column(rules: RuleSet, folder: bytes, files: Sequence[tuple[bytes, int, int]]) -> list[tuple[Any, ...] | None]:
    """Return the number of the rule and the target of each file."""
    columns, found = ColumnRules(rules.rules), list[tuple[Any, ...] | None]([None] * len(files))
    names, sizes, times = zip(*files, strict=True)
    shared = FileColumns(KnownLookups(), folder, names, FileNumbers(sizes, times, times, [0o100644] * len(files)))

    def take(rule: CompiledRule, positions: Sequence[int]) -> list[int]:
        taken = []
        for at in positions:
            assert found[at] is None
            file = shared.file(at, KnownLookups().category_of(folder, names[at]))
            rendered = None if rule.target is None else rule.target.render(file, rules.groups(rule, file))
            if rule.target is None or isinstance(rendered, Rendered):
                found[at] = rule.number, rendered
                taken.append(at)
        return taken

    of_folders = columns.in_folder(folder)
    for name in names:  # alike in suffix and category
        suffix = name[name.rfind(b".") :] if name.rfind(b".") > 0 else b""
        category = KnownLookups().category_of(folder, name)
        alike = [
            at
            for at, other in enumerate(names)
            if (other[other.rfind(b".") :] if other.rfind(b".") > 0 else b"") == suffix
            and KnownLookups().category_of(folder, other) == category
        ]
        if found[alike[0]] is None and name == names[alike[0]]:
            columns.decide(columns.candidates(suffix, category, of_folders), shared, alike, take)
    return found


def one_by_one(rules: RuleSet, folder: bytes, files: Sequence[tuple[bytes, int, int]]) -> list[tuple[Any, ...] | None]:
    found = list[tuple[Any, ...] | None]()
    for name, size, time_ns in files:
        _, decision = rules.explain(FileFacts(KnownLookups(), folder, name, size, time_ns, time_ns, 0o100644))
        found.append(None if decision is None else (decision.rule.number, decision.rendered))
    return found


@tried
@given(configurations, st.sampled_from(["", "sub", "sub/x", "Images", "other/Images"]), files_of)
def test_rules_by_column_decide_as_rules_file_by_file(
    rules: tuple[str, list[dict[str, Any]]], folder: str, files: list[tuple[str, int, int]]
) -> None:
    encoded = [(os.fsencode(name), size, time_ns) for name, size, time_ns in files]
    ruled = compiled(rules)
    assert by_column(ruled, os.fsencode(folder), encoded) == one_by_one(ruled, os.fsencode(folder), encoded)


@tried
@given(st.lists(name_globs, min_size=1, max_size=3), st.lists(file_names, min_size=1, max_size=6, unique=True))
def test_all_patterns_at_once_find_the_names_of_each_pattern(globs: list[str], names: list[str]) -> None:
    try:
        ruled = compiled(("", [{"when": {"name": glob}, "keep": True} for glob in globs]))
    except UsageError:  # no pattern
        return
    files = [(os.fsencode(name), 1, NOW_NS) for name in names]
    assert by_column(ruled, b"", files) == one_by_one(ruled, b"", files)


path_globs = st.lists(
    st.sampled_from(["**/", "*/", "a/", "b/", "/", "**", "*", "a", "b", "a*"]), min_size=1, max_size=4
).map("".join)


@tried
@given(path_globs, st.lists(st.sampled_from(["a", "b", "ab"]), max_size=4), st.booleans())
def test_a_folder_answers_for_its_files_only_if_all_have_the_answer(text: str, above: list[str], whole: bool) -> None:
    try:
        glob = Glob(text, whole=whole)
    except ValueError:
        return
    answer = glob.fits_all(above)
    answers = {glob.fits(above, name) for name in ("a", "b", "ab", "c")}
    assert answer is None or answers == {answer}


@pytest.mark.parametrize(
    ("text", "above", "answer"),
    [
        ("tax/**", ["tax"], True),
        ("tax/**", ["tax", "2020"], True),
        ("tax/**", ["other"], False),
        ("tax/*.pdf", ["tax"], None),
        ("tax/*.pdf", ["other"], False),
        ("**/tax/*.pdf", ["a", "tax"], None),
        ("**/tax/*.pdf", ["a", "b"], False),
        ("tax", ["a"], None),
        ("*.pdf", [], None),
    ],
)
def test_what_a_folder_answers(text: str, above: list[str], answer: bool | None) -> None:
    assert Glob(text, whole=True).fits_all(above) is answer


def test_patterns_that_no_set_can_hold_are_found_by_all_the_same() -> None:
    """One set takes 27 patterns of the second kind."""
    few, many = r"^(?P<client>[\p{L}\d -]{1,2})", r"^(?P<client>[\p{L}\d -]{3,40})"
    patterns = [f"{few if number % 2 else many}_{number:04}" for number in range(70)]
    at_once, regexes = PatternSet(patterns), Regexes()
    for name in ("Müller & Sohn_0002", "Müller Sohn_0002", "Ab_0039", "Abcd_0068", "Ab_0069", "Ab_0070"):
        one_by_one = [number for number, each in enumerate(patterns) if regexes.found(each, name) is not None]
        assert sorted(at_once.hits(name)) == one_by_one
        assert not name.isascii() or sorted(at_once.hits(name.encode())) == one_by_one


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|aa)+$", "(.*a){20}b", "(a?){40}a{40}b", r"^(\w+\s?)*$", "(x+x+)+y"])
def test_no_pattern_takes_more_than_its_time(pattern: str) -> None:
    """A backtracking engine would not end; benchmarks/hostile_patterns has the figures."""
    ruled = compiled(("", [{"when": {"regex": pattern}, "keep": True}]))
    files = [(b"a" * length + b"%d!" % length, 1, NOW_NS) for length in range(100, 250)]
    assert by_column(ruled, b"", files) == [None] * 150
